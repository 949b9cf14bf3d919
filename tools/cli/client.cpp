#include "tools/cli/client.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <fstream>
#include <memory>

namespace byway::cli {

namespace {

/// Longer than the longest wait that the API grants (60 s), so that the agent's answer comes first.
constexpr long call_timeout_s = 75;
/// A full listing of a large mesh is a few MiB; what is bigger is not an answer of the agent.
constexpr std::size_t answer_bytes_max = 256u << 20;

struct CurlFree {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::size_t on_body(char* data, std::size_t size, std::size_t count, void* user) {
  auto* text = static_cast<std::string*>(user);
  if (text->size() + size * count > answer_bytes_max) return 0;
  text->append(data, size * count);
  return size * count;
}

/// Collects the texts of `Warning: 299 - "text"` (RFC 7234 5.5).
std::size_t on_header(char* data, std::size_t size, std::size_t count, void* user) {
  const std::string_view line(data, size * count);
  constexpr std::string_view name = "warning:";
  if (line.size() > name.size()) {
    bool same = true;
    for (std::size_t i = 0; i < name.size(); ++i) same = same && (line[i] | 0x20) == name[i];
    const auto first = line.find('"');
    const auto last = line.rfind('"');
    if (same && first != std::string_view::npos && last > first) {
      static_cast<std::vector<std::string>*>(user)->emplace_back(line.substr(first + 1, last - first - 1));
    }
  }
  return size * count;
}

std::expected<std::string, Error> token_of(const Target& target) {
  std::string path = target.token_file;
  std::ifstream in(path);
  std::string token;
  if (!in || !std::getline(in, token) || token.empty()) {
    return std::unexpected(Error{Exit::usage, fmt::format("cannot read a token from {}", path),
                                 "give --token-file a file whose first line is the token of byway-agent"});
  }
  return token;
}

Error unreachable(const Target& target, const std::string& why) {
  return {Exit::unreachable, fmt::format("no answer from the agent at {}: {}", target.server, why),
          "is byway-agent running? start it with `byway up -f DIR --node FILE`, or name another place with "
          "--server "
          "(or BYWAY_SERVER)"};
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) != 0 || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

std::expected<Answer, Error> Client::exchange(const std::string& method, const std::string& path,
                                              const std::string& body,
                                              const std::string& content_type) const {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  std::unique_ptr<CURL, CurlFree> curl(initialised == CURLE_OK ? curl_easy_init() : nullptr);
  if (!curl) return std::unexpected(Error{Exit::failed, "libcurl does not start", ""});

  Answer answer;
  char why[CURL_ERROR_SIZE] = "";
  std::string url = target_.server + path;
  if (target_.server.starts_with("unix:")) {
    curl_easy_setopt(curl.get(), CURLOPT_UNIX_SOCKET_PATH, target_.server.substr(5).c_str());
    url = "http://localhost" + path;
  } else if (!target_.server.starts_with("http://") && !target_.server.starts_with("https://")) {
    return std::unexpected(Error{Exit::usage, fmt::format("--server {}: unknown scheme", target_.server),
                                 "use unix:/path/to/agent.sock, http://host:port or https://host:port"});
  }
  curl_slist* headers = nullptr;
  std::unique_ptr<curl_slist, CurlFree> headers_owner;
  const auto add_header = [&](const std::string& line) {
    headers = curl_slist_append(headers, line.c_str());
    (void)headers_owner.release();
    headers_owner.reset(headers);
  };
  add_header("Accept: application/json, text/plain");
  add_header("Expect:");
  if (!body.empty()) add_header("Content-Type: " + content_type);
  if (!target_.token_file.empty()) {
    auto token = token_of(target_);
    if (!token) return std::unexpected(token.error());
    add_header("Authorization: Bearer " + *token);
  }
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, method.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, 5L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, call_timeout_s);
  curl_easy_setopt(curl.get(), CURLOPT_ERRORBUFFER, why);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &on_body);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &answer.text);
  curl_easy_setopt(curl.get(), CURLOPT_HEADERFUNCTION, &on_header);
  curl_easy_setopt(curl.get(), CURLOPT_HEADERDATA, &answer.warnings);
  if (!target_.ca_file.empty()) curl_easy_setopt(curl.get(), CURLOPT_CAINFO, target_.ca_file.c_str());
  if (!body.empty()) {
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.data());
    curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  }
  const CURLcode result = curl_easy_perform(curl.get());
  if (result != CURLE_OK) {
    // Through a Unix socket libcurl names a host and a TCP port that have no part in it.
    const bool is_connect = result == CURLE_COULDNT_CONNECT && target_.server.starts_with("unix:");
    const char* reason = is_connect ? "nobody listens there" : curl_easy_strerror(result);
    return std::unexpected(unreachable(target_, why[0] != '\0' && !is_connect ? why : reason));
  }
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer.status);
  answer.body = Json::parse(answer.text, nullptr, false);
  if (answer.body.is_discarded()) answer.body = nullptr;
  return answer;
}

Error error_of(const Answer& answer) {
  Error error;
  const Json& body = answer.body;
  error.message = body.is_object() && body.contains("message") && body["message"].is_string()
                      ? body["message"].get<std::string>()
                      : fmt::format("the agent answered with status {}", answer.status);
  if (body.is_object() && body.contains("details") && body["details"].contains("causes")) {
    for (const Json& cause : body["details"]["causes"]) {
      const std::string text = cause.value("message", "");
      if (text.empty() || error.message.find(text) != std::string::npos) continue;
      const std::string field = cause.value("field", "");
      error.message += fmt::format("\n  {}{}{}", field, field.empty() ? "" : ": ", text);
    }
  }
  if (answer.status == 401) error.hint = "give --token-file with a token that byway-agent knows";
  if (answer.status == 403)
    error.hint = "this credential has not the role that the request needs (read or write)";
  if (answer.status == 409) error.hint = "read the object again, make the change there, and apply it";
  return error;
}

std::expected<Answer, Error> Client::call(const std::string& method, const std::string& path,
                                          const std::string& body, const std::string& content_type) const {
  auto answer = exchange(method, path, body, content_type);
  if (answer && answer->status >= 400) return std::unexpected(error_of(*answer));
  return answer;
}

}  // namespace byway::cli
