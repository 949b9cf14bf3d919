// How exchanges end when a side fails: flags, statuses, timeouts.
#include "tests/unit/l7/proxy_fixture.h"

namespace byway::l7::test {
namespace {

const std::string post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345";
const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

}  // namespace

TEST_CASE("no endpoint, or a backend that the endpoints do not know: 503 UH") {
  Specs empty;
  empty.backend().endpoints.clear();
  Specs unknown;
  unknown.backends.clear();
  for (const Specs& specs : {empty, unknown}) {
    ProxyFixture f(specs);
    MemoryStream& client = f.accept();
    client.deliver(get_request);
    CHECK(client.written().starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    CHECK(f.last_record().flag == ResponseFlag::UH);
    CHECK(f.last_record().tries == 0);
    CHECK(client.is_open());
  }
}

TEST_CASE("an invalid backend, or a rule without weight: 500 NC") {
  Specs invalid;
  invalid.rule().backends[0].is_invalid = true;
  Specs weightless;
  weightless.rule().backends[0].weight = 0;
  for (const Specs& specs : {invalid, weightless}) {
    ProxyFixture f(specs);
    MemoryStream& client = f.accept();
    client.deliver(get_request);
    CHECK(client.written().starts_with("HTTP/1.1 500 Internal Server Error\r\n"));
    CHECK(f.last_record().flag == ResponseFlag::NC);
  }
}

TEST_CASE("nobody listens at the address and port any more: 404 NR") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  Specs other;
  other.listener().tcp_port = 81;
  f.use(other);
  client.deliver(get_request);
  CHECK(client.written().starts_with("HTTP/1.1 404 "));
  CHECK(f.last_record().flag == ResponseFlag::NR);
}

TEST_CASE("no connection to the endpoint: 503 UF") {
  for (const StreamEnd end : {StreamEnd::refused, StreamEnd::unreachable, StreamEnd::timed_out,
                              StreamEnd::reset, StreamEnd::no_memory}) {
    ProxyFixture f;
    MemoryStream& client = f.accept();
    client.deliver(get_request);
    f.connector.last().end(end);
    CHECK(client.written().starts_with("HTTP/1.1 503 "));
    CHECK(f.last_record().flag == ResponseFlag::UF);
    CHECK(f.last_record().tries == 1);
    CHECK(f.count(Counter::upstream_connect_failed) == 1);
    CHECK(client.is_open());
  }
}

TEST_CASE("no connection within the listener's connect timeout: 503 UF") {
  Specs specs;
  specs.listener().limits.connect_timeout_ns = 2'000'000'000;
  ProxyFixture f(specs);
  MemoryStream& client = f.accept();
  client.deliver(get_request);
  f.pass(1999ms);
  CHECK(client.written().empty());
  f.pass(2ms);
  CHECK(client.written().starts_with("HTTP/1.1 503 "));
  CHECK(f.last_record().flag == ResponseFlag::UF);
  CHECK(f.connector.last().is_aborted());
  CHECK(f.count(Counter::upstream_connect_timeout) == 1);
}

TEST_CASE("the connect timeout is over once the connection is there") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver(get_request);
  MemoryStream& server = f.server();
  f.pass(4min);
  server.deliver(ok);
  CHECK(f.last_record().status == 200);
}

TEST_CASE("no local port or no memory for a connection: 503 UO") {
  ProxyFixture f;
  f.connector.set_exhausted(true);
  MemoryStream& client = f.accept();
  client.deliver(get_request);
  CHECK(client.written().starts_with("HTTP/1.1 503 "));
  CHECK(f.last_record().flag == ResponseFlag::UO);
  CHECK(f.count(Counter::upstream_refused_full) == 1);
}

