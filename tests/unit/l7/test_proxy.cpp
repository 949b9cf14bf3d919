#include "tests/unit/l7/proxy_fixture.h"

namespace byway::l7::test {

TEST_CASE("a GET passes with the gateway's fields, the response comes back, both connections are kept") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver(get_request);
  REQUIRE(f.connector.count() == 1);
  CHECK(f.connector.last().remote_address() == net::SocketAddress{ip(server_ip), server_port});
  MemoryStream& server = f.server();
  CHECK(server.take_written() == get_forwarded);
  server.deliver("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(client.take_written() == "HTTP/1.1 200 OK\r\nVia: 1.1 byway\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(client.is_open());
  CHECK(f.proxy->idle_upstream_count() == 1);

  client.deliver(get_request);
  CHECK(f.connector.count() == 1);
  CHECK(server.take_written() == get_forwarded);
  server.deliver("HTTP/1.1 204 No Content\r\n\r\n");
  CHECK(client.take_written().starts_with("HTTP/1.1 204 No Content\r\n"));
  CHECK(f.count(Counter::upstream_reused) == 1);
  CHECK(f.count(Counter::flag_none) == 2);
}

}  // namespace byway::l7::test
