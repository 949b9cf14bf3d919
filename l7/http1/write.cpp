// Everything goes through Output, which leaves out, and remembers, what does not fit.
#include "l7/http1/write.h"

#include <array>
#include <charconv>
#include <cstring>

namespace byway::l7::http1 {
namespace {

constexpr std::string_view crlf = "\r\n";

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

  void append_number(std::uint64_t value, int radix = 10) {
    std::array<char, 20> digits;  // 2^64 has 20 decimal digits
    const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value, radix);
    append({digits.data(), static_cast<std::size_t>(end - digits.data())});
  }

  void append_field(std::string_view name, std::string_view value) {
    append(name);
    append(": ");
    append(value);
    append(crlf);
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

// Fields that only this hop may write.
bool is_owned(FieldName name) {
  return name == FieldName::host || name == FieldName::content_length || is_always_hop_by_hop(name);
}

// Copies the fields for which `passes(field)` holds, neighbours that need no rewriting in one piece.
template <typename Passes>
void copy_fields(Output& out, const char* base, const MessageHead& head, std::span<const FieldEdit> edits,
                 Passes passes) {
  std::uint32_t run_first = 0;
  std::uint32_t run_end = 0;
  const auto end_run = [&] { out.append({base + run_first, run_end - run_first}); };
  for (std::size_t i = 0; i < head.field_count; ++i) {
    const Field& field = head.fields[i];
    if (field.hop_by_hop || is_owned(field.id) || !passes(field)) continue;
    if (!edits.empty() && is_replaced(edits, field.name.in(base))) continue;
    const std::uint32_t line_end = field.value.end() + static_cast<std::uint32_t>(crlf.size());
    if (field.verbatim && run_end == field.name.offset) {
      run_end = line_end;
      continue;
    }
    end_run();
    run_first = run_end = field.name.offset;
    if (field.verbatim) {
      run_end = line_end;
    } else {
      out.append_field(field.name.in(base), field.value.in(base));
    }
  }
  end_run();
}

// What the edits add: an edit counts unless a later one replaces its name.
void write_edits(Output& out, std::span<const FieldEdit> edits) {
  for (std::size_t i = 0; i < edits.size(); ++i) {
    const FieldEdit& edit = edits[i];
    if (edit.kind == FieldEdit::Kind::remove || is_owned(recognise_field_name(edit.name))) continue;
    if (!is_replaced(edits.subspan(i + 1), edit.name)) out.append_field(edit.name, edit.value);
  }
}

// RFC 9110 7.6.3: the version that was received. A further line equals a further element of the list.
void write_via(Output& out, Version received) {
  out.append(received == Version::http10  ? "Via: 1.0 "
             : received == Version::http2 ? "Via: 2 "
                                          : "Via: 1.1 ");
  out.append(via_pseudonym);
  out.append(crlf);
}

void write_framing(Output& out, const BodyFraming& framing) {
  if (framing.kind == BodyKind::chunked) {
    out.append("Transfer-Encoding: chunked\r\n");
  } else if (framing.declares_length) {
    out.append("Content-Length: ");
    out.append_number(framing.length);
    out.append(crlf);
  }
}

void write_persistence(Output& out, Persistence persistence) {
  if (persistence == Persistence::close) out.append("Connection: close\r\n");
  if (persistence == Persistence::keep_alive) out.append("Connection: keep-alive\r\n");
}

// Ours, after what a trusted peer sent: one line, since many readers look at the first one only.
void write_forwarded(Output& out, const char* base, const RequestHead& head, const RequestEdits& edits,
                     FieldName id, std::string_view name, std::string_view ours) {
  if (is_replaced(edits.fields, name)) return;
  bool is_first = true;
  const auto append_element = [&](std::string_view element) {
    if (element.empty()) return;
    if (is_first) out.append(name);
    out.append(is_first ? ": " : ", ");
    out.append(element);
    is_first = false;
  };
  if (edits.client_is_trusted && head.has(id)) {
    for (std::size_t i = 0; i < head.field_count; ++i) {
      const Field& field = head.fields[i];
      if (field.id == id && !field.hop_by_hop) append_element(field.value.in(base));
    }
  }
  append_element(ours);
  if (!is_first) out.append(crlf);
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

void write_status_line(Output& out, std::uint16_t status, std::string_view reason) {
  // RFC 9112 2.3: our version, whatever the client's.
  out.append("HTTP/1.1 ");
  out.append_number(status);
  out.append(" ");
  out.append(reason);
  out.append(crlf);
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
  out.append(head.method_text.in(base));
  out.append(" ");
  write_target(out, base, head, edits);
  out.append(" HTTP/1.1\r\nHost: ");
  out.append(edits.authority.empty() ? head.authority.in(base) : edits.authority);
  out.append(crlf);
  const bool passes_expect = edits.keep_expect && head.version != Version::http10;
  copy_fields(out, base, head, edits.fields, [passes_expect](const Field& field) {
    if (field.id == FieldName::expect) return passes_expect;
    return field.id != FieldName::x_forwarded_for && field.id != FieldName::x_forwarded_proto;
  });
  write_edits(out, edits.fields);
  write_forwarded(out, base, head, edits, FieldName::x_forwarded_for, "X-Forwarded-For",
                  edits.client_address);
  write_forwarded(out, base, head, edits, FieldName::x_forwarded_proto, "X-Forwarded-Proto",
                  edits.client_scheme);
  write_via(out, head.version);
  write_framing(out, edits.framing.value_or(framing_for(head)));
  write_persistence(out, edits.persistence);
  out.append(crlf);
  return out.result();
}

WriteResult write_response(std::span<char> out_bytes, const char* base, const ResponseHead& head,
                           const ResponseEdits& edits) {
  Output out(out_bytes);
  write_status_line(out, head.status, head.reason.in(base));
  copy_fields(out, base, head, edits.fields, [](const Field&) { return true; });
  write_edits(out, edits.fields);
  if (!edits.date.empty() && !head.has(FieldName::date)) out.append_field("Date", edits.date);
  write_via(out, head.version);
  const BodyFraming framing = edits.framing.value_or(framing_for(head, edits.client));
  write_framing(out, framing);
  write_persistence(out, framing.kind == BodyKind::until_close ? Persistence::close : edits.persistence);
  out.append(crlf);
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
  out.append(crlf);
  write_persistence(out, response.persistence);
  out.append(crlf);
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
  out.append(crlf);
  return out.result();
}

}  // namespace byway::l7::http1
