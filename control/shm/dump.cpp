#include "control/shm/dump.h"

#include <arpa/inet.h>

#include <array>

namespace byway::shm {

namespace {

class PolicyDump {
 public:
  explicit PolicyDump(const PolicyView& policy) : policy_(policy) {}

  [[nodiscard]] std::string run() {
    for (const ListenerGroup& group : policy_.groups()) add_group(group);
    for (std::uint32_t i = 0; i < policy_.listeners().size(); ++i) add_listener(i);
    for (std::uint32_t i = 0; i < policy_.rules().size(); ++i) add_rule(i);
    return std::move(out_);
  }

 private:
  void add(std::string_view text) { out_ += text; }
  void add(StringRef ref) { out_ += policy_.text(ref); }
  void add(std::uint64_t number) { out_ += std::to_string(number); }
  template <class... Parts>
  void line(const Parts&... parts) {
    (add(parts), ...);
    out_ += '\n';
  }

  void add_group(const ListenerGroup& group);
  void add_listener(std::uint32_t index);
  void add_host(std::uint32_t index);
  void add_prefix_node(std::uint32_t index);
  void add_candidates(Range range);
  void add_rule(std::uint32_t index);
  void add_edits(std::string_view indent, std::span<const HeaderEdit> edits);

  const PolicyView& policy_;
  std::string out_;
};

void PolicyDump::add_group(const ListenerGroup& group) {
  line("group ", group.address.is_none() ? "node" : to_text(group.address), ":",
       std::uint64_t{group.tcp_port});
  const auto index = static_cast<std::uint32_t>(&group - policy_.groups().data());
  for (const ListenerHost& host : policy_.table(policy_.root().listener_hosts)) {
    if (host.group_index != index) continue;
    line("  host ", host.kind == HostKind::wildcard ? "*" : "", host.pattern, " -> ",
         policy_.listeners()[host.listener_index].name);
  }
  if (group.any_listener != no_index) line("  any host -> ", policy_.listeners()[group.any_listener].name);
}

void PolicyDump::add_listener(std::uint32_t index) {
  const Listener& listener = policy_.listeners()[index];
  const ListenerLimits& limits = listener.limits;
  line("listener ", listener.name, " port ", std::uint64_t{listener.tcp_port}, " host \"", listener.hostname,
       "\"");
  line("  limits line ", std::uint64_t{limits.request_line_bytes}, " fields ",
       std::uint64_t{limits.header_fields}, " head ", std::uint64_t{limits.head_bytes}, " connect ",
       limits.connect_timeout_ns, "ns idle ", limits.idle_timeout_ns, "ns drain ", limits.drain_ns, "ns");
  for (const IpAddress& address : policy_.addresses(listener)) line("  address ", to_text(address));
  for (const Cidr& cidr : policy_.trusted_proxies(listener)) {
    const bool is_ipv4 = cidr.address.is_ipv4() && cidr.prefix_bits >= 96;
    line("  trusts ", to_text(cidr.address), "/", std::uint64_t{cidr.prefix_bits - (is_ipv4 ? 96 : 0)});
  }
  for (std::uint32_t i = 0; i < policy_.route_hosts().size(); ++i) {
    if (policy_.route_hosts()[i].listener_index == index) add_host(i);
  }
}

void PolicyDump::add_host(std::uint32_t index) {
  const RouteHost& host = policy_.route_hosts()[index];
  line("  route host ",
       host.kind == HostKind::any        ? "any"
       : host.kind == HostKind::wildcard ? "*"
                                         : "",
       host.pattern);
  for (const ExactPath& path : policy_.table(policy_.root().exact_paths)) {
    if (path.host_index != index) continue;
    line("    exact ", path.path);
    add_candidates(path.candidates);
  }
  const auto nodes = policy_.table(policy_.root().prefix_nodes);
  for (std::uint32_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].host_index == index && !nodes[i].candidates.is_empty()) add_prefix_node(i);
  }
}

void PolicyDump::add_prefix_node(std::uint32_t index) {
  const auto nodes = policy_.table(policy_.root().prefix_nodes);
  std::string prefix;
  for (std::uint32_t i = index; i != no_index; i = nodes[i].parent) {
    prefix.insert(0, policy_.text(nodes[i].label));
  }
  line("    prefix ", prefix.empty() ? "/" : prefix);
  add_candidates(nodes[index].candidates);
}

void PolicyDump::add_candidates(Range range) {
  static constexpr std::array<std::string_view, 10> methods{"any",    "GET",     "HEAD",    "POST",  "PUT",
                                                            "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
  for (std::uint32_t i = range.first; i < range.end; ++i) {
    const Candidate& candidate = policy_.candidates()[i];
    add("      method ");
    add(methods[static_cast<std::size_t>(candidate.method)]);
    for (const HeaderMatch& match : policy_.headers(candidate)) {
      add(" header ");
      add(match.name);
      add("=");
      add(match.value);
    }
    for (const QueryMatch& match : policy_.queries(candidate)) {
      add(" query ");
      add(match.name);
      add("=");
      add(match.value);
    }
    line(" -> rule ", std::uint64_t{candidate.rule_index}, " match ", std::uint64_t{candidate.match_index});
  }
}

void PolicyDump::add_rule(std::uint32_t index) {
  const Rule& rule = policy_.rules()[index];
  line("rule ", std::uint64_t{index}, " ", rule.route_namespace, "/", rule.route_name, " #",
       std::uint64_t{rule.rule_index}, " ", rule.rule_name, " id ", rule.id);
  line("  timeouts request ", rule.request_timeout_ns, "ns backend ", rule.backend_request_timeout_ns, "ns");
  add_edits("  ", policy_.request_edits(rule));
  for (const BackendRef& ref : policy_.backend_refs(rule)) {
    line("  backend ", policy_.backends()[ref.backend_index].name, " weight ", std::uint64_t{ref.weight}, "/",
         std::uint64_t{rule.weight_sum}, (ref.flags & backend_ref_invalid) != 0 ? " invalid" : "");
    add_edits("    ", policy_.request_edits(ref));
  }
}

void PolicyDump::add_edits(std::string_view indent, std::span<const HeaderEdit> edits) {
  static constexpr std::array<std::string_view, 4> kinds{"", "set ", "add ", "remove "};
  for (const HeaderEdit& edit : edits) {
    line(indent, kinds[static_cast<std::size_t>(edit.kind)], edit.name, " ", edit.value);
  }
}

}  // namespace

std::string dump(const PolicyView& policy) {
  return PolicyDump{policy}.run();
}

std::string dump(const EndpointsView& endpoints) {
  std::string out;
  for (const Backend& backend : endpoints.backends()) {
    out += "backend ";
    out += endpoints.text(backend.name);
    out += backend.balance == BalancePolicy::least_request ? " least_request\n" : " round_robin\n";
    for (const Endpoint& endpoint : endpoints.endpoints(backend)) {
      out += "  " + to_text(endpoint.address) + ":" + std::to_string(endpoint.tcp_port);
      out += " weight " + std::to_string(endpoint.weight);
      out += '\n';
    }
  }
  return out;
}

std::string to_text(const IpAddress& address) {
  char buffer[INET6_ADDRSTRLEN];
  if (address.is_ipv4()) {
    ::inet_ntop(AF_INET, address.bytes + 12, buffer, sizeof(buffer));
  } else {
    ::inet_ntop(AF_INET6, address.bytes, buffer, sizeof(buffer));
  }
  return buffer;
}

}  // namespace byway::shm
