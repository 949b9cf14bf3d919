// SYN cookies (RFC 4987 3.6 and appendix A; Bernstein, 1996): a SYN is answered without a trace of it, and
// the ACK that completes the handshake brings back what there is to know. A flood of SYNs then costs no
// memory, and a client is let in whatever the flood does.
//
// The sequence number of such a SYN-ACK is the cookie:
//
//   31                      5   4   3   2       0
//   | tag: SipHash, 27 bits   | period | MSS class |
//
//   period     cookie_period of the clock, modulo 4
//   MSS class  place in cookie_mss of the largest that is no more than the peer's
//   tag        of addresses, TCP ports, the SYN's sequence number, the whole period, the MSS class and the
//              options below, under the stack's secret
//
// What has no room there goes, as in Linux (Westphal, 2008), into the low bits of the timestamp that the
// SYN-ACK carries and the ACK echoes (RFC 7323 3), if the peer sent one:
//
//   5    4    3            0
//   | ECN | SACK | window scale |      scale 15: none
//
// The timestamp is rounded down to do so, by less than cookie_stamp_ticks, so that those of the connection,
// which go by the same clock, are never below it (RFC 7323 5). A peer without timestamps gets neither window
// scale nor SACK nor ECN.
//
// What it is worth:
//
//  - A cookie is good for one to two periods, 16 to 32 s: the final ACK, or the data that the client sends
//    behind it after 1, 3, 7 and 15 s, may be lost, but what an attacker collects is soon worthless.
//  - Who sees none of our SYN-ACKs has to guess 27 bits: one in 134 million ACKs opens a connection from an
//    address that is not the sender's. That is all that it gives him: what he sends must still be HTTP. And
//    it works only within two periods of a cookie that was sent, since none is looked for otherwise (Stack).
//    The tag is compared as a number: each guess needs a segment of its own and the answer tells yes or no,
//    so that the time of a comparison has nothing to add.
//  - It opens one connection: as long as that lives, its segments are the connection's, and afterwards the
//    stack knows the cookie as spent (spent_cookies.h), within the bounds of a small table.
//  - The first segment behind the SYN must arrive before others: only its sequence number proves the cookie,
//    and a later one could not be told from a forged one. It is reset.
//
// The secret is the stack's own. Any worker may have another: a segment's flow decides which worker it goes
// to (steering.h), so the ACK comes to the one that answered the SYN.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/clock.h"
#include "dataplane/tcp/flow_key.h"
#include "dataplane/tcp/limits.h"
#include "dataplane/tcp/segment.h"
#include "dataplane/tcp/seq.h"
#include "dataplane/tcp/siphash.h"

namespace byway::tcp {

inline constexpr Nanoseconds cookie_period = 16s;
/// So long may a cookie be good: how long they are looked for after the last one was sent.
inline constexpr Nanoseconds cookie_life_max = 2 * cookie_period;

/// What a peer's MSS is rounded down to: the least that we take, the defaults of IPv4 and IPv6, two of
/// tunnels, Ethernet under IPv6 and IPv4, and jumbo frames. Together these are nearly all that occur (Alcock
/// and Nelson, 2010).
inline constexpr std::array<std::uint16_t, 8> cookie_mss = {mss_min, mss_default_v4, mss_default_v6, 1360,
                                                            1400,    1440,           1460,           8940};

/// By less than so many ticks the timestamp of a cookie is behind the clock: 64 ms.
inline constexpr std::uint32_t cookie_stamp_ticks = 64;

class SynCookies {
 public:
  explicit SynCookies(std::span<const std::uint8_t, 16> secret) : hash_(secret) {}

  /// `syn` without what its cookie cannot keep: options that the peer must not be promised.
  [[nodiscard]] static SegmentView keepable(SegmentView syn);
  /// The sequence number for the SYN-ACK. `syn` comes from keepable().
  [[nodiscard]] Seq number(const FlowKey& flow, const SegmentView& syn, Instant now) const;
  /// The timestamp for the SYN-ACK when the clock says `clock`. Asserted: `syn` has one.
  [[nodiscard]] static std::uint32_t stamp(std::uint32_t clock, const SegmentView& syn);

  /// The SYN that `ack`, the first segment behind it, shows to have been answered by a cookie: as keepable()
  /// left it, but for the MSS, which may be less, and for window and timestamp, which are those of `ack`.
  /// nullopt: none, or its time is over.
  [[nodiscard]] std::optional<SegmentView> syn_of(const FlowKey& flow, const SegmentView& ack,
                                                  Instant now) const;

 private:
  [[nodiscard]] std::uint32_t tag(const FlowKey& flow, Seq syn, std::uint64_t period, std::uint8_t mss_class,
                                  std::uint8_t options) const;

  SipHash hash_;
};

}  // namespace byway::tcp
