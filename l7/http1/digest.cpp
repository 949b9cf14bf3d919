// The meaning of a head's fields, read once all of them are there: in one loop over the recognised ones,
// then, only if there is a Connection field, one over its options.
#include "l7/http1/digest.h"

#include <algorithm>
#include <string_view>

#include "l7/http1/scan.h"
#include "l7/http1/target.h"

namespace byway::l7::http1 {
namespace {

constexpr bool is_space(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return is_token_character(c); });
}

// Takes the next element off a comma-separated list (RFC 9110 5.6.1); false at its end.
bool take_element(std::string_view& list, bool& more, std::string_view& element) {
  if (!more) return false;
  const std::size_t comma = list.find(',');
  more = comma != std::string_view::npos;
  element = trimmed(list.substr(0, comma));
  list.remove_prefix(more ? comma + 1 : list.size());
  return true;
}

// RFC 9110 8.6: 1*DIGIT. No sign, no list, no white space inside. Below 2^63, so that sums do not wrap.
Refusal read_content_length(std::string_view text, std::uint64_t& length) {
  constexpr std::uint64_t length_max = INT64_MAX;
  if (text.empty()) return Refusal::bad_content_length;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return Refusal::bad_content_length;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (length_max - digit) / 10) return Refusal::bad_content_length;
    value = value * 10 + digit;
  }
  length = value;
  return Refusal::none;
}

// RFC 9112 6.1: nothing but `chunked`, once, is understood. Unknown codings get 501; what is malformed or
// puts chunked elsewhere than last is an attempt to be read in two ways.
Refusal read_transfer_encoding(std::string_view text) {
  if (equals_lower(text, "chunked")) return Refusal::none;
  bool more = true;
  std::string_view coding;
  unsigned chunked_count = 0;
  bool last_is_chunked = false;
  while (take_element(text, more, coding)) {
    if (!is_token(coding)) return Refusal::bad_transfer_encoding;
    last_is_chunked = equals_lower(coding, "chunked");
    if (last_is_chunked) ++chunked_count;
  }
  const bool misplaced = chunked_count > 1 || (chunked_count == 1 && !last_is_chunked);
  return misplaced ? Refusal::bad_transfer_encoding : Refusal::unknown_transfer_coding;
}

// HTAB is legal white space around a value, but not all readers strip it there (llhttp takes `chunked HTAB`
// for another coding): in the fields that frame, it is refused.
bool has_tab_around(const char* base, const Field& field) {
  for (std::uint32_t at = field.name.end() + 1; at < field.value.offset; ++at) {
    if (base[at] == '\t') return true;
  }
  for (std::uint32_t at = field.value.end(); is_space(base[at]); ++at) {
    if (base[at] == '\t') return true;
  }
  return false;
}

// Content-Length and Transfer-Encoding: at most one line of one of them.
Refusal read_framing_fields(const char* base, MessageHead& head) {
  const Field* length = head.find(FieldName::content_length);
  const Field* coding = head.find(FieldName::transfer_encoding);
  head.has_content_length = length != nullptr;
  head.content_length = 0;
  head.body = BodyKind::none;
  if (length != nullptr && coding != nullptr) return Refusal::length_and_transfer_encoding;
  if (length != nullptr) {
    if (head.has_several(FieldName::content_length)) return Refusal::duplicate_content_length;
    if (has_tab_around(base, *length)) return Refusal::bad_content_length;
    const Refusal refusal = read_content_length(length->value.in(base), head.content_length);
    if (head.content_length != 0) head.body = BodyKind::length;
    return refusal;
  }
  if (coding != nullptr) {
    if (head.version == Version::http10) return Refusal::transfer_encoding_in_http10;
    if (head.has_several(FieldName::transfer_encoding) || has_tab_around(base, *coding)) {
      return Refusal::bad_transfer_encoding;
    }
    head.body = BodyKind::chunked;
    return read_transfer_encoding(coding->value.in(base));
  }
  return Refusal::none;
}

struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  unsigned count = 0;
};

void mark_hop_by_hop(const char* base, std::string_view name, MessageHead& head) {
  for (std::size_t i = 0; i < head.field_count; ++i) {
    if (equals_ignoring_case(head.fields[i].name.in(base), name)) head.fields[i].hop_by_hop = true;
  }
}

