// Which endpoint of a backend takes the next request.
//
//   round robin     each in turn; with unequal weights by a walk of the golden ratio over the sum of the
//   weights,
//                   which spreads any run of requests as evenly as their shares allow (Weyl sequence)
//   least request   the less loaded of two drawn at random by weight (Mitzenmacher 2001); load = requests in
//                   flight / weight
//
// The place in the round is the worker's own and is remembered per backend, not per generation, so that a
// change of endpoints does not send every worker back to the first one.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "control/shm/endpoints_layout.h"
#include "control/shm/slots.h"
#include "l7/random.h"

namespace byway::l7::upstream {

/// Backends whose place in the round is remembered on one worker; one that is crowded out starts
/// anew at a random place. 4,096 of them take 128 KiB.
inline constexpr std::uint32_t rounds_max = 4096;

/// Chooses endpoints for one worker.
class Balancer {
 public:
  /// `slots` tells how many requests endpoints have in flight, over all workers.
  explicit Balancer(shm::SlotTable slots);

  /// What is chosen from.
  struct Choice {
    const shm::Backend& backend;
    std::span<const shm::Endpoint> endpoints;  ///< of the backend, not empty
    std::span<const shm::SlotHandle> slots;    ///< theirs, in the same order
    std::uint64_t generation;                  ///< tells when the endpoints may have changed
  };
  /// Index of the chosen endpoint. Constant time, but for backends with unequal weights: linear in their
  /// endpoints, and once a generation for each backend.
  [[nodiscard]] std::uint32_t pick(const Choice& choice, Random& random);

 private:
  struct Round {
    std::uint64_t backend_id = 0;  ///< 0: free
    std::uint64_t generation = 0;  ///< for which weight_sum holds
    std::uint64_t position = 0;
    std::uint64_t weight_sum = 0;  ///< 0: all weights are equal
  };

  [[nodiscard]] Round& round_of(const Choice& choice, Random& random);
  [[nodiscard]] std::uint32_t pick_least_request(const Choice& choice, std::uint64_t weight_sum,
                                                 Random& random) const;

  shm::SlotTable slots_;
  std::unique_ptr<Round[]> rounds_;
};

}  // namespace byway::l7::upstream
