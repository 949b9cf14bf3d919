#include "tests/sim/http_server.h"

#include <algorithm>
#include <charconv>

namespace byway::sim {

class HttpServer::Connection final : public TextStream {
 public:
  Connection(HttpServer& server, Stream& stream)
      : TextStream(server.network_, server.host_, server.plan_.pace, server.random_.fork()), server_(server) {
    attach(stream);
    on_connected(stream);
  }

 private:
  void on_text(std::string_view text) override;
  void on_peer_finished() override { finish_when_written(); }
  void on_end(StreamEnd) override {}
  void on_written() override;

  void on_head();
  void on_content();
  void on_request_end();
  void answer();
  void fail(const std::string& what);

  HttpServer& server_;
  HttpReader reader_;
  HttpExchange* exchange_ = nullptr;  ///< being read or answered
  bool is_read_ = false;
  bool is_answering_ = false;
  bool is_answered_ = false;
  std::uint64_t requests_ = 0;
};

HttpServer::HttpServer(Network& network, Host& host, const HttpServerPlan& plan, HttpExchanges& exchanges,
                       Random random)
    : network_(network), host_(host), plan_(plan), exchanges_(exchanges), random_(random) {}

HttpServer::~HttpServer() = default;

void HttpServer::on_accept(Stream& stream) {
  connections_.emplace_back(*this, stream);
}

void HttpServer::fail(const std::string& what) {
  if (error_.empty()) error_ = what;
  network_.note("FAILED: " + what);
}

// ---- Requests --------------------------------------------------------------------------------------------

void HttpServer::Connection::on_text(std::string_view text) {
  reader_.feed(text);
  while (is_attached()) {
    switch (reader_.next()) {
      case HttpReader::Event::nothing:
        return;
      case HttpReader::Event::head:
        on_head();
        break;
      case HttpReader::Event::content:
        on_content();
        break;
      case HttpReader::Event::end:
        on_request_end();
        break;
      case HttpReader::Event::bad:
        return fail("a malformed request");
    }
  }
}

void HttpServer::Connection::on_head() {
  const HttpHead& head = reader_.head();
  const std::size_t at = head.start_line.find(" /x/");
  std::uint64_t id = 0;
  if (at == std::string::npos) return fail("an unknown target");
  const char* const line_end = head.start_line.data() + head.start_line.size();
  std::from_chars(head.start_line.data() + at + 4, line_end, id);
  const auto found = server_.exchanges_.find(id);
  if (found == server_.exchanges_.end()) return fail("a request that nobody sent");
  if (exchange_ != nullptr) return fail("a request before the former was answered");
  exchange_ = &found->second;
  HttpExchange& x = *exchange_;
  is_read_ = is_answering_ = is_answered_ = false;
  ++requests_;
  ++x.deliveries;
  if (network_.is_traced()) network_.note("server reads " + describe(x));
  if (head.start_line != std::string(x.method) + " /x/" + std::to_string(id) + " HTTP/1.1") {
    return fail("a changed request line");
  }
  if (head.padding_octets() != x.request_padding) return fail("a request head that changed");
  if (!x.is_idempotent() && x.deliveries > 1) return fail("twice: " + describe(x));
  if (x.is_idempotent() && x.deliveries > 2 * x.sends) return fail("too often: " + describe(x));
  reader_.expect_by_head(Framing::none);
  const bool expects = head.find("expect") != nullptr;
  if (expects && x.sends_continue) write("HTTP/1.1 100 Continue\r\n\r\n");
  if (x.answers_early) later(x.think_time, [this] { answer(); });
}

void HttpServer::Connection::on_content() {
  const HttpExchange& x = *exchange_;
  if (!is_content(x.request_key(), reader_.content_offset(), reader_.content())) {
    fail("a wrong byte of " + describe(x));
  }
}

void HttpServer::Connection::on_request_end() {
  if (exchange_ == nullptr) return;
  HttpExchange& x = *exchange_;
  is_read_ = true;
  if (x.request_framing != Framing::none && reader_.content_offset() != x.request_bytes) {
    return fail("content that is too short: " + describe(x));
  }
  if (is_answered_) {
    exchange_ = nullptr;
  } else if (!x.answers_early) {
    later(x.think_time, [this] { answer(); });
  }
}

// ---- Responses -------------------------------------------------------------------------------------------

void HttpServer::Connection::answer() {
  HttpExchange& x = *exchange_;
  if (x.fault == ServerFault::never_answers) return;
  std::string text = response_text(x, random_);
  const bool is_cut = x.fault == ServerFault::ends_within || x.fault == ServerFault::resets_within;
  if (is_cut) text.resize(std::min<std::size_t>(text.size() - 1, x.fault_after));
  is_answering_ = true;
  if (network_.is_traced()) network_.note("server answers " + describe(x));
  write(text);
  if (text.empty()) on_written();
}

void HttpServer::Connection::on_written() {
  if (!is_answering_ || exchange_ == nullptr) return;
  const HttpExchange& x = *exchange_;
  is_answering_ = false;
  is_answered_ = true;
  if (x.fault == ServerFault::resets_within) return abort_when_written();
  const bool is_until_close = x.response_framing_sent() == Framing::until_close;
  if (is_until_close || x.says_close || x.fault == ServerFault::ends_within ||
      x.fault == ServerFault::ends_behind || x.fault == ServerFault::babbles) {
    return finish_when_written();
  }
  if (is_read_) exchange_ = nullptr;
  if (server_.plan_.idle_close.count() == 0) return;
  later(random_.duration(server_.plan_.idle_close), [this, requests = requests_] {
    if (requests == requests_) close_now();
  });
}

void HttpServer::Connection::fail(const std::string& what) {
  server_.fail(what);
  abort_now();
}

}  // namespace byway::sim