// One Connection field. Host and the framing fields concern every recipient, so a sender may not list them
// (RFC 9110 7.6.1); a hop that drops them reads another message than one that does not.
Refusal read_connection(const char* base, std::string_view list, MessageHead& head,
                        ConnectionOptions& options) {
  bool more = true;
  std::string_view option;
  while (take_element(list, more, option)) {
    if (++options.count > connection_options_max) return Refusal::too_many_connection_options;
    if (option.empty()) continue;
    if (!is_token(option)) return Refusal::bad_connection;
    if (equals_lower(option, "close")) {
      options.close = true;
    } else if (equals_lower(option, "keep-alive")) {
      options.keep_alive = true;
    } else if (equals_lower(option, "upgrade")) {
      options.upgrade = true;
    } else {
      const FieldName id = recognise_field_name(option);
      if (id == FieldName::host || id == FieldName::content_length || id == FieldName::transfer_encoding) {
        return Refusal::bad_connection;
      }
      mark_hop_by_hop(base, option, head);
    }
  }
  return Refusal::none;
}

// RFC 9112 9.3, without what the framing adds.
Refusal read_persistence(const char* base, MessageHead& head) {
  ConnectionOptions options;
  if (const Field* connection = head.find(FieldName::connection); connection != nullptr) {
    for (auto i = static_cast<std::size_t>(connection - head.fields.data()); i < head.field_count; ++i) {
      if (head.fields[i].id != FieldName::connection) continue;
      const Refusal refusal = read_connection(base, head.fields[i].value.in(base), head, options);
      if (refusal != Refusal::none) return refusal;
    }
  }
  head.keep_alive = !options.close && (head.version != Version::http10 || options.keep_alive);
  // RFC 9110 7.8: an Upgrade in HTTP/1.0 is ignored.
  head.upgrade = options.upgrade && head.has(FieldName::upgrade) && head.version != Version::http10;
  return Refusal::none;
}

// RFC 9112 3.2: exactly one Host in HTTP/1.1, at most one in 1.0, valid even where an absolute target
// replaces it.
Refusal read_host(const char* base, RequestHead& head) {
  const Field* host = head.find(FieldName::host);
  if (host == nullptr) return head.version == Version::http10 ? Refusal::none : Refusal::missing_host;
  if (head.has_several(FieldName::host)) return Refusal::duplicate_host;
  if (head.target_form != TargetForm::absolute) {
    return read_authority(base, head.bytes, host->value, head) ? Refusal::none : Refusal::bad_host;
  }
  const Token authority = head.authority;
  if (!read_authority(base, head.bytes, host->value, head)) return Refusal::bad_host;
  // RFC 9112 3.2.2: the target's authority replaces the field's. It was valid before.
  static_cast<void>(read_authority(base, head.bytes, authority, head));
  return Refusal::none;
}

// RFC 9110 10.1.1; an expectation in HTTP/1.0 is ignored.
Refusal read_expect(const char* base, RequestHead& head) {
  head.expect_continue = false;
  const Field* expect = head.find(FieldName::expect);
  if (expect == nullptr || head.version == Version::http10) return Refusal::none;
  if (head.has_several(FieldName::expect) || !equals_lower(expect->value.in(base), "100-continue")) {
    return Refusal::unknown_expectation;
  }
  head.expect_continue = true;
  return Refusal::none;
}

}  // namespace

Refusal digest_request(const char* base, RequestHead& head) {
  Refusal refusal = read_host(base, head);
  if (refusal == Refusal::none) refusal = read_framing_fields(base, head);
  if (refusal == Refusal::none) refusal = read_persistence(base, head);
  if (refusal == Refusal::none) refusal = read_expect(base, head);
  return refusal;
}

Refusal digest_response(const char* base, const ResponseContext& context, ResponseHead& head) {
  if (head.status == 101 && !context.upgrade_requested) return Refusal::unexpected_upgrade;
  Refusal refusal = read_framing_fields(base, head);
  if (refusal == Refusal::none) refusal = read_persistence(base, head);
  if (refusal != Refusal::none) return refusal;
  const bool announced = head.body != BodyKind::none;
  if (head.status < 200 || head.status == 204) {
    // RFC 9110 8.6, RFC 9112 6.1: no framing field may be there. `Content-Length: 0` is common and harmless;
    // more would be content to a peer that does not know the rule.
    return announced ? Refusal::body_forbidden : Refusal::none;
  }
  if (head.status == 304 || context.request_method == Method::head) {
    head.body = BodyKind::none;
  } else if (!announced && !head.has_content_length) {
    head.body = BodyKind::until_close;
    head.keep_alive = false;
  }
  return Refusal::none;
}

}  // namespace byway::l7::http1
