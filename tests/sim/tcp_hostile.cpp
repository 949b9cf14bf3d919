#include "tests/sim/tcp_hostile.h"

#include <list>
#include <memory>
#include <vector>

#include "tests/sim/hostile_user.h"
#include "tests/sim/network.h"
#include "tests/sim/raw_peer.h"
#include "tests/sim/strategies.h"
#include "tests/sim/tcp_traffic.h"
#include "tests/sim/tcp_world.h"

namespace byway::sim {

namespace {

constexpr std::uint16_t hostile_port = 81;
/// Users of hostile connections give up after this time at most, and abort after twice that.
constexpr Nanoseconds patience_max = 3min;
/// From then on nothing moves but what runs out: the user time-out, FIN-WAIT-2, TIME-WAIT, a last back-off.
constexpr Nanoseconds run_time = 2 * patience_max + 10s;
constexpr Nanoseconds quiet_time = 8min;
/// More than a victim's sockets: honest clients must get in nevertheless.
constexpr std::uint64_t syn_flood = 800;
constexpr std::uint64_t packets_per_peer_max = 3'000;

// What a stack may send to a hostile peer: one segment for each packet that comes (an acknowledgment, a
// repetition, what a longer window lets go); probes, time-outs and keepalive, as a silent peer gets them; and
// what was written, in segments as small as the peer's MSS makes them, twice.
constexpr std::uint64_t packets_per_connection = 20;
constexpr std::uint64_t octets_per_segment = 500;
constexpr std::uint64_t octets_per_tiny_segment = 36;
constexpr std::uint64_t times_sent = 2;

net::IpAddress address_of(std::uint32_t number) {
  return net::IpAddress::from_v4({0x0a000100 + number});
}

class HostileRun {
 public:
  HostileRun(std::uint64_t seed, bool trace);
  std::string run();

 private:
  class Listener final : public Acceptor {
   public:
    explicit Listener(HostileRun& run) : run_(run) {}
    void on_accept(Stream& stream) override { run_.accept(stream); }

   private:
    HostileRun& run_;
  };

  void add_hostile_peer(std::uint32_t number, const Strategy& strategy);
  void add_honest_peers();
  void accept(Stream& stream);
  HostileUser& add_user();
  [[nodiscard]] std::string judge_amplification(const RawPeer& peer) const;
  [[nodiscard]] std::string judge();

