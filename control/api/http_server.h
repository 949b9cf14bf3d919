// HTTP in front of the API. cpp-httplib reads and writes the messages; accepting, who the peer is, time
// limits and the number of connections are ours, since the library leaves them open: it bounds neither the
// head's size nor the time of a whole request, and knows no peer credentials.
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "control/api/access.h"
#include "control/api/message.h"

namespace byway::control::api {

/// Connections at one time, each with a thread of its own. Further ones are answered 503 and closed.
inline constexpr std::size_t connections_max = 64;

using RequestHandler = std::function<Response(const Request&)>;
/// Hears of answers that the server gave without asking the handler: what cannot be read, is too large, or
/// comes from a web page. Of the request only method, path and caller are sure.
using RefusalObserver = std::function<void(const Request&, const Response&)>;

struct TlsFiles {
  std::string certificate;  ///< PEM, chain included
  std::string key;          ///< PEM
};

struct TcpOptions {
  std::string address;  ///< literal IPv4 or IPv6 address
  std::uint16_t port = 0;
  /// Who may ask; nullptr: everybody, which only a listener for metrics may want.
  TokenFile* tokens = nullptr;
  std::optional<TlsFiles> tls;
  HostPolicy hosts;
  bool is_metrics_only = false;
};

/// Whether it is an address that only this machine reaches.
bool is_loopback(const std::string& address);

class HttpServer {
 public:
  explicit HttpServer(RequestHandler handler, RefusalObserver on_refusal = {});
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Listens on a path. A socket that is left over from before is replaced, another kind of file is not.
  /// Owner, group and mode are such that whom `policy` lets in can connect.
  std::expected<void, std::string> listen_unix(const std::string& path, UnixPolicy policy,
                                               bool is_metrics_only = false);

  /// Refused: beyond loopback without TLS, or without tokens (unless for metrics only).
  std::expected<std::uint16_t, std::string> listen_tcp(TcpOptions options);

  void start();
  /// Takes no more connections, lets requests that are being handled finish within `grace`, closes all.
  void stop(std::chrono::milliseconds grace = std::chrono::seconds(5));

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace byway::control::api
