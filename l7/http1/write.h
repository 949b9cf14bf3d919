// Heads written for the next hop: a parsed head plus edits, into bytes that the caller owns.
//
// What this hop owns is written by it alone, in one canonical form: the version, Host, the framing field,
// Connection, Via, X-Forwarded-For and -Proto. Hop-by-hop fields, by name or by Connection, stay behind (RFC
// 9110 7.6.1). Everything else passes in its order; runs of unchanged lines are one copy.
//
// Values of edits are written as they are: who makes them (the snapshot, the gateway) keeps CR and LF out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "l7/message.h"

namespace byway::l7::http1 {

/// The name under which this gateway stands in Via (RFC 9110 7.6.3).
inline constexpr std::string_view via_pseudonym = "byway";

/// How many bytes were written; nothing useful was if they did not fit.
struct WriteResult {
  bool fits;
  std::size_t bytes;
};

/// RequestHeaderModifier and ResponseHeaderModifier of the Gateway API. Edits act in their order: `set`
/// leaves one field of that name, `add` one more, `remove` none; names without regard to case. Edits of
/// Host, Content-Length and hop-by-hop fields have no effect (the agent refuses them); one of X-Forwarded-For
/// or -Proto takes the place of what the gateway would write.
struct FieldEdit {
  enum class Kind : std::uint8_t { set, add, remove };
  Kind kind;
  std::string_view name;
  std::string_view value;
};

/// The body as it is sent on: how it ends, and whether a Content-Length is written (there may be one
/// without content: HEAD, 304, `Content-Length: 0`).
struct BodyFraming {
  BodyKind kind = BodyKind::none;
  bool declares_length = false;
  std::uint64_t length = 0;
};

/// As the request was framed.
[[nodiscard]] BodyFraming framing_for(const RequestHead& head);
/// As a client of that version can take it: content that ends with the upstream's close goes chunked to
/// HTTP/1.1, so that truncation shows; to HTTP/1.0, which knows no chunks, everything of unknown length goes
/// until_close.
[[nodiscard]] BodyFraming framing_for(const ResponseHead& head, Version client);

/// What Connection says. `close` is also written whenever the body is until_close.
enum class Persistence : std::uint8_t {
  unsaid,      ///< nothing: HTTP/1.1 keeps the connection
  close,       ///< Connection: close
  keep_alive,  ///< Connection: keep-alive, for HTTP/1.0 clients that asked
};

struct RequestEdits {
  std::span<const FieldEdit> fields{};
  /// Replaces path and query (origin form) unless empty.
  std::string_view target{};
  /// Replaces Host unless empty.
  std::string_view authority{};
  /// The downstream peer's address and scheme for X-Forwarded-For and -Proto; empty: none is written.
  std::string_view client_address{};
  std::string_view client_scheme{};
  /// The peer is trusted to have written these fields: what it sent is kept and ours appended. Otherwise what
  /// it sent is dropped.
  bool client_is_trusted = false;
  /// Whether Expect is forwarded, if HTTP/1.1 sent it: answering it is the caller's business.
  bool keep_expect = true;
  Persistence persistence = Persistence::unsaid;
  /// Unset: framing_for(head).
  std::optional<BodyFraming> framing{};
};

struct ResponseEdits {
  std::span<const FieldEdit> fields{};
  /// Added if the response has none (RFC 9110 6.6.1), unless empty.
  std::string_view date{};
  Persistence persistence = Persistence::unsaid;
  /// The client's version, for the framing if that is unset: framing_for(head, client).
  Version client = Version::http11;
  std::optional<BodyFraming> framing{};
};

/// Both take `base`, where the head's first byte lies now. The request is written as HTTP/1.1 in origin form
/// (or `*`).
[[nodiscard]] WriteResult write_request(std::span<char> out, const char* base, const RequestHead& head,
                                        const RequestEdits& edits);
/// 1xx heads too; whether the client may see them (not HTTP/1.0) is the caller's business.
[[nodiscard]] WriteResult write_response(std::span<char> out, const char* base, const ResponseHead& head,
                                         const ResponseEdits& edits);

/// A response that the gateway itself makes: status, `text/plain` body, Content-Length.
struct LocalResponse {
  std::uint16_t status = 500;
  /// One line for the person who sees it; empty: the status and its reason.
  std::string_view text{};
  /// Unless empty.
  std::string_view date{};
  Persistence persistence = Persistence::unsaid;
  /// The request was HEAD: no body, but the fields of one.
  bool is_head = false;
};

/// Enough for any local response with `text` and `date` of at most 128 bytes together.
inline constexpr std::size_t local_response_bytes_max = 512;

[[nodiscard]] WriteResult write_local_response(std::span<char> out, const LocalResponse& response);

/// The registered reason phrase (RFC 9110 15); empty for codes that the gateway never makes.
[[nodiscard]] std::string_view reason_of(std::uint16_t status);

/// Chunked coding (RFC 9112 7.1): a chunk is write_chunk_head, `size` bytes of content, chunk_end; the body
/// ends with last_chunk. `size` is above 0.
inline constexpr std::size_t chunk_head_bytes_max = 16 + 2;
inline constexpr std::string_view chunk_end = "\r\n";
inline constexpr std::string_view last_chunk = "0\r\n\r\n";
[[nodiscard]] WriteResult write_chunk_head(std::span<char> out, std::uint64_t size);

}  // namespace byway::l7::http1
