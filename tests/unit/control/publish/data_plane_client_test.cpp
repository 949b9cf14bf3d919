// The client against a data plane that differs from the real one only in having no packets.
#include "control/publish/data_plane_client.h"

#include <catch2/catch_test_macros.hpp>
#include <thread>

#include "control/shm/snapshot.h"
#include "tests/support/fake_data_plane.h"
#include "tests/unit/control/support/prometheus_text.h"
#include "tests/unit/control/support/resolution.h"
#include "tests/unit/control/support/temporary_folder.h"

namespace byway::control {
namespace {

using Clock = std::chrono::steady_clock;

/// Long enough that only a hang reaches it.
Deadline far() {
  return Clock::now() + std::chrono::seconds(60);
}
Deadline soon() {
  return Clock::now() + std::chrono::milliseconds(20);
}

std::shared_ptr<const CompiledSet> some_set(int weight = 1) {
  const Resolved resolved{
      std::string(base_yaml) +
      route_yaml(std::string(parent) +
                 "  rules: [{backendRefs: [{name: v1, port: 80, weight: " + std::to_string(weight) + "}]}]")};
  return std::make_shared<CompiledSet>(compile(resolved.model(), nullptr, true).value());
}

struct Setup {
  TemporaryFolder folder;
  std::string runtime = folder / ".";
  DataPlaneClient client{folder / "dataplane.sock"};
  std::atomic<int> progress = 0;

