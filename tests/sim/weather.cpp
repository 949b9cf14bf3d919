#include "tests/sim/weather.h"

#include <algorithm>

#include "tests/sim/random_link.h"

namespace byway::sim {

namespace {

constexpr std::uint64_t spells_max = 5;
constexpr Nanoseconds spell_length_max = 6s;

void change(Network& network, Node& source, Node& target, const LinkOptions& during, const char* what,
            Instant from, Nanoseconds length) {
  network.at(from, [&network, &source, &target, during, what, length] {
    network.note(text_of(source.address()) + " > " + text_of(target.address()) + ": " + what);
    const LinkOptions before = network.link(source, target).options();
    network.set_link(source, target, during);
    network.at(network.now() + length,
               [&network, &source, &target, before] { network.set_link(source, target, before); });
  });
}

}  // namespace

void plan_weather(Network& network, const std::vector<Node*>& nodes, std::uint16_t mtu_min,
                  Nanoseconds length, Random& random) {
  // One spell after the other, so that each finds the links as they were.
  const std::uint64_t spells = random.between(1, spells_max);
  const Nanoseconds part = length / static_cast<std::int64_t>(spells);
  for (std::uint64_t i = 0; i < spells; ++i) {
    const Nanoseconds from = part * static_cast<std::int64_t>(i) + random.duration(part / 2);
    const Nanoseconds lasts = std::min<Nanoseconds>(random.duration(part / 2), spell_length_max);
    LinkOptions during = random_link(random);
    const char* what = "another link";
    switch (random.below(4)) {
      case 0:
        during.is_down = true;
        what = "down";
        break;
      case 1:
        during.mtu = static_cast<std::uint16_t>(random.between(mtu_min, 1500));
        during.tells_too_big = random.chance(0.5);
        what = "another MTU";
        break;
      default:
        break;
    }
    // A partition: the first hosts and the others do not hear each other; or only one direction changes.
    const std::size_t cut = random.between(1, nodes.size() - 1);
    const bool one_way = random.chance(0.3);
    for (std::size_t a = 0; a < cut; ++a) {
      for (std::size_t b = cut; b < nodes.size(); ++b) {
        change(network, *nodes[a], *nodes[b], during, what, network.now() + from, lasts);
        if (!one_way) change(network, *nodes[b], *nodes[a], during, what, network.now() + from, lasts);
      }
    }
  }
}

}  // namespace byway::sim
