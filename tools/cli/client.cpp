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

namespace {

/// One request of libcurl: what all calls have in common. `begin`, set up the rest, `perform`.
class Call {
 public:
  [[nodiscard]] std::expected<void, Error> begin(const Target& target, const std::string& method,
                                                 const std::string& path, const std::string& content_type) {
    static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
    curl_.reset(initialised == CURLE_OK ? curl_easy_init() : nullptr);
    if (!curl_) return std::unexpected(Error{Exit::failed, "libcurl does not start", ""});
    std::string url = target.server + path;
    if (target.server.starts_with("unix:")) {
      set(CURLOPT_UNIX_SOCKET_PATH, target.server.substr(5).c_str());
      url = "http://localhost" + path;
    } else if (!target.server.starts_with("http://") && !target.server.starts_with("https://")) {
      return std::unexpected(Error{Exit::usage, fmt::format("--server {}: unknown scheme", target.server),
                                   "use unix:/path/to/agent.sock, http://host:port or https://host:port"});
    }
    add_header("Accept: application/json, text/plain");
    add_header("Expect:");
    if (!content_type.empty()) add_header("Content-Type: " + content_type);
    if (!target.token_file.empty()) {
      auto token = token_of(target);
      if (!token) return std::unexpected(token.error());
      add_header("Authorization: Bearer " + *token);
    }
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_HTTPHEADER, headers_.get());
    set(CURLOPT_CUSTOMREQUEST, method.c_str());
    set(CURLOPT_NOPROXY, "*");
    set(CURLOPT_CONNECTTIMEOUT, 5L);
    set(CURLOPT_ERRORBUFFER, why_);
    if (!target.ca_file.empty()) set(CURLOPT_CAINFO, target.ca_file.c_str());
    return {};
  }

  template <typename Value>
  void set(CURLoption option, Value value) {
    curl_easy_setopt(curl_.get(), option, value);
  }

  [[nodiscard]] CURLcode perform() { return curl_easy_perform(curl_.get()); }
  /// What `result` means for the person.
  [[nodiscard]] Error error(const Target& target, CURLcode result) const {
    // Through a Unix socket libcurl names a host and a TCP port that have no part in it.
    const bool is_connect = result == CURLE_COULDNT_CONNECT && target.server.starts_with("unix:");
    const char* reason = is_connect ? "nobody listens there" : curl_easy_strerror(result);
    return unreachable(target, why_[0] != '\0' && !is_connect ? why_ : reason);
  }
  [[nodiscard]] long status() const {
    long status = 0;
    curl_easy_getinfo(curl_.get(), CURLINFO_RESPONSE_CODE, &status);
    return status;
  }

 private:
  void add_header(const std::string& line) {
    curl_slist* const longer = curl_slist_append(headers_.get(), line.c_str());
    (void)headers_.release();
    headers_.reset(longer);
  }

  std::unique_ptr<CURL, CurlFree> curl_;
  std::unique_ptr<curl_slist, CurlFree> headers_;
  char why_[CURL_ERROR_SIZE] = "";
};

void read_body(Answer& answer) {
  answer.body = Json::parse(answer.text, nullptr, false);
  if (answer.body.is_discarded()) answer.body = nullptr;
}

/// A call of Client::stream under way.
struct Streaming {
  const std::function<bool(std::string_view)>& on_bytes;
  const std::function<bool()>& on_turn;
  Call& call;
  Answer refusal;  ///< of an answer that is none of the wanted ones

  static std::size_t on_piece(char* data, std::size_t size, std::size_t count, void* user) {
    auto& self = *static_cast<Streaming*>(user);
    if (self.call.status() >= 400) return on_body(data, size, count, &self.refusal.text);
    return self.on_bytes({data, size * count}) ? size * count : 0;
  }
  static int on_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Streaming*>(user)->on_turn() ? 0 : 1;
  }
};

}  // namespace

std::expected<Answer, Error> Client::exchange(const std::string& method, const std::string& path,
                                              const std::string& body,
                                              const std::string& content_type) const {
  Call call;
  if (auto begun = call.begin(target_, method, path, body.empty() ? "" : content_type); !begun)
    return std::unexpected(begun.error());
  Answer answer;
  call.set(CURLOPT_TIMEOUT, call_timeout_s);
  call.set(CURLOPT_WRITEFUNCTION, &on_body);
  call.set(CURLOPT_WRITEDATA, &answer.text);
  call.set(CURLOPT_HEADERFUNCTION, &on_header);
  call.set(CURLOPT_HEADERDATA, &answer.warnings);
  if (!body.empty()) {
    call.set(CURLOPT_POSTFIELDS, body.data());
    call.set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  }
  if (const CURLcode result = call.perform(); result != CURLE_OK)
    return std::unexpected(call.error(target_, result));
  answer.status = call.status();
  read_body(answer);
  return answer;
}

std::expected<void, Error> Client::stream(const std::string& method, const std::string& path,
                                          const std::function<bool(std::string_view)>& on_bytes,
                                          const std::function<bool()>& on_turn) const {
  Call call;
  if (auto begun = call.begin(target_, method, path, ""); !begun) return begun;
  Streaming streaming{on_bytes, on_turn, call, {}};
  call.set(CURLOPT_WRITEFUNCTION, &Streaming::on_piece);
  call.set(CURLOPT_WRITEDATA, &streaming);
  call.set(CURLOPT_NOPROGRESS, 0L);
  call.set(CURLOPT_XFERINFOFUNCTION, &Streaming::on_progress);
  call.set(CURLOPT_XFERINFODATA, &streaming);
  const CURLcode result = call.perform();
  if (result == CURLE_ABORTED_BY_CALLBACK || result == CURLE_WRITE_ERROR) return {};
  // Its head came, so there is an agent; what it sent is the answer as far as it goes.
  if (result != CURLE_OK && call.status() == 200)
    return std::unexpected(Error{Exit::failed, "the answer was cut off before its end", ""});
  if (result != CURLE_OK) return std::unexpected(call.error(target_, result));
  if (call.status() < 400) return {};
  streaming.refusal.status = call.status();
  read_body(streaming.refusal);
  return std::unexpected(error_of(streaming.refusal));
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
