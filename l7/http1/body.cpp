// The state machine of body.h. Payload is taken in spans; only framing is looked at byte by byte.
#include "l7/http1/body.h"

#include <algorithm>

#include "l7/http1/scan.h"

namespace byway::l7::http1 {
namespace {

constexpr int not_hex = -1;

constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return not_hex;
}

// RFC 9110 5.5: VCHAR, SP, HTAB, obs-text.
constexpr bool is_field_content(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte == '\t' || (byte >= 0x20 && byte != 0x7f);
}

// RFC 9110 6.5.1: nothing that frames, routes, authenticates or directs the message.
bool may_not_trail(FieldName name) {
  switch (name) {
    case FieldName::host:
    case FieldName::content_length:
    case FieldName::expect:
    case FieldName::max_forwards:
    case FieldName::authorization:
    case FieldName::content_encoding:
    case FieldName::content_type:
      return true;
    default:
      return is_always_hop_by_hop(name);
  }
}

}  // namespace

BodyReader::BodyReader(BodyKind kind, std::uint64_t length) {
  switch (kind) {
    case BodyKind::none:
      break;
    case BodyKind::length:
      remaining_ = length;
      if (length != 0) state_ = State::length_payload;
      break;
    case BodyKind::chunked:
      state_ = State::size_first_digit;
      break;
    case BodyKind::until_close:
      state_ = State::close_payload;
      break;
  }
}

BodyStep BodyReader::next(const char* data, std::size_t size) {
  std::size_t framing = 0;
  std::size_t payload = 0;
  while (state_ != State::complete && state_ != State::failed && framing < size) {
    if (is_payload()) {
      payload = take_payload(size - framing);
      break;
    }
    on_framing_byte(data[framing]);
    if (state_ != State::failed) ++framing;
  }
  const BodyResult result = state_ == State::complete ? BodyResult::complete
                            : state_ == State::failed ? BodyResult::error
                                                      : BodyResult::more;
  return {.result = result, .framing = framing, .payload = payload};
}

BodyResult BodyReader::on_close() {
  if (state_ == State::close_payload) state_ = State::complete;
  if (state_ == State::complete) return BodyResult::complete;
  if (state_ != State::failed) fail(Refusal::truncated);
  return BodyResult::error;
}

std::size_t BodyReader::take_payload(std::size_t size) {
  if (state_ != State::close_payload) {
    size = static_cast<std::size_t>(std::min<std::uint64_t>(size, remaining_));
    remaining_ -= size;
    if (remaining_ == 0) state_ = state_ == State::length_payload ? State::complete : State::payload_cr;
  }
  payload_bytes_ += size;
  extension_excess_ -= static_cast<std::uint32_t>(std::min<std::uint64_t>(size, extension_excess_));
  return size;
}

void BodyReader::fail(Refusal refusal) {
  refusal_ = refusal;
  state_ = State::failed;
}

void BodyReader::expect(char c, char wanted, State next, Refusal refusal) {
  if (c != wanted) return fail(refusal);
  state_ = next;
}

void BodyReader::on_framing_byte(char c) {
  switch (state_) {
    case State::size_first_digit:
    case State::size_digit:
      return on_size_byte(c);
    case State::extension_name_first:
    case State::extension_name:
    case State::extension_value_first:
    case State::extension_value:
    case State::extension_quoted:
    case State::extension_quoted_pair:
    case State::extension_after_quote:
      return on_extension_byte(c);
    case State::size_lf:
      return c == '\n' ? end_of_size_line() : fail(Refusal::bad_chunk_size);
    case State::payload_cr:
      return expect(c, '\r', State::payload_lf, Refusal::bad_chunk_end);
    case State::payload_lf:
      return expect(c, '\n', State::size_first_digit, Refusal::bad_chunk_end);
    case State::trailer_line:
    case State::trailer_name:
    case State::trailer_value:
    case State::trailer_lf:
      return on_trailer_byte(c);
    case State::last_lf:
      return expect(c, '\n', State::complete, Refusal::bad_trailer);
    case State::complete:
    case State::failed:
    case State::length_payload:
    case State::close_payload:
    case State::chunk_payload:
      break;
  }
}

