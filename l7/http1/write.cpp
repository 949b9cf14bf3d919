// Everything goes through Output, which leaves out, and remembers, what does not fit.
#include "l7/http1/write.h"

#include <array>
#include <charconv>
#include <cstring>

namespace byway::l7::http1 {
namespace {

class Output {
 public:
  explicit Output(std::span<char> out) : first_(out.data()), at_(out.data()), end_(out.data() + out.size()) {}

  void append(std::string_view text) {
    if (text.size() > static_cast<std::size_t>(end_ - at_)) {
      fits_ = false;
      return;
    }
    if (!text.empty()) std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }

  /// The same for text that is short as a rule: without a call while there is room for more than its size.
  void append_short(std::string_view text) {
    constexpr std::size_t word = 8;
    if (text.size() > 2 * word || static_cast<std::size_t>(end_ - at_) < 2 * word) return append(text);
    if (text.size() >= word) {
      std::memcpy(at_, text.data(), word);
      std::memcpy(at_ + text.size() - word, text.data() + text.size() - word, word);
    } else {
      for (std::size_t i = 0; i < text.size(); ++i) at_[i] = text[i];
    }
    at_ += text.size();
  }

  /// The same for a literal, whose size is known: a few stores.
  template <std::size_t size_with_zero>
  [[gnu::always_inline]] void append(const char (&literal)[size_with_zero]) {
    constexpr std::size_t size = size_with_zero - 1;
    if (size > static_cast<std::size_t>(end_ - at_)) {
      fits_ = false;
      return;
    }
    std::memcpy(at_, literal, size);
    at_ += size;
  }

  void append_number(std::uint64_t value, int radix = 10) {
    std::array<char, 20> digits;  // 2^64 has 20 decimal digits
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value, radix);
    append_short({digits.data(), static_cast<std::size_t>(end - digits.data())});
  }

  void append_field(std::string_view name, std::string_view value) {
    append(name);
    append(": ");
    append(value);
    append("\r\n");
  }

  [[nodiscard]] WriteResult result() const {
    return {.fits = fits_, .bytes = fits_ ? static_cast<std::size_t>(at_ - first_) : 0};
  }

