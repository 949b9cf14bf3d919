#include "l7/http1/head_reader.h"

namespace byway::l7::http1 {

// Also searches what has not been searched for LF LF and LF CR LF: the end of a head, or bytes that the
// parser refuses.
bool HeadReader::is_attempt_due(const Rope& readable, std::size_t head_bytes_limit) {
  bool is_end_seen = false;
  Bytes offset = 0;
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
  searched_bytes_ = readable.size();
  if (readable.size() <= attempted_bytes_) return false;
  return is_end_seen || readable.size() / 2 >= attempted_bytes_ || readable.size() >= head_bytes_limit;
}

}  // namespace byway::l7::http1
