// Content on its way: any framing, any segmentation, any room, in bounded memory.
#include <algorithm>

#include "tests/unit/l7/proxy_fixture.h"

namespace byway::l7::test {
namespace {

// The content of a message, whatever its framing; fails the test if the message is not whole.
std::string content_of(const std::string& message) {
  const std::size_t end = message.find("\r\n\r\n");
  REQUIRE(end != std::string::npos);
  const std::string head = message.substr(0, end + 2);
  std::string rest = message.substr(end + 4);
  if (head.find("\r\nTransfer-Encoding: chunked\r\n") == std::string::npos) return rest;
  std::string content;
  while (true) {
    const std::size_t size = std::stoul(rest, nullptr, 16);
    rest = rest.substr(rest.find("\r\n") + 2);
    REQUIRE(rest.size() >= size + 2);
    content += rest.substr(0, size);
    REQUIRE(rest.substr(size, 2) == "\r\n");
    rest = rest.substr(size + 2);
    if (size == 0) break;
  }
  CHECK(rest.empty());
  return content;
}

std::string chunked(const std::string& content, std::size_t piece) {
  std::string out;
  for (std::size_t at = 0; at < content.size(); at += piece) {
    const std::string part = content.substr(at, piece);
    char size[20];
    std::snprintf(size, sizeof size, "%zx\r\n", part.size());
    out += size + part + "\r\n";
  }
  return out + "0\r\n\r\n";
}

std::string text(std::size_t size) {
  std::string out;
  for (std::size_t i = 0; i < size; ++i) out += static_cast<char>('a' + i % 26);
  return out;
}

// Delivers in pieces and gives the reader room in steps, round after round, until nothing moves any more.
void exchange_in_pieces(ProxyFixture& f, MemoryStream& client, const std::string& request,
                        const std::string& response, std::size_t piece, Bytes room) {
  std::size_t request_at = 0;
  std::size_t response_at = 0;
  for (int idle_rounds = 0; idle_rounds < 3;) {
    const auto before =
        client.bytes_written() + (f.connector.count() > 0 ? f.connector.last().bytes_written() : 0);
    bool is_moving = false;
    if (request_at < request.size() && client.unread_bytes() < 4096) {
      client.deliver(request.substr(request_at, piece));
      request_at += piece;
      is_moving = true;
    }
    if (client.is_open()) client.set_room(room);
    if (f.connector.count() > 0) {
      MemoryStream& server = f.server();
      if (server.is_open()) server.set_room(room);
      const bool has_request = server.written().ends_with("#") || server.written().ends_with("\r\n0\r\n\r\n");
      if (server.is_open() && has_request && response_at < response.size() && server.unread_bytes() < 4096) {
        server.deliver(response.substr(response_at, piece));
        response_at += piece;
        is_moving = true;
      }
    }
    f.pass(2ms);
    const auto after =
        client.bytes_written() + (f.connector.count() > 0 ? f.connector.last().bytes_written() : 0);
    idle_rounds = is_moving || after != before ? 0 : idle_rounds + 1;
  }
}

}  // namespace

TEST_CASE("any framing in any segmentation with any room gives the same content") {
  const std::string body = text(299) + "#";  // its end is seen
  const std::vector<std::string> requests{
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 300\r\n\r\n" + body,
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, 37),
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, 1),
  };
  const std::vector<std::string> responses{
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n" + body,
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, 41),
  };
  for (const std::size_t piece : {1, 2, 3, 7, 64, 10'000}) {
    for (const Bytes room : {Bytes{1}, Bytes{5}, Bytes{1000}, MemoryStream::unlimited}) {
      for (const std::string& request : requests) {
        for (const std::string& response : responses) {
          ProxyFixture f;
          MemoryStream& client = f.accept();
          client.set_room(room);
          exchange_in_pieces(f, client, request, response, piece, room);
          REQUIRE(content_of(f.connector.last().written()) == body);
          std::string received = client.written();
          if (received.starts_with("HTTP/1.1 100 "))
            received = received.substr(received.find("\r\n\r\n") + 4);
          REQUIRE(content_of(received) == body);
          REQUIRE(f.last_record().flag == ResponseFlag::none);
          REQUIRE(f.last_record().request_content_bytes == 300);
          REQUIRE(f.last_record().response_content_bytes == 300);
          REQUIRE(f.proxy->idle_upstream_count() == 1);
        }
      }
    }
  }
}

