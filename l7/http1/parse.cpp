// Start lines and field lines; what they mean together is in digest.cpp.
#include "l7/http1/parse.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "l7/http1/plain_line.h"
#include "l7/http1/target.h"

namespace byway::l7::http1 {
namespace {

constexpr bool is_space(char c) {
  return c == ' ' || c == '\t';
}
constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// RFC 9112 2.3: `HTTP/` DIGIT `.` DIGIT, case-sensitive. A minor version above 1 does not exist, so its rules
// cannot be known.
Refusal read_version(std::string_view text, Version& version) {
  constexpr std::string_view http11 = "HTTP/1.1";
  constexpr std::string_view http10 = "HTTP/1.0";
  if (text.size() == http11.size()) {  // a size that the compiler knows: no call to compare
    if (std::memcmp(text.data(), http11.data(), http11.size()) == 0) {
      version = Version::http11;
      return Refusal::none;
    }
    if (std::memcmp(text.data(), http10.data(), http10.size()) == 0) {
      version = Version::http10;
      return Refusal::none;
    }
  }
  const bool formed = text.size() == 8 && text.starts_with("HTTP/") && is_digit(text[5]) && text[6] == '.' &&
                      is_digit(text[7]);
  return formed ? Refusal::unsupported_version : Refusal::bad_version;
}

// RFC 9110 9.1: a case-sensitive token. Lower-case letters are refused: no registered method has any, and
// some recipients ignore case.
Refusal read_method(std::string_view text, Method& method) {
  if (text.empty()) return Refusal::bad_method;
  if (text.size() > method_bytes_max) return Refusal::method_too_long;
  method = recognise_method(text);
  if (method != Method::other) return Refusal::none;
  const bool has_lower = std::ranges::any_of(text, [](char c) { return c >= 'a' && c <= 'z'; });
  return has_lower ? Refusal::bad_method : Refusal::none;
}

// RFC 9112 3: method SP request-target SP HTTP-version, one SP each.
Refusal read_request_line(const char* base, std::uint32_t arrived, const Line& line, RequestHead& head) {
  if (line.name_end == line.end) return Refusal::bad_request_line;
  if (base[line.name_end] != ' ') return Refusal::bad_method;
  head.method_text = {line.first, line.name_end - line.first};
  Refusal refusal = read_method(head.method_text.in(base), head.method);
  if (refusal != Refusal::none) return refusal;
  const std::uint32_t first = line.name_end + 1;
  const std::string_view rest(base + first, line.end - first);
  // Nearly always the version is what it should be: nine bytes from the end.
  const std::size_t version_bytes = sizeof("HTTP/1.1");
  const std::size_t expected = rest.size() - std::min(rest.size(), version_bytes);
  const bool is_expected = rest.size() > version_bytes && rest[expected] == ' ' &&
                           std::memchr(rest.data() + expected + 1, ' ', version_bytes - 1) == nullptr;
  const std::size_t space = is_expected ? expected : rest.rfind(' ');
  if (space == std::string_view::npos) return rest.empty() ? Refusal::bad_request_line : Refusal::http09;
  if (space == 0) return Refusal::bad_request_line;
  refusal = read_version(rest.substr(space + 1), head.version);
  if (refusal != Refusal::none) return refusal;
  // 501, not 405: no resource here has it, and 405 would have to list what a backend allows.
  if (head.method == Method::connect) return Refusal::connect_not_implemented;
  head.target = {first, static_cast<std::uint32_t>(space)};
  return read_target(base, arrived, head);
}

// RFC 9112 4: HTTP-version SP 3DIGIT SP [reason]. The last SP may be missing when there is no reason, as many
// servers send it: nothing can be read in two ways there.
Refusal read_status_line(const char* base, const Line& line, ResponseHead& head) {
  const std::string_view text(base + line.first, line.end - line.first);
  const Refusal refusal = read_version(text.substr(0, text.find(' ')), head.version);
  if (refusal != Refusal::none) return refusal;
  constexpr std::size_t code = 9;
  constexpr std::size_t code_end = code + 3;
  if (text.size() < code_end || !std::ranges::all_of(text.substr(code, 3), is_digit) || text[code] == '0') {
    return Refusal::bad_status_line;
  }
  if (text.size() > code_end && text[code_end] != ' ') return Refusal::bad_status_line;
  head.status = static_cast<std::uint16_t>((text[code] - '0') * 100 + (text[code + 1] - '0') * 10 +
                                           (text[code + 2] - '0'));
  const auto reason = static_cast<std::uint32_t>(std::min(code_end + 1, text.size()));
  head.reason = {line.first + reason, line.end - line.first - reason};
  return Refusal::none;
}

// What is wrong with a line whose first mark is not the colon after a name.
Refusal name_refusal(const char* base, const Line& line, bool is_first) {
  if (line.name_end == line.end) return Refusal::missing_colon;
  const bool at_space = is_space(base[line.name_end]);
  if (line.name_end == line.first) {
    if (!at_space) return Refusal::bad_field_name;
    return is_first ? Refusal::leading_whitespace : Refusal::obs_fold;
  }
  const std::string_view rest(base + line.name_end, line.end - line.name_end);
  if (rest.find(':') == std::string_view::npos) return Refusal::missing_colon;
  const std::size_t next = rest.find_first_not_of(" \t");
  return at_space && rest[next] == ':' ? Refusal::space_before_colon : Refusal::bad_field_name;
}

// Applications behind CGI and WSGI read `_` and `-` alike, so `Content_Length` could pass here as unknown and
// count there (and `X_Forwarded_For` could be forged).
bool is_underscore_alias(std::string_view name) {
  std::array<char, 32> dashed;
  if (name.size() > dashed.size() || name.find('_') == std::string_view::npos) return false;
  std::ranges::replace_copy(name, dashed.begin(), '_', '-');
  return recognise_field_name({dashed.data(), name.size()}) != FieldName::other;
}

// A field line with other white space than one SP before its value, or without a good name.
[[gnu::noinline]] Refusal read_unusual_field_line(const char* base, const Line& line, bool is_first,
                                                  Field& field) {
  if (line.name_end == line.first || base[line.name_end] != ':') return name_refusal(base, line, is_first);
  std::uint32_t first = line.name_end + 1;
  std::uint32_t end = line.end;
  while (first < end && is_space(base[first])) ++first;
  while (end > first && is_space(base[end - 1])) --end;
  field.value = {first, end - first};
  field.verbatim = false;
  return Refusal::none;
}

// RFC 9112 5: field-name ":" OWS field-value OWS. Among the lines that come here no byte is below SP but
// HTAB.
[[gnu::always_inline]] inline Refusal read_field_line(const char* base, std::uint32_t arrived,
                                                      const Line& line, MessageHead& head) {
  const std::size_t index = head.field_count;
  if (index == fields_max) return Refusal::too_many_fields;
  Field& field = head.fields[index];
  const char* colon = base + line.name_end;
  const auto is_visible = [](char c) { return static_cast<unsigned char>(c) > ' '; };
  if (line.end > line.name_end + 2 && load_pair(colon) == pair_of(':', ' ') && is_visible(colon[2]) &&
      is_visible(base[line.end - 1]) && line.name_end != line.first) [[likely]] {
    field.value = {line.name_end + 2, line.end - line.name_end - 2};
    field.verbatim = true;
  } else {
    const Refusal refusal = read_unusual_field_line(base, line, index == 0, field);
    if (refusal != Refusal::none) return refusal;
  }
  field.name = {line.first, line.name_end - line.first};
  const std::string_view name = field.name.in(base);
  const FieldName id = arrived - line.first >= readable_name_bytes ? recognise_readable_field_name(name)
                                                                   : recognise_field_name(name);
  if (id == FieldName::other && is_underscore_alias(name)) return Refusal::underscore_alias;
  field.id = id;
  field.hop_by_hop = is_always_hop_by_hop(id);
  const std::uint64_t bit = std::uint64_t{1} << static_cast<unsigned>(id);
  if ((head.present & bit) == 0) {
    head.first_of[static_cast<std::size_t>(id)] = static_cast<std::uint8_t>(index);
  } else {
    head.repeated |= bit;
  }
  head.present |= bit;
  head.field_count = static_cast<std::uint8_t>(index + 1);
  return Refusal::none;
}

Refusal refusal_of(LineResult result) {
  switch (result) {
    case LineResult::bare_cr:
      return Refusal::bare_cr;
    case LineResult::bare_lf:
      return Refusal::bare_lf;
    case LineResult::control_byte:
      return Refusal::control_byte;
    case LineResult::line:
    case LineResult::incomplete:
      break;
  }
  return Refusal::none;
}

}  // namespace

ParseResult HeadParser::refuse(Refusal refusal) {
  refusal_ = refusal;
  return ParseResult::error;
}

// Why there is no line: more has to arrive, a limit is reached, or it is refused.
ParseResult HeadParser::without_line(LineResult result, std::uint32_t end) {
  if (result != LineResult::incomplete) return refuse(refusal_of(result));
  return end == head_bytes_max ? refuse(Refusal::head_too_large) : ParseResult::incomplete;
}

ParseResult HeadParser::next_start_line(const char* data, std::size_t size, Line& line) {
  const auto end = static_cast<std::uint32_t>(std::min<std::size_t>(size, head_bytes_max));
  const std::uint32_t first = lines_.line_first();
  if (find_plain_line(data, first, end, line) && line.end - first <= start_line_bytes_max) {
    lines_ = LineScanner(line.end + crlf_bytes);
    return ParseResult::complete;
  }
  const LineResult result = lines_.next(data, end, line);
  // One more than the limit, since the last byte may be the CR.
  const bool is_too_long = result == LineResult::incomplete ? end > first + start_line_bytes_max + 1
                                                            : lines_.stop() - first > start_line_bytes_max;
  if (is_too_long) return refuse(Refusal::start_line_too_long);
  return result == LineResult::line ? ParseResult::complete : without_line(result, end);
}

void HeadParser::begin_fields(MessageHead& head) {
  in_start_line_ = false;
  head.field_count = 0;
  head.present = 0;
  head.repeated = 0;
}

ParseResult HeadParser::read_fields(const char* data, std::size_t size, MessageHead& head) {
  const auto end = static_cast<std::uint32_t>(std::min<std::size_t>(size, head_bytes_max));
  Line line;
  std::uint32_t first = lines_.line_first();
  for (;;) {
    if (first + 1 < end && is_crlf(data + first)) {
      head.bytes = first + crlf_bytes;
      return ParseResult::complete;
    }
    if (!find_plain_line(data, first, end, line)) break;
    first = line.end + crlf_bytes;
    const Refusal refusal = read_field_line(data, end, line, head);
    if (refusal != Refusal::none) return refuse(refusal);
  }
  // What find_plain_line() does not see, the scanner does, from there on; it may have begun with this line
  // before.
  LineScanner lines = first == lines_.line_first() ? lines_ : LineScanner(first);
  for (;;) {
    const LineResult result = lines.next(data, end, line);
    if (result != LineResult::line) {
      lines_ = lines;
      return without_line(result, end);
    }
    if (line.first == line.end) break;
    const Refusal refusal = read_field_line(data, end, line, head);
    if (refusal != Refusal::none) return refuse(refusal);
  }
  head.bytes = lines.line_first();
  return ParseResult::complete;
}

ParseResult RequestParser::parse(const char* data, std::size_t size, RequestHead& head) {
  while (in_start_line_) {
    Line line;
    const ParseResult result = next_start_line(data, size, line);
    if (result != ParseResult::complete) return result;
    if (line.first == line.end) {
      // RFC 9112 2.2: at least one empty line before the request line should be ignored. One is.
      if (has_empty_line_) return refuse(Refusal::too_many_empty_lines);
      has_empty_line_ = true;
      continue;
    }
    begin_fields(head);
    const auto arrived = static_cast<std::uint32_t>(std::min<std::size_t>(size, head_bytes_max));
    const Refusal refusal = read_request_line(data, arrived, line, head);
    if (refusal != Refusal::none) return refuse(refusal);
  }
  const ParseResult result = read_fields(data, size, head);
  if (result != ParseResult::complete) return result;
  const Refusal refusal = digest_request(data, head);
  return refusal == Refusal::none ? ParseResult::complete : refuse(refusal);
}

ParseResult ResponseParser::parse(const char* data, std::size_t size, ResponseHead& head) {
  if (in_start_line_) {
    Line line;
    const ParseResult result = next_start_line(data, size, line);
    if (result != ParseResult::complete) return result;
    begin_fields(head);
    const Refusal refusal = read_status_line(data, line, head);
    if (refusal != Refusal::none) return refuse(refusal);
  }
  const ParseResult result = read_fields(data, size, head);
  if (result != ParseResult::complete) return result;
  const Refusal refusal = digest_response(data, context_, head);
  return refusal == Refusal::none ? ParseResult::complete : refuse(refusal);
}

}  // namespace byway::l7::http1
