#include "l7/http1/head_reader.h"

namespace byway::l7::http1 {

// Also searches what has not been searched for LF LF and LF CR LF: the end of a head, or bytes that the
// parser refuses.
bool HeadReader::is_attempt_due(const Rope& readable, std::size_t head_bytes_limit) {
  bool is_end_seen = false;
  Bytes offset = held_.size();  // of these each byte was searched
  for (const Slice& slice : readable) {
    const Bytes end = offset + slice.size();
    for (Bytes at = std::max(offset, searched_bytes_); at < end; ++at) {
      const char c = slice.text()[at - offset];
      if (c == '\n') {
        is_end_seen = is_end_seen || ending_ > 0;
        ending_ = 1;
      } else {
        ending_ = c == '\r' && ending_ == 1 ? 2 : 0;
      }
    }
    offset = end;
  }
  searched_bytes_ = offset;
  if (offset <= attempted_bytes_) return false;
  return is_end_seen || offset / 2 >= attempted_bytes_ || offset >= head_bytes_limit;
}

// Puts together what is held and what is readable, as far as it fits; returns how much that is.
Bytes HeadReader::gather(const Rope& readable, std::span<char> scratch) const {
  const std::span bytes{reinterpret_cast<std::uint8_t*>(scratch.data()), scratch.size()};
  BYWAY_ASSERT(held_.size() <= bytes.size());
  const Bytes rest = std::min(readable.size(), static_cast<Bytes>(bytes.size()) - held_.size());
  held_.copy_to(0, bytes.first(held_.size()));
  readable.copy_to(0, bytes.subspan(held_.size(), rest));
  return held_.size() + rest;
}

bool HeadReader::hold(Stream& stream, Memory memory) {
  const Rope& readable = stream.readable();
  const bool is_due = readable.size() >= hold_bytes_min || stream.is_receive_full();
  if (readable.empty() || !is_due) return true;
  const Bytes buffer_bytes = memory.buffers.buffer_bytes_max();
  if (all_.buffers + (readable.size() + buffer_bytes - 1) / buffer_bytes > all_.buffers_max) return false;
  const std::uint32_t slices_before = held_.slice_count();
  // Copied, since a peer that sends few octets a segment would pin a packet buffer for each.
  const bool is_held = held_.append_copy(readable, memory.buffers);
  all_.buffers += held_.slice_count() - slices_before;
  if (is_held) stream.discard(readable.size());
  return is_held;
}

void HeadReader::drop() {
  release();
  searched_bytes_ = attempted_bytes_ = ending_ = 0;
}

Bytes HeadReader::take_head(Bytes head_bytes) {
  BYWAY_ASSERT(head_bytes > held_.size());
  const Bytes rest = head_bytes - held_.size();
  release();
  return rest;
}

}  // namespace byway::l7::http1