// RFC 9112 7.1: 1*HEXDIG, then at once `;` or CRLF. No sign, no 0x, no white space.
void BodyReader::on_size_byte(char c) {
  const int value = hex_value(c);
  if (value != not_hex) {
    if (state_ == State::size_first_digit) {
      remaining_ = 0;
      digits_ = 0;
      extension_bytes_ = 0;
      state_ = State::size_digit;
    }
    remaining_ = remaining_ << 4 | static_cast<unsigned>(value);
    if (++digits_ > chunk_size_digits_max || remaining_ > chunk_size_max) fail(Refusal::chunk_size_overflow);
    return;
  }
  if (state_ == State::size_digit && c == '\r') {
    state_ = State::size_lf;
  } else if (state_ == State::size_digit && c == ';') {
    state_ = State::extension_name_first;
  } else {
    fail(Refusal::bad_chunk_size);
  }
}

// RFC 9112 7.1.1: `;` name [ `=` ( token / quoted-string ) ], without the white space that it calls bad.
void BodyReader::on_extension_byte(char c) {
  if (++extension_bytes_ > chunk_extension_bytes_max) return fail(Refusal::chunk_extensions_too_long);
  if (++extension_excess_ > chunk_extension_excess_max) return fail(Refusal::chunk_extensions_too_long);
  const bool in_quotes = state_ == State::extension_quoted || state_ == State::extension_quoted_pair;
  if (in_quotes) {
    if (!is_field_content(c)) return fail(Refusal::bad_chunk_extension);
    if (state_ == State::extension_quoted_pair) {
      state_ = State::extension_quoted;
    } else if (c == '"') {
      state_ = State::extension_after_quote;
    } else if (c == '\\') {
      state_ = State::extension_quoted_pair;
    }
    return;
  }
  if (is_token_character(c) && state_ != State::extension_after_quote) {
    if (state_ == State::extension_name_first) state_ = State::extension_name;
    if (state_ == State::extension_value_first) state_ = State::extension_value;
    return;
  }
  const bool may_end = state_ == State::extension_name || state_ == State::extension_value ||
                       state_ == State::extension_after_quote;
  if (may_end && c == '\r') {
    state_ = State::size_lf;
  } else if (may_end && c == ';') {
    state_ = State::extension_name_first;
  } else if (state_ == State::extension_name && c == '=') {
    state_ = State::extension_value_first;
  } else if (state_ == State::extension_value_first && c == '"') {
    state_ = State::extension_quoted;
  } else {
    fail(Refusal::bad_chunk_extension);
  }
}

void BodyReader::end_of_size_line() {
  state_ = remaining_ == 0 ? State::trailer_line : State::chunk_payload;
}

// RFC 9112 7.1.2: field lines as in a head, then the empty line.
void BodyReader::on_trailer_byte(char c) {
  if (++trailer_bytes_ > trailer_bytes_max) return fail(Refusal::trailers_too_large);
  switch (state_) {
    case State::trailer_line:
      if (c == '\r') {
        state_ = State::last_lf;
        return;
      }
      trailer_name_size_ = 0;
      state_ = State::trailer_name;
      [[fallthrough]];
    case State::trailer_name:
      if (c == ':') return end_of_trailer_name();
      if (!is_token_character(c)) return fail(Refusal::bad_trailer);
      // A longer name is not a recognised one; the size says so from one past the array on.
      if (trailer_name_size_ < trailer_name_bytes_max) {
        trailer_name_[trailer_name_size_] = c == '_' ? '-' : c;
        ++trailer_name_size_;
      }
      return;
    case State::trailer_value:
      if (c == '\r') {
        state_ = State::trailer_lf;
      } else if (!is_field_content(c)) {
        fail(Refusal::bad_trailer);
      }
      return;
    default:
      return expect(c, '\n', State::trailer_line, Refusal::bad_trailer);
  }
}

void BodyReader::end_of_trailer_name() {
  // A name cut at the array's end is longer than any recognised one.
  const FieldName name = recognise_field_name({trailer_name_.data(), trailer_name_size_});
  if (trailer_name_size_ == 0 || may_not_trail(name)) return fail(Refusal::bad_trailer);
  state_ = State::trailer_value;
}

}  // namespace byway::l7::http1
