// What the proxy does with responses: framing for each kind of client, interim heads, endings, failures.
#include "tests/unit/l7/proxy_fixture.h"

namespace byway::l7::test {
namespace {

// What a client gets for a GET (or another request) when the endpoint sends `response`.
struct Passed {
  std::string bytes;
  bool is_client_open;
  bool is_client_aborted;
  std::uint32_t kept;  ///< connections to the endpoint
  ExchangeRecord record;
};
Passed pass_response(const std::string& response, const std::string& request = get_request,
                     bool finish = false) {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver(request);
  f.server().deliver(response);
  if (finish && f.connector.last().is_open()) f.connector.last().deliver_finish();
  return {.bytes = client.written(),
          .is_client_open = client.is_open() && !client.is_finished(),
          .is_client_aborted = client.is_aborted(),
          .kept = f.proxy->idle_upstream_count(),
          .record = f.records.all.empty() ? ExchangeRecord{} : f.last_record()};
}

const std::string get_10 = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
const std::string head_request = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";

}  // namespace

TEST_CASE("a chunked response passes in chunks") {
  const Passed p = pass_response(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: v\r\n\r\n");
  CHECK(p.bytes ==
        "HTTP/1.1 200 OK\r\nVia: 1.1 byway\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  CHECK(p.is_client_open);
  CHECK(p.kept == 1);
  CHECK(p.record.response_content_bytes == 5);
}

TEST_CASE("a chunked response ends with the connection for HTTP/1.0") {
  const Passed p =
      pass_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", get_10);
  CHECK(p.bytes == "HTTP/1.1 200 OK\r\nVia: 1.1 byway\r\nConnection: close\r\n\r\nhello");
  CHECK_FALSE(p.is_client_open);
  CHECK_FALSE(p.is_client_aborted);
  CHECK(p.kept == 1);
}

TEST_CASE("a response that ends with its connection becomes chunked") {
  const Passed p = pass_response("HTTP/1.1 200 OK\r\n\r\nhello", get_request, true);
  CHECK(p.bytes ==
        "HTTP/1.1 200 OK\r\nVia: 1.1 byway\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
  CHECK(p.is_client_open);
  CHECK(p.kept == 0);
  const Passed old = pass_response("HTTP/1.0 200 OK\r\n\r\nhello", get_10, true);
  CHECK(old.bytes.ends_with("Connection: close\r\n\r\nhello"));
  CHECK_FALSE(old.is_client_open);
}

TEST_CASE(
    "responses to HEAD, 204 and 304 have no content, and keep their Content-Length where it is allowed") {
  const Passed head = pass_response("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", head_request);
  CHECK(head.bytes == "HTTP/1.1 200 OK\r\nVia: 1.1 byway\r\nContent-Length: 1000\r\n\r\n");
  CHECK(head.kept == 1);
  CHECK(head.is_client_open);
  const Passed unchanged = pass_response("HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n");
  CHECK(unchanged.bytes.ends_with("Content-Length: 7\r\n\r\n"));
  CHECK(unchanged.kept == 1);
  const Passed empty = pass_response("HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(empty.bytes == "HTTP/1.1 204 No Content\r\nVia: 1.1 byway\r\n\r\n");
  CHECK(empty.kept == 1);
}

TEST_CASE("content after a response to HEAD costs the connection to the endpoint, not the client's") {
  const Passed p = pass_response("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", head_request);
  CHECK(p.bytes.ends_with("Content-Length: 5\r\n\r\n"));
  CHECK(p.is_client_open);
  CHECK(p.kept == 0);
}

TEST_CASE("interim heads pass to HTTP/1.1 and not to HTTP/1.0") {
  const std::string response =
      "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  const Passed p = pass_response(response);
  CHECK(p.bytes ==
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\nVia: 1.1 byway\r\n\r\nHTTP/1.1 102 Processing\r\nVia: 1.1 "
        "byway\r\n\r\nHTTP/1.1 200 OK\r\nVia: 1.1 byway\r\nContent-Length: 0\r\n\r\n");
  CHECK(pass_response(response, get_10).bytes.starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("more interim heads than the bound are an invalid response") {
  std::string response;
  for (std::uint32_t i = 0; i < http1::interim_responses_max; ++i)
    response += "HTTP/1.1 102 Processing\r\n\r\n";
  CHECK(pass_response(response + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").record.status == 200);
  const Passed p = pass_response(response + "HTTP/1.1 102 Processing\r\n\r\n");
  CHECK(p.record.flag == ResponseFlag::UPE);
  CHECK(p.record.status == 502);
}

TEST_CASE("an invalid response gets 502 and costs its connection") {
  for (const std::string response :
       {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "garbage\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    const Passed p = pass_response(response);
    CHECK(p.bytes.starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
    CHECK(p.record.flag == ResponseFlag::UPE);
    CHECK(p.is_client_open);
    CHECK(p.kept == 0);
  }
}

TEST_CASE("bad chunks in a response reset the client") {
  const Passed p = pass_response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n");
  CHECK(p.is_client_aborted);
  CHECK(p.record.flag == ResponseFlag::UPE);
  CHECK_FALSE(p.bytes.ends_with("0\r\n\r\n"));
}

TEST_CASE("an endpoint that says close, or sends more than its response, is not used again") {
  CHECK(pass_response("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").kept == 0);
  CHECK(pass_response("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").kept == 0);
  CHECK(pass_response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n").kept == 0);
  CHECK(pass_response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", get_request, true).kept == 0);
  CHECK(pass_response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").kept == 1);
}

TEST_CASE("a response cut short resets the client, whatever its framing") {
  for (const std::string head : {"Content-Length: 10\r\n", "Transfer-Encoding: chunked\r\n"}) {
    const Passed p = pass_response("HTTP/1.1 200 OK\r\n" + head + "\r\n5\r\nhello", get_request, true);
    CHECK(p.is_client_aborted);
    CHECK(p.record.flag == ResponseFlag::UC);
    CHECK(p.record.status == 200);
  }
}

TEST_CASE("an early response goes through while the request is still being sent") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345");
  MemoryStream& server = f.server();
  server.deliver("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
  CHECK(client.written().ends_with("\r\n\r\nab"));
  client.deliver("67890");
  CHECK(server.written().ends_with("1234567890"));
  server.deliver("cd");
  CHECK(client.written().ends_with("\r\n\r\nabcd"));
  CHECK(client.is_open());
  CHECK(f.proxy->idle_upstream_count() == 1);
}

TEST_CASE("a whole response before the end of the request ends both connections in order") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345");
  MemoryStream& server = f.server();
  server.deliver("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
  CHECK(client.written().ends_with("\r\n\r\nno"));
  CHECK(server.is_aborted());
  CHECK(client.is_finished());
  CHECK(client.is_open());
  client.deliver("67890");
  CHECK(client.unread_bytes() == 0);
  client.deliver_finish();
  CHECK(client.is_closed());
}

TEST_CASE("time stamps and bytes of a record") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  const Instant begin = f.now;
  client.deliver("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  f.pass(1ms);
  MemoryStream& server = f.server();
  f.pass(2ms);
  server.deliver("HTTP/1.1 201 Created\r\nContent-Length: 4\r\n\r\n12");
  f.pass(3ms);
  server.deliver("34");
  const ExchangeRecord& r = f.last_record();
  CHECK(r.received == begin);
  CHECK(r.connected == begin + 1ms);
  CHECK(r.request_sent == begin + 1ms);
  CHECK(r.response_started == begin + 3ms);
  CHECK(r.ended == begin + 6ms);
  CHECK(r.request_content_bytes == 3);
  CHECK(r.response_content_bytes == 4);
  CHECK(r.status == 201);
  CHECK(r.flag == ResponseFlag::none);
  CHECK(r.tries == 1);
  CHECK_FALSE(r.is_reused);
  CHECK(r.generation == 1);
  CHECK(r.rule_id != 0);
  CHECK(r.backend_id == shm::stable_id("ns/service:80"));
  CHECK(f.count(Counter::responses_2xx) == 1);
  CHECK(f.count(Counter::request_body_bytes) == 3);
  CHECK(f.count(Counter::response_body_bytes) == 4);
}

TEST_CASE("the endpoint's slot counts the request as long as it is in flight") {
  ProxyFixture f;
  const shm::SlotHandle slot = f.sets[0]->live()->slots[0];
  MemoryStream& client = f.accept();
  client.deliver(get_request);
  CHECK(f.slot_region.table().in_flight(slot) == 1);
  MemoryStream& server = f.server();
  f.pass(5ms);
  server.deliver("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx");
  CHECK(f.slot_region.table().in_flight(slot) == 1);
  server.deliver("y");
  CHECK(f.slot_region.table().in_flight(slot) == 0);
  CHECK(f.slot_region.table().latency_ewma_ns(slot) == 5'000'000);
}

TEST_CASE("a short message is one write of one slice, long content goes behind its head uncopied") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
  CHECK(f.server().writes() == 1);
  CHECK(f.server().written().ends_with("\r\n\r\nabc"));
  for (const auto& [length, slices] : {std::pair{64U, 1U}, std::pair{4096U, 2U}}) {
    const std::uint32_t writes_before = client.writes();
    const std::string content(length, 'x');
    f.server().deliver("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(length) + "\r\n\r\n" + content);
    CHECK(client.take_written().ends_with("\r\n\r\n" + content));
    CHECK(client.writes() == writes_before + 1);
    CHECK(client.last_write_slices() == slices);
    client.deliver(get_request);
  }
  f.server().deliver("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n");
  CHECK(client.take_written().ends_with("\r\n\r\n2\r\nab\r\n0\r\n\r\n"));
}

TEST_CASE("a response without Date gets the time of day, one with Date keeps its own, our answers have it") {
  ProxyFixture f;
  f.wall_seconds = 784'111'777;
  const std::string date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
  MemoryStream& client = f.accept();
  client.deliver(get_request);
  f.server().deliver("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  CHECK(client.written().find(date) != std::string::npos);
  MemoryStream& second = f.accept();
  second.deliver(get_request);
  f.server().deliver("HTTP/1.1 200 OK\r\nDate: then\r\nContent-Length: 0\r\n\r\n");
  CHECK(second.written().find("Date: then\r\n") != std::string::npos);
  CHECK(second.written().find(date) == std::string::npos);
  MemoryStream& wrong = f.accept();
  wrong.deliver("GET / HTTP/1.1\r\n\r\n");
  CHECK(wrong.written().starts_with("HTTP/1.1 400 "));
  CHECK(wrong.written().find(date) != std::string::npos);
}

}  // namespace byway::l7::test
