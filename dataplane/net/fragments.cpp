#include "dataplane/net/fragments.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "dataplane/mix.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/cursor.h"
#include "dataplane/net/ipv4.h"
#include "dataplane/net/ipv6.h"

namespace byway::net {

namespace {

/// Datagrams looked at for one to evict: enough to find one of a source that has many.
constexpr std::uint32_t eviction_candidates = 16;

/// Offsets count in these (RFC 791 3.1, RFC 8200 4.5).
constexpr std::uint32_t fragment_unit = 8;

constexpr std::size_t icmp_transport_bytes = 8;
constexpr std::size_t tcp_transport_bytes_min = 20;
constexpr std::size_t tcp_offset_at = 12;

/// ECN fields (RFC 3168 5), and sets of them.
constexpr std::uint8_t ecn_mask = 3;
constexpr std::uint8_t seen_not_capable = 1u << 0;
constexpr std::uint8_t seen_congestion = 1u << 3;

/// The byte of an IP header that has the ECN field, and where in it.
constexpr std::size_t ecn_at = ethernet_header_bytes + 1;
constexpr int ecn_shift(bool v4) {
  return v4 ? 0 : 4;
}

void release(Buffer* buffer) {
  const Slice last = Slice::adopt(buffer, buffer->memory, 0);
}

/// Whether the first piece has the whole of its transport's header, so that no later one can change what it
/// was admitted by (RFC 1858 3, RFC 7112 5). Destination options behind a fragment header count as a protocol
/// that nobody here has.
DropReason check_first(const Fragment& fragment, std::span<const std::uint8_t> payload) {
  const bool v4 = fragment.source.is_v4();
  if (fragment.protocol == static_cast<std::uint8_t>(Protocol::tcp)) {
    const bool is_whole = payload.size() >= tcp_transport_bytes_min &&
                          payload.size() >= std::size_t{payload[tcp_offset_at]} / 16 * 4;
    return is_whole ? DropReason::none : DropReason::fragment_header;
  }
  if (fragment.protocol != static_cast<std::uint8_t>(v4 ? Protocol::icmp : Protocol::icmpv6)) {
    return DropReason::ip_protocol;
  }
  return payload.size() >= icmp_transport_bytes ? DropReason::none : DropReason::fragment_header;
}

void copy_header(const Fragment& fragment, std::span<const std::uint8_t> frame, Buffer& buffer) {
  std::uint8_t* header = buffer.memory + fragment_header_bytes_max - fragment.header_bytes;
  std::memcpy(header, frame.data(), fragment.header_bytes);
  if (!fragment.source.is_v4()) header[fragment.next_header_at] = fragment.protocol;
}

void copy_payload(const Fragment& fragment, std::span<const std::uint8_t> frame, Buffer& buffer) {
  std::memcpy(buffer.memory + fragment_header_bytes_max + fragment.offset, frame.data() + fragment.payload_at,
              fragment.payload_bytes);
}

/// The frame in `buffer`, with a header that says that it is whole.
Slice whole_frame(Buffer* buffer, bool v4, std::uint16_t header_bytes, std::uint32_t payload_bytes) {
  std::uint8_t* frame = buffer->memory + fragment_header_bytes_max - header_bytes;
  std::uint8_t* ip = frame + ethernet_header_bytes;
  const std::size_t ip_bytes = header_bytes - ethernet_header_bytes;
  if (v4) {
    store_be16(ip + 2, static_cast<std::uint16_t>(ip_bytes + payload_bytes));
    store_be16(ip + 6, 0);  // neither offset nor flags
    store_be16(ip + 10, 0);
    store_be16(ip + 10, checksum({ip, ip_bytes}));
  } else {
    store_be16(ip + 4, static_cast<std::uint16_t>(ip_bytes - ipv6_header_bytes + payload_bytes));
  }
  return Slice::adopt(buffer, frame, header_bytes + payload_bytes);
}

}  // namespace

Fragments::Fragments(BufferProvider& buffers, TimerWheel& wheel, Counters counters, std::uint64_t key)
    : buffers_(buffers), wheel_(wheel), counters_(counters), key_(key) {}

Fragments::~Fragments() {
  while (oldest_ != nullptr) remove(*oldest_);
}

DropReason Fragments::add(const Fragment& fragment, std::span<const std::uint8_t> frame, Instant now,
                          Slice& whole) {
  BYWAY_ASSERT(std::size_t{fragment.payload_at} + fragment.payload_bytes <= frame.size() &&
               fragment.header_bytes <= fragment.payload_at &&
               fragment.header_bytes <= fragment_header_bytes_max &&
               fragment.next_header_at < fragment.header_bytes && ecn_at < fragment.header_bytes);
  counters_.add(Counter::fragments_received);
  if (fragment.payload_bytes == 0 || fragment.offset % fragment_unit != 0 ||
      (fragment.more && fragment.payload_bytes % fragment_unit != 0)) {
    return DropReason::fragment_malformed;
  }
  Source& source = source_of(fragment.source);
  Datagram* datagram = find(source, fragment);
  DropReason reason = DropReason::none;
  if (fragment.offset + std::uint32_t{fragment.payload_bytes} > fragment_payload_bytes_max) {
    reason = DropReason::fragment_size;
  } else if (fragment.offset == 0) {
    reason = check_first(fragment, frame.subspan(fragment.payload_at, fragment.payload_bytes));
  }
  const bool is_atomic = fragment.offset == 0 && !fragment.more;
  if (reason != DropReason::none) {
    return datagram != nullptr && !is_atomic ? give_up(*datagram, reason) : reason;
  }
  if (is_atomic) {  // RFC 6946 4: whatever else has its identification has nothing to do with it
    Buffer* buffer = buffers_.allocate(fragment_buffer_bytes);
    if (buffer == nullptr) return DropReason::fragment_no_memory;
    copy_header(fragment, frame, *buffer);
    copy_payload(fragment, frame, *buffer);
    whole = whole_frame(buffer, fragment.source.is_v4(), fragment.header_bytes, fragment.payload_bytes);
    return DropReason::none;
  }
  if (datagram == nullptr) {
    datagram = create(source, fragment, now);
    if (datagram == nullptr) return DropReason::fragment_no_memory;
  } else if (datagram->buffer == nullptr) {
    return DropReason::fragment_given_up;
  }
  reason = place(*datagram, fragment, frame);
  if (reason == DropReason::fragment_duplicate) return reason;
  if (reason != DropReason::none) return give_up(*datagram, reason);
  if (datagram->total != 0 && datagram->range_count == 1 && datagram->ranges[0].first == 0 &&
      datagram->ranges[0].end == datagram->total) {
    counters_.add(Counter::datagrams_reassembled);
    whole = finish(*datagram);
    remove(*datagram);
  }
  return DropReason::none;
}

/// Checks a piece against those that came before, and copies it.
DropReason Fragments::place(Datagram& datagram, const Fragment& fragment,
                            std::span<const std::uint8_t> frame) {
  const std::uint32_t first = fragment.offset;
  const std::uint32_t end = first + fragment.payload_bytes;
  const std::uint32_t known_end =
      datagram.range_count > 0 ? datagram.ranges[datagram.range_count - 1].end : 0;
  if (fragment.more ? datagram.total != 0 && end >= datagram.total
                    : end < known_end || (datagram.total != 0 && end != datagram.total)) {
    return DropReason::fragment_overlap;
  }
  // RFC 3168 5.3: who cannot say that it understands ECN must not be told that it was congested.
  const auto ecn = static_cast<std::uint8_t>(frame[ecn_at] >> ecn_shift(fragment.source.is_v4()) & ecn_mask);
  const auto seen = static_cast<std::uint8_t>(datagram.ecn_seen | 1u << ecn);
  if ((seen & seen_not_capable) != 0 && seen != seen_not_capable) return DropReason::fragment_ecn;

  for (const Range& range : std::span(datagram.ranges).first(datagram.range_count)) {
    if (end <= range.first || range.end <= first) continue;
    const bool is_known = range.first <= first && end <= range.end &&
                          std::memcmp(datagram.buffer->memory + fragment_header_bytes_max + first,
                                      frame.data() + fragment.payload_at, fragment.payload_bytes) == 0;
    return is_known ? DropReason::fragment_duplicate : DropReason::fragment_overlap;
  }
  if (const DropReason reason = insert(datagram, first, end); reason != DropReason::none) return reason;
  datagram.ecn_seen = seen;
  if (!fragment.more) datagram.total = end;
  if (first == 0) {
    datagram.header_bytes = fragment.header_bytes;
    copy_header(fragment, frame, *datagram.buffer);
  }
  copy_payload(fragment, frame, *datagram.buffer);
  return DropReason::none;
}

/// Notes that bytes have come which no range has.
DropReason Fragments::insert(Datagram& datagram, std::uint32_t first, std::uint32_t end) {
  Range* const begin = datagram.ranges.data();
  std::uint32_t at = datagram.range_count;
  while (at > 0 && begin[at - 1].first > first) --at;
  const bool extends = at > 0 && begin[at - 1].end == first;
  const bool touches = at < datagram.range_count && begin[at].first == end;
  if (extends && touches) {
    begin[at - 1].end = begin[at].end;
    std::copy(begin + at + 1, begin + datagram.range_count, begin + at);
    --datagram.range_count;
  } else if (extends) {
    begin[at - 1].end = end;
  } else if (touches) {
    begin[at].first = first;
  } else {
    if (datagram.range_count == fragment_ranges_max) return DropReason::fragment_ranges;
    std::copy_backward(begin + at, begin + datagram.range_count, begin + datagram.range_count + 1);
    begin[at] = {first, end};
    ++datagram.range_count;
  }
  return DropReason::none;
}

Slice Fragments::finish(Datagram& datagram) {
  const bool v4 = datagram.source.is_v4();
  Buffer* buffer = std::exchange(datagram.buffer, nullptr);
  if ((datagram.ecn_seen & seen_congestion) != 0) {
    std::uint8_t* frame = buffer->memory + fragment_header_bytes_max - datagram.header_bytes;
    frame[ecn_at] = static_cast<std::uint8_t>(frame[ecn_at] | ecn_mask << ecn_shift(v4));
  }
  return whole_frame(buffer, v4, datagram.header_bytes, datagram.total);
}

// ---- Places ----------------------------------------------------------------------------------------------

Fragments::Datagram::Datagram(Fragments& owner, Source& of, const Fragment& first)
    : Timer(&Fragments::fire),
      fragments(owner),
      from(of),
      source(first.source),
      destination(first.destination),
      identification(first.identification),
      protocol(first.protocol) {}

Fragments::Source& Fragments::source_of(const IpAddress& address) {
  const std::uint64_t part = address.half(address.is_v4() ? 1 : 0);
  return sources_[mix(part ^ key_) % sources];
}

/// RFC 791 3.2: source, destination, protocol, identification. IPv6 does without the protocol, in which its
/// pieces may differ (RFC 8200 4.5).
Fragments::Datagram* Fragments::find(const Source& source, const Fragment& fragment) {
  Datagram* at = source.oldest;
  while (at != nullptr && (at->identification != fragment.identification || at->source != fragment.source ||
                           at->destination != fragment.destination ||
                           (at->protocol != fragment.protocol && fragment.source.is_v4()))) {
    at = at->next_of_source;
  }
  return at;
}

Fragments::Datagram* Fragments::create(Source& source, const Fragment& fragment, Instant now) {
  make_room(source);
  Buffer* buffer = buffers_.allocate(fragment_buffer_bytes);
  if (buffer == nullptr) return nullptr;
  Datagram* datagram = datagrams_.acquire(*this, source, fragment);
  datagram->buffer = buffer;
  Datagram** last = &source.oldest;
  while (*last != nullptr) last = &(*last)->next_of_source;
  *last = datagram;
  ++source.count;
  datagram->older = newest_;
  (newest_ != nullptr ? newest_->newer : oldest_) = datagram;
  newest_ = datagram;
  wheel_.arm(*datagram, now + (fragment.source.is_v4() ? fragment_time_v4 : fragment_time_v6));
  counters_.set(Counter::fragment_datagrams, datagrams_.in_use());
  return datagram;
}

void Fragments::make_room(const Source& source) {
  if (source.count == fragment_datagrams_per_source_max) {
    evict(*source.oldest);
    return;
  }
  if (!datagrams_.is_full()) return;
  Datagram* victim = oldest_;
  Datagram* at = oldest_;
  for (std::uint32_t i = 0; i < eviction_candidates && at != nullptr; ++i, at = at->newer) {
    if (at->from.count > victim->from.count) victim = at;
  }
  evict(*victim);
}

void Fragments::evict(Datagram& datagram) {
  counters_.add(Counter::fragment_evictions);
  remove(datagram);
}

void Fragments::remove(Datagram& datagram) {
  wheel_.cancel(datagram);
  if (datagram.buffer != nullptr) release(datagram.buffer);
  Datagram** at = &datagram.from.oldest;
  while (*at != &datagram) at = &(*at)->next_of_source;
  *at = datagram.next_of_source;
  --datagram.from.count;
  (datagram.older != nullptr ? datagram.older->newer : oldest_) = datagram.newer;
  (datagram.newer != nullptr ? datagram.newer->older : newest_) = datagram.older;
  datagrams_.release(&datagram);
  counters_.set(Counter::fragment_datagrams, datagrams_.in_use());
}

/// RFC 5722 4: nor do the pieces that are still to come count.
DropReason Fragments::give_up(Datagram& datagram, DropReason reason) {
  if (datagram.buffer != nullptr) release(std::exchange(datagram.buffer, nullptr));
  return reason;
}

void Fragments::fire(Timer& timer, Instant) {
  auto& datagram = static_cast<Datagram&>(timer);
  datagram.fragments.counters_.add(Counter::fragment_timeouts);
  datagram.fragments.remove(datagram);
}

}  // namespace byway::net
