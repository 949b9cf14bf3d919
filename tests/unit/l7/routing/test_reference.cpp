// The router against the plain reference, over thousands of random route tables.
#include <catch2/catch_test_macros.hpp>

#include "control/shm/dump.h"
#include "control/shm/verify.h"
#include "tests/unit/l7/routing/reference_router.h"

namespace byway::test {
namespace {

constexpr std::uint64_t tables = 12'000;
constexpr int requests_per_table = 50;

std::string to_text(const OwnedRequest& request) {
  std::string text = request.method + " " + request.authority + " " + request.path + "?" + request.query;
  for (const auto& [name, value] : request.headers) text += " " + name + ": " + value + ";";
  return text;
}

TEST_CASE("router and plain reference agree on random tables and requests") {
  const shm::IpAddress addresses[] = {
      {}, shm::IpAddress::from_ipv4(0x0a000001), shm::IpAddress::from_ipv4(0x0a000002)};
  std::uint64_t found = 0;
  std::uint64_t unmatched = 0;
  std::uint64_t without_listener = 0;
  for (std::uint64_t seed = 0; seed < tables; ++seed) {
    RandomPolicy random{seed};
    const shm::PolicySpec policy = random.policy();
    const auto blob = shm::build_policy(policy);
    INFO("seed " << seed);
    if (!blob) FAIL(blob.error().what);
    const auto view = shm::verify_policy(*blob);
    if (!view) FAIL(shm::name_of(view.error().reason) << " at " << view.error().offset);

    for (int i = 0; i < requests_per_table; ++i) {
      const OwnedRequest request = random.request();
      const shm::IpAddress address = addresses[random.below(3)];
      const std::uint16_t tcp_port = random.below(3) == 0 ? 81 : 80;
      const ReferenceResult expected = reference_route(policy, address, tcp_port, request);
      // The reference treats "none" as the node's own address; the data plane asks with the real one.
      const bool is_own = address.is_none();
      const std::uint32_t group =
          view->find_group(is_own ? shm::IpAddress::from_ipv4(0x7f000001) : address, tcp_port, is_own);
      l7::routing::RouteResult actual;
      if (group != shm::no_index) actual = l7::routing::route(*view, group, request.view());

      const std::size_t listener = actual.listener_index == shm::no_index ? SIZE_MAX : actual.listener_index;
      bool agrees = listener == expected.listener.value_or(SIZE_MAX);
      agrees = agrees && (actual.verdict == l7::routing::RouteVerdict::found) == expected.match.has_value();
      if (agrees && expected.match) {
        const shm::Rule& rule = view->rules()[actual.rule_index];
        const shm::RouteSpec& route = policy.routes[expected.match->route];
        agrees = view->text(rule.route_namespace) == route.route_namespace &&
                 view->text(rule.route_name) == route.route_name && rule.rule_index == expected.match->rule &&
                 view->candidates()[actual.candidate_index].match_index == expected.match->match;
        ++found;
      } else if (agrees) {
        ++(expected.listener ? unmatched : without_listener);
      }
      if (!agrees) {
        FAIL("request " << i << " to " << shm::to_text(address) << ":" << tcp_port << ": " << to_text(request)
                        << "\n"
                        << shm::dump(*view));
      }
    }
  }
  // The comparison means something only if all three outcomes are frequent.
  CHECK(found > tables * 2);
  CHECK(unmatched > tables * 2);
  CHECK(without_listener > tables * 2);
}

}  // namespace
}  // namespace byway::test
