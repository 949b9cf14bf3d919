#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <thread>

#include "control/shm/channel_client.h"
#include "tests/support/fake_data_plane.h"
#include "tests/support/set_description.h"
#include "tests/unit/control/shm/temporary_folder.h"

namespace byway::shm {
namespace {

using namespace std::chrono_literals;
using test::FakeDataPlane;

Deadline in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

/// Longer than anything takes here, so that only what never comes runs into it.
constexpr auto patience = 20s;

/// Waits for something that another thread brings about.
bool eventually(const std::function<bool()>& condition) {
  const auto end = in(patience);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(1ms);
  }
  return true;
}

test::SealedSet example_set() {
  return test::sealed_set_of(
      "listener demo/gw/http 80\n"
      "backend demo/a:80 10.0.0.1:8080 10.0.0.2:8080\n"
      "route demo/all to demo/a:80=9 demo/b:80=1\n");
}

SetToPublish numbered(const test::SealedSet& set, std::uint64_t generation) {
  return {generation, generation * 10, set.policy.get(), set.endpoints.get(), set.secrets.get()};
}

std::unique_ptr<ChannelClient> connect(const FakeDataPlane& data_plane) {
  auto client = ChannelClient::connect(data_plane.socket_path(), "test", in(patience));
  REQUIRE(client.has_value());
  return std::move(*client);
}

/// A peer that keeps to no protocol.
struct RawPeer {
  explicit RawPeer(const std::string& path) : socket(*make_seqpacket_socket()) {
    REQUIRE(connect_to(socket.get(), path).has_value());
  }
  void send(std::span<const std::byte> bytes, std::span<const int> descriptors = {}) const {
    REQUIRE(send_datagram(socket.get(), bytes, descriptors) == SendStatus::sent);
  }
  [[nodiscard]] std::optional<Received> receive() const {
    Received received;
    const bool came = eventually([&] {
      received = receive_message(socket.get());
      return received.status != ReceiveStatus::nothing_yet;
    });
    return came ? std::optional(std::move(received)) : std::nullopt;
  }
  [[nodiscard]] bool is_dropped() const {
    return eventually([&] { return receive_message(socket.get()).status == ReceiveStatus::closed; });
  }
  OwnedFd socket;
};

}  // namespace

TEST_CASE("a set is handed over, applied by every worker, and seen on the agent's view", "[channel]") {
  const TemporaryFolder folder;
  FakeDataPlane data_plane({folder.path()});
  auto client = connect(data_plane);
  CHECK(client->welcome().generation == 0);
  CHECK(client->welcome().worker_count == 2);
  const auto receipt = client->publish(numbered(example_set(), 3), WaitFor::applied, in(patience));
  REQUIRE(receipt.has_value());
  CHECK(receipt->result == ReceiptResult::applied);
  CHECK(receipt->generation == 3);
  REQUIRE(receipt->worker_ns.size() == 2);
  CHECK(receipt->worker_ns[0] < apply_time_no_worker);
  CHECK(receipt->worker_ns[1] < apply_time_no_worker);

  AgentRegions& regions = client->regions();
  CHECK(GenerationWord(regions.control().publication.published.load()).generation() == 3);
  CHECK(regions.control().workers[1].running.load() == 3);
  const auto* rounds = regions.counters().find("fake_rounds");
  REQUIRE(rounds != nullptr);
  CHECK(eventually([&] { return regions.counters().sum(*rounds) > 0; }));
  CHECK(regions.slots().read(0).has_value());
  CHECK(regions.slots().read(1).has_value());
  CHECK_FALSE(regions.slots().read(2).has_value());
  CHECK(connect(data_plane)->welcome().generation == 3);
  CHECK(connect(data_plane)->welcome().revision == 30);
  CHECK(client->welcome().node_addresses == FakeDataPlane::Options{}.node_addresses);
}

