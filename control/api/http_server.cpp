#include "control/api/http_server.h"

#include <fmt/format.h>
#include <httplib.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "control/api/connection.h"
#include "control/api/listener.h"
#include "control/api/status_object.h"
#include "control/reader/limits.h"

namespace byway::control::api {
namespace {

/// Path of a request; the longest that exists has three names of 253 and some words.
constexpr std::size_t path_bytes_max = 1024;
/// Requests of one connection; a client that wants more connects again, and gets a fresh thread with it.
constexpr std::size_t requests_per_connection_max = 1000;

/// What the thread that serves a connection knows about it; cpp-httplib's callbacks find it here.
struct Exchange {
  const Listener* listener = nullptr;
  Connection* connection = nullptr;
  UnixPeer peer;
  bool is_body_read = false;  ///< nothing of the request is left in the stream
  bool is_answered = false;   ///< by a stream; what the library writes is left out
};
thread_local Exchange* current = nullptr;

/// Our connection as cpp-httplib wants it.
class LibraryStream final : public httplib::Stream {
 public:
  LibraryStream(Connection& connection, const Exchange& exchange)
      : connection_(connection), exchange_(exchange) {}
  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* buffer, size_t size) override { return connection_.read(buffer, size); }
  ssize_t write(const char* bytes, size_t size) override {
    return exchange_.is_answered ? static_cast<ssize_t>(size) : connection_.write({bytes, size});
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return connection_.fd(); }

 private:
  Connection& connection_;
  const Exchange& exchange_;
};

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

/// Headers that decide something; two of them could be read in two ways.
bool is_singular(std::string_view lower_name) {
  return lower_name == "host" || lower_name == "authorization" || lower_name == "content-type" ||
         lower_name == "content-length";
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    unsigned value = 0;
    const char* const first = text.data() + i + 1;
    if (i + 2 >= text.size() || std::from_chars(first, first + 2, value, 16).ptr != first + 2)
      return std::nullopt;
    out.push_back(static_cast<char>(value));
    i += 2;
  }
  return out;
}

/// The query of a request's target. The library's own parser loses what stands behind a second `=`.
std::optional<std::multimap<std::string, std::string>> parse_query(std::string_view target) {
  std::multimap<std::string, std::string> query;
  const std::size_t mark = target.find('?');
  if (mark == target.npos) return query;
  target = target.substr(mark + 1, target.find('#') - mark - 1);
  while (!target.empty()) {
    const std::string_view item = target.substr(0, target.find('&'));
    target.remove_prefix(std::min(item.size() + 1, target.size()));
    const std::size_t equals = std::min(item.find('='), item.size());
    auto name = percent_decoded(item.substr(0, equals));
    auto value = percent_decoded(item.substr(std::min(equals + 1, item.size())));
    if (!name || !value) return std::nullopt;
    if (!item.empty()) query.emplace(std::move(*name), std::move(*value));
  }
  return query;
}

std::expected<Request, Response> translate(const httplib::Request& from) {
  Request request;
  request.method = from.method;
  request.path = from.path;
  auto query = parse_query(from.target);
  if (!query)
    return std::unexpected(
        respond_error(400, "BadRequest", "the query has a % without two hexadecimal digits"));
  request.query = std::move(*query);
  request.body = from.body;
  for (const auto& [name, value] : from.headers) {
    const std::string folded = lower(name);
    if (!request.headers.emplace(folded, value).second && is_singular(folded))
      return std::unexpected(
          respond_error(400, "BadRequest", fmt::format("the header {} appears twice", name)));
  }
  if (request.path.size() > path_bytes_max ||
      std::ranges::any_of(request.path, [](char c) { return static_cast<unsigned char>(c) < 0x20; }))
    return std::unexpected(
        respond_error(400, "BadRequest", "the path is too long or holds control characters"));
  return request;
}

/// Forms of body that cpp-httplib would unpack by itself: compressed ones could grow without bound, and
/// fields of a form would mix with the query.
std::optional<Response> check_body_form(const Request& request) {
  if (!request.header("content-encoding").empty())
    return respond_error(415, "UnsupportedMediaType", "send the body without Content-Encoding");
  const std::string type = lower(std::string(request.header("content-type")));
  if (type.starts_with("multipart/") || type.starts_with("application/x-www-form-urlencoded"))
    return respond_error(415, "UnsupportedMediaType",
                         fmt::format("Content-Type {}: send application/json or application/yaml", type));
  return std::nullopt;
}

void fill(httplib::Response& to, const Response& from) {
  to.status = from.status;
  to.set_content(from.body, from.content_type);
  for (const auto& [name, value] : from.headers) to.set_header(name, value);
  to.set_header("Cache-Control", "no-store");
  to.set_header("X-Content-Type-Options", "nosniff");
}

}  // namespace

