// Strict incremental parsers of HTTP/1.1 heads (RFC 9112), for requests and for responses.
//
// A parser is fed the contiguous bytes of a head as far as they have arrived, again and again with more of
// them at the end; it remembers how far it has read, so a byte is classified once however small the steps.
// It copies nothing and refers to bytes by offset, so the caller may move them between calls. Limits apply to
// what has arrived, not to what is complete.
//
// One strict reading: whatever two recipients could take differently is refused (the reasons are in
// refusal.def), and the verdict does not depend on how the bytes were cut. After a refusal the connection
// must close: where the next message begins is not known.
#pragma once

#include <cstddef>
#include <cstdint>

#include "l7/http1/digest.h"
#include "l7/http1/refusal.h"
#include "l7/http1/scan.h"
#include "l7/message.h"

namespace byway::l7::http1 {

enum class ParseResult : std::uint8_t { incomplete, complete, error };

/// What both parsers do: lines, limits, field lines.
class HeadParser {
 public:
  /// Why the last parse() returned `error`; answered with status_of(refusal()), a response with 502.
  [[nodiscard]] Refusal refusal() const { return refusal_; }

 protected:
  // The next start line, within its limit; `complete` means a line.
  [[nodiscard]] ParseResult next_start_line(const char* data, std::size_t size, Line& line);
  // The start line has been read: only fields follow, and `head` has none yet.
  void begin_fields(MessageHead& head);
  // All lines after the start line; `complete` means that the empty line was read and head.bytes is set.
  [[nodiscard]] ParseResult read_fields(const char* data, std::size_t size, MessageHead& head);
  [[nodiscard]] ParseResult without_line(LineResult result, std::uint32_t end);
  ParseResult refuse(Refusal refusal);

  LineScanner lines_;
  Refusal refusal_ = Refusal::none;
  bool in_start_line_ = true;
  bool has_empty_line_ = false;  // one before a request line has been skipped
};

/// Parses one request head. For the next request, assign a fresh parser.
class RequestParser : public HeadParser {
 public:
  /// `data` is the head's first byte, `size` all that has arrived from there (bytes of the content or of
  /// further requests may follow). `head` is the same object (or a copy moved along) on each call; it is
  /// written from the first call on and valid when the result is `complete`, head.bytes then being the
  /// head's length. After `complete` or `error` there is no further call.
  [[nodiscard]] ParseResult parse(const char* data, std::size_t size, RequestHead& head);
};

/// Parses one response head; an interim one (ResponseHead::is_interim) is followed by another, for which a
/// fresh parser is assigned.
class ResponseParser : public HeadParser {
 public:
  explicit ResponseParser(ResponseContext context = {}) : context_(context) {}
  /// As RequestParser::parse.
  [[nodiscard]] ParseResult parse(const char* data, std::size_t size, ResponseHead& head);

 private:
  ResponseContext context_;
};

}  // namespace byway::l7::http1