TEST_CASE("a bad set is refused with a reason and the last good one stays", "[channel]") {
  const TemporaryFolder folder;
  FakeDataPlane data_plane({folder.path()});
  auto client = connect(data_plane);
  const auto good = example_set();
  REQUIRE(client->publish(numbered(good, 5), WaitFor::applied, in(patience))->result ==
          ReceiptResult::applied);
  const auto refusal = [&](const SetToPublish& set) {
    const auto receipt = client->publish(set, WaitFor::applied, in(patience));
    REQUIRE(receipt.has_value());
    CHECK(receipt->result == ReceiptResult::refused);
    return receipt->reason;
  };
  SECTION("blobs in the wrong places") {
    CHECK(
        refusal({6, 1, good.endpoints.get(), good.policy.get(), good.secrets.get()}).starts_with("policy: "));
  }
  SECTION("a blob that is not sealed") {
    const OwnedFd open_blob(::memfd_create("open", MFD_ALLOW_SEALING));
    REQUIRE(::ftruncate(open_blob.get(), 4096) == 0);
    CHECK(refusal({6, 1, good.policy.get(), open_blob.get(), good.secrets.get()})
              .starts_with("endpoints: not_sealed"));
  }
  SECTION("something that is no memory at all") {
    std::array<int, 2> pipe{};
    REQUIRE(::pipe(pipe.data()) == 0);
    CHECK(
        refusal({6, 1, good.policy.get(), good.endpoints.get(), pipe[0]}).starts_with("secrets: not_sealed"));
    ::close(pipe[0]);
    ::close(pipe[1]);
  }
  SECTION("a generation that is not newer") {
    CHECK(refusal(numbered(good, 5)) == "stale generation: 5 is published");
  }
  CHECK(connect(data_plane)->welcome().generation == 5);
  CHECK(client->publish(numbered(good, 7), WaitFor::applied, in(patience))->result == ReceiptResult::applied);
}

TEST_CASE("a set with more endpoints than there are runtime slots is refused and holds none", "[channel]") {
  const TemporaryFolder folder;
  FakeDataPlane data_plane({.runtime_folder = folder.path(), .sizes = {1, 1, 64 * 1024}});
  auto client = connect(data_plane);
  const auto receipt = client->publish(numbered(example_set(), 1), WaitFor::applied, in(patience));
  REQUIRE(receipt.has_value());
  CHECK(receipt->result == ReceiptResult::refused);
  CHECK(receipt->reason.find("runtime slots") != std::string::npos);
  const auto smaller = test::sealed_set_of("listener l 80\nbackend b 10.0.0.1:80\nroute n/r to b\n");
  CHECK(client->publish(numbered(smaller, 2), WaitFor::applied, in(patience))->result ==
        ReceiptResult::applied);
}

TEST_CASE("while workers stand still a set is accepted, its receipt names them, and the ninth is refused",
          "[channel]") {
  const TemporaryFolder folder;
  FakeDataPlane data_plane({.runtime_folder = folder.path(), .workers_run = false});
  auto client = connect(data_plane);
  const auto set = example_set();
  auto receipt = client->publish(numbered(set, 1), WaitFor::applied, in(30ms));
  REQUIRE(receipt.has_value());
  CHECK(receipt->result == ReceiptResult::accepted);
  REQUIRE(receipt->worker_ns.size() == 2);
  CHECK(receipt->worker_ns[0] == apply_time_pending);
  CHECK(receipt->worker_ns[1] == apply_time_pending);
  for (std::uint64_t generation = 2; generation <= live_generations_max; ++generation) {
    receipt = client->publish(numbered(set, generation), WaitFor::accepted, in(patience));
    REQUIRE(receipt.has_value());
    CHECK(receipt->result == ReceiptResult::accepted);
  }
  receipt = client->publish(numbered(set, 9), WaitFor::accepted, in(patience));
  REQUIRE(receipt.has_value());
  CHECK(receipt->result == ReceiptResult::refused);
  CHECK(receipt->reason.starts_with("stragglers"));

  data_plane.let_workers_run(true);
  CHECK(eventually([&] {
    const auto again = client->publish(numbered(set, 9), WaitFor::applied, in(patience));
    return again && again->result == ReceiptResult::applied;
  }));
}

TEST_CASE("commands are answered whole, whatever the length, and unknown ones refused", "[channel]") {
  const TemporaryFolder folder;
  FakeDataPlane data_plane({folder.path()});
  auto client = connect(data_plane);
  const auto ask = [&](std::string_view name, std::string_view arguments) {
    const auto answer = client->command(name, arguments, in(patience));
    REQUIRE(answer.has_value());
    return *answer;
  };
  CHECK(ask("echo", "hello").text == "hello");
  CHECK(ask("echo", "").text.empty());
  CHECK(ask("connections", "").status == AnswerStatus::ok);
  CHECK(ask("nonsense", "").status == AnswerStatus::unknown_command);
  for (const std::size_t size : {answer_chunk_bytes_max, answer_chunk_bytes_max + 1, answer_bytes_max}) {
    CHECK(ask("long", std::to_string(size)).text.size() == size);
  }
  CHECK(ask("long", std::to_string(answer_bytes_max + 1)).text.size() == answer_bytes_max);
  CHECK(ask("echo", std::string(command_arguments_bytes_max, 'x')).text.size() ==
        command_arguments_bytes_max);
  CHECK(ask("echo", std::string(command_arguments_bytes_max + 1, 'x')).status ==
        AnswerStatus::invalid_arguments);
}

