// IP packets that were cut into pieces on their way, put together again (RFC 791 3.2, RFC 815, RFC 8200 4.5).
//
//   add(fragment) -> kept | dropped for a reason | the whole packet, as a frame like those that ports deliver
//
// Each datagram under way has one buffer, into which its pieces are copied as they come: the transport wants
// its segment in one slice anyway, and a piece of eight bytes that is kept in its frame would pin a whole
// buffer. So what a flood can take is datagrams, and they are bounded: fragment_datagrams_max in all,
// fragment_datagrams_per_source_max for each source. Beyond, the oldest one makes room, that of the source
// with the most if there is a choice. Pieces of one datagram come one behind the other, so that an honest one
// needs its place for a moment only, while those of a flood grow old.
//
// What contradicts itself is not put together (RFC 5722, for IPv4 as well; RFC 1858, RFC 7112): the datagram
// is given up and remembered as such until its time is over, so that its other pieces fit nowhere. A piece
// whose bytes have all come before, the same bytes, is a duplicate and changes nothing (RFC 8200 4.5).
//
// Packets that do not fit one buffer are refused: no TCP segment within our MSS needs more, and more than the
// 1,500 bytes that RFC 8200 5 and RFC 1122 3.3.2 ask for fit. Nobody is told of what was dropped: the senders
// of the answers that RFC 792 and RFC 8200 4.5 describe would be a lever for floods.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/clock.h"
#include "dataplane/net/address.h"
#include "dataplane/net/counters.h"
#include "dataplane/net/ethernet.h"
#include "dataplane/rope.h"
#include "dataplane/slab.h"
#include "dataplane/timer_wheel.h"

namespace byway::net {

/// Datagrams of one worker that wait for pieces, a buffer each: half a megabyte, 1/64 of the default memory.
inline constexpr std::uint32_t fragment_datagrams_max = 256;
/// Of one source, which are an IPv4 address or a /64 of IPv6 (what a single station may choose from). Pieces
/// overtake each other by a few packets; what is older has lost a piece, and its identification may soon be
/// used again (RFC 4963).
inline constexpr std::uint32_t fragment_datagrams_per_source_max = 16;
/// Gaps and islands of one datagram, so that finding a place is short. Pieces of 48 bytes, the smallest that
/// a link makes (RFC 791: 68 with a header), are 31 in a packet of Ethernet and come more or less in order.
inline constexpr std::uint32_t fragment_ranges_max = 16;

/// How long pieces are waited for, from the first that came. RFC 8200 4.5 says 60 s. RFC 1122 3.3.2 says the
/// same for IPv4, but its 16 bits of identification come round within seconds at today's rates, so that old
/// pieces meet new ones (RFC 4963): as Linux, half of it.
inline constexpr Nanoseconds fragment_time_v4 = 30s;
inline constexpr Nanoseconds fragment_time_v6 = 60s;

/// The buffer of a datagram: that of a received frame. Headers have the room that IPv6 with all extension
/// headers needs, 40 + 256; IPv4 has 60 at most.
inline constexpr Bytes fragment_buffer_bytes = 2048;
inline constexpr std::uint32_t fragment_header_bytes_max = ethernet_header_bytes + 40 + 256;
inline constexpr std::uint32_t fragment_payload_bytes_max = fragment_buffer_bytes - fragment_header_bytes_max;

/// One piece. The places are in its frame, whose IP header has been checked and is for us.
struct Fragment {
  IpAddress source;
  IpAddress destination;
  std::uint32_t identification = 0;
  std::uint8_t protocol = 0;  ///< Of what was cut: IPv6 says it in the fragment header.
  bool more = false;          ///< Another piece follows.
  std::uint16_t offset = 0;   ///< Of the piece in what was cut, in bytes.
  /// Ethernet and IP headers, without the fragment header of IPv6.
  std::uint16_t header_bytes = 0;
  std::uint16_t next_header_at = 0;  ///< IPv6: the byte that names the fragment header.
  std::uint16_t payload_at = 0;
  std::uint16_t payload_bytes = 0;
};

/// Owner: a host. Thread: its worker. All time is handed in.
class Fragments {
 public:
  /// `key` is random: who can choose addresses must not choose what they share with others.
  Fragments(BufferProvider& buffers, TimerWheel& wheel, Counters counters, std::uint64_t key);
  ~Fragments();
  Fragments(const Fragments&) = delete;
  Fragments& operator=(const Fragments&) = delete;

  /// Takes a piece. none: kept, or, if `whole` is not empty then, it was the last one that was missing, and
  /// `whole` is the frame that would have come in one piece: the IP header is right again, checksum included;
  /// the transport's is not verified. Anything else: dropped, for the caller to count.
  /// Asserted: the places are within the frame.
  [[nodiscard]] DropReason add(const Fragment& fragment, std::span<const std::uint8_t> frame, Instant now,
                               Slice& whole);
  /// Datagrams that wait.
  [[nodiscard]] std::uint32_t datagram_count() const { return datagrams_.in_use(); }

 private:
  /// Bytes that have come. Two ranges never touch.
  struct Range {
    std::uint32_t first = 0;
    std::uint32_t end = 0;
  };
  struct Source;
  struct Datagram : Timer {
    Datagram(Fragments& owner, Source& of, const Fragment& first);
    Fragments& fragments;
    Source& from;
    IpAddress source;
    IpAddress destination;
    std::uint32_t identification;
    std::uint8_t protocol;
    std::uint8_t ecn_seen = 0;  ///< A bit for each ECN field that its pieces had.
    std::uint8_t range_count = 0;
    std::uint16_t header_bytes = 0;  ///< 0: the first piece is missing.
    std::uint32_t total = 0;         ///< 0: the last piece is missing.
    Buffer* buffer = nullptr;        ///< nullptr: given up.
    std::array<Range, fragment_ranges_max> ranges;
    Datagram* next_of_source = nullptr;
    Datagram* older = nullptr;
    Datagram* newer = nullptr;
  };
  /// Sources whose hashes are equal in a few bits: those that share one share the bound.
  struct Source {
    Datagram* oldest = nullptr;
    std::uint32_t count = 0;
  };
  static constexpr std::size_t sources = 1024;

  [[nodiscard]] Source& source_of(const IpAddress& address);
  [[nodiscard]] static Datagram* find(const Source& source, const Fragment& fragment);
  [[nodiscard]] Datagram* create(Source& source, const Fragment& fragment, Instant now);
  void make_room(const Source& source);
  void evict(Datagram& datagram);
  void remove(Datagram& datagram);
  [[nodiscard]] static DropReason give_up(Datagram& datagram, DropReason reason);
  [[nodiscard]] DropReason place(Datagram& datagram, const Fragment& fragment,
                                 std::span<const std::uint8_t> frame);
  [[nodiscard]] static DropReason insert(Datagram& datagram, std::uint32_t first, std::uint32_t end);
  [[nodiscard]] static Slice finish(Datagram& datagram);
  static void fire(Timer& timer, Instant now);

  BufferProvider& buffers_;
  TimerWheel& wheel_;
  Counters counters_;
  std::uint64_t key_;
  std::array<Source, sources> sources_;
  Datagram* oldest_ = nullptr;
  Datagram* newest_ = nullptr;
  Slab<Datagram> datagrams_{fragment_datagrams_max};
};

}  // namespace byway::net
