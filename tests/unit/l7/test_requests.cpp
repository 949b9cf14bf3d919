// What the proxy does with requests: framing of connections, order, refusals, limits, Expect.
#include "tests/unit/l7/proxy_fixture.h"

namespace byway::l7::test {
namespace {

std::string response(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}
std::string received(std::string_view body, std::string_view extra = "") {
  return "HTTP/1.1 200 OK\r\nVia: 1.1 byway\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(extra) + "\r\n" + std::string(body);
}

}  // namespace

TEST_CASE("pipelined requests are served one after the other, in their order") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver(
      "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\nGET /3 HTTP/1.1\r\nHost: "
      "h\r\n\r\n");
  MemoryStream& server = f.server();
  for (const std::string number : {"1", "2", "3"}) {
    CHECK(server.take_written().starts_with("GET /" + number + " HTTP/1.1\r\n"));
    CHECK(f.proxy->exchange_count() == 1);
    server.deliver(response(number));
    CHECK(client.take_written() == received(number));
  }
  CHECK(f.connector.count() == 1);
  CHECK(client.unread_bytes() == 0);
}

TEST_CASE("what is pipelined behind a request stays unread until it is answered") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  const std::string next = "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n";
  client.deliver("POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc" + next);
  CHECK(f.server().written().ends_with("\r\n\r\nabc"));
  CHECK(client.unread_bytes() == next.size());
}

TEST_CASE("answers of our own to pipelined requests are bounded per event and go on in the next round") {
  Specs specs;
  specs.rule().matches.push_back({.path = "/known"});
  ProxyFixture f(specs);
  MemoryStream& client = f.accept();
  std::string requests;
  const std::uint32_t count = 3 * http1::requests_per_event_max + 1;
  for (std::uint32_t i = 0; i < count; ++i) requests += "GET /unknown HTTP/1.1\r\nHost: h\r\n\r\n";
  client.deliver(requests);
  CHECK(f.count(Counter::flag_NR) == http1::requests_per_event_max);
  f.pass(1ms);
  CHECK(f.count(Counter::flag_NR) == count);
  CHECK(client.is_open());
  f.pass(1min);
  CHECK(client.is_open());
}

TEST_CASE("a request with Connection: close gets it back, and the end of the connection") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  CHECK(f.server().written().find("Connection") == std::string::npos);
  f.server().deliver(response("x"));
  CHECK(client.written() == received("x", "Connection: close\r\n"));
  CHECK(client.is_closed());
  CHECK(f.proxy->idle_upstream_count() == 1);
}

TEST_CASE("HTTP/1.0 without keep-alive ends with the response, and with it goes on") {
  ProxyFixture f;
  MemoryStream& once = f.accept();
  once.deliver("GET / HTTP/1.0\r\n\r\n");
  CHECK(f.server().take_written().starts_with("GET / HTTP/1.1\r\nHost:"));
  f.server().deliver(response("x"));
  CHECK(once.is_closed());

  MemoryStream& kept = f.accept();
  kept.deliver("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  f.server().deliver(response("x"));
  CHECK(kept.written() == received("x", "Connection: keep-alive\r\n"));
  CHECK(kept.is_open());
}

TEST_CASE("a client that finishes after its request still gets the response, then the end") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver(get_request);
  client.deliver_finish();
  CHECK(f.proxy->exchange_count() == 1);
  f.server().deliver(response("x"));
  CHECK(client.written() == received("x"));
  CHECK(client.is_closed());
}

TEST_CASE("hop-by-hop fields stay behind, others pass unchanged") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver(
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: X-Secret\r\nX-Secret: 1\r\nTE: trailers\r\nKeep-Alive: 5\r\n"
      "Proxy-Authorization: p\r\nX-Kept:  two  words \r\n\r\n");
  const std::string sent = f.server().written();
  for (const char* gone : {"X-Secret", "TE:", "Keep-Alive", "Proxy-Authorization"}) {
    CHECK(sent.find(gone) == std::string::npos);
  }
  CHECK(sent.find("X-Kept: two  words\r\n") != std::string::npos);
}