TEST_CASE("a command that nobody answers ends with a time-out, and meanwhile others are busy", "[channel]") {
  const TemporaryFolder folder;
  FakeDataPlane data_plane({folder.path()});
  auto client = connect(data_plane);
  const auto silent = client->command("silent", "", in(30ms));
  REQUIRE_FALSE(silent.has_value());
  CHECK(silent.error().kind == ChannelError::Kind::timed_out);
  CHECK(client->command("echo", "x", in(patience))->status == AnswerStatus::busy);
  data_plane.advance_clock(channel_command_timeout_ns);
  CHECK(eventually([&] { return client->command("echo", "x", in(patience))->status == AnswerStatus::ok; }));
  CHECK(client->is_connected());
}

TEST_CASE("a user who is not listed cannot connect", "[channel]") {
  const TemporaryFolder folder;
  FakeDataPlane data_plane(
      {.runtime_folder = folder.path(), .allowed_users = {FakeDataPlane::own_user() + 1}});
  const auto client = ChannelClient::connect(data_plane.socket_path(), "test", in(patience));
  REQUIRE_FALSE(client.has_value());
  CHECK(client.error().kind == ChannelError::Kind::unavailable);
}

TEST_CASE("a user of a listed group may connect, one of another group may not", "[channel]") {
  if (::geteuid() != 0) SKIP("only root can become others");
  const TemporaryFolder folder;
  const gid_t own_group = ::getegid();
  const FakeDataPlane data_plane(
      {.runtime_folder = folder.path(), .allowed_users = {}, .allowed_groups = {own_group}});
  std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
  // The file lets everybody try, so that it is the credentials that decide.
  std::filesystem::permissions(data_plane.socket_path(), std::filesystem::perms(0666));
  const auto is_welcome = [&](uid_t user, gid_t group) {
    bool is_connected = false;
    // The bare system calls change the credentials of this thread alone.
    std::thread([&] {
      if (::syscall(SYS_setresgid, -1, group, -1) != 0 || ::syscall(SYS_setresuid, -1, user, -1) != 0) return;
      is_connected = ChannelClient::connect(data_plane.socket_path(), "test", in(patience)).has_value();
    }).join();
    return is_connected;
  };
  constexpr uid_t nobody = 65534;
  CHECK(is_welcome(nobody, own_group));
  CHECK_FALSE(is_welcome(nobody, own_group + 1));
  CHECK_FALSE(is_welcome(0, own_group + 1));
}

TEST_CASE("a peer that breaks the protocol is dropped, others go on", "[channel]") {
  const TemporaryFolder folder;
  FakeDataPlane data_plane({folder.path()});
  auto client = connect(data_plane);
  const RawPeer peer(data_plane.socket_path());
  const auto hello = encode(Hello{"raw"});
  SECTION("garbage") {
    peer.send(std::vector<std::byte>(100, std::byte{7}));
  }
  SECTION("a message that is too long") {
    peer.send(std::vector<std::byte>(message_bytes_max + 1, std::byte{7}));
  }
  SECTION("no hello first") {
    peer.send(encode(CommandRequest{1, "echo", ""}));
  }
  SECTION("hello twice") {
    peer.send(hello);
    peer.send(hello);
    REQUIRE(peer.receive()->status == ReceiveStatus::message);
  }
  SECTION("a message that only a data plane sends") {
    peer.send(hello);
    REQUIRE(peer.receive()->status == ReceiveStatus::message);
    peer.send(encode(Receipt{1, 1, ReceiptResult::applied, {}, ""}));
  }
  SECTION("a set without blobs") {
    peer.send(hello);
    REQUIRE(peer.receive()->status == ReceiveStatus::message);
    peer.send(encode(Handover{1, 1, 1}));
  }
  SECTION("a descriptor with a message that has none") {
    const std::array<int, 1> extra{peer.socket.get()};
    peer.send(hello, extra);
  }
  SECTION("no hello in time") {
    REQUIRE(eventually([&] { return data_plane.peer_count() == 2; }));
    data_plane.advance_clock(channel_hello_timeout_ns + 1);
  }
  CHECK(peer.is_dropped());
  CHECK(client->command("echo", "still here", in(patience))->text == "still here");
}

TEST_CASE("a peer that does not read its answers is dropped", "[channel]") {
  const TemporaryFolder folder;
  FakeDataPlane data_plane({folder.path()});
  const RawPeer peer(data_plane.socket_path());
  peer.send(encode(Hello{"raw"}));
  REQUIRE(peer.receive()->status == ReceiveStatus::message);
  peer.send(encode(CommandRequest{1, "long", std::to_string(answer_bytes_max)}));
  REQUIRE(peer.receive()->status == ReceiveStatus::message);  // the answer has begun
  CHECK(data_plane.peer_count() == 1);
  data_plane.advance_clock(channel_stall_timeout_ns + 1);
  CHECK(eventually([&] { return data_plane.peer_count() == 0; }));
}

