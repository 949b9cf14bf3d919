// TCP segments on the wire (RFC 9293 3.1, RFC 7323 3.2, RFC 2018 3): a checked view of one that came, the
// header of one that goes.
//
//    0                   1                   2                   3
//   |          Source Port          |       Destination Port        |
//   |                        Sequence Number                        |
//   |                    Acknowledgment Number                      |
//   | Offset | Rsrvd | Control bits |             Window            |
//   |           Checksum            |         Urgent Pointer        |
//   |                           [Options]                           |
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/net/address.h"
#include "dataplane/rope.h"
#include "dataplane/tcp/flow_key.h"
#include "dataplane/tcp/seq.h"

namespace byway::tcp {

inline constexpr std::uint32_t header_bytes_min = 20;
inline constexpr std::uint32_t header_bytes_max = 60;  ///< The data offset has 4 bits: 15 words.

/// Control bits, RFC 9293 3.1.
namespace flag {
inline constexpr std::uint8_t fin = 0x01;
inline constexpr std::uint8_t syn = 0x02;
inline constexpr std::uint8_t rst = 0x04;
inline constexpr std::uint8_t psh = 0x08;
inline constexpr std::uint8_t ack = 0x10;
inline constexpr std::uint8_t urg = 0x20;
inline constexpr std::uint8_t ece = 0x40;
inline constexpr std::uint8_t cwr = 0x80;
}  // namespace flag

/// RFC 2018 3: octets [first, end) have arrived.
struct SackBlock {
  Seq first;
  Seq end;
  friend constexpr bool operator==(SackBlock, SackBlock) = default;
};
inline constexpr std::size_t sack_blocks_max = 4;  ///< 40 octets of options hold no more.

struct Timestamps {
  std::uint32_t value = 0;
  std::uint32_t echo = 0;
};

/// The options that we read; others are skipped (RFC 9293 3.2, MUST-6).
struct Options {
  std::uint16_t mss = 0;  ///< 0: absent.
  bool has_window_scale = false;
  std::uint8_t window_scale = 0;  ///< At most 14 (RFC 7323 2.3).
  bool sack_permitted = false;
  bool has_timestamps = false;
  std::uint8_t sack_count = 0;
  Timestamps timestamps;
  std::array<SackBlock, sack_blocks_max> sack;
};

/// One segment's header, read and checked. The payload are the bytes behind `header_bytes`.
struct SegmentView {
  std::uint16_t source_port = 0;
  std::uint16_t target_port = 0;
  Seq seq;
  Seq ack;
  std::uint16_t window = 0;  ///< As on the wire: not scaled.
  std::uint8_t flags = 0;
  std::uint8_t ecn = 0;  ///< The ECN field of the IP header that it came in.
  std::uint8_t header_bytes = 0;
  Bytes payload_bytes = 0;
  Options options;

  [[nodiscard]] bool has(std::uint8_t flags_wanted) const { return (flags & flags_wanted) == flags_wanted; }
  /// SEG.LEN of RFC 9293 3.4: SYN and FIN count.
  [[nodiscard]] std::uint32_t sequence_length() const {
    return payload_bytes + ((flags & flag::syn) != 0 ? 1u : 0u) + ((flags & flag::fin) != 0 ? 1u : 0u);
  }
  [[nodiscard]] Seq end() const { return seq + sequence_length(); }
};

enum class ParseResult : std::uint8_t {
  ok,
  truncated,    ///< Shorter than its header says.
  bad_offset,   ///< Data offset below 5.
  bad_options,  ///< An option's length runs past the header.
};

/// Reads the header and options of `bytes` (TCP header and payload, checksum verified by the caller). On
/// anything but ok, `out` holds nothing of use.
[[nodiscard]] ParseResult parse_segment(std::span<const std::uint8_t> bytes, SegmentView& out);

/// The ECN field of an IP header (RFC 3168 5).
namespace ecn {
inline constexpr std::uint8_t not_capable = 0;
inline constexpr std::uint8_t capable = 2;  ///< ECT(0)
inline constexpr std::uint8_t congested = 3;
}  // namespace ecn

/// What goes into a header. Options are written only where they are set.
struct HeaderFields {
  std::uint16_t source_port = 0;
  std::uint16_t target_port = 0;
  Seq seq;
  Seq ack;
  std::uint16_t window = 0;
  std::uint8_t flags = 0;
  std::uint8_t ecn = 0;  ///< For the IP header in front of it.
  Options options;
};

/// Writes header and options into `out` with a checksum of 0; returns its length, a multiple of 4. Asserted:
/// the options fit (they do for every combination that RFC 7323 and RFC 2018 allow).
std::uint8_t write_header(const HeaderFields& fields, std::span<std::uint8_t, header_bytes_max> out);

/// One segment to send, as Stack::next_segment hands it out. Whoever sends it puts the IP header in front and
/// fills in the checksum (net/checksum.h), whose field is 0 here.
struct SegmentOut {
  explicit SegmentOut(SlicePool& pool) : payload(pool) {}

  net::IpAddress local;
  net::IpAddress remote;
  std::uint8_t ecn = 0;           ///< For the IP header (RFC 3168 5).
  std::uint8_t header_bytes = 0;  ///< TCP header and options.
  alignas(4) std::array<std::uint8_t, header_bytes_max> header{};
  Rope payload;  ///< Shared with the retransmission queue; may consist of several slices.

  [[nodiscard]] FlowKey flow() const {
    return {local, remote, static_cast<std::uint16_t>(header[0] << 8 | header[1]),
            static_cast<std::uint16_t>(header[2] << 8 | header[3])};
  }
  [[nodiscard]] std::span<const std::uint8_t> header_span() const {
    return std::span(header).first(header_bytes);
  }
};

}  // namespace byway::tcp