 private:
  char* first_;
  char* at_;
  char* end_;
  bool fits_ = true;
};

bool replaces(const FieldEdit& edit, std::string_view name) {
  return edit.kind != FieldEdit::Kind::add && equals_ignoring_case(edit.name, name);
}

bool is_replaced(std::span<const FieldEdit> edits, std::string_view name) {
  for (const FieldEdit& edit : edits) {
    if (replaces(edit, name)) return true;
  }
  return false;
}

// Sets of names, one bit each.
constexpr std::uint64_t bit_of(FieldName name) {
  return std::uint64_t{1} << static_cast<unsigned>(name);
}
constexpr bool has_bit(std::uint64_t names, FieldName name) {
  return ((names >> static_cast<unsigned>(name)) & 1) != 0;
}

// Fields that only this hop may write.
constexpr std::uint64_t owned_names =
    hop_by_hop_names | bit_of(FieldName::host) | bit_of(FieldName::content_length);

constexpr std::uint32_t crlf_bytes = 2;

// Lines of the head as it was received that pass as they are, and are copied in one piece.
struct Run {
  std::uint32_t first = 0;
  std::uint32_t end = 0;
};

void append_run(Output& out, const char* base, Run run) {
  out.append({base + run.first, run.end - run.first});
}

// Copies the fields whose names are not `left_out`, neighbours that need no rewriting in one piece, which
// begins with `run`. Fields before `first` are done already.
void copy_fields(Output& out, const char* base, const MessageHead& head, std::span<const FieldEdit> edits,
                 Run run, std::size_t first, std::uint64_t left_out) {
  for (std::size_t i = first; i < head.field_count; ++i) {
    const Field& field = head.fields[i];
    if (field.hop_by_hop || has_bit(left_out, field.id)) continue;
    if (!edits.empty() && is_replaced(edits, field.name.in(base))) continue;
    const std::uint32_t line_end = field.value.end() + crlf_bytes;
    if (field.verbatim && run.end == field.name.offset) {
      run.end = line_end;
      continue;
    }
    append_run(out, base, run);
    run.first = run.end = field.name.offset;
    if (field.verbatim) {
      run.end = line_end;
    } else {
      out.append_field(field.name.in(base), field.value.in(base));
    }
  }
  append_run(out, base, run);
}

// What the edits add: an edit counts unless a later one replaces its name.
void write_edits(Output& out, std::span<const FieldEdit> edits) {
  for (std::size_t i = 0; i < edits.size(); ++i) {
    const FieldEdit& edit = edits[i];
    if (edit.kind == FieldEdit::Kind::remove || has_bit(owned_names, recognise_field_name(edit.name)))
      continue;
    if (!is_replaced(edits.subspan(i + 1), edit.name)) out.append_field(edit.name, edit.value);
  }
}

// RFC 9110 7.6.3: the version that was received. A further line equals a further element of the list.
void write_via(Output& out, Version received) {
  static_assert(via_pseudonym == "byway");
  switch (received) {
    case Version::http10:
      return out.append("Via: 1.0 byway\r\n");
    case Version::http11:
      return out.append("Via: 1.1 byway\r\n");
    case Version::http2:
      return out.append("Via: 2 byway\r\n");
  }
}

void write_framing(Output& out, const BodyFraming& framing) {
  if (framing.kind == BodyKind::chunked) {
    out.append("Transfer-Encoding: chunked\r\n");
  } else if (framing.declares_length) {
    out.append("Content-Length: ");
    out.append_number(framing.length);
    out.append("\r\n");
  }
}

void write_persistence(Output& out, Persistence persistence) {
  if (persistence == Persistence::close) out.append("Connection: close\r\n");
  if (persistence == Persistence::keep_alive) out.append("Connection: keep-alive\r\n");
}

// Ours, after what a trusted peer sent: one line, since many readers look at the first one only.
template <std::size_t size_with_zero>
void write_forwarded(Output& out, const char* base, const RequestHead& head, const RequestEdits& edits,
                     FieldName id, const char (&name)[size_with_zero], std::string_view ours) {
  if (!edits.fields.empty() && is_replaced(edits.fields, name)) return;
  if (!edits.client_is_trusted || !head.has(id)) {
    if (ours.empty()) return;
    out.append(name);
    out.append(": ");
    out.append_short(ours);
    out.append("\r\n");
    return;
  }
  bool is_first = true;
  const auto append_element = [&](std::string_view element) {
    if (element.empty()) return;
    if (is_first) out.append(name);
    out.append(is_first ? ": " : ", ");
    out.append(element);
    is_first = false;
  };
  for (std::size_t i = 0; i < head.field_count; ++i) {
    const Field& field = head.fields[i];
    if (field.id == id && !field.hop_by_hop) append_element(field.value.in(base));
  }
  append_element(ours);
  if (!is_first) out.append("\r\n");
}

void write_target(Output& out, const char* base, const RequestHead& head, const RequestEdits& edits) {
  if (!edits.target.empty()) return out.append(edits.target);
  const bool is_bare = head.path.is_empty() && !head.has_query;
  // RFC 9112 3.2.4: OPTIONS of an absolute target without path and query is `*` for the last hop.
  if (head.target_form == TargetForm::asterisk || (is_bare && head.method == Method::options))
    return out.append("*");
  out.append(head.path.is_empty() ? "/" : head.path.in(base));
  if (!head.has_query) return;
  out.append("?");
  out.append(head.query.in(base));
}

// The request line and Host as received, if both are what would be written anyway. Empty: they are not.
Run plain_request_start(const char* base, const RequestHead& head, const RequestEdits& edits) {
  constexpr std::string_view host = "Host: ";
  const bool is_plain = head.target_form == TargetForm::origin && head.version == Version::http11 &&
                        edits.target.empty() && edits.authority.empty() && head.field_count > 0;
  if (!is_plain) return {};
  const Field& first = head.fields[0];
  const bool is_host = first.id == FieldName::host && first.verbatim && !first.hop_by_hop &&
                       std::memcmp(base + first.name.offset, host.data(), host.size()) == 0;
  return is_host ? Run{.first = head.method_text.offset, .end = first.value.end() + crlf_bytes} : Run{};
}

void write_status_line(Output& out, std::uint16_t status, std::string_view reason) {
  // RFC 9112 2.3: our version, whatever the client's.
  out.append("HTTP/1.1 ");
  out.append_number(status);
  out.append(" ");
  out.append(reason);
  out.append("\r\n");
}

// The status line as received, if it is what would be written anyway. Empty: it is not.
Run plain_status_line(const ResponseHead& head) {
  constexpr std::uint32_t reason_offset = sizeof("HTTP/1.1 200 ") - 1;
  if (head.version != Version::http11 || head.reason.offset != reason_offset) return {};
  return {.first = 0, .end = head.reason.end() + crlf_bytes};
}

}  // namespace

