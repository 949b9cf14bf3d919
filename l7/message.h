// Heads of HTTP messages as fixed-size values, common to HTTP/1.1 and HTTP/2.
//
// A head owns no bytes. Everything textual is a Token, an offset and a length relative to the first
// byte of the head as received, so the bytes may move (be coalesced) between calls and the head stays
// valid. Beside the tokens stands the digest: what the text means for framing, persistence, and routing,
// read once, strictly, by the parser (RFC 9110, 9112), so that nobody reads it again differently.
//
// The tables are not initialised: of `fields`, only [0, field_count) may be read.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "l7/limits.h"

namespace byway::l7 {

/// Text inside a head: bytes [offset, offset + length) after the head's first byte.
/// Trivial on purpose, so that tables of it need no initialisation.
struct Token {
  std::uint32_t offset;
  std::uint32_t length;

  [[nodiscard]] bool is_empty() const { return length == 0; }
  [[nodiscard]] std::uint32_t end() const { return offset + length; }
  /// The text, given where the head's first byte lies now.
  [[nodiscard]] std::string_view in(const char* base) const { return {base + offset, length}; }
};

/// Field names with a meaning for the gateway; `other` for the rest. Names are in field_names.def.
enum class FieldName : std::uint8_t {
  other,
#define BYWAY_FIELD(identifier, text, kind) identifier,
#include "l7/field_names.def"
#undef BYWAY_FIELD
  count_
};
inline constexpr std::size_t field_names_count = static_cast<std::size_t>(FieldName::count_);
static_assert(field_names_count <= 64, "the set of names present in a head is one 64-bit word");

/// Finds `name` without regard to case; FieldName::other if it is not in the list.
[[nodiscard]] FieldName recognise_field_name(std::string_view name);
/// The same, faster, where so many bytes may be read from the name's first on.
inline constexpr std::uint32_t readable_name_bytes = 32;
[[nodiscard]] FieldName recognise_readable_field_name(std::string_view name);
/// The lower-case name; empty for `other`.
[[nodiscard]] std::string_view text_of(FieldName name);

/// Fields that never pass this hop, listed in Connection or not (RFC 9110 7.6.1), one bit each.
inline constexpr std::uint64_t hop_by_hop_names = [] {
  std::uint64_t names = 0;
  constexpr bool end_to_end = false;
  constexpr bool hop_by_hop = true;
#define BYWAY_FIELD(identifier, text, kind) \
  if (kind) names |= std::uint64_t{1} << static_cast<unsigned>(FieldName::identifier);
#include "l7/field_names.def"
#undef BYWAY_FIELD
  static_cast<void>(end_to_end);
  static_cast<void>(hop_by_hop);
  return names;
}();

[[nodiscard]] constexpr bool is_always_hop_by_hop(FieldName name) {
  return ((hop_by_hop_names >> static_cast<unsigned>(name)) & 1) != 0;
}
/// Compares ASCII text without regard to case.
[[nodiscard]] bool equals_ignoring_case(std::string_view left, std::string_view right);
/// The same, faster, where `text` has no control bytes and `lower` consists of a-z, 0-9 and `-`.
[[nodiscard]] bool equals_lower(std::string_view text, std::string_view lower);

/// One field line. `value` has no surrounding white space.
struct Field {
  Token name;
  Token value;
  FieldName id;
  /// Not to be forwarded: always so by its name, or listed in this head's Connection field.
  bool hop_by_hop;
  /// The line reads exactly `name: value CRLF`, so it may be forwarded as the bytes it came in.
  bool verbatim;
};

enum class Method : std::uint8_t { other, get, head, post, put, delete_, connect, options, trace, patch };

/// Case-sensitive (RFC 9110 9.1); Method::other for a method that the list does not have.
[[nodiscard]] Method recognise_method(std::string_view method);
/// RFC 9110 9.2.2; false for Method::other.
[[nodiscard]] bool is_idempotent(Method method);

enum class Version : std::uint8_t { http10, http11, http2 };

/// Where the message's content ends (RFC 9112 6.3).
enum class BodyKind : std::uint8_t {
  none,         ///< no content follows
  length,       ///< `content_length` bytes follow
  chunked,      ///< chunked transfer coding
  until_close,  ///< responses: all bytes until the peer closes
};

/// What requests and responses have in common.
struct MessageHead {
  Version version = Version::http11;
  BodyKind body = BodyKind::none;
  /// The connection may be used again after this message, as far as its sender is concerned.
  bool keep_alive = true;
  /// An Upgrade field was sent and Connection lists it.
  bool upgrade = false;
  /// A Content-Length field was sent: true also where there is no body (HEAD, 304).
  bool has_content_length = false;
  std::uint8_t field_count = 0;
  /// Head's length with its empty line and, for requests, an empty line skipped before it: where the
  /// content begins.
  std::uint32_t bytes = 0;
  std::uint64_t content_length = 0;
  /// One bit for each FieldName that occurs, and for each that occurs more than once.
  std::uint64_t present = 0;
  std::uint64_t repeated = 0;
  /// Where a name that occurs does so first; not initialised for the others.
  std::array<std::uint8_t, field_names_count> first_of;
  std::array<Field, fields_max> fields;

  // Leaves the tables uninitialised.
  MessageHead() {}  // NOLINT(modernize-use-equals-default)

  [[nodiscard]] bool has(FieldName name) const { return ((present >> static_cast<unsigned>(name)) & 1) != 0; }
  [[nodiscard]] bool has_several(FieldName name) const {
    return ((repeated >> static_cast<unsigned>(name)) & 1) != 0;
  }
  /// The first field of that name, or null.
  [[nodiscard]] const Field* find(FieldName name) const {
    return has(name) ? &fields[first_of[static_cast<std::size_t>(name)]] : nullptr;
  }
};

/// RFC 9112 3.2. The authority form belongs to CONNECT, which is refused.
enum class TargetForm : std::uint8_t { origin, absolute, asterisk };
enum class Scheme : std::uint8_t { unspecified, http, https };

struct RequestHead : MessageHead {
  Method method = Method::other;
  TargetForm target_form = TargetForm::origin;
  /// Of an absolute target; `unspecified` for the other forms.
  Scheme scheme = Scheme::unspecified;
  /// Expect: 100-continue in HTTP/1.1 (RFC 9110 10.1.1).
  bool expect_continue = false;
  /// A `?` stands in the target; `query` may still be empty.
  bool has_query = false;
  /// Of the authority; 0 if it names none.
  std::uint16_t tcp_port = 0;
  Token method_text{};
  Token target{};
  /// `host[:port]`, from the absolute target, else from Host. Empty only in HTTP/1.0 without Host.
  Token authority{};
  /// Without port; an IPv6 address with its brackets; case as received.
  Token host{};
  /// Empty for `*`, and for an absolute target without path (means `/`).
  Token path{};
  /// After the `?`.
  Token query{};
};

struct ResponseHead : MessageHead {
  std::uint16_t status = 0;
  Token reason{};
  /// 1xx: another head follows for the same request.
  [[nodiscard]] bool is_interim() const { return status < 200; }
};

}  // namespace byway::l7