  std::unique_ptr<test::FakeDataPlane> make_data_plane(bool workers_run = true) {
    test::FakeDataPlane::Options options;
    options.runtime_folder = runtime;
    options.workers_run = workers_run;
    return std::make_unique<test::FakeDataPlane>(options);
  }
  void start() {
    client.start([this] { ++progress; });
  }
};

TEST_CASE("a set is handed over, and applied when every worker runs it") {
  Setup setup;
  const auto data_plane = setup.make_data_plane();
  setup.start();
  const Ticket ticket = setup.client.publish(some_set(), 7);
  const Receipt receipt = setup.client.await(ticket, far());
  CHECK(receipt.state == ReceiptState::applied);
  CHECK(receipt.generation == 1);
  REQUIRE(receipt.workers.size() == 2);
  CHECK(receipt.workers[0].is_applied);
  CHECK(setup.client.applied() == ticket);
  const DataPlaneView view = setup.client.view();
  CHECK(view.is_connected);
  CHECK(view.generation == 1);
  CHECK(view.workers.at(1).generation == 1);
  while (setup.progress == 0) std::this_thread::yield();
}

TEST_CASE("workers that are late are named in the receipt, and the ticket is applied when they come") {
  Setup setup;
  const auto data_plane = setup.make_data_plane();
  setup.start();
  REQUIRE(setup.client.await(setup.client.publish(some_set(1), 1), far()).state == ReceiptState::applied);
  data_plane->let_workers_run(false);
  const Ticket ticket = setup.client.publish(some_set(2), 2);
  Receipt receipt;
  do receipt = setup.client.await(ticket, soon());
  while (receipt.generation == 0);
  CHECK(receipt.state == ReceiptState::late);
  REQUIRE(receipt.workers.size() == 2);
  CHECK_FALSE(receipt.workers[0].is_applied);
  data_plane->let_workers_run(true);
  CHECK(setup.client.await(ticket, far()).state == ReceiptState::applied);
}

TEST_CASE("without a data plane nothing is applied, and the newest set is handed over when one comes") {
  Setup setup;
  setup.start();
  const Ticket first = setup.client.publish(some_set(1), 1);
  const Receipt receipt = setup.client.await(first, soon());
  CHECK(receipt.state == ReceiptState::no_data_plane);
  CHECK(receipt.reason.contains("dataplane.sock"));
  CHECK_FALSE(setup.client.view().is_connected);
  CHECK(setup.client.command("echo", "x", soon()).error().code == 503);
  const Ticket second = setup.client.publish(some_set(2), 2);
  const auto data_plane = setup.make_data_plane();
  CHECK(setup.client.await(second, far()).state == ReceiptState::applied);
  CHECK(setup.client.await(first, far()).state == ReceiptState::applied);
  // One hand-over for both.
  CHECK(setup.client.view().generation == 1);
}

TEST_CASE("a data plane that was killed and came back gets the set again") {
  Setup setup;
  auto data_plane = setup.make_data_plane();
  setup.start();
  const Ticket ticket = setup.client.publish(some_set(), 1);
  REQUIRE(setup.client.await(ticket, far()).state == ReceiptState::applied);
  const std::uint64_t instance = setup.client.view().instance;
  data_plane.reset();
  while (setup.client.applied() != 0) std::this_thread::yield();
  CHECK(setup.client.await(ticket, soon()).state == ReceiptState::no_data_plane);
  data_plane = setup.make_data_plane();
  CHECK(setup.client.await(ticket, far()).state == ReceiptState::applied);
  CHECK(setup.client.view().instance != instance);
}

TEST_CASE("the node's addresses are known while its data plane is connected, and each change is told") {
  Setup setup;
  auto data_plane = setup.make_data_plane();
  setup.start();
  while (setup.client.progress().node == nullptr) std::this_thread::yield();
  CHECK(*setup.client.progress().node == test::FakeDataPlane::Options{}.node_addresses);
  while (setup.progress == 0) std::this_thread::yield();
  const int told = setup.progress;
  data_plane.reset();
  // No successor is needed to hear of the end.
  while (setup.progress == told) std::this_thread::yield();
  CHECK(setup.client.progress().node == nullptr);
}

TEST_CASE(
    "what the data plane makes of the first set is open until it is applied, refused, or nobody is there") {
  Setup setup;
  SECTION("applied") {
    const auto data_plane = setup.make_data_plane(false);
    CHECK_FALSE(setup.client.progress().is_settled);
    const Ticket ticket = setup.client.publish(some_set(), 1);
    setup.start();
    while (setup.client.await(ticket, soon()).generation == 0) {
    }
    CHECK_FALSE(setup.client.progress().is_settled);
    data_plane->let_workers_run(true);
    REQUIRE(setup.client.await(ticket, far()).state == ReceiptState::applied);
    CHECK(setup.client.progress().is_settled);
  }
  SECTION("nobody there") {
    setup.start();
    while (!setup.client.progress().is_settled) std::this_thread::yield();
    while (setup.progress == 0) std::this_thread::yield();
  }
  SECTION("refused") {
    const auto data_plane = setup.make_data_plane();
    auto broken = std::make_shared<CompiledSet>(*some_set());
    broken->policy = std::make_shared<shm::BlobBytes>(std::size_t{64});
    const Ticket ticket = setup.client.publish(broken, 1);
    setup.start();
    REQUIRE(setup.client.await(ticket, far()).state == ReceiptState::refused);
    while (!setup.client.progress().is_settled) std::this_thread::yield();
  }
}

TEST_CASE("a new agent goes on above the generation that runs") {
  Setup setup;
  const auto data_plane = setup.make_data_plane();
  setup.start();
  REQUIRE(setup.client.await(setup.client.publish(some_set(1), 1), far()).state == ReceiptState::applied);
  REQUIRE(setup.client.await(setup.client.publish(some_set(2), 2), far()).state == ReceiptState::applied);
  setup.client.stop();
  DataPlaneClient next(setup.folder / "dataplane.sock");
  next.start([] {});
  const Receipt receipt = next.await(next.publish(some_set(3), 3), far());
  CHECK(receipt.state == ReceiptState::applied);
  CHECK(receipt.generation == 3);
}

TEST_CASE("a set that the data plane refuses is refused with its reason, and a better one goes through") {
  Setup setup;
  const auto data_plane = setup.make_data_plane();
  setup.start();
  auto broken = std::make_shared<CompiledSet>(*some_set());
  auto bytes = std::make_shared<shm::BlobBytes>(*broken->policy);
  bytes->at(bytes->size() / 2) ^= std::byte{1};
  broken->policy = bytes;
  const Receipt receipt = setup.client.await(setup.client.publish(broken, 1), far());
  CHECK(receipt.state == ReceiptState::refused);
  CHECK(receipt.reason.contains("policy"));
  CHECK(setup.client.await(setup.client.publish(some_set(), 2), far()).state == ReceiptState::applied);
}

TEST_CASE("all that a data plane counts is text that Prometheus takes, endpoints by name included") {
  Setup setup;
  const auto data_plane = setup.make_data_plane();
  CHECK(setup.client.metrics_text().empty());
  setup.start();
  REQUIRE(setup.client.await(setup.client.publish(some_set(), 1), far()).state == ReceiptState::applied);
  const auto parsed = parse_prometheus(setup.client.metrics_text());
  INFO((parsed ? "" : parsed.error()));
  REQUIRE(parsed.has_value());
  CHECK(
      parsed->at("byway_endpoint_requests_total{backend_namespace=\"shop\",backend_name=\"v1\",backend_port="
                 "\"80\",endpoint=\"10.81.0.2:8080\"}") == 0);
  CHECK(parsed->types.contains("fake_rounds"));
  CHECK(parsed->types.at("fake_round_time") == "histogram");
}

TEST_CASE("commands are answered, and their failures have HTTP's status") {
  Setup setup;
  const auto data_plane = setup.make_data_plane();
  setup.start();
  REQUIRE(setup.client.await(setup.client.publish(some_set(), 1), far()).state == ReceiptState::applied);
  CHECK(setup.client.command("echo", "limit=3", far()) == "limit=3");
  CHECK(setup.client.command("connections", "", far()) == "[]");
  CHECK(setup.client.command("nope", "", far()).error().code == 501);
  CHECK(setup.client.command("silent", "", soon()).error().code == 503);
}

}  // namespace
}  // namespace byway::control
