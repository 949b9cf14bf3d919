// Memory that runs out, at every point where it can: nothing crashes, nothing leaks, every client gets
// a whole answer or a reset, and what waits goes on when memory is back.
#include <algorithm>

#include "tests/unit/l7/proxy_fixture.h"

namespace byway::l7::test {
namespace {

const std::string request =
    "POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
const std::string response =
    "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
    "chunked\r\n\r\n5\r\nhello\r\n6\r\n "
    "world\r\n0\r\n\r\n";

bool is_whole_success(const std::string& received) {
  return received.find("HTTP/1.1 200 OK\r\n") != std::string::npos && received.ends_with("\r\n0\r\n\r\n") &&
         received.find("hello") != std::string::npos && received.find(" world") != std::string::npos;
}
bool is_whole_refusal(const std::string& received) {
  return received.find("HTTP/1.1 503 ") != std::string::npos;
}

}  // namespace

TEST_CASE("the Nth buffer cannot be had: the exchange waits for memory, or is refused whole") {
  int successes = 0;
  int refusals = 0;
  int aborts = 0;
  for (std::uint64_t n = 0; n < 12; ++n) {
    for (const bool comes_back : {true, false}) {
      ProxyFixture f;
      f.buffers.fail_after(n);
      MemoryStream& client = f.accept();
      client.deliver(request);
      if (f.connector.count() > 0) {
        MemoryStream& server = f.server();
        f.pass(5ms);
        if (comes_back) f.buffers.fail_after(UINT64_MAX);
        f.pass(5ms);
        if (server.is_open()) server.deliver(response);
        f.pass(5ms);
        if (comes_back) CHECK(server.written().find("0\r\n\r\n") != std::string::npos);
      }
      if (is_whole_success(client.written())) {
        ++successes;
      } else if (is_whole_refusal(client.written())) {
        ++refusals;
      } else if (client.is_aborted()) {
        ++aborts;
        CHECK(f.count(Counter::memory_aborts) == 1);
      } else {
        CHECK_FALSE(comes_back);
        CHECK(f.count(Counter::memory_waits) > 0);
        CHECK(f.proxy->exchange_count() == 1);
        f.buffers.fail_after(UINT64_MAX);  // late, but it goes on
        f.pass(memory_wait_longest);
        CHECK(is_whole_success(client.written()));
      }
    }
  }
  CHECK(successes > 12);
  CHECK(aborts > 0);
  CHECK(refusals == 0);  // the first buffer is the only one that is needed before a connection is there
}

TEST_CASE("chain nodes run out: the exchange waits and goes on when some are free") {
  for (std::uint32_t left = 0; left < 16; ++left) {
    ProxyFixture f({}, {.slices = 64});
    MemoryStream& client = f.accept();
    client.deliver("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n");
    MemoryStream& server = f.server();
    client.queue("abcdefGET /next HTTP/1.1\r\nHost: h\r\n\r\n");
    std::vector<SlicePool::Node*> taken;
    while (f.slices.capacity() - f.slices.in_use() > left) taken.push_back(f.slices.acquire());
    client.announce_readable();
    f.pass(5ms);
    for (SlicePool::Node* node : taken) f.slices.release(node);
    f.pass(memory_wait_longest);
    CHECK(server.written().ends_with("abcdef"));
    server.deliver("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    CHECK(f.last_record().status == 200);
    CHECK(server.written().find("GET /next") != std::string::npos);
  }
}

TEST_CASE("no memory even for a refusal: the connection is reset and counted") {
  ProxyFixture f;
  f.buffers.fail_after(0);
  MemoryStream& client = f.accept();
  client.deliver("bad\r\n\r\n");
  CHECK(client.is_aborted());
  CHECK(f.count(Counter::memory_aborts) == 1);
}

namespace {

// A head with `size` octets of padding, in several fields, behind `start`.
std::string long_head(std::string start, std::size_t size) {
  while (start.size() < size) start += "X-Padding: " + std::string(900, 'x') + "\r\n";
  return start;
}

// Delivers as a peer must whose window is small: never more than is read.
void deliver_in_window(MemoryStream& stream, std::string_view bytes) {
  constexpr std::size_t window = 2 * http1::hold_bytes_min;
  while (!bytes.empty()) {
    const std::size_t room = window - stream.unread_bytes();
    REQUIRE(room > 0);
    stream.deliver(bytes.substr(0, std::min<std::size_t>(room, 1000)));
    bytes.remove_prefix(std::min({room, std::size_t{1000}, bytes.size()}));
  }
}

}  // namespace

TEST_CASE(
    "heads that are longer than the receive window are read, both ways, and what follows them is right") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  const std::string long_request = long_head("POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n", 50'000);
  deliver_in_window(client, long_request + "\r\nabcGET /next HTTP/1.1\r\nHost: h\r\n\r\n");
  MemoryStream& server = f.server();
  CHECK(server.written().size() > 50'000);
  CHECK(server.take_written().ends_with("abc"));
  const std::string long_response = long_head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", 50'000);
  deliver_in_window(server, long_response + "\r\nhello");
  CHECK(client.take_written().ends_with("\r\nhello"));
  CHECK(server.take_written().starts_with("GET /next "));
  deliver_in_window(server, long_response + "\r\nagain");
  CHECK(client.take_written().ends_with("\r\nagain"));
  CHECK(f.count(Counter::flag_none) == 2);
}

TEST_CASE("a long head that cannot be held for want of memory: 503 OM, or a reset, and never a stall") {
  for (const std::uint64_t left : {0u, 1u}) {
    ProxyFixture f;
    MemoryStream& client = f.accept();
    f.buffers.fail_after(left);
    client.deliver(long_head("GET / HTTP/1.1\r\nHost: h\r\n", 2 * http1::hold_bytes_min));
    CHECK(f.last_record().flag == ResponseFlag::OM);
    CHECK(f.count(Counter::memory_aborts) == 1);
    CHECK(client.is_aborted());
  }
  // Chain nodes are out for the head; the answer needs one.
  ProxyFixture f({}, {.slices = 64});
  MemoryStream& client = f.accept();
  client.queue(long_head("GET / HTTP/1.1\r\nHost: h\r\n", 2 * http1::hold_bytes_min));
  std::vector<SlicePool::Node*> taken;
  while (f.slices.capacity() - f.slices.in_use() > 1) taken.push_back(f.slices.acquire());
  client.announce_readable();
  CHECK(client.written().starts_with("HTTP/1.1 503 "));
  CHECK(f.last_record().flag == ResponseFlag::OM);
  for (SlicePool::Node* node : taken) f.slices.release(node);
}

TEST_CASE("a long response head that cannot be held waits for memory") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  MemoryStream& server = f.server();
  f.buffers.fail_after(0);
  server.deliver(long_head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", 2 * http1::hold_bytes_min));
  CHECK(f.count(Counter::memory_waits) == 1);
  f.pass(100ms);
  f.buffers.fail_after(UINT64_MAX);
  f.pass(memory_wait_longest);
  CHECK(server.unread_bytes() == 0);
  server.deliver("\r\nhello");
  CHECK(client.written().ends_with("\r\nhello"));
}

TEST_CASE("a request is not sent again when some of a response has come, though it is out of the stream") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  MemoryStream& server = f.server();
  server.deliver("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  client.deliver("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  server.deliver(long_head("HTTP/1.1 200 OK\r\n", 2 * http1::hold_bytes_min));
  CHECK(server.unread_bytes() == 0);
  server.end(StreamEnd::reset);
  CHECK(f.connector.count() == 1);
  CHECK(f.last_record().flag == ResponseFlag::UR);
}

TEST_CASE("memory that does not come back ends the exchange, 503 OM, after a bounded number of looks") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  MemoryStream& server = f.server();
  f.buffers.fail_after(0);
  client.deliver("3\r\nabc\r\n");
  f.pass(memory_wait_total_max - 1ms);
  CHECK(f.proxy->exchange_count() == 1);
  CHECK(f.count(Counter::memory_waits) < 100);
  f.buffers.fail_after(UINT64_MAX);  // back, but the exchange looks again only when its time is over
  const std::uint64_t waits = f.count(Counter::memory_waits);
  f.pass(2ms);
  CHECK(f.count(Counter::memory_waits) == waits);
  CHECK(f.count(Counter::memory_waits_expired) == 1);
  CHECK(f.last_record().flag == ResponseFlag::OM);
  CHECK(client.written().starts_with("HTTP/1.1 503 "));
  CHECK(server.is_aborted());
}

TEST_CASE("each time that something moves the wait for memory begins anew") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  MemoryStream& server = f.server();
  for (int i = 0; i < 5; ++i) {
    f.buffers.fail_after(0);
    client.deliver("3\r\nabc\r\n");
    f.pass(memory_wait_total_max - 1s);
    f.buffers.fail_after(UINT64_MAX);
    f.pass(memory_wait_longest);
    CHECK(server.take_written().ends_with("abc\r\n"));
  }
  f.pass(2 * memory_wait_total_max);
  CHECK(f.count(Counter::memory_waits_expired) == 0);
  CHECK(f.proxy->exchange_count() == 1);
}

TEST_CASE("events that come meanwhile do not put off the next look for memory") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver("POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  MemoryStream& server = f.server();
  f.buffers.fail_after(0);
  for (int i = 0; i < 100; ++i) client.deliver("3\r\nabc\r\n");
  f.buffers.fail_after(UINT64_MAX);
  f.pass(memory_wait_first + 1ms);
  CHECK(server.written().ends_with("abc\r\n"));
}

}  // namespace byway::l7::test
