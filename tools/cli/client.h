// The command line's way to the agent: HTTP over its Unix socket, or over TCP with a bearer token. Every call
// is one request and one JSON (or text) answer; errors become messages that say what to do next.
#pragma once

#include <expected>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace byway::cli {

using Json = nlohmann::ordered_json;

/// Exit codes of every verb (docs/cli.md).
enum class Exit : int {
  ok = 0,
  failed = 1,       ///< The agent refused, or something is not as it should be.
  usage = 2,        ///< The command line or a file is wrong; nothing was sent.
  unreachable = 3,  ///< No agent answered.
  not_applied = 4,  ///< Stored, but not (yet) running on every worker.
};

/// What went wrong, ready to print: `message` says what, `hint` (may be empty) what to do.
struct Error {
  Exit exit = Exit::failed;
  std::string message;
  std::string hint;
};

struct Target {
  std::string server = "unix:/run/byway/agent.sock";  ///< unix:PATH, http://HOST:PORT or https://HOST:PORT
  std::string token_file;  ///< For TCP: a file whose first line is the bearer token.
  std::string ca_file;     ///< For https with a private CA.
};

struct Answer {
  long status = 0;
  Json body;                          ///< Null when the answer was not JSON.
  std::string text;                   ///< The answer as it came.
  std::vector<std::string> warnings;  ///< Texts of `Warning: 299` headers.
};

class Client {
 public:
  explicit Client(Target target) : target_(std::move(target)) {}

  /// `path` begins with "/" and is already escaped. `content_type` is ignored without a body.
  /// An HTTP status of 400 and above is an Error made from the agent's Status object.
  [[nodiscard]] std::expected<Answer, Error> call(const std::string& method, const std::string& path,
                                                  const std::string& body = {},
                                                  const std::string& content_type = "application/json") const;
  [[nodiscard]] std::expected<Answer, Error> get(const std::string& path) const { return call("GET", path); }

  /// The same, but answers of 400 and above come back as answers.
  [[nodiscard]] std::expected<Answer, Error> exchange(const std::string& method, const std::string& path,
                                                      const std::string& body,
                                                      const std::string& content_type) const;
  /// One call whose answer comes over time. `on_bytes` gets it as it comes; false ends the call. `on_turn` is
  /// asked once a second or more often; false ends the call. An HTTP status of 400 and above is an Error.
  [[nodiscard]] std::expected<void, Error> stream(const std::string& method, const std::string& path,
                                                  const std::function<bool(std::string_view)>& on_bytes,
                                                  const std::function<bool()>& on_turn) const;
  [[nodiscard]] const Target& target() const { return target_; }

 private:
  Target target_;
};

/// Makes the error that a failed answer stands for: the Status' message and its causes, one a line.
[[nodiscard]] Error error_of(const Answer& answer);

/// Percent-encodes one path segment or query value (RFC 3986 2.3).
[[nodiscard]] std::string escaped(std::string_view text);

}  // namespace byway::cli
