// A server of the simulation: answers each request as its exchange plans it, checks every byte of it, and
// counts how often each has come.
#pragma once

#include <list>
#include <map>
#include <string>

#include "tests/sim/http_exchange.h"
#include "tests/sim/http_reader.h"
#include "tests/sim/text_stream.h"

namespace byway::sim {

/// All exchanges of a run by their ids.
using HttpExchanges = std::map<std::uint64_t, HttpExchange>;

struct HttpServerPlan {
  TextPace pace;
  Nanoseconds idle_close{0};  ///< A kept connection is closed this long after a response; 0: never.
};

class HttpServer final : public Acceptor {
 public:
  HttpServer(Network& network, Host& host, const HttpServerPlan& plan, HttpExchanges& exchanges,
             Random random);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  void on_accept(Stream& stream) override;
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  class Connection;

  void fail(const std::string& what);

  Network& network_;
  Host& host_;
  HttpServerPlan plan_;
  HttpExchanges& exchanges_;
  Random random_;
  std::list<Connection> connections_;
  std::string error_;
};

}  // namespace byway::sim
