// Finds a head at the front of a stream and hands it to a parser as contiguous bytes.
//
// Nearly every head lies in one slice and is parsed where it is. One that does not is put together in the
// worker's scratch, so a connection that waits for the rest of a head holds nothing but the slices
// themselves. As the scratch is shared, each attempt begins anew: one is made when an end of a head seems to
// have come, or the bytes have doubled or fill the scratch, so that all attempts together stay linear in the
// head's length however it was cut.
//
// A head may be longer than what the stream can hold (a receive buffer may be smaller, and shrinks while
// memory is short), and the peer sends the rest only when something was read. So what has come of a long one
// is taken out of the stream, into buffers of the reader's own: hold().
#pragma once

#include <algorithm>
#include <span>

#include "dataplane/rope.h"
#include "dataplane/stream.h"
#include "l7/http1/parse.h"

namespace byway::l7::http1 {

/// So much of a head is left in the stream before it is taken out, unless the stream is full before: most
/// heads that come in several segments stay below it and are never copied, and one packet buffer is filled by
/// it.
inline constexpr Bytes hold_bytes_min = 2048;

/// What all readers of one worker hold together, in buffers. Bounded, because those who send heads slowly and
/// never end them would take all buffers otherwise.
struct HeldHeads {
  std::uint32_t buffers_max = 0;
  std::uint32_t buffers = 0;
};

class HeadReader {
 public:
  /// `all` outlives the reader.
  HeadReader(SlicePool& slices, HeldHeads& all) : held_(slices), all_(all) {}
  HeadReader(const HeadReader&) = delete;
  HeadReader& operator=(const HeadReader&) = delete;
  ~HeadReader() { release(); }

  /// Reads a head from what is held and the front of `readable`. `complete`: `head` and `base`, its first
  /// byte, are valid until `readable` or `scratch` change; the caller asks take_head() how much of it to drop
  /// then, or reads it once more. `error`: see parser.refusal(). `incomplete`: all bytes belong to the head;
  /// call hold() now, and this again with a fresh parser when more has arrived.
  template <typename Parser, typename Head>
  [[nodiscard]] ParseResult read(const Rope& readable, Parser& parser, Head& head, std::span<char> scratch,
                                 const char*& base) {
    if (readable.empty()) return ParseResult::incomplete;
    ParseResult result = ParseResult::incomplete;
    const Slice& front = readable.front();
    if (held_.empty() && front.size() > attempted_bytes_) {
      base = front.text().data();
      result = parser.parse(base, front.size(), head);
      attempted_bytes_ = front.size();
    }
    if (result == ParseResult::incomplete && is_attempt_due(readable, scratch.size())) {
      const Bytes size = gather(readable, scratch);
      base = scratch.data();
      result = parser.parse(base, size, head);
      attempted_bytes_ = size;
    }
    if (result != ParseResult::incomplete) searched_bytes_ = attempted_bytes_ = ending_ = 0;
    return result;
  }

  /// After `incomplete`: takes out of the stream what has come of a long head. At most head_bytes_max and one
  /// portion are held. False: no memory, or all readers hold too much; nothing was changed.
  [[nodiscard]] bool hold(Stream& stream, Memory memory);

  /// After `complete`, of a head of `head_bytes`: forgets what was held of it, and says how much of it is to
  /// be dropped from the stream.
  [[nodiscard]] Bytes take_head(Bytes head_bytes);

  /// The head will not be read: forgets what has been seen of it, and gives back what was held.
  void drop();

  /// Some of a head has been seen.
  [[nodiscard]] bool has_begun() const { return attempted_bytes_ > 0 || !held_.empty(); }

 private:
  [[nodiscard]] bool is_attempt_due(const Rope& readable, std::size_t head_bytes_limit);
  [[nodiscard]] Bytes gather(const Rope& readable, std::span<char> scratch) const;
  void release() {
    all_.buffers -= held_.slice_count();
    held_.clear();
  }

  Rope held_;  // the first bytes of the head, which the stream has no more
  HeldHeads& all_;
  Bytes searched_bytes_ = 0;   // were searched for an end; counted, as the next, from the head's first byte
  Bytes attempted_bytes_ = 0;  // were given to a parser
  std::uint8_t ending_ = 0;    // how much of LF CR LF stands before searched_bytes_
};

}  // namespace byway::l7::http1