TEST_CASE("a full table of connections gives up its oldest idle one; none idle: 503 UO") {
  Specs specs;
  specs.policy.routes[0].hostnames = {"a"};
  shm::RouteSpec other{.route_namespace = "ns", .route_name = "other", .hostnames = {"b"}, .listeners = {0}};
  other.rules.push_back({.backends = {{.backend = "ns/other:80"}}});
  specs.policy.routes.push_back(other);
  specs.backends.push_back({.name = "ns/other:80", .endpoints = {endpoint(1)}});
  ProxyFixture f(specs, {.upstream_max = 1});
  MemoryStream& client = f.accept();
  client.deliver("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  MemoryStream& first = f.server();
  first.deliver(ok);
  CHECK(f.proxy->idle_upstream_count() == 1);
  client.deliver("GET / HTTP/1.1\r\nHost: b\r\n\r\n");
  CHECK(first.is_closed());
  CHECK(f.count(Counter::upstream_idle_evicted) == 1);
  MemoryStream& second = f.accept();
  second.deliver("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(f.last_record().flag == ResponseFlag::UO);
  f.server().deliver(ok);
  CHECK(f.last_record().status == 200);
}

TEST_CASE("a fresh connection that breaks before the response: 503, UC for an end, UR for a reset") {
  for (const bool is_reset : {false, true}) {
    for (const std::string partial : {"", "HTTP/1.1 20"}) {
      ProxyFixture f;
      MemoryStream& client = f.accept();
      client.deliver(get_request);
      MemoryStream& server = f.server();
      if (!partial.empty()) server.deliver(partial);
      if (is_reset) {
        server.end(StreamEnd::reset);
      } else {
        server.deliver_finish();
      }
      CHECK(client.written().starts_with("HTTP/1.1 503 "));
      CHECK(f.last_record().flag == (is_reset ? ResponseFlag::UR : ResponseFlag::UC));
      CHECK(f.connector.count() == 1);
      CHECK(client.is_open());
    }
  }
}

TEST_CASE("a reset in the middle of the response resets the client") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver(get_request);
  f.server().deliver("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
  f.connector.last().end(StreamEnd::reset);
  CHECK(client.is_aborted());
  CHECK(f.last_record().flag == ResponseFlag::UR);
}

TEST_CASE("a reset after the whole response does not harm it") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.set_room(10);
  client.deliver(get_request);
  f.server().deliver("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(client.written().size() == 10);
  client.set_room(100);  // takes the head and, in one step, all of the content
  CHECK(f.last_record().flag == ResponseFlag::none);

  ProxyFixture g;
  MemoryStream& slow = g.accept();
  slow.deliver(post);
  g.server().deliver("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  slow.set_room(2);
  g.connector.last().deliver("hello");
  CHECK(g.records.all.empty());
  slow.set_room(100);
  CHECK(g.last_record().status == 200);
}

TEST_CASE("the client resets or closes while the endpoint works: DR, DC, and the endpoint is reset") {
  for (const StreamEnd end : {StreamEnd::reset, StreamEnd::timed_out}) {
    ProxyFixture f;
    MemoryStream& client = f.accept();
    client.deliver(get_request);
    MemoryStream& server = f.server();
    client.end(end);
    CHECK(server.is_aborted());
    CHECK(f.last_record().flag == (end == StreamEnd::reset ? ResponseFlag::DR : ResponseFlag::DC));
    CHECK(f.last_record().status == 0);
    CHECK(f.proxy->is_idle());
  }
}

TEST_CASE("the client resets while a connection is being opened") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver(get_request);
  client.end(StreamEnd::reset);
  CHECK(f.connector.last().is_aborted());
  CHECK(f.proxy->upstream_count() == 0);
}

TEST_CASE("the client finishes within its content: DC") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver(post);
  MemoryStream& server = f.server();
  client.deliver_finish();
  CHECK(server.is_aborted());
  CHECK(client.is_aborted());
  CHECK(f.last_record().flag == ResponseFlag::DC);
}

TEST_CASE("a bad chunk from the client: 400 DPE, and the endpoint never sees an end") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n");
  MemoryStream& server = f.server();
  CHECK(server.is_aborted());
  CHECK_FALSE(server.written().ends_with("0\r\n\r\n"));
  CHECK(client.written().starts_with("HTTP/1.1 400 Bad Request\r\n"));
  CHECK(f.last_record().flag == ResponseFlag::DPE);
  CHECK(f.count(Counter::http1_refused_bad_chunk_size) == 1);
  CHECK(client.is_finished());
}

