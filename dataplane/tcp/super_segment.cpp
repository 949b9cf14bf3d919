#include "dataplane/tcp/super_segment.h"

#include <algorithm>
#include <cstring>

#include "dataplane/net/cursor.h"

namespace byway::tcp {

namespace {

// Where things stand in a TCP header (RFC 9293 3.1).
constexpr std::size_t ports_bytes = 4;
constexpr std::size_t seq_offset = 4;
constexpr std::size_t ack_offset = 8;  // and the length of the header
constexpr std::size_t flags_offset = 13;
constexpr std::size_t window_offset = 14;  // what follows belongs to the checksum, 0 here, and options

}  // namespace

bool SuperSegment::takes(const SegmentOut& next) const {
  const Bytes added = next.payload.size();
  if (added == 0 || added > part_bytes_ || whole_.payload.size() != parts_ * part_bytes_) return false;
  if (parts_ == super_segment_parts_max || whole_.payload.size() + added > super_segment_bytes_max) {
    return false;
  }
  if (whole_.payload.slice_count() + next.payload.slice_count() > pieces_max_) return false;
  if (whole_.header_bytes != next.header_bytes || whole_.ecn != next.ecn) return false;
  const std::uint8_t* a = whole_.header.data();
  const std::uint8_t* b = next.header.data();
  const std::uint8_t last_flags = b[flags_offset];
  if (a[flags_offset] != flag::ack || (last_flags & ~(flag::psh | flag::fin)) != flag::ack) return false;
  return net::load_be32(a + seq_offset) + whole_.payload.size() == net::load_be32(b + seq_offset) &&
         std::equal(a, a + ports_bytes, b) && std::equal(a + ack_offset, a + flags_offset, b + ack_offset) &&
         std::equal(a + window_offset, a + whole_.header_bytes, b + window_offset) &&
         whole_.remote == next.remote && whole_.local == next.local;
}

void SuperSegment::join(SegmentOut& next) {
  whole_.payload.append(std::move(next.payload));
  whole_.header[flags_offset] = next.header[flags_offset];
  ++parts_;
}

}  // namespace byway::tcp
