// What both ends of HTTP/1.1 do with a stream: content in, content out, and the bytes on their way.
//
//   stream.readable ── receive_content ──> slices of content          (framing is dropped on the way)
//   slices of content ── send_content ──> unsent ── flush ──> stream  (framing is added on the way)
//
// What one event sends is gathered in `unsent` and given to the stream at its end, in one piece: flush().
// What the stream did not take then (the rest of a head, of a chunk) stays there. Until it has taken that,
// room() is 0, so nothing is read on the other side, and TCP's window carries the pressure on.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "dataplane/rope.h"
#include "dataplane/stream.h"
#include "l7/http1/body.h"
#include "l7/http1/head_reader.h"
#include "l7/http1/write.h"

namespace byway::l7::http1 {

enum class Received : std::uint8_t {
  more,       ///< all that was there, or asked for, was taken
  complete,   ///< the content has ended
  truncated,  ///< the peer finished before the end
  invalid,    ///< framing error: refusal()
  no_memory,  ///< chain nodes are out; try again later
};

/// Content that is taken beyond what the stream has room for. A stream tells when it has room again only
/// after a write that fell short (Stream::on_writable), so there must be one; a segment's worth of it also
/// keeps chunks from becoming tiny when the room is.
inline constexpr Bytes overcommit_bytes = 1460;

/// Content that is copied behind the head (or content) before it, where that one's buffer has room: one slice
/// on its way, and one packet buffer for each direction less. Longer content costs less to refer to.
inline constexpr Bytes copied_content_bytes_max = 1024;

/// What a head that is written may have beyond the one that was read, and still fits into its first buffer:
/// fields of our own, and short content behind it.
inline constexpr std::size_t written_head_bytes_extra = 512;

[[nodiscard]] inline std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Whether a head was written: it did not fit even into the scratch, or there was no memory.
enum class HeadWritten : std::uint8_t { yes, too_long, no_memory };

/// Has `write(span)` write a head of about `bytes_read` and appends it to `out`: straight into a buffer, or
/// by `scratch`, in which it is tried once more, and as many buffers as it needs. Else `out` is unchanged.
template <typename Write>
[[nodiscard]] HeadWritten append_head(Rope& out, std::size_t bytes_read, std::span<char> scratch,
                                      Memory memory, Write write) {
  const auto size = static_cast<Bytes>(
      std::min<std::size_t>(bytes_read + written_head_bytes_extra, memory.buffers.buffer_bytes_max()));
  Buffer* buffer = memory.buffers.allocate(size);
  if (buffer == nullptr) return HeadWritten::no_memory;
  Slice slice = Slice::adopt(buffer, buffer->memory, size);
  const WriteResult direct = write(std::span<char>{reinterpret_cast<char*>(buffer->memory), size});
  if (direct.fits) {
    slice.remove_back(size - static_cast<Bytes>(direct.bytes));
    return out.append(std::move(slice)) ? HeadWritten::yes : HeadWritten::no_memory;
  }
  slice = Slice();
  const WriteResult written = write(scratch);
  if (!written.fits) return HeadWritten::too_long;
  return out.append_copy(bytes_of({scratch.data(), written.bytes}), memory.buffers) ? HeadWritten::yes
                                                                                    : HeadWritten::no_memory;
}

class Codec {
 public:
  /// Moves up to `count_max` (above 0) bytes of content from the stream to the end of `out`.
  [[nodiscard]] Received receive_content(Bytes count_max, Rope& out);
  [[nodiscard]] bool is_content_received() const { return reader_.is_complete(); }
  /// Why receive_content() answered `invalid` or `truncated`.
  [[nodiscard]] Refusal refusal() const { return reader_.refusal(); }

  /// How many bytes of content may be sent now. 0 while the stream has not taken everything yet.
  [[nodiscard]] Bytes room() const {
    const Bytes most = is_blocked_ ? 0 : stream_->writable() + overcommit_bytes;
    return most - std::min(most, unsent_.size());
  }
  /// Frames all of `content`, which is at most room(); flush() must follow. False: no memory; nothing was
  /// changed.
  [[nodiscard]] bool send_content(Rope& content, Memory memory);
  /// Copies content that `from` has received behind what was gathered: all that is missing, if it is short,
  /// has come, needs no framing here and fits where it goes. Else nothing is changed. Returns how many bytes
  /// that was.
  [[nodiscard]] Bytes copy_rest_of(Codec& from);
  /// Adds the end of the content; flush() must follow. False: no memory; nothing was changed.
  [[nodiscard]] bool finish_content(Memory memory);
  /// Gives the stream what it takes of what is unsent; true when nothing is left. To be called at the end of
  /// every event that sent something, since a stream tells only of a write that fell short.
  bool flush();
  /// The same, if the stream had fallen short; what was gathered in this event is left to grow.
  void flush_rest() {
    if (is_blocked_) flush();
  }
  [[nodiscard]] bool is_flushed() const { return unsent_.empty(); }

  [[nodiscard]] Stream& stream() const { return *stream_; }

 protected:
  Codec(SlicePool& slices, HeldHeads& held_heads, Stream* stream)
      : stream_(stream), unsent_(slices), head_reader_(slices, held_heads) {}
  ~Codec() = default;

  /// A head has been read whose content follows.
  void begin_receiving(const MessageHead& head) { reader_ = BodyReader(head); }
  /// A head is to be sent whose content is framed so.
  void begin_sending(const BodyFraming& framing) { sending_ = framing.kind; }
  /// Copies generated bytes behind what is unsent. False: no memory; nothing was changed.
  [[nodiscard]] bool send_bytes(std::string_view bytes, Memory memory) {
    return unsent_.append_copy(bytes_of(bytes), memory.buffers);
  }

  Stream* stream_;
  Rope unsent_;
  BodyReader reader_;
  HeadReader head_reader_;
  BodyKind sending_ = BodyKind::none;
  bool is_blocked_ = false;  // the stream took less than it was given, and will say when it takes more
};

}  // namespace byway::l7::http1
