// How a set reaches the data plane, as the engine sees it. publish() returns at once and hands over later;
// the newest set wins, so a burst of writes makes few generations.
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

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

using Deadline = std::chrono::steady_clock::time_point;

/// Thread: any.
class Publisher {
 public:
  virtual ~Publisher() = default;

  /// Takes the set over. `revision` goes with it, for who asks the data plane.
  virtual Ticket publish(std::shared_ptr<const CompiledSet> set, std::uint64_t revision) = 0;

  /// Waits until the ticket is applied or refused, or the deadline has passed.
  virtual Receipt await(Ticket ticket, Deadline deadline) = 0;

  /// The newest ticket that every worker runs; 0: none.
  virtual Ticket applied() const = 0;
};

}  // namespace byway::control
