// One request with its response, as a seed plans it: client and server both look it up, say and expect what
// stands here, and write down what came of it. Every byte of it follows from its id.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/clock.h"
#include "l7/response_flag.h"
#include "tests/sim/random.h"

namespace byway::sim {

/// How content ends (RFC 9112 6.3).
enum class Framing : std::uint8_t { none, length, chunked, until_close };

/// What a server does wrong with a response.
enum class ServerFault : std::uint8_t {
  none,
  ends_within,    ///< FIN after some bytes of it
  resets_within,  ///< RST after some bytes of it
  ends_behind,    ///< FIN right behind it, without having said so
  never_answers,
  babbles,  ///< not HTTP
};

/// What the client saw in the end.
enum class Outcome : std::uint8_t {
  pending,
  whole,       ///< the server's response, every byte of it
  local,       ///< a whole answer of the gateway's own
  broken,      ///< the connection ended within the response
  unanswered,  ///< the connection ended before it
  aborted,     ///< the client itself reset the connection, or never sent the request
};

/// Where requests go.
inline constexpr std::string_view host_of_servers = "servers.example";
inline constexpr std::string_view host_of_nobody = "nobody.example";    ///< no route
inline constexpr std::string_view host_without = "without.example";     ///< a backend without endpoints
inline constexpr std::string_view host_of_dead = "dead.example";        ///< an endpoint that never answers
inline constexpr std::string_view host_of_refusing = "refuse.example";  ///< an endpoint that resets

struct HttpExchange {
  std::uint64_t id = 0;

  std::string_view method = "GET";
  std::string_view host = host_of_servers;
  bool is_http10 = false;
  bool asks_close = false;  ///< in HTTP/1.0: does not ask to keep the connection
  bool expects_continue = false;
  bool is_content_withheld = false;  ///< until a 100 comes; else it is sent after a while
  Framing request_framing = Framing::none;
  std::uint32_t request_bytes = 0;
  std::uint32_t request_padding = 0;  ///< octets of fields that only make the head long

  std::uint16_t status = 200;
  Framing response_framing = Framing::length;
  std::uint32_t response_bytes = 0;
  std::uint32_t response_padding = 0;
  std::uint8_t interim_count = 0;
  bool sends_continue = true;
  bool answers_early = false;  ///< when the head is there
  bool says_close = false;
  Nanoseconds think_time{0};
  ServerFault fault = ServerFault::none;
  std::uint64_t fault_after = 0;  ///< bytes of the response

  std::uint32_t sends = 0;       ///< how often the client began to send it
  std::uint32_t deliveries = 0;  ///< how often a server has seen the head
  Outcome outcome = Outcome::pending;
  std::uint16_t seen_status = 0;
  l7::ResponseFlag flag = l7::ResponseFlag::none;  ///< of a local answer, if its text tells

  [[nodiscard]] bool is_head() const { return method == "HEAD"; }
  /// RFC 9110 9.2.2: may be sent again.
  [[nodiscard]] bool is_idempotent() const { return method != "POST"; }
  [[nodiscard]] std::uint64_t request_key() const { return id * 2; }
  [[nodiscard]] std::uint64_t response_key() const { return id * 2 + 1; }
  /// What follows the response's head. Of a HEAD request and some statuses nothing does.
  [[nodiscard]] Framing response_framing_sent() const {
    return is_head() || status == 204 || status == 304 ? Framing::none : response_framing;
  }
};

/// The messages as they are sent.
[[nodiscard]] std::string request_head(const HttpExchange& exchange);
[[nodiscard]] std::string request_content(const HttpExchange& exchange, Random& random);
/// Interim responses, head and content.
[[nodiscard]] std::string response_text(const HttpExchange& exchange, Random& random);

/// Whether `bytes` are those of the content that `key` chooses from `offset` on.
[[nodiscard]] bool is_content(std::uint64_t key, std::uint64_t offset, std::string_view bytes);
/// The fields that request_padding and response_padding ask for; the octets of their values are counted.
inline constexpr std::string_view padding_name = "x-padding";

[[nodiscard]] std::string_view name_of(Outcome outcome);
[[nodiscard]] std::string describe(const HttpExchange& exchange);

}  // namespace byway::sim
