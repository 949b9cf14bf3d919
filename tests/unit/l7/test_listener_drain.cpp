// What becomes of connections whose listener a new set no longer has.
#include "tests/unit/l7/proxy_fixture.h"

namespace byway::l7::test {

namespace {

const net::SocketAddress listening{ip(gateway_ip), gateway_port};

/// Rounds until the drain has nothing to do now.
void step_all(ProxyFixture& f) {
  while (f.proxy->step_drains()) {
  }
}

std::string answer() {
  return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
}

}  // namespace

TEST_CASE("connections of a removed listener end: waiting ones at once, busy ones after their response") {
  ProxyFixture f;
  MemoryStream& waiting = f.accept();
  MemoryStream& busy = f.accept();
  busy.deliver(get_request);
  f.proxy->drain_listener(listening, f.now + 5s);
  step_all(f);
  CHECK(waiting.is_closed());
  CHECK(f.count(Counter::downstream_drained) == 2);
  f.server().deliver(answer());
  CHECK(busy.written().find("Connection: close\r\n") != std::string::npos);
  busy.deliver_finish();
  CHECK(f.proxy->downstream_count() == 0);
  f.pass(6s);
  step_all(f);
  CHECK(f.count(Counter::downstream_drain_cut) == 0);
}

TEST_CASE("what is left when the drain time of a removed listener is over is reset") {
  ProxyFixture f;
  MemoryStream& busy = f.accept();
  busy.deliver(get_request);
  f.proxy->drain_listener(listening, f.now + 5s);
  step_all(f);
  f.pass(4s);
  step_all(f);
  CHECK_FALSE(busy.is_aborted());
  f.pass(1s);
  step_all(f);
  CHECK(busy.is_aborted());
  CHECK(f.count(Counter::downstream_drain_cut) == 1);
  CHECK(f.last_record().flag == ResponseFlag::LR);
  CHECK_FALSE(f.proxy->step_drains());
}

TEST_CASE("connections of other listeners stay") {
  ProxyFixture f;
  MemoryStream& other = f.accept();
  f.proxy->drain_listener({ip(gateway_ip), gateway_port + 1}, f.now + 5s);
  f.proxy->drain_listener({ip(gateway_ip + 1), gateway_port}, f.now + 5s);
  step_all(f);
  f.pass(6s);
  step_all(f);
  CHECK_FALSE(other.is_closed());
  CHECK_FALSE(other.is_aborted());
}

TEST_CASE("a listener that comes back keeps its connections") {
  ProxyFixture f;
  MemoryStream& early = f.accept();
  f.proxy->drain_listener(listening, f.now + 5s);
  f.proxy->keep_listener(listening);
  step_all(f);
  CHECK_FALSE(early.is_closed());
  early.deliver(get_request);
  f.proxy->drain_listener(listening, f.now + 5s);
  step_all(f);
  f.proxy->keep_listener(listening);
  MemoryStream& late = f.accept();
  f.pass(6s);
  step_all(f);
  CHECK_FALSE(early.is_aborted());
  CHECK_FALSE(late.is_closed());
}

TEST_CASE("a removed listener's connections are found by pieces of the table") {
  ProxyFixture f({}, {.downstream_max = 4 * drain_places_per_round});
  for (std::uint32_t i = 0; i < 3 * drain_places_per_round; ++i) f.accept();
  f.proxy->drain_listener(listening, f.now + 5s);
  CHECK(f.proxy->step_drains());
  CHECK(f.count(Counter::downstream_drained) == drain_places_per_round);
  step_all(f);
  CHECK(f.count(Counter::downstream_drained) == 3 * drain_places_per_round);
  CHECK(f.proxy->downstream_count() == 0);
}

}  // namespace byway::l7::test
