#include "control/shm/route_tables.h"

#include <algorithm>

namespace byway::shm {

namespace {

std::uint32_t size_of(const auto& container) {
  return static_cast<std::uint32_t>(container.size());
}

}  // namespace

void RouteTables::add(std::uint32_t listener_index, const HostPattern& host, bool is_exact_path,
                      std::string_view path, const RankedCandidate& candidate) {
  Host& entry = hosts_[HostKey{listener_index, host}];
  if (is_exact_path) {
    entry.exact[std::string(path)].push_back(candidate);
    return;
  }
  entry.has_prefixes = true;
  if (path.ends_with('/')) path.remove_suffix(1);
  Trie* node = &entry.prefixes;
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash before the element
    const std::string_view element = path.substr(0, path.find('/'));
    node = &node->children[std::string(element)];
    path.remove_prefix(element.size());
  }
  node->candidates.push_back(candidate);
}

std::expected<void, BuildError> RouteTables::lay_out(std::vector<Listener>& listeners, BlobWriter& writer) {
  for (auto& [key, host] : hosts_) {
    lay_out_host(key, host, writer);
    Listener& listener = listeners[key.listener_index];
    switch (key.host.kind) {
      case HostKind::any:
        listener.any_host = size_of(route_hosts) - 1;
        break;
      case HostKind::exact:
        ++listener.exact_hosts;
        break;
      case HostKind::wildcard:
        listener.wildcard_bytes_max = std::max(listener.wildcard_bytes_max, size_of(key.host.pattern));
        break;
    }
  }
  if (most_candidates_ > candidates_per_path_max) {
    return std::unexpected(BuildError{std::to_string(most_candidates_) +
                                      " matches share one host and path; at most " +
                                      std::to_string(candidates_per_path_max) + " are allowed"});
  }
  lay_out_hash_tables();
  return {};
}

void RouteTables::lay_out_host(const HostKey& key, Host& host, BlobWriter& writer) {
  const std::uint32_t host_index = size_of(route_hosts);
  route_hosts.push_back({.listener_index = key.listener_index,
                         .kind = key.host.kind,
                         .pattern = writer.text(key.host.pattern),
                         .exact_paths = size_of(host.exact),
                         .prefix_root = no_index});
  for (auto& [path, ranked] : host.exact) {
    exact_paths.push_back({.host_index = host_index,
                           .reserved = 0,
                           .path = writer.text(path),
                           .candidates = lay_out_candidates(ranked)});
    path_keys_.push_back(path);
  }
  if (host.has_prefixes) {
    // Not through route_hosts.back() on the left of a call that grows the tables.
    const std::uint32_t root = lay_out_node(no_index, {}, host.prefixes, writer);
    route_hosts[host_index].prefix_root = root;
  }
}

std::uint32_t RouteTables::lay_out_node(std::uint32_t parent, std::string_view label, Trie& trie,
                                        BlobWriter& writer) {
  const std::uint32_t index = size_of(prefix_nodes);
  prefix_nodes.push_back({.host_index = size_of(route_hosts) - 1,
                          .parent = parent,
                          .label = writer.text(label),
                          .candidates = lay_out_candidates(trie.candidates),
                          .children = size_of(trie.children),
                          .depth = parent == no_index ? 0 : prefix_nodes[parent].depth + 1});
  element_keys_.emplace_back(label.empty() ? label : first_element(label));
  for (auto& [element, child] : trie.children) {
    std::string joined = "/" + element;
    Trie* end = &child;
    while (end->candidates.empty() && end->children.size() == 1) {
      joined += "/" + end->children.begin()->first;
      end = &end->children.begin()->second;
    }
    lay_out_node(index, joined, *end, writer);
  }
  return index;
}

Range RouteTables::lay_out_candidates(std::vector<RankedCandidate>& ranked) {
  std::ranges::sort(ranked, {}, &RankedCandidate::rank);
  most_candidates_ = std::max(most_candidates_, size_of(ranked));
  const std::uint32_t first = size_of(candidates);
  for (const RankedCandidate& entry : ranked) candidates.push_back(entry.candidate);
  return {first, size_of(candidates)};
}

void RouteTables::lay_out_hash_tables() {
  std::vector<HashKey> keys;
  // A slot names a record by its index, so records that are not looked up (hosts of kind any, roots of trees)
  // are left out of the keys and the indices are mapped back.
  const auto build = [&keys](const std::vector<std::uint32_t>& record_of) {
    HashSlots table = build_hash_slots(keys);
    for (HashSlot& slot : table.slots) {
      if (slot.index != no_index) slot.index = record_of[slot.index];
    }
    keys.clear();
    return table;
  };

  std::vector<std::uint32_t> record_of;
  std::uint32_t index = 0;
  for (const auto& [key, host] : hosts_) {
    if (key.host.kind != HostKind::any) {
      keys.push_back({key.listener_index, key.host.pattern});
      record_of.push_back(index);
    }
    ++index;
  }
  route_host_slots = build(record_of);

  record_of.clear();
  for (std::uint32_t i = 0; i < size_of(exact_paths); ++i) {
    keys.push_back({exact_paths[i].host_index, path_keys_[i]});
    record_of.push_back(i);
  }
  exact_path_slots = build(record_of);

  record_of.clear();
  for (std::uint32_t i = 0; i < size_of(prefix_nodes); ++i) {
    if (prefix_nodes[i].parent == no_index) continue;
    keys.push_back({prefix_nodes[i].parent, element_keys_[i]});
    record_of.push_back(i);
  }
  prefix_node_slots = build(record_of);
}

}  // namespace byway::shm
