// Framing of HTTP/1.1 content as a value: fed the bytes of a connection as they arrive, it says which of them
// are content and which are framing, so that the caller slices and never copies.
//
//   5 ; e CR LF h e l l o CR LF 0 CR LF T : v CR LF CR LF G E T
//   framing.... payload.. framing...................... ^ complete: the next message begins here
//
// Chunk extensions and trailers are read strictly, bounded and dropped: their bytes are framing. Both may
// be dropped by a recipient (RFC 9112 7.1.1, 7.1.2), and what this reader would misread is refused.
// Sources: RFC 9112 6.3 and 7.1.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "l7/http1/refusal.h"
#include "l7/message.h"

namespace byway::l7::http1 {

/// Most digits of a chunk size, leading zeros counted, and the largest size: sums of sizes stay far from
/// wrapping.
inline constexpr std::uint32_t chunk_size_digits_max = 16;
inline constexpr std::uint64_t chunk_size_max = std::uint64_t{1} << 60;

/// Longest extensions of one chunk. The longest known, signatures of streamed uploads, have 85 bytes.
inline constexpr std::uint32_t chunk_extension_bytes_max = 256;

/// By how much extensions may exceed the content so far: a sender of tiny chunks with long extensions makes
/// the gateway read what it never forwards.
inline constexpr std::uint32_t chunk_extension_excess_max = 16 * 1024;

/// Longest trailer section. It is never held, so this bounds work, not memory.
inline constexpr std::uint32_t trailer_bytes_max = 8 * 1024;

enum class BodyResult : std::uint8_t { more, complete, error };

/// What the first bytes of those fed are: `framing` bytes to drop, then `payload` bytes of content.
/// `more`: call again with what follows these, if there is any, else when more has arrived.
/// `complete`: what follows these is the next message. `error`: see refusal(); the connection must close.
struct BodyStep {
  BodyResult result;
  std::size_t framing;
  std::size_t payload;
};

/// Reads the content of one message. A value: copying it forks the reading.
class BodyReader {
 public:
  /// For a head whose content follows.
  explicit BodyReader(const MessageHead& head) : BodyReader(head.body, head.content_length) {}
  /// `length` counts for BodyKind::length only.
  explicit BodyReader(BodyKind kind = BodyKind::none, std::uint64_t length = 0);

  /// Reads on: `data` is what arrived after the bytes of the former step. With `size` above 0, either the
  /// step covers a byte or the result is not `more`.
  [[nodiscard]] BodyStep next(const char* data, std::size_t size);

  /// The content is counted, and so much of it is to come: next() would call all of that payload. Else 0.
  [[nodiscard]] std::uint64_t length_left() const { return state_ == State::length_payload ? remaining_ : 0; }
  /// Reads on without looking: `size`, at most length_left(), bytes of content have been taken.
  void take_length(std::uint64_t size) {
    if (size != 0) static_cast<void>(take_payload(size));
  }

  /// The peer will send no more: `complete`, or `error` (truncated) when content is missing.
  [[nodiscard]] BodyResult on_close();

  [[nodiscard]] bool is_complete() const { return state_ == State::complete; }
  [[nodiscard]] Refusal refusal() const { return refusal_; }
  /// Content bytes known to follow: of the whole, or of the current chunk.
  [[nodiscard]] std::uint64_t remaining() const { return remaining_; }
  /// Content bytes so far.
  [[nodiscard]] std::uint64_t payload_bytes() const { return payload_bytes_; }

 private:
  // Names of what is expected next.
  enum class State : std::uint8_t {
    complete,
    failed,
    length_payload,
    close_payload,
    chunk_payload,
    size_first_digit,
    size_digit,
    extension_name_first,
    extension_name,
    extension_value_first,
    extension_value,
    extension_quoted,
    extension_quoted_pair,
    extension_after_quote,
    size_lf,
    payload_cr,
    payload_lf,
    trailer_line,
    trailer_name,
    trailer_value,
    trailer_lf,
    last_lf,
  };

  [[nodiscard]] bool is_payload() const {
    return state_ == State::length_payload || state_ == State::close_payload ||
           state_ == State::chunk_payload;
  }
  [[nodiscard]] std::size_t take_payload(std::size_t size);
  void fail(Refusal refusal);
  void expect(char c, char wanted, State next, Refusal refusal);
  void on_framing_byte(char c);
  void on_size_byte(char c);
  void on_extension_byte(char c);
  void end_of_size_line();
  void on_trailer_byte(char c);
  void end_of_trailer_name();

  // The longest recognised name has 25 letters.
  static constexpr std::uint8_t trailer_name_bytes_max = 28;

  std::uint64_t remaining_ = 0;
  std::uint64_t payload_bytes_ = 0;
  std::uint32_t extension_excess_ = 0;
  std::uint16_t extension_bytes_ = 0;  // of this chunk
  std::uint16_t trailer_bytes_ = 0;
  State state_ = State::complete;
  Refusal refusal_ = Refusal::none;
  std::uint8_t digits_ = 0;
  std::uint8_t trailer_name_size_ = 0;
  std::array<char, trailer_name_bytes_max> trailer_name_{};
};

}  // namespace byway::l7::http1
