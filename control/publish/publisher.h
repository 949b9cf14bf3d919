// How a set reaches the data plane, as the engine sees it. publish() returns at once and hands over later;
// the newest set wins, so a burst of writes makes few generations.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "control/shm/node_address.h"

namespace byway::control {

struct CompiledSet;

/// Number of a published set, from 1; 0: none. A ticket counts as applied when it or a newer one is.
using Ticket = std::uint64_t;

enum class ReceiptState : std::uint8_t {
  applied,        ///< every worker runs it
  late,           ///< handed over; some workers still run an older one
  refused,        ///< the data plane refused it; the last good set stays
  no_data_plane,  ///< not connected: it will be handed over when a data plane comes
};

/// How far a ticket came, as of when it was asked.
struct Receipt {
  ReceiptState state = ReceiptState::no_data_plane;
  std::uint64_t generation = 0;  ///< under which it was handed over; 0: not yet
  struct Worker {
    std::uint32_t index = 0;
    bool is_applied = false;
    std::uint64_t apply_ns = 0;  ///< from publication until the worker ran it
  };
  std::vector<Worker> workers;
  std::string reason;  ///< why refused, or why there is no data plane
};

/// The addresses of the node's ports, as its data plane told them.
using NodeAddresses = std::vector<shm::NodeAddress>;

/// What runs where, at one moment.
struct PublishProgress {
  Ticket applied = 0;                         ///< the newest ticket that every worker runs; 0: none
  std::shared_ptr<const NodeAddresses> node;  ///< nullptr: no data plane is connected
  /// False from the start until it is known what became of what was published first: applied, refused, or
  /// nobody there. A data plane that served before serves on meanwhile.
  bool is_settled = true;
  bool operator==(const PublishProgress&) const = default;
};

using Deadline = std::chrono::steady_clock::time_point;

/// Thread: any.
class Publisher {
 public:
  virtual ~Publisher() = default;

  /// Takes the set over. `revision` goes with it, for who asks the data plane.
  virtual Ticket publish(std::shared_ptr<const CompiledSet> set, std::uint64_t revision) = 0;

  /// Waits until the ticket is applied or refused, or the deadline has passed.
  virtual Receipt await(Ticket ticket, Deadline deadline) = 0;

  [[nodiscard]] virtual PublishProgress progress() const = 0;
  [[nodiscard]] Ticket applied() const { return progress().applied; }
};

}  // namespace byway::control