TEST_CASE("an invalid head gets its status and a lingering end") {
  struct Case {
    std::string request;
    int status;
    Counter counter;
  };
  const std::vector<Case> cases{
      {"GET / HTTP/1.1\r\n\r\n", 400, Counter::http1_refused_missing_host},
      {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400,
       Counter::http1_refused_length_and_transfer_encoding},
      {"GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505, Counter::http1_refused_unsupported_version},
      {"GET /" + std::string(9000, 'x'), 414, Counter::http1_refused_start_line_too_long},
      {"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n", 501, Counter::http1_refused_connect_not_implemented},
  };
  for (const Case& wrong : cases) {
    ProxyFixture f;
    MemoryStream& client = f.accept();
    client.deliver(wrong.request);
    const std::string answer = client.written();
    CHECK(answer.starts_with("HTTP/1.1 " + std::to_string(wrong.status) + " "));
    CHECK(answer.find("Connection: close\r\n") != std::string::npos);
    CHECK(f.count(wrong.counter) == 1);
    CHECK(f.count(Counter::flag_DPE) == 1);
    CHECK(f.last_record().status == wrong.status);
    CHECK(client.is_finished());
    CHECK(client.is_open());
    client.deliver(get_request);  // dropped
    CHECK(client.written() == answer);
    client.deliver_finish();
    CHECK(client.is_closed());
    CHECK(f.connector.count() == 0);
  }
}

TEST_CASE("lingering is bounded in bytes and in time") {
  ProxyFixture f;
  MemoryStream& flood = f.accept();
  flood.deliver("bad\r\n\r\n");
  flood.deliver(std::string(http1::linger_bytes_max, 'x'));
  CHECK(flood.is_aborted());
  CHECK(f.count(Counter::downstream_lingering_cut) == 1);

  MemoryStream& silent = f.accept();
  silent.deliver("bad\r\n\r\n");
  f.pass(http1::linger_timeout - 1ms);
  CHECK(silent.is_open());
  f.pass(2ms);
  CHECK(silent.is_closed());
}

TEST_CASE("the listener's own limits are applied: request line 414, fields and head 431") {
  Specs specs;
  specs.listener().limits.request_line_bytes = 40;
  specs.listener().limits.header_fields = 3;
  specs.listener().limits.head_bytes = 200;
  const auto status_of_request = [&](const std::string& request) {
    ProxyFixture f(specs);
    MemoryStream& client = f.accept();
    client.deliver(request);
    const std::string answer = client.written();
    return answer.empty() ? std::string("forwarded") : answer.substr(9, 3);
  };
  const std::string line_of_40 = "GET /" + std::string(26, 'x') + " HTTP/1.1";
  REQUIRE(line_of_40.size() == 40);
  CHECK(status_of_request(line_of_40 + "\r\nHost: h\r\n\r\n") == "forwarded");
  CHECK(status_of_request("GET /" + std::string(27, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n") == "414");
  CHECK(status_of_request("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\n\r\n") == "forwarded");
  CHECK(status_of_request("GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n") == "431");
  const std::string head_of_200 = "GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(168, 'x') + "\r\n\r\n";
  REQUIRE(head_of_200.size() == 200);
  CHECK(status_of_request(head_of_200) == "forwarded");
  CHECK(status_of_request("GET / HTTP/1.1\r\nHost: h\r\nA: " + std::string(169, 'x') + "\r\n\r\n") == "431");
}

TEST_CASE("a head of the greatest length passes, though no buffer holds it whole") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  std::string head = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 7; ++i) head += "X-Long: " + std::string(8000, static_cast<char>('a' + i)) + "\r\n";
  head += "\r\n";
  for (std::size_t at = 0; at < head.size(); at += 1460) client.deliver(head.substr(at, 1460));
  const std::string sent = f.server().written();
  CHECK(sent.starts_with(head.substr(0, head.size() - 2)));
  CHECK(sent.ends_with("Via: 1.1 byway\r\n\r\n"));
}

TEST_CASE("Expect: 100-continue is forwarded, the 100 comes back, then the content goes") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  MemoryStream& server = f.server();
  CHECK(server.take_written().find("Expect: 100-continue\r\n") != std::string::npos);
  server.deliver("HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(client.take_written() == "HTTP/1.1 100 Continue\r\nVia: 1.1 byway\r\n\r\n");
  client.deliver("body");
  CHECK(server.take_written() == "body");
  server.deliver(response("done"));
  CHECK(client.take_written() == received("done"));
  CHECK(client.is_open());
  CHECK(f.count(Counter::responses_1xx) == 1);
  CHECK(f.proxy->idle_upstream_count() == 1);
}

TEST_CASE("a final answer instead of 100 ends the connection: the content may come or not") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  f.server().deliver("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
  CHECK(client.written().find("Connection: close\r\n") != std::string::npos);
  CHECK(client.is_finished());
  CHECK(f.connector.last().is_aborted());
  CHECK(f.last_record().status == 417);
}

TEST_CASE("a request without a route gets 404, and the connection goes on") {
  Specs specs;
  specs.policy.routes[0].hostnames = {"known.com"};
  ProxyFixture f(specs);
  MemoryStream& client = f.accept();
  client.deliver("GET / HTTP/1.1\r\nHost: unknown.com\r\n\r\n");
  CHECK(client.take_written().starts_with("HTTP/1.1 404 Not Found\r\n"));
  CHECK(f.last_record().flag == ResponseFlag::NR);
  client.deliver("GET / HTTP/1.1\r\nHost: known.com\r\n\r\n");
  CHECK(f.connector.count() == 1);
}

TEST_CASE("an answer of our own to HEAD has no content") {
  Specs specs;
  specs.policy.routes.clear();
  ProxyFixture f(specs);
  MemoryStream& client = f.accept();
  client.deliver("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(client.written().ends_with("\r\n\r\n"));
  CHECK(client.written().find("Content-Length: ") != std::string::npos);
}

TEST_CASE("content that nobody wants is dropped if it is there, else the connection ends after the answer") {
  Specs specs;
  specs.policy.routes.clear();
  ProxyFixture f(specs);
  MemoryStream& whole = f.accept();
  whole.deliver(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbodyGET / HTTP/1.1\r\nHost: h\r\n\r\n");
  CHECK(f.count(Counter::flag_NR) == 2);
  CHECK(whole.is_open());
  CHECK_FALSE(whole.is_finished());

  MemoryStream& partial = f.accept();
  partial.deliver("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nbody");
  CHECK(partial.written().find("Connection: close\r\n") != std::string::npos);
  CHECK(partial.is_finished());
}

TEST_CASE("a silent connection is closed after the idle timeout, not before") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  f.pass(http1::downstream_idle_timeout - 1s);
  CHECK(client.is_open());
  f.pass(2s);
  CHECK(client.is_closed());
  CHECK(f.count(Counter::downstream_idle_timeout) == 1);
}

TEST_CASE("each request makes the idle timeout begin anew, and the listener may set its own") {
  Specs specs;
  specs.listener().limits.idle_timeout_ns = 10'000'000'000;
  ProxyFixture f(specs);
  MemoryStream& client = f.accept();
  client.deliver(get_request);
  f.server().deliver(response("x"));
  f.pass(9s);
  client.deliver(get_request);
  f.server().deliver(response("x"));
  f.pass(9s);
  CHECK(client.is_open());
  f.pass(2s);
  CHECK(client.is_closed());
}

TEST_CASE("a head that does not end in time gets 408") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver("GET / HTTP/1.1\r\n");
  f.pass(http1::request_head_timeout / 2);
  client.deliver("Host: h\r\n");
  CHECK(client.written().empty());
  f.pass(http1::request_head_timeout / 2 + 1s);
  CHECK(client.written().starts_with("HTTP/1.1 408 Request Timeout\r\n"));
  CHECK(f.count(Counter::downstream_head_timeout) == 1);
  CHECK(f.count(Counter::flag_SI) == 1);
}

TEST_CASE("a connection that ends within a head is closed and counted") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver("GET / HT");
  client.deliver_finish();
  CHECK(client.is_closed());
  CHECK(f.count(Counter::downstream_partial_head) == 1);
  CHECK(client.written().empty());
}

TEST_CASE("more connections than the table holds are reset and counted") {
  ProxyFixture f({}, {.downstream_max = 2});
  f.accept();
  f.accept();
  CHECK(f.accept().is_aborted());
  CHECK(f.count(Counter::downstream_refused_full) == 1);
}

TEST_CASE("more requests than the table holds get 503") {
  ProxyFixture f({}, {.exchanges_max = 1});
  f.accept().deliver(get_request);
  MemoryStream& second = f.accept();
  second.deliver(get_request);
  CHECK(second.written().starts_with("HTTP/1.1 503 "));
  CHECK(f.count(Counter::exchange_refused_full) == 1);
  CHECK(f.count(Counter::flag_OM) == 1);
}

TEST_CASE("draining closes waiting connections, lets current requests end, refuses new connections") {
  ProxyFixture f;
  MemoryStream& waiting = f.accept();
  MemoryStream& busy = f.accept();
  busy.deliver(get_request);
  f.proxy->drain();
  CHECK(waiting.is_closed());
  CHECK(f.accept().is_aborted());
  CHECK_FALSE(f.proxy->is_idle());
  f.server().deliver(response("x"));
  CHECK(busy.written() == received("x", "Connection: close\r\n"));
  busy.deliver_finish();
  CHECK(f.proxy->is_idle());
  CHECK(f.proxy->upstream_count() == 0);
}

}  // namespace byway::l7::test
