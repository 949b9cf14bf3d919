// The half of the policy builder that orders matches and makes the structures to find them: route hosts,
// exact paths, prefix trees, candidate lists.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "control/shm/blob_writer.h"
#include "control/shm/host_pattern.h"
#include "control/shm/policy_layout.h"

namespace byway::shm {

/// What decides among matches that agree in host and path. "Less" comes first.
struct MatchRank {
  bool has_no_method;             // false first
  std::uint32_t missing_headers;  // match_conditions_max less the number of headers
  std::uint32_t missing_queries;
  std::int64_t created_s;
  std::string_view route_full_name;  // "namespace/name"
  std::uint32_t rule_position;
  std::uint32_t match_position;

  friend auto operator<=>(const MatchRank&, const MatchRank&) = default;
};

struct RankedCandidate {
  MatchRank rank;
  Candidate candidate;
};

/// Collects the matches of one policy by listener, host and path; then lays them out as tables.
class RouteTables {
 public:
  /// `path` begins with '/'; for a prefix a '/' at its end does not count (Gateway API, PathMatchPathPrefix).
  void add(std::uint32_t listener_index, const HostPattern& host, bool is_exact_path, std::string_view path,
           const RankedCandidate& candidate);

  /// Fills the tables below and the listeners' fields about hosts. Error: more candidates under one path
  /// than candidates_per_path_max.
  [[nodiscard]] std::expected<void, BuildError> lay_out(std::vector<Listener>& listeners, BlobWriter& writer);

  std::vector<RouteHost> route_hosts;
  HashSlots route_host_slots;
  std::vector<ExactPath> exact_paths;
  HashSlots exact_path_slots;
  std::vector<PrefixNode> prefix_nodes;
  HashSlots prefix_node_slots;
  std::vector<Candidate> candidates;

 private:
  /// A tree of single elements; lay_out() joins chains in which nothing branches or ends.
  struct Trie {
    std::map<std::string, Trie, std::less<>> children;
    std::vector<RankedCandidate> candidates;
  };
  struct Host {
    std::map<std::string, std::vector<RankedCandidate>, std::less<>> exact;
    Trie prefixes;
    bool has_prefixes = false;
  };
  struct HostKey {
    std::uint32_t listener_index;
    HostPattern host;

    friend auto operator<=>(const HostKey&, const HostKey&) = default;
  };

  void lay_out_host(const HostKey& key, Host& host, BlobWriter& writer);
  std::uint32_t lay_out_node(std::uint32_t parent, std::string_view label, Trie& trie, BlobWriter& writer);
  Range lay_out_candidates(std::vector<RankedCandidate>& ranked);
  void lay_out_hash_tables();

  std::map<HostKey, Host> hosts_;
  std::uint32_t most_candidates_ = 0;      ///< under one path
  std::vector<std::string> path_keys_;     ///< of exact_paths, for the hash table
  std::vector<std::string> element_keys_;  ///< first elements of prefix_nodes; empty at a root
};

}  // namespace byway::shm