TEST_CASE("a response that the client does not take is not read from the endpoint") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.set_room(1000);
  client.deliver(get_request);
  MemoryStream& server = f.server();
  server.deliver("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
  for (int i = 0; i < 100; ++i) server.deliver(std::string(1000, 'x'));
  CHECK(client.bytes_written() == 1000);
  CHECK(server.unread_bytes() >= 100'000 - 1000 - http1::overcommit_bytes);
  f.pass(1s);
  CHECK(client.bytes_written() == 1000);
  client.set_room(500);
  CHECK(client.bytes_written() == 1500);
  CHECK(server.unread_bytes() >= 100'000 - 1500 - http1::overcommit_bytes);
  client.set_room(MemoryStream::unlimited);
  CHECK(server.unread_bytes() == 0);
}

TEST_CASE("a request that the endpoint does not take is not read from the client") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  client.deliver("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n");
  for (int i = 0; i < 100; ++i) client.deliver(std::string(1000, 'x'));
  CHECK(client.unread_bytes() == 100'000);  // not connected yet
  f.connector.last().set_room(1000);
  MemoryStream& server = f.server();
  CHECK(server.bytes_written() == 1000);
  CHECK(client.unread_bytes() >= 100'000 - 1000 - http1::overcommit_bytes);
  server.set_room(MemoryStream::unlimited);
  CHECK(client.unread_bytes() == 0);
}

TEST_CASE("one event moves a bounded number of bytes; the rest follows in the next rounds") {
  ProxyFixture f({}, {.slices = 65'536});
  MemoryStream& client = f.accept();
  const std::size_t size = 3 * relay_bytes_per_event_max;
  client.deliver("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
  MemoryStream& server = f.server();
  const std::uint64_t head = server.bytes_written();
  client.deliver(std::string(size, 'x'));
  CHECK(server.bytes_written() == head + relay_bytes_per_event_max);
  f.pass(1ms);
  CHECK(server.bytes_written() == head + size);

  const std::string response = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
  server.deliver(response);
  const std::uint64_t response_head = client.bytes_written();
  server.deliver(std::string(size, 'y'));
  CHECK(client.bytes_written() == response_head + relay_bytes_per_event_max);
  f.pass(1ms);
  CHECK(client.bytes_written() == response_head + size);
  CHECK(f.last_record().flag == ResponseFlag::none);
}

TEST_CASE("1 GiB passes both ways in bounded memory") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  constexpr std::uint64_t size = 1ull << 30;
  const std::string piece(64 * 1024, 'x');
  client.set_recording(false);
  client.deliver("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
  MemoryStream& server = f.server();
  server.set_recording(false);
  std::uint32_t slices_max = 0;
  for (std::uint64_t sent = 0; sent < size; sent += piece.size()) {
    client.deliver(piece);
    slices_max = std::max(slices_max, f.slices.in_use());
  }
  server.deliver("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
  for (std::uint64_t sent = 0; sent < size; sent += piece.size()) {
    server.deliver(piece);
    slices_max = std::max(slices_max, f.slices.in_use());
  }
  CHECK(f.last_record().flag == ResponseFlag::none);
  CHECK(f.last_record().request_content_bytes == size);
  CHECK(f.last_record().response_content_bytes == size);
  CHECK(slices_max < 10);
}

TEST_CASE("a connection that waits holds no memory") {
  ProxyFixture f;
  MemoryStream& client = f.accept();
  CHECK(f.slices.in_use() == 0);
  client.deliver(get_request);
  f.server().deliver("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  CHECK(client.is_open());
  CHECK(f.proxy->idle_upstream_count() == 1);
  CHECK(f.slices.in_use() == 0);
  CHECK(f.buffers.live() == 0);
  CHECK(f.network.live() == 0);
  CHECK(f.proxy->exchange_count() == 0);
}

}  // namespace byway::l7::test
