// A plain HTTP client for tests: what is sent is exactly what the test says.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "control/reader/node.h"

namespace byway::control {

struct HttpAnswer {
  int status = 0;
  std::multimap<std::string, std::string> headers;  ///< names in lower case
  std::string body;

  /// The body as JSON; a null node if it is none.
  [[nodiscard]] reader::Node json() const;
  /// A string or number in the body: `at("metadata.resourceVersion")`, list items as `items[0]`.
  [[nodiscard]] std::string at(std::string_view path) const;
  [[nodiscard]] std::vector<std::string> all(const std::string& header) const;
};

class HttpClient {
 public:
  /// "unix:PATH" or "127.0.0.1:PORT".
  explicit HttpClient(std::string place) : place_(std::move(place)) {}

  HttpAnswer call(std::string_view method, std::string_view path, std::string_view body = "",
                  std::string_view content_type = "application/yaml",
                  std::string_view more_headers = "") const;
  HttpAnswer get(std::string_view path) const { return call("GET", path); }

  /// Sends the bytes on a new connection and returns everything that comes until the server closes it.
  /// `then_close`: shuts the sending side down after them.
  std::string raw(std::string_view bytes, bool then_close = true) const;

  /// A connected socket; the caller closes it.
  int open() const;

 private:
  std::string place_;
};

/// The first answer in what came.
HttpAnswer parse_answer(std::string_view bytes);

}  // namespace byway::control
