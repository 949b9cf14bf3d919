// Finds a head at the front of a stream and hands it to a parser as contiguous bytes.
//
// Nearly every head lies in one slice and is parsed where it is. One that does not is put together in the
// worker's scratch, so a connection that waits for the rest of a head holds nothing but the slices
// themselves. As the scratch is shared, each attempt begins anew: one is made when an end of a head seems to
// have come, or the bytes have doubled or fill the scratch, so that all attempts together stay linear in the
// head's length however it was cut.
#pragma once

#include <algorithm>
#include <span>

#include "dataplane/rope.h"
#include "l7/http1/parse.h"

namespace byway::l7::http1 {

class HeadReader {
 public:
  /// Reads a head from the front of `readable`. `complete`: `head` and `base`, its first byte, are valid
  /// until `readable` or `scratch` change; the caller drops head.bytes then. `error`: see parser.refusal().
  /// `incomplete`: call again with a fresh parser when more has arrived.
  template <typename Parser, typename Head>
  [[nodiscard]] ParseResult read(const Rope& readable, Parser& parser, Head& head, std::span<char> scratch,
                                 const char*& base) {
    if (readable.empty()) return ParseResult::incomplete;
    ParseResult result = ParseResult::incomplete;
    const Slice& front = readable.front();
    if (front.size() > attempted_bytes_) {
      base = front.text().data();
      result = parser.parse(base, front.size(), head);
      attempted_bytes_ = front.size();
    }
    if (result == ParseResult::incomplete && is_attempt_due(readable, scratch.size())) {
      const auto size = static_cast<Bytes>(std::min<std::size_t>(readable.size(), scratch.size()));
      readable.copy_to(0, {reinterpret_cast<std::uint8_t*>(scratch.data()), size});
      base = scratch.data();
      result = parser.parse(base, size, head);
      attempted_bytes_ = size;
    }
    if (result != ParseResult::incomplete) *this = HeadReader();
    return result;
  }

  /// Some of a head has been seen.
  [[nodiscard]] bool has_begun() const { return attempted_bytes_ > 0; }

 private:
  [[nodiscard]] bool is_attempt_due(const Rope& readable, std::size_t head_bytes_limit);

  Bytes searched_bytes_ = 0;   // were searched for an end
  Bytes attempted_bytes_ = 0;  // were given to a parser
  std::uint8_t ending_ = 0;    // how much of LF CR LF stands before searched_bytes_
};

}  // namespace byway::l7::http1
