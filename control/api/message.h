// A request and its answer, free of any HTTP library, so that the API can be called by tests and by whatever
// speaks HTTP (http_server.h).
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace byway::control::api {

enum class Role : std::uint8_t { none, read, write };

/// Who asks, after access.h has decided.
struct Caller {
  Role role = Role::none;
  std::string name;  ///< "uid 1000", "token ci": for the audit log and revisions
};

struct Request {
  std::string method;  ///< "GET"
  std::string path;    ///< percent-decoded, without the query
  std::multimap<std::string, std::string> query;
  std::map<std::string, std::string> headers;  ///< names in lower case; of several the first
  std::string body;
  Caller caller;

  [[nodiscard]] std::string_view header(const std::string& lower_name) const {
    auto it = headers.find(lower_name);
    return it == headers.end() ? std::string_view() : std::string_view(it->second);
  }
};

/// What a call wrote, or why it did not: for the audit log.
struct WriteNote {
  bool is_dry_run = false;
  std::uint64_t revision = 0;        ///< 0: none made
  std::vector<std::string> objects;  ///< "created HTTPRoute shop/web"
  std::string reason;                ///< of the Status that refuses: "Conflict"
  std::string message;               ///< likewise
};

/// The body of an answer that comes over time.
class BodyStream {
 public:
  virtual ~BodyStream() = default;
  enum class Next : std::uint8_t {
    more,    ///< `piece` holds the next part, or nothing for now
    last,    ///< `piece` holds the last part, or nothing
    broken,  ///< it ends unfinished: the client shall see that
  };
  /// Waits for the next part, for less than a second.
  virtual Next next(std::string& piece) = 0;
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers = {};
  WriteNote note = {};
  std::shared_ptr<BodyStream> stream = {};  ///< if set, the body, instead of `body`
};

}  // namespace byway::control::api