  Random random_;
  Network network_;
  Host* host_ = nullptr;
  Listener listener_;
  Traffic honest_;
  std::vector<RawPeer*> peers_;
  std::list<HostileUser> users_;
};

HostOptions random_victim(Random& random) {
  HostOptions host = random_host(random);
  host.stack.user_timeout = 120s;
  host.stack.sockets_max = 512;
  if (random.chance(0.5)) host.buffers = static_cast<std::uint32_t>(random.between(1'000, 4'000));
  return host;
}

HostileRun::HostileRun(std::uint64_t seed, bool trace)
    : random_(seed),
      network_(random_.next(), random_.chance(0.5) ? network_start : Instant{1'000'000'000}),
      listener_(*this),
      honest_(network_) {
  network_.set_trace(trace);
  LinkOptions link;
  link.delay = random_.duration(20ms) + 10us;
  network_.set_link(link);
  host_ = &network_.add_host(address_of(0), random_victim(random_));
  static_cast<void>(host_->stack.listen({net::IpAddress{}, hostile_port}, listener_));
  const std::uint64_t peers = random_.between(1, 3);
  const auto all = strategies();
  for (std::uint32_t i = 0; i < peers; ++i) {
    add_hostile_peer(1 + i, all[(i == 0 ? seed : random_.next()) % all.size()]);
  }
  add_honest_peers();
}

HostileUser& HostileRun::add_user() {
  HostileUserPlan plan;
  if (random_.chance(0.6)) plan.bytes_to_write = static_cast<std::uint32_t>(random_.below(20'000));
  plan.reads = random_.chance(0.8);
  plan.end = static_cast<HostileUserPlan::End>(random_.below(3));
  plan.patience = random_.duration(patience_max);
  return users_.emplace_back(network_, *host_, plan);
}

void HostileRun::accept(Stream& stream) {
  for (RawPeer* peer : peers_) {
    if (peer->address() != stream.remote_address().ip) continue;
    HostileUser& user = add_user();
    user.start(stream, *peer);
    user.on_connected(stream);
  }
}

void HostileRun::add_hostile_peer(std::uint32_t number, const Strategy& strategy) {
  auto made = std::make_unique<RawPeer>(network_, address_of(number), strategy, random_.fork());
  RawPeer& peer = *made;
  peers_.push_back(&peer);
  peer.set_budget(random_.between(50, packets_per_peer_max));
  network_.add_node(std::move(made));
  network_.note(text_of(peer.address()) + ": " + strategy.name);
  std::uint64_t clients = random_.between(1, 5);
  if (!strategy.completes_handshake) clients = random_.chance(0.5) ? random_.between(10, 100) : syn_flood;
  for (std::uint64_t i = 0; i < clients; ++i) {
    network_.at(network_.now() + random_.duration(5s), [this, &peer, i] {
      peer.open(static_cast<std::uint16_t>(1'000 + i), {host_->address(), hostile_port});
    });
  }
  const std::uint64_t servers = random_.below(3);
  for (std::uint64_t i = 0; i < servers; ++i) {
    network_.at(network_.now() + random_.duration(5s), [this, &peer] {
      HostileUser& user = add_user();
      Stream* stream = host_->stack.connect({peer.address(), service_port}, user);
      if (stream != nullptr) user.start(*stream, peer);
    });
  }
}

void HostileRun::add_honest_peers() {
  Host& other = network_.add_host(address_of(100), random_host(random_));
  if (!honest_.listen(*host_) || !honest_.listen(other)) return;
  const std::uint64_t count = random_.between(3, 12);
  for (std::uint64_t i = 0; i < count; ++i) {
    PairPlan plan = random_pair_plan(30'000, random_);
    plan.client.long_pause = plan.server.long_pause = Nanoseconds{0};
    const bool inwards = random_.chance(0.7);
    honest_.plan(inwards ? other : *host_, inwards ? *host_ : other, plan,
                 network_.now() + random_.duration(10s), random_);
  }
}

/// No storm: what a peer sends does not make the stack send a multiple of it.
std::string HostileRun::judge_amplification(const RawPeer& peer) const {
  std::uint64_t octets = 0;
  for (const HostileUser& user : users_) octets += user.peer() == &peer ? user.bytes_written() : 0;
  const std::uint64_t segment =
      peer.strategy().has_tiny_segments ? octets_per_tiny_segment : octets_per_segment;
  const std::uint64_t in_max =
      peer.packets_out() + peer.connection_count() * packets_per_connection + octets * times_sent / segment;
  const std::string what = std::string(peer.strategy().name) + ": " + std::to_string(peer.packets_in()) +
                           " packets for " + std::to_string(peer.packets_out()) + " on " +
                           std::to_string(peer.connection_count()) + " connections and " +
                           std::to_string(octets) + " octets, of at most " + std::to_string(in_max);
  network_.note(what);
  return peer.packets_in() <= in_max ? std::string() : "a storm, " + what;
}

std::string HostileRun::judge() {
  if (!honest_.is_over()) return "honest transfers did not end";
  if (std::string wrong = honest_.judge({}); !wrong.empty()) return "honest " + wrong;
  const bool let_octets_go = host_->counter(tcp::CounterIndex::drop_reassembly_full) +
                                 host_->counter(tcp::CounterIndex::drop_share) +
                                 host_->counter(tcp::CounterIndex::drop_no_memory) +
                                 host_->counter(tcp::CounterIndex::reassembly_dropped) >
                             0;
  for (const HostileUser& user : users_) {
    if (!user.error().empty()) return user.error();
    if (user.has_read_others() && !let_octets_go) return "read other octets than came first";
  }
  for (const RawPeer* peer : peers_) {
    if (std::string wrong = judge_amplification(*peer); !wrong.empty()) return wrong;
  }
  if (std::string left = host_->leftovers(); !left.empty()) return left + " are left";
  if (!host_->silence().storm().empty()) return host_->silence().storm();
  if (host_->arrivals_refused() != 0) return "packets found no buffer";
  return {};
}

std::string HostileRun::run() {
  const Instant end = network_.now() + run_time;
  network_.run_until(end, [] { return false; });
  for (RawPeer* peer : peers_) peer->set_budget(0);
  network_.run_until(end + quiet_time, [] { return false; });
  const std::string wrong = judge();
  if (!wrong.empty() && network_.is_traced()) host_->print_state();
  return wrong;
}

}  // namespace

std::string run_hostile(std::uint64_t seed, bool trace) {
  HostileRun run(seed, trace);
  std::string wrong = run.run();
  return wrong.empty() ? wrong : "hostile: " + wrong;
}

}  // namespace byway::sim
