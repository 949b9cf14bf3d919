// What the policy says about a request: weights, header edits, trusted proxies, and its change in mid flight.
#include <cmath>
#include <map>

#include "tests/unit/l7/proxy_fixture.h"

namespace byway::l7::test {
namespace {

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

Specs split(std::uint32_t first, std::uint32_t second) {
  Specs specs;
  specs.rule().backends = {{.backend = "ns/v1:80", .weight = first},
                           {.backend = "ns/v2:80", .weight = second}};
  specs.backends = {{.name = "ns/v1:80", .endpoints = {endpoint(1)}},
                    {.name = "ns/v2:80", .endpoints = {endpoint(2)}}};
  return specs;
}

// Serves one request wherever it goes, and says where that was.
std::uint32_t serve_one(ProxyFixture& f, MemoryStream& client) {
  const std::size_t before = f.connector.count();
  client.deliver("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  if (f.connector.count() > before) static_cast<void>(f.server());
  for (std::size_t i = 0; i < f.connector.count(); ++i) {
    MemoryStream& server = f.connector.stream(i);
    if (server.take_written().empty()) continue;
    server.deliver(ok);
    return server.remote_address().ip.v4().value - server_ip;
  }
  return 0;
}

std::string forwarded(const Specs& specs, const std::string& request, std::uint32_t from = client_ip) {
  ProxyFixture f(specs);
  f.accept(from).deliver(request);
  return f.server().written();
}

}  // namespace

TEST_CASE("requests of one connection are split by weight; a weight of 0 gets none") {
  ProxyFixture f(split(90, 10));
  MemoryStream& client = f.accept();
  std::map<std::uint32_t, int> count;
  constexpr int requests = 5000;
  for (int i = 0; i < requests; ++i) ++count[serve_one(f, client)];
  const double bound = 4 * std::sqrt(0.9 * 0.1 / requests);
  CHECK(std::abs(count[1] / double{requests} - 0.9) < bound);
  CHECK(count[1] + count[2] == requests);
  CHECK(f.connector.count() == 2);

  f.use(split(0, 100));
  for (int i = 0; i < 500; ++i) REQUIRE(serve_one(f, client) == 2);
}

TEST_CASE("endpoints of a backend take their turns") {
  Specs specs;
  specs.backend().endpoints = {endpoint(1), endpoint(2), endpoint(3)};
  ProxyFixture f(specs);
  MemoryStream& client = f.accept();
  std::map<std::uint32_t, int> count;
  for (int i = 0; i < 30; ++i) ++count[serve_one(f, client)];
  CHECK(count == std::map<std::uint32_t, int>{{1, 10}, {2, 10}, {3, 10}});
}

TEST_CASE("a change of policy counts from the next request on; the current one ends where it is") {
  ProxyFixture f(split(1, 0));
  MemoryStream& client = f.accept();
  client.deliver("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbo");
  f.use(split(0, 1));
  f.sets.erase(f.sets.begin());  // the old set is unmapped
  MemoryStream& first = f.server();
  client.deliver("dy");
  CHECK(first.take_written().ends_with("\r\n\r\nbody"));
  first.deliver(ok);
  CHECK(f.last_record().status == 200);
  CHECK(f.last_record().generation == 1);
  CHECK(serve_one(f, client) == 2);
}

TEST_CASE("edits of the rule, then those of the backend reference, act on the request") {
  Specs specs;
  specs.rule().request_edits = {{.kind = shm::EditKind::set, .name = "X-Set", .value = "rule"},
                                {.kind = shm::EditKind::add, .name = "X-Add", .value = "rule"},
                                {.kind = shm::EditKind::remove, .name = "X-Gone"}};
  specs.rule().backends[0].request_edits = {
      {.kind = shm::EditKind::add, .name = "X-Add", .value = "backend"},
      {.kind = shm::EditKind::set, .name = "X-Set", .value = "backend"}};
  const std::string sent = forwarded(
      specs, "GET / HTTP/1.1\r\nHost: h\r\nx-set: client\r\nX-Add: client\r\nx-gone: 1\r\nX-Kept: 1\r\n\r\n");
  CHECK(sent.find("client\r\nX-Kept: 1") != std::string::npos);
  CHECK(sent.find("X-Set: backend\r\n") != std::string::npos);
  CHECK(sent.find("X-Set: rule\r\n") == std::string::npos);
  CHECK(sent.find("x-set") == std::string::npos);
  CHECK(sent.find("x-gone") == std::string::npos);
  CHECK(sent.find("X-Add: client\r\n") < sent.find("X-Add: rule\r\n"));
  CHECK(sent.find("X-Add: rule\r\n") < sent.find("X-Add: backend\r\n"));
}

TEST_CASE("X-Forwarded-For and -Proto of a stranger are replaced") {
  const std::string sent = forwarded(
      {}, "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6\r\nx-forwarded-proto: https\r\n\r\n");
  CHECK(sent ==
        "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 10.0.0.100\r\nX-Forwarded-Proto: http\r\nVia: 1.1 "
        "byway\r\n\r\n");
}

TEST_CASE("those of a trusted proxy are kept and appended to") {
  Specs specs;
  specs.listener().trusted_proxies = {{shm::IpAddress::from_ipv4(0x0a000000), 96 + 24}};
  const std::string request =
      "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7\r\n\r\n";
  CHECK(forwarded(specs, request).find("X-Forwarded-For: 6.6.6.6, 7.7.7.7, 10.0.0.100\r\n") !=
        std::string::npos);
  CHECK(forwarded(specs, request, 0x0b000001).find("X-Forwarded-For: 11.0.0.1\r\n") != std::string::npos);
}

TEST_CASE("Via is appended, with the version in which the message came") {
  const std::string sent = forwarded({}, "GET / HTTP/1.0\r\nHost: h\r\nVia: 1.1 other\r\n\r\n");
  CHECK(sent.find("Via: 1.1 other\r\n") != std::string::npos);
  CHECK(sent.find("Via: 1.0 byway\r\n") != std::string::npos);
}

TEST_CASE("a request of HTTP/1.0 without Host is for the address that it was sent to") {
  CHECK(forwarded({}, "GET / HTTP/1.0\r\n\r\n").starts_with("GET / HTTP/1.1\r\nHost: 10.0.0.1\r\n"));
  CHECK(forwarded({}, "GET / HTTP/1.0\r\nHost: h\r\n\r\n").starts_with("GET / HTTP/1.1\r\nHost: h\r\n"));
}

TEST_CASE("an absolute target is sent in origin form, with its own host") {
  const std::string sent = forwarded({}, "GET http://a.com:8080/x?y HTTP/1.1\r\nHost: b.com\r\n\r\n");
  CHECK(sent.starts_with("GET /x?y HTTP/1.1\r\nHost: a.com:8080\r\n"));
  CHECK(forwarded({}, "GET http://a.com HTTP/1.1\r\nHost: b.com\r\n\r\n").starts_with("GET / HTTP/1.1\r\n"));
}

TEST_CASE("requests are routed by host, path, method, header and query") {
  Specs specs;
  specs.policy.routes[0].hostnames = {"a.com"};
  specs.rule().matches = {{.path_kind = shm::PathKind::exact,
                           .path = "/x",
                           .method = "GET",
                           .headers = {{"x-version", "2"}},
                           .queries = {{"q", "1"}}}};
  ProxyFixture f(specs);
  MemoryStream& client = f.accept();
  const auto is_routed = [&](const std::string& request) {
    const auto before = f.count(Counter::flag_NR);
    client.deliver(request);
    return f.count(Counter::flag_NR) == before;
  };
  CHECK_FALSE(is_routed("GET /x?q=1 HTTP/1.1\r\nHost: b.com\r\nX-Version: 2\r\n\r\n"));
  CHECK_FALSE(is_routed("GET /y?q=1 HTTP/1.1\r\nHost: a.com\r\nX-Version: 2\r\n\r\n"));
  CHECK_FALSE(is_routed("HEAD /x?q=1 HTTP/1.1\r\nHost: a.com\r\nX-Version: 2\r\n\r\n"));
  CHECK_FALSE(is_routed("GET /x?q=1 HTTP/1.1\r\nHost: a.com\r\nX-Version: 1\r\n\r\n"));
  CHECK_FALSE(is_routed("GET /x?q=2 HTTP/1.1\r\nHost: a.com\r\nX-Version: 2\r\n\r\n"));
  CHECK(is_routed("GET /x?q=1 HTTP/1.1\r\nHost: A.com:80\r\nX-Version: 2\r\n\r\n"));
}

TEST_CASE("headers that the gateway knows by name match as well as those it does not") {
  Specs specs;
  specs.rule().matches = {{.headers = {{"user-agent", "me"}}}};
  CHECK(forwarded(specs, "GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: me\r\n\r\n").starts_with("GET / "));
}

TEST_CASE("a request whose head grows beyond the bound by edits gets 431") {
  Specs specs;
  for (int i = 0; i < 16; ++i) {
    specs.rule().request_edits.push_back(
        {.kind = shm::EditKind::add, .name = "X-Big", .value = std::string(4096, 'x')});
  }
  ProxyFixture f(specs);
  MemoryStream& client = f.accept();
  std::string head = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 7; ++i) head += "X-Long: " + std::string(8000, 'y') + "\r\n";
  client.deliver(head + "\r\n");
  CHECK(client.written().starts_with("HTTP/1.1 431 "));
  CHECK(f.slices.in_use() == 0);
}

}  // namespace byway::l7::test