TEST_CASE("connections beyond the limit are closed at once", "[channel]") {
  const TemporaryFolder folder;
  FakeDataPlane data_plane({folder.path()});
  std::vector<std::unique_ptr<ChannelClient>> clients;
  for (std::size_t count = 0; count < channel_peers_max; ++count) clients.push_back(connect(data_plane));
  CHECK_FALSE(ChannelClient::connect(data_plane.socket_path(), "test", in(patience)).has_value());
  clients.pop_back();
  CHECK(eventually(
      [&] { return ChannelClient::connect(data_plane.socket_path(), "test", in(patience)).has_value(); }));
}

TEST_CASE("a data plane that starts again runs its last good set before any agent comes", "[channel]") {
  const TemporaryFolder folder;
  std::unique_ptr<ChannelClient> client;
  std::uint64_t first_instance = 0;
  {
    FakeDataPlane data_plane({folder.path()});
    client = connect(data_plane);
    first_instance = client->welcome().instance;
    REQUIRE(client->publish(numbered(example_set(), 41), WaitFor::applied, in(patience)).has_value());
    REQUIRE(eventually([&] { return std::filesystem::exists(folder.path("last_good")); }));
    CHECK(client->is_connected());
  }
  CHECK_FALSE(client->is_connected());
  CHECK(client->publish(numbered(example_set(), 42), WaitFor::applied, in(patience)).error().kind ==
        ChannelError::Kind::unavailable);
  CHECK(ChannelClient::connect(folder.path("dataplane.sock"), "test", in(patience)).error().kind ==
        ChannelError::Kind::unavailable);

  FakeDataPlane data_plane({folder.path()});
  client = connect(data_plane);
  CHECK(client->welcome().generation == 41);
  CHECK(client->welcome().revision == 410);
  CHECK(client->welcome().instance != first_instance);
  CHECK(eventually([&] { return client->regions().control().workers[0].running.load() == 41; }));
  CHECK(client->publish(numbered(example_set(), 42), WaitFor::applied, in(patience))->result ==
        ReceiptResult::applied);
}

TEST_CASE("a data plane whose last good set is damaged starts without one and says why", "[channel]") {
  const TemporaryFolder folder;
  std::ofstream(folder.path("last_good")) << "not a set, but long enough to have a head of forty-eight bytes";
  FakeDataPlane data_plane({folder.path()});
  CHECK(connect(data_plane)->welcome().generation == 0);
  CHECK(data_plane.log().front().find("last_good") != std::string::npos);
}

TEST_CASE("a socket file is replaced when nobody serves it, and only then", "[channel]") {
  const TemporaryFolder folder;
  auto regions =
      DataPlaneRegions::create({}, std::array{MetricDescription{"a", MetricKind::counter, "b"}}, 1);
  REQUIRE(regions.has_value());
  const Publication publication(*regions->control.page);
  struct : ChannelHandler {
    HandoverOutcome on_handover(const Handover&, std::array<OwnedFd, blob_count>, std::uint64_t) override {
      return {};
    }
    void on_command(CommandTicket, const CommandRequest&) override {}
    void on_peer(std::string_view, std::string_view) override {}
  } handler;
  const auto open = [&](const std::string& path) {
    return ChannelServer::open({path, {}, {}}, *regions, publication, handler);
  };
  const std::string path = folder.path("dataplane.sock");
  SECTION("left behind by a process that was killed") {
    const auto dead = make_seqpacket_socket();
    REQUIRE(bind_to(dead->get(), path).has_value());
    CHECK(open(path).has_value());
    CHECK_FALSE(std::filesystem::exists(path));
  }
  SECTION("served by another") {
    const auto first = open(path);
    REQUIRE(first.has_value());
    const auto second = open(path);
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().find("another data plane") != std::string::npos);
    CHECK(std::filesystem::exists(path));
  }
  SECTION("no socket at all") {
    std::ofstream(path) << "precious";
    CHECK_FALSE(open(path).has_value());
    CHECK(std::filesystem::file_size(path) == 8);
  }
  SECTION("a path that is too long for a socket") {
    const auto server = open(folder.path(std::string(120, 'x')));
    REQUIRE_FALSE(server.has_value());
    CHECK(server.error().find("bytes") != std::string::npos);
  }
}

}  // namespace byway::shm
