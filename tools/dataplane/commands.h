// Commands that come over the socket, answered by the workers in steps: `connections` and `workers`.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/shm/channel_server.h"
#include "control/shm/regions.h"
#include "tools/dataplane/node_runtime.h"

namespace byway::tools {

/// Connections shown if the arguments do not say, and at most: what fits an answer (shm::answer_bytes_max).
inline constexpr std::uint32_t connections_shown_default = 100;
inline constexpr std::uint32_t connections_shown_max = 10'000;
/// Places of the connection table that a worker looks at in one round: some 10 us.
inline constexpr std::uint32_t places_per_step = 256;

/// Runs one command at a time for all peers; more wait. Main thread.
class Commands {
 public:
  Commands(NodeRuntime& runtime, shm::DataPlaneRegions& regions, std::span<const unsigned> cores);
  ~Commands();
  Commands(const Commands&) = delete;
  Commands& operator=(const Commands&) = delete;

  /// Where answers go; before the first command.
  void set_server(shm::ChannelServer& server) { server_ = &server; }
  void start(shm::CommandTicket ticket, const shm::CommandRequest& request);
  /// Once a turn of the main loop: answers what the workers have done.
  void tick();
  /// How long the main loop may sleep.
  [[nodiscard]] bool is_waiting() const { return active_ != nullptr; }

 private:
  class Connections;

  void answer_workers(shm::CommandTicket ticket);
  void start_next();

  struct Waiting {
    shm::CommandTicket ticket;
    std::uint32_t limit;
  };

  NodeRuntime& runtime_;
  shm::DataPlaneRegions& regions_;
  std::span<const unsigned> cores_;
  shm::ChannelServer* server_ = nullptr;
  std::unique_ptr<Connections> active_;
  std::vector<Waiting> waiting_;  ///< bounded by the server: one command a peer
};

/// Reads "" or "limit=N". nullopt: neither.
[[nodiscard]] std::optional<std::uint32_t> parse_limit(std::string_view arguments);

}  // namespace byway::tools
