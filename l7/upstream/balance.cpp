#include "l7/upstream/balance.h"

#include "dataplane/assert.h"

namespace byway::l7::upstream {
namespace {

// Places where the round of one backend may be kept: rounds_ is a set-associative table.
constexpr std::uint32_t ways = 4;
constexpr std::uint32_t sets = rounds_max / ways;
static_assert((sets & (sets - 1)) == 0);

__extension__ using uint128 = unsigned __int128;

// 2^64 / golden ratio: the step of the most even Weyl sequence.
constexpr std::uint64_t golden_step = 0x9e37'79b9'7f4a'7c15ULL;

// The sum of the weights, or 0 if all are equal.
std::uint64_t sum_of_unequal_weights(std::span<const shm::Endpoint> endpoints) {
  std::uint64_t sum = 0;
  bool is_equal = true;
  for (const shm::Endpoint& endpoint : endpoints) {
    sum += endpoint.weight;
    is_equal = is_equal && endpoint.weight == endpoints.front().weight;
  }
  return is_equal ? 0 : sum;
}

// sum * (fraction / 2^64), rounded down: evenly from [0, sum).
std::uint64_t fraction_of(std::uint64_t sum, std::uint64_t fraction) {
  return static_cast<std::uint64_t>((static_cast<uint128>(fraction) * sum) >> 64);
}

std::uint32_t by_weight(std::span<const shm::Endpoint> endpoints, std::uint64_t place) {
  for (std::uint32_t i = 0; i < endpoints.size(); ++i) {
    if (place < endpoints[i].weight) return i;
    place -= endpoints[i].weight;
  }
  BYWAY_ASSERT(false);  // place < sum of the weights
  return 0;
}

}  // namespace

Balancer::Balancer(shm::SlotTable slots) : slots_(slots), rounds_(std::make_unique<Round[]>(rounds_max)) {}

Balancer::Round& Balancer::round_of(const Choice& choice, Random& random) {
  const shm::Backend& backend = choice.backend;
  Round* set = &rounds_[(backend.id % sets) * ways];
  Round* round = nullptr;
  for (std::uint32_t i = 0; i < ways; ++i) {
    if (set[i].backend_id == backend.id) round = &set[i];
  }
  if (round == nullptr) {
    round = &set[random.below(ways)];
    for (std::uint32_t i = 0; i < ways; ++i) {
      if (set[i].backend_id == 0) round = &set[i];
    }
    // Workers begin at different places, else they would all load the first endpoint first.
    *round = Round{.backend_id = backend.id, .position = random.next()};
  }
  if (round->generation != choice.generation) {
    round->generation = choice.generation;
    round->weight_sum = sum_of_unequal_weights(choice.endpoints);
  }
  return *round;
}

std::uint32_t Balancer::pick(const Choice& choice, Random& random) {
  const std::size_t count = choice.endpoints.size();
  BYWAY_ASSERT(count > 0 && choice.slots.size() == count);
  if (count == 1) return 0;
  Round& round = round_of(choice, random);
  if (choice.backend.balance == shm::BalancePolicy::least_request) {
    return pick_least_request(choice, round.weight_sum, random);
  }
  if (round.weight_sum == 0) return static_cast<std::uint32_t>(round.position++ % count);
  round.position += golden_step;
  return by_weight(choice.endpoints, fraction_of(round.weight_sum, round.position));
}

std::uint32_t Balancer::pick_least_request(const Choice& choice, std::uint64_t weight_sum,
                                           Random& random) const {
  std::uint32_t first = 0;
  std::uint32_t second = 0;
  if (weight_sum == 0) {
    const auto count = static_cast<std::uint32_t>(choice.endpoints.size());
    first = random.below(count);
    second = random.below(count - 1);
    if (second >= first) ++second;
  } else {
    first = by_weight(choice.endpoints, fraction_of(weight_sum, random.next()));
    second = by_weight(choice.endpoints, fraction_of(weight_sum, random.next()));
  }
  // In flight / weight, compared crosswise: no division.
  const std::uint64_t first_load =
      std::uint64_t{slots_.in_flight(choice.slots[first])} * choice.endpoints[second].weight;
  const std::uint64_t second_load =
      std::uint64_t{slots_.in_flight(choice.slots[second])} * choice.endpoints[first].weight;
  return first_load <= second_load ? first : second;
}

}  // namespace byway::l7::upstream
