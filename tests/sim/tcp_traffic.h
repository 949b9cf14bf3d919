// Honest connections between hosts of a network, each a pair of endpoints with a plan, and the judgement of
// what became of them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/network.h"
#include "tests/sim/tcp_endpoint.h"

namespace byway::sim {

inline constexpr std::uint16_t service_port = 80;

/// Both ends' plans; random_pair_plan makes them fit together.
struct PairPlan {
  EndpointPlan client;
  EndpointPlan server;
};
[[nodiscard]] PairPlan random_pair_plan(std::uint64_t bytes_max, Random& random);

/// Owner: the run, which outlives the network's actions.
class Traffic {
 public:
  /// What ends besides the planned ones are no fault.
  struct Excuses {
    bool short_memory = false;  ///< Connections may be reset for it.
    bool short_time_wait =
        false;  ///< Some had to leave TIME-WAIT early: what their peers lost is answered by reset.
    bool lost_handshakes = false;  ///< So many packets are lost that a handshake may be.
  };

  explicit Traffic(Network& network) : network_(network) {}
  Traffic(const Traffic&) = delete;
  Traffic& operator=(const Traffic&) = delete;

  /// False: the host has no room for a listener.
  [[nodiscard]] bool listen(Host& host);
  /// Connects `client` to `server`, which listens, at `when`; again a little later while there is no socket.
  void plan(Host& client, Host& server, const PairPlan& plan, Instant when, Random& random);

  /// From now on one of the connections moves to its host's other stack after each random pause.
  void keep_moving(Nanoseconds pause_max, Random random);

  [[nodiscard]] bool is_over();
  /// What is wrong with those that are over, or nothing.
  [[nodiscard]] std::string judge(const Excuses& excuses) const;
  [[nodiscard]] std::size_t size() const { return pairs_.size(); }

 private:
  struct Pair {
    Endpoint client;
    Endpoint server;
  };
  /// Gives each accepted connection to the endpoint that belongs to its client.
  class Listener final : public Acceptor {
   public:
    void expect(const net::SocketAddress& client, Endpoint& endpoint) { expected_[client] = &endpoint; }
    void on_accept(Stream& stream) override;

   private:
    std::map<net::SocketAddress, Endpoint*> expected_;
  };

  void connect(Host& client, const net::IpAddress& server, Listener& listener, Pair& pair);

  Network& network_;
  std::vector<std::unique_ptr<Pair>> pairs_;
  std::size_t over_ = 0;  ///< How many of the first pairs are known to be over.
  std::map<const Host*, Listener> listeners_;
};

}  // namespace byway::sim