TEST_CASE("the request timeout covers connecting, sending and the response: 504 UT") {
  Specs specs;
  specs.rule().request_timeout_ns = 1'000'000'000;
  {
    ProxyFixture f(specs);
    MemoryStream& client = f.accept();
    client.deliver(get_request);
    f.pass(999ms);
    CHECK(client.written().empty());
    f.pass(2ms);
    CHECK(client.written().starts_with("HTTP/1.1 504 Gateway Timeout\r\n"));
    CHECK(f.last_record().flag == ResponseFlag::UT);
    CHECK(f.connector.last().is_aborted());
    CHECK(client.is_open());
  }
  {
    ProxyFixture f(specs);
    MemoryStream& client = f.accept();
    client.deliver(get_request);
    f.pass(500ms);
    f.server();
    f.pass(501ms);
    CHECK(f.last_record().flag == ResponseFlag::UT);
    CHECK(f.last_record().status == 504);
  }
  {
    ProxyFixture f(specs);
    MemoryStream& client = f.accept();
    client.deliver(get_request);
    f.server().deliver("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    f.pass(1001ms);
    CHECK(f.last_record().flag == ResponseFlag::UT);
    CHECK(client.is_aborted());  // 200 is on its way already
  }
}

TEST_CASE("the backend timeout begins with the request's head on the connection: 504 UT") {
  Specs specs;
  specs.rule().backend_request_timeout_ns = 1'000'000'000;
  ProxyFixture f(specs);
  MemoryStream& client = f.accept();
  client.deliver(get_request);
  f.pass(3s);
  CHECK(client.written().empty());
  f.server();
  f.pass(999ms);
  CHECK(client.written().empty());
  f.pass(2ms);
  CHECK(client.written().starts_with("HTTP/1.1 504 "));
  CHECK(f.last_record().flag == ResponseFlag::UT);
}

TEST_CASE("without timeouts on the route an exchange waits for as long as something moves") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver(get_request);
  f.server().deliver("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
  for (int i = 0; i < 10; ++i) {
    f.pass(4min);
    f.connector.last().deliver("x");
  }
  CHECK(f.last_record().flag == ResponseFlag::none);
  CHECK(f.last_record().ended - f.last_record().received > 39min);
}

TEST_CASE(
    "nothing moves for the idle timeout: 408 while the client owes content, 504 after it, else a reset") {
  {
    ProxyFixture f;
    MemoryStream& client = f.accept();
    client.deliver(post);
    f.server();
    f.pass(http1::downstream_idle_timeout + 1s);
    CHECK(client.written().starts_with("HTTP/1.1 408 "));
    CHECK(f.last_record().flag == ResponseFlag::SI);
    CHECK(client.is_finished());
    f.pass(http1::linger_timeout + 1s);
    CHECK(client.is_closed());
  }
  {
    ProxyFixture f;
    MemoryStream& client = f.accept();
    client.deliver(get_request);
    f.server();
    f.pass(http1::downstream_idle_timeout + 1s);
    CHECK(client.written().starts_with("HTTP/1.1 504 "));
    CHECK(f.last_record().flag == ResponseFlag::SI);
    CHECK(client.is_open());
  }
  {
    ProxyFixture f;
    MemoryStream& client = f.accept();
    client.deliver(get_request);
    f.server().deliver("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n");
    f.pass(http1::downstream_idle_timeout + 1s);
    CHECK(client.is_aborted());
    CHECK(f.last_record().flag == ResponseFlag::SI);
  }
}

TEST_CASE("an answer of our own waits for a client without room, and gives up with the idle timeout") {
  Specs specs;
  specs.policy.routes.clear();
  ProxyFixture f(specs);
  MemoryStream& client = f.accept();
  client.set_room(10);
  client.deliver(get_request + get_request);
  CHECK(client.written().size() == 10);
  client.set_room(1000);
  CHECK(f.count(Counter::flag_NR) == 2);
  client.set_room(0);
  client.deliver(get_request);
  f.pass(http1::downstream_idle_timeout + 1s);
  CHECK(client.is_aborted());
  CHECK(f.last_record().flag == ResponseFlag::SI);
}

TEST_CASE("a kept connection is closed after the pool's idle timeout") {
  ProxyFixture f;
  f.accept().deliver(get_request);
  f.server().deliver(ok);
  f.pass(upstream::idle_timeout - 1ms);
  CHECK(f.connector.last().is_open());
  f.pass(2ms);
  CHECK(f.connector.last().is_closed());
  CHECK(f.count(Counter::upstream_idle_timeout) == 1);
  CHECK(f.proxy->upstream_count() == 0);
}

TEST_CASE("a kept connection that its endpoint ends, resets or writes to is not used") {
  for (const int how : {0, 1, 2}) {
    ProxyFixture f;
    MemoryStream& client = f.accept();
    client.deliver(get_request);
    MemoryStream& server = f.server();
    server.deliver(ok);
    if (how == 0) server.deliver_finish();
    if (how == 1) server.end(StreamEnd::reset);
    if (how == 2) server.deliver("HTTP/1.1 408 Request Timeout\r\n\r\n");
    CHECK(f.proxy->idle_upstream_count() == 0);
    CHECK(f.count(how == 2 ? Counter::upstream_idle_unsolicited : Counter::upstream_idle_closed) == 1);
    client.deliver(get_request);
    CHECK(f.connector.count() == 2);
  }
}

TEST_CASE("an end of a kept connection that is not announced yet is seen before reuse") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver(get_request);
  MemoryStream& server = f.server();
  server.deliver(ok);
  server.mark_peer_finished();
  client.deliver(get_request);
  CHECK(f.connector.count() == 2);
  CHECK(server.is_closed());
  CHECK(f.count(Counter::upstream_idle_closed) == 1);
}

TEST_CASE("aborting everything leaves nothing, wherever exchanges stand") {
  ProxyFixture f;
  f.accept();
  f.accept().deliver("GET / HT");
  f.accept().deliver(get_request);
  f.accept().deliver(post);
  f.server();
  MemoryStream& answered = f.accept();
  answered.deliver(get_request);
  f.server().deliver("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
  f.accept().deliver("bad\r\n\r\n");
  f.proxy->abort_all();
  CHECK(f.proxy->is_idle());
  CHECK(f.count(Counter::flag_LR) == 3);
}

}  // namespace byway::l7::test