class HttpServer::Implementation final : public httplib::Server {
 public:
  Implementation(RequestHandler handler, RefusalObserver on_refusal)
      : handler_(std::move(handler)),
        on_refusal_(std::move(on_refusal)),
        wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    set_payload_max_length(reader::input_bytes_max);
    set_keep_alive_max_count(requests_per_connection_max);
    set_keep_alive_timeout(idle_timeout.count());
    set_pre_routing_handler(
        [this](const httplib::Request& from, httplib::Response& to) { return before_body(from, to); });
    const auto serve = [this](const httplib::Request& from, httplib::Response& to) { with_body(from, to); };
    const std::string anything = R"([^]*)";
    Get(anything, serve)
        .Post(anything, serve)
        .Put(anything, serve)
        .Patch(anything, serve)
        .Delete(anything, serve)
        .Options(anything, serve);
    const httplib::Server::Handler describe_error = [this](const httplib::Request& from,
                                                           httplib::Response& to) {
      if (!to.body.empty()) return;
      const bool is_too_large = to.status == 413;
      fill(to, refuse(from,
                      respond_error(to.status, is_too_large ? "RequestEntityTooLarge" : "BadRequest",
                                    is_too_large ? "the body is too large" : "the request cannot be read")));
    };
    set_error_handler(describe_error);
  }

  void add(Listener listener) { listeners_.push_back(std::move(listener)); }

  void run() {
    accepting_ = std::thread([this] { accept_loop(); });
  }

  void shut_down(std::chrono::milliseconds grace) {
    if (!accepting_.joinable()) return;
    is_stopping_ = true;
    eventfd_write(wake_.get(), 1);
    accepting_.join();
    for (const Listener& listener : listeners_)
      if (!listener.unix_path.empty()) unlink(listener.unix_path.c_str());
    std::unique_lock lock(mutex_);
    // Idle ones see the end of their input at once; those at work finish first.
    for (const int fd : open_) shutdown(fd, SHUT_RD);
    if (!all_closed_.wait_for(lock, grace, [this] { return open_.empty(); }))
      for (const int fd : open_) shutdown(fd, SHUT_RDWR);
    all_closed_.wait(lock, [this] { return open_.empty(); });
  }

 private:
  void accept_loop() {
    std::vector<pollfd> polled;
    for (const Listener& listener : listeners_) polled.push_back({listener.fd.get(), POLLIN, 0});
    polled.push_back({wake_.get(), POLLIN, 0});
    while (!is_stopping_) {
      if (poll(polled.data(), polled.size(), -1) < 0 && errno != EINTR) return;
      for (std::size_t i = 0; i < listeners_.size(); ++i)
        if ((polled[i].revents & POLLIN) != 0) accept_from(listeners_[i]);
    }
  }

  void accept_from(const Listener& listener) {
    shm::OwnedFd fd(accept4(listener.fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!fd.is_open()) {
      // Out of descriptors: the connection stays in the backlog; do not spin on it.
      if (errno == EMFILE || errno == ENFILE) std::this_thread::sleep_for(std::chrono::milliseconds(50));
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      if (open_.size() >= connections_max) return refuse(fd.get(), listener);
      open_.insert(fd.get());
    }
    const int raw = fd.get();
    try {
      std::thread([this, &listener, fd = std::move(fd)]() mutable {
        serve(listener, std::move(fd));
      }).detach();
    } catch (const std::system_error&) {
      closed(raw);
    }
  }

  static void refuse(int fd, const Listener& listener) {
    if (listener.ssl) return;
    constexpr std::string_view answer =
        "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\nContent-Length: "
        "0\r\n\r\n";
    static_cast<void>(!send(fd, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
  }

  void closed(int fd) {
    const std::lock_guard lock(mutex_);
    open_.erase(fd);
    if (open_.empty()) all_closed_.notify_all();
  }

  void serve(const Listener& listener, shm::OwnedFd fd) {
    const int raw = fd.get();
    Connection connection(std::move(fd), listener.ssl.get());
    Exchange exchange{&listener, &connection, {}, false};
    bool is_known = true;
    if (listener.unix_policy) {
      auto peer = peer_of(raw);
      is_known = peer.has_value();
      if (peer) exchange.peer = std::move(*peer);
    }
    current = &exchange;
    if (is_known && connection.handshake()) serve_requests(connection, exchange);
    current = nullptr;
    // Forgotten before it is closed: afterwards the number may already be another connection's.
    closed(raw);
  }

  void serve_requests(Connection& connection, Exchange& exchange) {
    LibraryStream stream(connection, exchange);
    for (std::size_t count = 1; count <= requests_per_connection_max; ++count) {
      connection.begin_request();
      exchange.is_body_read = false;
      bool is_closed = false;
      const bool is_last = count == requests_per_connection_max || is_stopping_;
      const bool is_good = process_request(stream, is_last, is_closed, [&](httplib::Request& request) {
        connection.allow_body(reader::input_bytes_max + head_bytes_max);
        // Ranges of an answer could be asked for a thousand times over in one request; compression costs
        // more than it saves on a local socket.
        request.ranges.clear();
        request.headers.erase("Accept-Encoding");
      });
      // A body that nobody read would be taken for the next request.
      if (!is_good || is_closed || is_last || !exchange.is_body_read || exchange.is_answered) return;
    }
  }

  Caller caller_of(const Request& request) const {
    const Listener& listener = *current->listener;
    if (listener.unix_policy) return judge(current->peer, *listener.unix_policy);
    Caller caller;
    if (listener.tcp.tokens != nullptr) caller = listener.tcp.tokens->judge(request.header("authorization"));
    if (caller.role == Role::none) caller.name = "unknown at " + peer_address(current->connection->fd());
    return caller;
  }

  /// Tells of an answer that the handler does not give, and hands it through.
  Response refuse(const httplib::Request& from, Response response) const {
    if (!on_refusal_) return response;
    Request request;
    request.method = from.method;
    request.path = from.path.substr(0, path_bytes_max);
    request.headers.emplace("authorization", from.get_header_value("Authorization"));
    request.caller = caller_of(request);
    on_refusal_(request, response);
    return response;
  }

  /// Everything that can be decided without the body, so that strangers cannot make us read one.
  HandlerResponse before_body(const httplib::Request& from, httplib::Response& to) {
    const bool has_body =
        from.has_header("Transfer-Encoding") ||
        (from.has_header("Content-Length") && from.get_header_value("Content-Length") != "0");
    auto decide = [&]() -> std::optional<Response> {
      auto request = translate(from);
      if (!request) return refuse(from, std::move(request.error()));
      const Listener& listener = *current->listener;
      if (auto refusal = check_origin(*request, listener.tcp.hosts)) return refuse(from, std::move(*refusal));
      if (auto refusal = check_body_form(*request)) return refuse(from, std::move(*refusal));
      request->caller = caller_of(*request);
      if (listener.tcp.is_metrics_only) {
        request->caller = {Role::read, "metrics"};
        if (request->path != "/metrics" || has_body)
          return respond_error(404, "NotFound", "only /metrics is here");
        return handler_(*request);
      }
      if (request->caller.role != Role::none && has_body) return std::nullopt;
      return handler_(*request);
    };
    auto response = decide();
    if (!response) return HandlerResponse::Unhandled;
    current->is_body_read = !has_body;
    if (response->stream) {
      send_stream(*response);
      return HandlerResponse::Handled;
    }
    if (has_body) to.set_header("Connection", "close");
    fill(to, *response);
    return HandlerResponse::Handled;
  }

  void with_body(const httplib::Request& from, httplib::Response& to) {
    current->is_body_read = true;
    auto request = translate(from);
    if (!request) return fill(to, refuse(from, std::move(request.error())));
    request->caller = caller_of(*request);
    const Response response = handler_(*request);
    response.stream ? send_stream(response) : fill(to, response);
  }

  /// Writes head and body of an answer that comes over time. The library's own way ends at once where it has
  /// not made the listening socket, and has one time limit for the whole.
  void send_stream(const Response& response) const {
    Connection& connection = *current->connection;
    current->is_answered = true;
    std::string part = fmt::format(
        "HTTP/1.1 {} OK\r\nContent-Type: {}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n",
        response.status, response.content_type);
    for (;;) {
      connection.begin_part();
      if (!part.empty() && connection.write(part) < 0) return;
      if (is_stopping_ || connection.is_peer_gone()) return;
      std::string piece;
      const BodyStream::Next next = response.stream->next(piece);
      if (next == BodyStream::Next::broken) return;  // without the last chunk: the client sees that it is cut
      part = piece.empty() ? "" : fmt::format("{:x}\r\n{}\r\n", piece.size(), piece);
      if (next == BodyStream::Next::more) continue;
      part += "0\r\n\r\n";
      connection.begin_part();
      connection.write(part);
      return;
    }
  }

  RequestHandler handler_;
  RefusalObserver on_refusal_;
  shm::OwnedFd wake_;
  std::vector<Listener> listeners_;
  std::thread accepting_;
  std::atomic<bool> is_stopping_ = false;
  std::mutex mutex_;
  std::condition_variable all_closed_;
  std::set<int> open_;  ///< sockets of connections being served
};

HttpServer::HttpServer(RequestHandler handler, RefusalObserver on_refusal)
    : implementation_(std::make_unique<Implementation>(std::move(handler), std::move(on_refusal))) {}
HttpServer::~HttpServer() {
  stop();
}

std::expected<void, std::string> HttpServer::listen_unix(const std::string& path, UnixPolicy policy,
                                                         bool is_metrics_only) {
  auto listener = open_unix_listener(path, policy);
  if (!listener) return std::unexpected(listener.error());
  listener->tcp.is_metrics_only = is_metrics_only;
  implementation_->add(std::move(*listener));
  return {};
}

std::expected<std::uint16_t, std::string> HttpServer::listen_tcp(TcpOptions options) {
  auto listener = open_tcp_listener(std::move(options));
  if (!listener) return std::unexpected(listener.error());
  const std::uint16_t port = bound_port(listener->fd.get());
  implementation_->add(std::move(*listener));
  return port;
}

void HttpServer::start() {
  implementation_->run();
}
void HttpServer::stop(std::chrono::milliseconds grace) {
  implementation_->shut_down(grace);
}

}  // namespace byway::control::api