BodyFraming framing_for(const RequestHead& head) {
  return {.kind = head.body, .declares_length = head.has_content_length, .length = head.content_length};
}

BodyFraming framing_for(const ResponseHead& head, Version client) {
  switch (head.body) {
    case BodyKind::none: {
      const bool may_declare = !head.is_interim() && head.status != 204;
      return {.kind = BodyKind::none,
              .declares_length = may_declare && head.has_content_length,
              .length = head.content_length};
    }
    case BodyKind::length:
      return {.kind = BodyKind::length, .declares_length = true, .length = head.content_length};
    case BodyKind::chunked:
    case BodyKind::until_close:
      break;
  }
  return {.kind = client == Version::http10 ? BodyKind::until_close : BodyKind::chunked};
}

WriteResult write_request(std::span<char> out_bytes, const char* base, const RequestHead& head,
                          const RequestEdits& edits) {
  Output out(out_bytes);
  const Run start = plain_request_start(base, head, edits);
  if (start.end == 0) {
    out.append(head.method_text.in(base));
    out.append(" ");
    write_target(out, base, head, edits);
    out.append(" HTTP/1.1\r\nHost: ");
    out.append(edits.authority.empty() ? head.authority.in(base) : edits.authority);
    out.append("\r\n");
  }
  std::uint64_t left_out =
      owned_names | bit_of(FieldName::x_forwarded_for) | bit_of(FieldName::x_forwarded_proto);
  if (!edits.keep_expect || head.version == Version::http10) left_out |= bit_of(FieldName::expect);
  copy_fields(out, base, head, edits.fields, start, start.end == 0 ? 0 : 1, left_out);
  write_edits(out, edits.fields);
  write_forwarded(out, base, head, edits, FieldName::x_forwarded_for, "X-Forwarded-For",
                  edits.client_address);
  write_forwarded(out, base, head, edits, FieldName::x_forwarded_proto, "X-Forwarded-Proto",
                  edits.client_scheme);
  write_via(out, head.version);
  write_framing(out, edits.framing.value_or(framing_for(head)));
  write_persistence(out, edits.persistence);
  out.append("\r\n");
  return out.result();
}

WriteResult write_response(std::span<char> out_bytes, const char* base, const ResponseHead& head,
                           const ResponseEdits& edits) {
  Output out(out_bytes);
  const Run status_line = plain_status_line(head);
  if (status_line.end == 0) write_status_line(out, head.status, head.reason.in(base));
  copy_fields(out, base, head, edits.fields, status_line, 0, owned_names);
  write_edits(out, edits.fields);
  if (!edits.date.empty() && !head.has(FieldName::date)) out.append_field("Date", edits.date);
  write_via(out, head.version);
  const BodyFraming framing = edits.framing.value_or(framing_for(head, edits.client));
  write_framing(out, framing);
  write_persistence(out, framing.kind == BodyKind::until_close ? Persistence::close : edits.persistence);
  out.append("\r\n");
  return out.result();
}

WriteResult write_local_response(std::span<char> out_bytes, const LocalResponse& response) {
  Output out(out_bytes);
  const std::string_view reason = reason_of(response.status);
  write_status_line(out, response.status, reason);
  if (!response.date.empty()) out.append_field("Date", response.date);
  out.append("Content-Type: text/plain\r\nContent-Length: ");
  constexpr std::size_t code_and_space = 4;
  const std::size_t text_bytes =
      response.text.empty() ? code_and_space + reason.size() : response.text.size();
  out.append_number(text_bytes + 1);
  out.append("\r\n");
  write_persistence(out, response.persistence);
  out.append("\r\n");
  if (response.is_head) return out.result();
  if (response.text.empty()) {
    out.append_number(response.status);
    out.append(" ");
    out.append(reason);
  } else {
    out.append(response.text);
  }
  out.append("\n");
  return out.result();
}

std::string_view reason_of(std::uint16_t status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

WriteResult write_chunk_head(std::span<char> out_bytes, std::uint64_t size) {
  Output out(out_bytes);
  out.append_number(size, 16);
  out.append("\r\n");
  return out.result();
}

}  // namespace byway::l7::http1
