#include "tests/support/set_description.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <sstream>
#include <utility>

namespace byway::test {
namespace {

using Words = std::vector<std::string>;
using Checked = std::expected<void, std::string>;

Checked wrong(const std::string& what) {
  return std::unexpected(what);
}

template <typename Number>
std::optional<Number> number(std::string_view text) {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<shm::IpAddress> ip_address(const std::string& text) {
  in_addr address{};
  if (::inet_pton(AF_INET, text.c_str(), &address) == 1)
    return shm::IpAddress::from_ipv4(ntohl(address.s_addr));
  shm::IpAddress ipv6{};
  if (::inet_pton(AF_INET6, text.c_str(), ipv6.bytes) != 1) return std::nullopt;
  return ipv6;
}

/// An IPv6 address has brackets where a port follows.
std::string without_brackets(const std::string& text) {
  const bool has = text.size() > 2 && text.front() == '[' && text.back() == ']';
  return has ? text.substr(1, text.size() - 2) : text;
}

/// "key=value" in two; the key is empty where there is no '='.
std::pair<std::string, std::string> key_and_value(const std::string& word) {
  const std::size_t place = word.find('=');
  if (place == std::string::npos) return {"", word};
  return {word.substr(0, place), word.substr(place + 1)};
}

Checked read_listener(const Words& words, SetDescription& set) {
  if (words.size() < 3) return wrong("listener NAME TCP_PORT [address=IP] [hostname=NAME]");
  shm::ListenerSpec listener;
  listener.name = words[1];
  const auto tcp_port = number<std::uint16_t>(words[2]);
  if (!tcp_port || *tcp_port == 0) return wrong("a TCP port is 1..65535, not " + words[2]);
  listener.tcp_port = *tcp_port;
  for (std::size_t index = 3; index < words.size(); ++index) {
    const auto [key, value] = key_and_value(words[index]);
    const auto address = ip_address(value);
    if (key == "address" && address) {
      listener.addresses.push_back(*address);
    } else if (key == "hostname") {
      listener.hostname = value;
    } else {
      return wrong("a listener takes address=IP and hostname=NAME, not " + words[index]);
    }
  }
  set.policy.listeners.push_back(std::move(listener));
  return {};
}

Checked read_backend(const Words& words, SetDescription& set) {
  if (words.size() < 2) return wrong("backend NAME [IP:TCP_PORT ...] [balance=round_robin|least_request]");
  shm::BackendSpec backend;
  backend.name = words[1];
  for (std::size_t index = 2; index < words.size(); ++index) {
    const std::string& word = words[index];
    if (word == "balance=least_request") {
      backend.balance = shm::BalancePolicy::least_request;
      continue;
    }
    if (word == "balance=round_robin") continue;
    const std::size_t colon = word.rfind(':');
    const auto address = ip_address(without_brackets(word.substr(0, colon)));
    const auto tcp_port =
        colon == std::string::npos ? std::nullopt : number<std::uint16_t>(word.substr(colon + 1));
    if (!address || !tcp_port) return wrong("an endpoint is IP:TCP_PORT, not " + word);
    shm::EndpointSpec endpoint;
    endpoint.address = *address;
    endpoint.tcp_port = *tcp_port;
    backend.endpoints.push_back(endpoint);
  }
  set.backends.push_back(std::move(backend));
  return {};
}

Checked read_target(const std::string& word, shm::RuleSpec& rule) {
  shm::BackendRefSpec target;
  const std::size_t place = word.find('=');
  target.backend = word.substr(0, place);
  if (place != std::string::npos) {
    const auto weight = number<std::uint32_t>(word.substr(place + 1));
    if (!weight) return wrong("a target is BACKEND=WEIGHT, not " + word);
    target.weight = *weight;
  }
  rule.backends.push_back(std::move(target));
  return {};
}

Checked read_condition(const std::string& word, shm::RouteSpec& route, shm::MatchSpec& match,
                       const SetDescription& set) {
  const auto [key, value] = key_and_value(word);
  if (key == "listener") {
    const auto found = std::ranges::find(set.policy.listeners, value, &shm::ListenerSpec::name);
    if (found == set.policy.listeners.end()) return wrong("no listener above has the name " + value);
    route.listeners.push_back(static_cast<std::size_t>(found - set.policy.listeners.begin()));
  } else if (key == "host") {
    route.hostnames.push_back(value);
  } else if (key == "prefix" || key == "exact") {
    match.path_kind = key == "prefix" ? shm::PathKind::prefix : shm::PathKind::exact;
    match.path = value;
  } else if (key == "method") {
    match.method = value;
  } else {
    return wrong("a route takes listener=, host=, prefix=, exact=, method= and then `to`, not " + word);
  }
  return {};
}

Checked read_route(const Words& words, SetDescription& set) {
  const auto to = std::ranges::find(words, "to");
  const std::size_t slash = words.size() < 2 ? std::string::npos : words[1].find('/');
  if (to == words.end() || slash == std::string::npos)
    return wrong("route NAMESPACE/NAME [CONDITION ...] to BACKEND=WEIGHT ...");
  shm::RouteSpec route;
  route.route_namespace = words[1].substr(0, slash);
  route.route_name = words[1].substr(slash + 1);
  shm::MatchSpec match;
  for (auto word = words.begin() + 2; word < to; ++word) {
    if (auto read = read_condition(*word, route, match, set); !read) return read;
  }
  shm::RuleSpec rule;
  rule.matches.push_back(match);
  for (auto word = to + 1; word < words.end(); ++word) {
    if (auto read = read_target(*word, rule); !read) return read;
  }
  if (route.listeners.empty()) {
    for (std::size_t index = 0; index < set.policy.listeners.size(); ++index)
      route.listeners.push_back(index);
  }
  route.rules.push_back(std::move(rule));
  set.policy.routes.push_back(std::move(route));
  return {};
}

std::expected<shm::OwnedFd, std::string> seal(const std::expected<shm::BlobBytes, shm::BuildError>& blob,
                                              const char* name) {
  if (!blob) return std::unexpected(std::string(name) + ": " + blob.error().what);
  auto sealed = shm::make_sealed_memfd(name, *blob);
  if (!sealed) return std::unexpected(std::string(name) + ": " + std::strerror(sealed.error()));
  return std::move(*sealed);
}

}  // namespace

std::expected<SetDescription, std::string> parse_set_description(std::string_view text) {
  SetDescription set;
  std::istringstream lines{std::string(text)};
  std::string line;
  for (int line_number = 1; std::getline(lines, line); ++line_number) {
    std::istringstream stream(line.substr(0, line.find('#')));
    Words words;
    for (std::string word; stream >> word;) words.push_back(word);
    if (words.empty()) continue;
    Checked read = wrong("a line begins with listener, backend or route, not " + words[0]);
    if (words[0] == "listener") read = read_listener(words, set);
    if (words[0] == "backend") read = read_backend(words, set);
    if (words[0] == "route") read = read_route(words, set);
    if (!read) return std::unexpected("line " + std::to_string(line_number) + ": " + read.error());
  }
  return set;
}

std::expected<SealedSet, std::string> seal_set(const SetDescription& description) {
  auto policy = seal(shm::build_policy(description.policy), "policy");
  if (!policy) return std::unexpected(policy.error());
  auto endpoints = seal(shm::build_endpoints(description.backends), "endpoints");
  if (!endpoints) return std::unexpected(endpoints.error());
  auto secrets = seal(shm::build_secrets(), "secrets");
  if (!secrets) return std::unexpected(secrets.error());
  return SealedSet{std::move(*policy), std::move(*endpoints), std::move(*secrets)};
}

SealedSet sealed_set_of(std::string_view text) {
  const auto description = parse_set_description(text);
  auto set = description ? seal_set(*description) : std::unexpected(description.error());
  if (!set) {
    std::fprintf(stderr, "set description: %s\n", set.error().c_str());
    std::abort();
  }
  return std::move(*set);
}

}  // namespace byway::test
