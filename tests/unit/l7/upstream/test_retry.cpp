// Which requests are sent again when a kept connection breaks.
#include "l7/upstream/retry.h"

#include "tests/unit/l7/proxy_fixture.h"

namespace byway::l7::test {
namespace {

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

std::string with_content(const std::string& method, std::size_t declared, const std::string& content) {
  return method + " / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(declared) + "\r\n\r\n" +
         content;
}

// A client with one kept connection to the endpoint.
struct Kept : ProxyFixture {
  Kept() : client(accept()) {
    client.deliver(get_request);
    kept = &server();
    kept->deliver(ok);
    static_cast<void>(client.take_written());
    static_cast<void>(kept->take_written());
  }
  MemoryStream& client;
  MemoryStream* kept = nullptr;
};

}  // namespace

TEST_CASE("an idempotent request without content goes out again when a kept connection ends or is reset") {
  for (const std::string method : {"GET", "HEAD", "OPTIONS", "DELETE", "PUT"}) {
    for (const bool is_reset : {false, true}) {
      Kept f;
      f.client.deliver(method + " /again HTTP/1.1\r\nHost: h\r\n\r\n");
      const std::string sent = f.kept->take_written();
      if (is_reset) {
        f.kept->end(StreamEnd::reset);
      } else {
        f.kept->deliver_finish();
      }
      REQUIRE(f.connector.count() == 2);
      CHECK(f.client.written().find("503") == std::string::npos);
      CHECK(f.server().take_written() == sent);
      f.connector.last().deliver("HTTP/1.1 204 No Content\r\n\r\n");
      CHECK(f.client.take_written().starts_with("HTTP/1.1 204 "));
      CHECK(f.last_record().tries == 2);
      CHECK_FALSE(f.last_record().is_reused);
      CHECK(f.count(Counter::retries) == 1);
    }
  }
}

TEST_CASE("the second try is the last: a fresh connection that breaks is no race") {
  Kept f;
  f.client.deliver(get_request);
  f.kept->deliver_finish();
  f.server().deliver_finish();
  CHECK(f.connector.count() == 2);
  CHECK(f.client.take_written().starts_with("HTTP/1.1 503 "));
  CHECK(f.last_record().flag == ResponseFlag::UC);
  CHECK(f.last_record().tries == 2);
}

TEST_CASE("a retry takes a fresh connection though others are kept") {
  Kept f;
  MemoryStream& second_client = f.accept();
  f.client.deliver(get_request);
  second_client.deliver(get_request);
  f.server().deliver(ok);
  f.kept->deliver(ok);
  REQUIRE(f.proxy->idle_upstream_count() == 2);
  f.client.deliver(get_request);
  f.kept->deliver_finish();
  CHECK(f.connector.count() == 3);
}

TEST_CASE("a POST is sent again only if none of it has left the send queue") {
  {
    Kept f;
    f.kept->hold_output(true);
    f.client.deliver(with_content("POST", 4, "body"));
    const std::string sent = f.kept->take_written();
    f.kept->deliver_finish();
    REQUIRE(f.connector.count() == 2);
    CHECK(f.server().take_written() == sent);
    f.connector.last().deliver(ok);
    CHECK(f.last_record().status == 200);
    CHECK(f.last_record().request_content_bytes == 4);
  }
  {
    Kept f;
    f.client.deliver(with_content("POST", 4, "body"));
    f.kept->deliver_finish();
    CHECK(f.connector.count() == 1);
    CHECK(f.client.take_written().starts_with("HTTP/1.1 503 "));
    CHECK(f.count(Counter::retries_unsafe) == 1);
  }
}

TEST_CASE("a POST of which nothing has left may go out again before its content is whole") {
  Kept f;
  f.kept->hold_output(true);
  f.client.deliver(with_content("POST", 8, "half"));
  f.kept->end(StreamEnd::reset);
  REQUIRE(f.connector.count() == 2);
  MemoryStream& fresh = f.server();
  CHECK(fresh.written().ends_with("\r\n\r\nhalf"));
  f.client.deliver("rest");
  CHECK(fresh.written().ends_with("\r\n\r\nhalfrest"));
  fresh.deliver(ok);
  CHECK(f.last_record().status == 200);
}

TEST_CASE("a PUT is sent again only with its whole content") {
  {
    Kept f;
    f.client.deliver(with_content("PUT", 4, "body"));
    const std::string sent = f.kept->take_written();
    f.kept->deliver_finish();
    REQUIRE(f.connector.count() == 2);
    CHECK(f.server().take_written() == sent);
  }
  {
    Kept f;
    f.client.deliver(with_content("PUT", 5, "body"));
    f.kept->deliver_finish();
    CHECK(f.connector.count() == 1);
    CHECK(f.client.take_written().starts_with("HTTP/1.1 503 "));
    CHECK(f.client.is_finished());
  }
}

TEST_CASE("content in chunks is sent again in chunks") {
  Kept f;
  f.client.deliver(
      "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  f.kept->deliver_finish();
  REQUIRE(f.connector.count() == 2);
  CHECK(f.server().written().ends_with("\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"));
}

TEST_CASE("content up to the bound of the replay is kept, beyond it the request has one try") {
  for (const std::size_t size :
       {std::size_t{upstream::replay_bytes_max}, std::size_t{upstream::replay_bytes_max} + 1}) {
    Kept f;
    f.client.deliver(with_content("PUT", size, std::string(size, 'x')));
    f.kept->deliver_finish();
    CHECK(f.connector.count() == (size == upstream::replay_bytes_max ? 2 : 1));
  }
}

TEST_CASE("no retry once a byte of the response has come") {
  for (const std::string partial : {"H", "HTTP/1.1 100 Continue\r\n\r\n"}) {
    Kept f;
    f.client.deliver(get_request);
    f.kept->deliver(partial);
    f.kept->deliver_finish();
    CHECK(f.connector.count() == 1);
    CHECK(f.last_record().flag == ResponseFlag::UC);
  }
}

TEST_CASE("a retry goes by the set of the moment: the endpoint may have gone") {
  Kept f;
  f.client.deliver(get_request);
  Specs moved;
  moved.backend().endpoints = {endpoint(7)};
  f.use(moved);
  f.kept->deliver_finish();
  REQUIRE(f.connector.count() == 2);
  CHECK(f.connector.last().remote_address().ip == ip(server_ip + 7));
  f.server().deliver(ok);

  Kept g;
  g.client.deliver(get_request);
  Specs gone;
  gone.backends.clear();
  g.use(gone);
  g.kept->deliver_finish();
  CHECK(g.last_record().flag == ResponseFlag::UH);
  CHECK(g.last_record().status == 503);
}

TEST_CASE("the request timeout covers both tries") {
  Specs specs;
  specs.rule().request_timeout_ns = 1'000'000'000;
  Kept f;
  f.use(specs);
  f.client.deliver(get_request);
  f.pass(600ms);
  f.kept->deliver_finish();
  f.server();
  f.pass(401ms);
  CHECK(f.last_record().flag == ResponseFlag::UT);
  CHECK(f.last_record().tries == 2);
}

TEST_CASE("the backend timeout is each try's own") {
  Specs specs;
  specs.rule().backend_request_timeout_ns = 1'000'000'000;
  Kept f;
  f.use(specs);
  f.client.deliver(get_request);
  f.pass(600ms);
  f.kept->deliver_finish();
  f.server();
  f.pass(999ms);
  CHECK(f.client.written().find("504") == std::string::npos);
  f.pass(2ms);
  CHECK(f.last_record().flag == ResponseFlag::UT);
}

}  // namespace byway::l7::test
