// A simulated network: hosts with the real TCP stack each, links that lose, delay, reorder, duplicate and
// corrupt by seed, and virtual time that jumps from one event to the next. One seed, one run, on any machine.
//
// A run is a loop of rounds: packets in, actions of the world, then every host that has something to do.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/clock.h"
#include "dataplane/net/address.h"
#include "tests/sim/host.h"
#include "tests/sim/link.h"
#include "tests/sim/node.h"
#include "tests/sim/packet_print.h"
#include "tests/sim/random.h"
#include "tests/sim/wire.h"

namespace byway::sim {

/// When a network's clock starts. Not 0: nothing may depend on that. Close to where 32-bit milliseconds wrap,
/// so that they do.
inline constexpr Instant network_start{(std::int64_t{1} << 32) * 1'000'000 - 5'000'000'000};

class Network {
 public:
  explicit Network(std::uint64_t seed, Instant start = network_start);
  ~Network();

  Host& add_host(const net::IpAddress& address, const HostOptions& options = {});
  void add_node(std::unique_ptr<Node> node);
  /// Of all links, those that are used later included.
  void set_link(const LinkOptions& options);
  /// Of one direction.
  void set_link(const Node& source, const Node& target, const LinkOptions& options);
  [[nodiscard]] Link& link(const Node& source, const Node& target);
  /// Prints every packet to standard output, one a line.
  void set_trace(bool on) { trace_ = on; }
  [[nodiscard]] bool is_traced() const { return trace_; }
  /// Prints a line of an application between the packets, if packets are printed.
  void note(const std::string& line) const;

  [[nodiscard]] Instant now() const { return now_; }
  /// Calls `action` at `when` (or as soon as possible), between rounds.
  void at(Instant when, std::function<void()> action);
  /// Goes to the next thing that happens, at most to `limit`, and runs it. False: nothing happens before.
  bool step(Instant limit);
  /// Steps until `done` says so or `limit` is reached; returns done().
  bool run_until(Instant limit, const std::function<bool()>& done);

  /// Takes a packet from a node onto the wire.
  void send(Node& source, const net::IpAddress& target, Packet packet);

  [[nodiscard]] std::uint64_t packets_sent() const { return packets_sent_; }
  [[nodiscard]] std::uint64_t packets_lost() const { return packets_lost_; }
  /// Of all packets sent, octet for octet, and of when: two runs that agree in it looked the same on the
  /// wire.
  [[nodiscard]] std::uint64_t digest() const { return digest_; }

 private:
  /// Something that happens later; `order` breaks ties: first sent, first to arrive.
  template <typename Content>
  struct Event {
    Instant when;
    std::uint64_t order;
    Content content;
    friend bool operator>(const Event& a, const Event& b) {
      return a.when != b.when ? a.when > b.when : a.order > b.order;
    }
  };
  /// A packet on its way, or an ICMP error about one on its way back.
  struct Transit {
    Packet packet;
    bool is_error = false;
    std::uint16_t mtu = 0;  ///< Of the link that it was too big for, if is_error.
  };
  using Arrival = Event<Transit>;
  using Action = Event<std::function<void()>>;

  [[nodiscard]] Instant next_event() const;
  [[nodiscard]] Node* find(const net::IpAddress& address) const;
  void deliver_due();
  void deliver(const Transit& transit);
  void arrive(Instant when, Transit transit);
  void print(const char* verdict, const Packet& packet) const;
  void add_to_digest(const Packet& packet);

  Random random_;
  Instant start_;
  Instant now_;
  std::uint64_t order_ = 0;
  std::uint64_t packets_sent_ = 0;
  std::uint64_t packets_lost_ = 0;
  std::uint64_t digest_ = 0;
  bool trace_ = false;
  mutable PacketPrinter printer_;
  std::vector<std::unique_ptr<Node>> nodes_;
  LinkOptions link_options_;
  std::map<std::pair<const Node*, const Node*>, Link> links_;
  std::vector<Arrival> arrivals_;  ///< Heaps, the earliest first.
  std::vector<Action> actions_;
};

}  // namespace byway::sim
