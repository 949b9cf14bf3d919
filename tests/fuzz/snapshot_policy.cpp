// Any bytes as a policy are refused, or safe: what the verifier accepts is dumped whole and routed over, with
// requests made from the policy's own hosts, paths and conditions and with random ones.
#include <cstdlib>
#include <string>
#include <vector>

#include "control/shm/dump.h"
#include "control/shm/verify.h"
#include "l7/routing/router.h"
#include "tests/fuzz/snapshot_mutator.h"
#include "tests/support/random_policy.h"

namespace {

using namespace byway;

/// Enough to visit each list of a small policy, and a bound for a large one.
constexpr std::uint32_t requests_max = 64;

void require(bool holds) {
  if (!holds) std::abort();
}

shm::BlobBytes random_blob(unsigned seed) {
  auto blob = shm::build_policy(test::RandomPolicy{seed}.policy());
  require(blob.has_value());
  return *std::move(blob);
}

/// A request that the candidate under this host and path was made for.
test::OwnedRequest request_for(const shm::PolicyView& policy, const shm::RouteHost& host, std::string path,
                               const shm::Candidate& candidate) {
  test::OwnedRequest request{.authority = std::string(policy.text(host.pattern)),
                             .method = "GET",
                             .path = std::move(path),
                             .query = "",
                             .headers = {}};
  if (host.kind == shm::HostKind::wildcard) request.authority.insert(0, "x");
  for (const shm::HeaderMatch& match : policy.headers(candidate)) {
    request.headers.emplace_back(policy.text(match.name), policy.text(match.value));
  }
  for (const shm::QueryMatch& match : policy.queries(candidate)) {
    if (!request.query.empty()) request.query += '&';
    request.query += policy.text(match.name);
    request.query += '=';
    request.query += policy.text(match.value);
  }
  return request;
}

void route_everywhere(const shm::PolicyView& policy, const test::OwnedRequest& request) {
  for (std::uint32_t group = 0; group < policy.groups().size(); ++group) {
    const l7::routing::RouteResult result = l7::routing::route(policy, group, request.view());
    if (result.verdict != l7::routing::RouteVerdict::found) continue;
    require(result.listener_index < policy.listeners().size());
    require(policy.route_hosts()[result.host_index].listener_index == result.listener_index);
    require(policy.candidates()[result.candidate_index].rule_index == result.rule_index);
    const shm::Rule& rule = policy.rules()[result.rule_index];
    for (std::uint32_t random : {0U, 0x8000'0000U, 0xffff'ffffU}) {
      const std::uint32_t chosen = l7::routing::choose_backend(policy, rule, random);
      if (chosen == shm::no_index) {
        require(rule.weight_sum == 0);
      } else {
        require(policy.backend_refs(rule)[chosen].weight != 0);
      }
    }
  }
}

void route_own_requests(const shm::PolicyView& policy) {
  std::uint32_t requests = 0;
  for (const shm::ExactPath& path : policy.table(policy.root().exact_paths)) {
    if (++requests > requests_max) return;
    const shm::Candidate& candidate = policy.candidates()[path.candidates.first];
    const shm::RouteHost& host = policy.route_hosts()[path.host_index];
    route_everywhere(policy, request_for(policy, host, std::string(policy.text(path.path)), candidate));
  }
  const auto nodes = policy.table(policy.root().prefix_nodes);
  for (const shm::PrefixNode& node : nodes) {
    if (node.candidates.is_empty()) continue;
    if (++requests > requests_max) return;
    std::string path(policy.text(node.label));
    for (std::uint32_t i = node.parent; i != shm::no_index; i = nodes[i].parent) {
      path.insert(0, policy.text(nodes[i].label));
    }
    const shm::Candidate& candidate = policy.candidates()[node.candidates.first];
    route_everywhere(policy,
                     request_for(policy, policy.route_hosts()[node.host_index], path + "/x", candidate));
  }
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argument_count, char*** arguments) {
  return test::set_size_options(argument_count, arguments);
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned seed) {
  return test::mutate_blob(data, size, size_max, seed, shm::BlobKind::policy, random_blob);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // A block of just this size, so that the address sanitizer sees one byte too far.
  const auto bytes = std::as_bytes(std::span(data, size));
  const std::vector<std::byte> blob(bytes.begin(), bytes.end());
  const auto policy = shm::verify_policy(blob);
  if (!policy) {
    require(policy.error().offset <= size);
    return 0;
  }
  require(shm::dump(*policy) == shm::dump(*policy));
  route_own_requests(*policy);
  test::RandomPolicy random{shm::checksum_of(blob)};
  for (int i = 0; i < 16; ++i) route_everywhere(*policy, random.request());
  (void)policy->find_group(shm::IpAddress::from_ipv4(0x0a000001), 80, true);
  return 0;
}
