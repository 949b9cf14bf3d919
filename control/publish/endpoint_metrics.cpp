#include "control/publish/endpoint_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/shm/dump.h"

namespace byway::control {
namespace {

struct Shown {
  std::string labels;  ///< without braces
  shm::EndpointStats stats{};
};

struct Selection {
  std::vector<Shown> shown;
  std::size_t left_out = 0;
};

/// "ns/name:port" as three labels, and the endpoint's address as a fourth. Names are checked when they are
/// written; they hold nothing that a label would have to escape.
std::string labels_of(std::string_view backend, const shm::Endpoint& endpoint) {
  const std::size_t slash = std::min(backend.find('/'), backend.size());
  const std::size_t colon = std::max(std::min(backend.rfind(':'), backend.size()), slash);
  const auto part = [&](std::size_t from, std::size_t to) {
    return from < to ? backend.substr(from, to - from) : std::string_view();
  };
  const std::string address = endpoint.address.is_ipv4()
                                  ? shm::to_text(endpoint.address)
                                  : fmt::format("[{}]", shm::to_text(endpoint.address));
  return fmt::format(R"(backend_namespace="{}",backend_name="{}",backend_port="{}",endpoint="{}:{}")",
                     part(0, slash), part(slash + 1, colon), part(colon + 1, backend.size()), address,
                     endpoint.tcp_port);
}

Selection select(const shm::EndpointsView& endpoints, const shm::SlotReader& slots,
                 const shm::EndpointStatsReader& stats) {
  std::unordered_map<std::uint64_t, shm::SlotHandle> slot_of;
  for (std::uint32_t index = 0; index < slots.slot_count(); ++index)
    if (const auto slot = slots.read(index)) slot_of[slot->stable_id] = slot->slot;
  Selection selection;
  for (const shm::Backend& backend : endpoints.backends())
    for (const shm::Endpoint& endpoint : endpoints.endpoints(backend)) {
      const auto slot = slot_of.find(endpoint.id);
      if (slot == slot_of.end()) continue;
      if (selection.shown.size() == endpoint_metrics_max) {
        ++selection.left_out;
        continue;
      }
      selection.shown.push_back({labels_of(endpoints.text(backend.name), endpoint), stats.sum(slot->second)});
    }
  return selection;
}

void head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

std::uint64_t responses_of(const shm::EndpointStats& stats) {
  return std::accumulate(std::begin(stats.responses), std::end(stats.responses), std::uint64_t{0});
}

}  // namespace

std::string endpoint_metrics_text(const shm::EndpointsView& endpoints, const shm::SlotReader& slots,
                                  const shm::EndpointStatsReader& stats) {
  const Selection selection = select(endpoints, slots, stats);
  std::string out;
  head(out, "byway_endpoint_requests_total", "counter",
       "Requests for which the endpoint was chosen, each retry counted.");
  for (const Shown& one : selection.shown)
    out += fmt::format("byway_endpoint_requests_total{{{}}} {}\n", one.labels, one.stats.requests);
  head(out, "byway_endpoint_failures_total", "counter",
       "Requests without a final response: not connected, broken, timed out, invalid.");
  for (const Shown& one : selection.shown)
    out += fmt::format("byway_endpoint_failures_total{{{}}} {}\n", one.labels, one.stats.failures);
  head(out, "byway_endpoint_responses_total", "counter", "Final responses of the endpoint by class.");
  constexpr std::array<std::string_view, 4> classes{"2xx", "3xx", "4xx", "5xx"};
  for (const Shown& one : selection.shown)
    for (std::size_t i = 0; i < classes.size(); ++i)
      out += fmt::format("byway_endpoint_responses_total{{{},class=\"{}\"}} {}\n", one.labels, classes[i],
                         one.stats.responses[i]);
  head(out, "byway_endpoint_first_byte_seconds", "summary",
       "Time from the last byte of a request sent to the first byte of its response.");
  for (const Shown& one : selection.shown)
    out += fmt::format(
        "byway_endpoint_first_byte_seconds_sum{{{0}}} "
        "{1:.9f}\nbyway_endpoint_first_byte_seconds_count{{{0}}} "
        "{2}\n",
        one.labels, static_cast<double>(one.stats.latency_sum_ns) / 1e9, responses_of(one.stats));
  head(out, "byway_endpoints_left_out", "gauge", "Endpoints that are not shown because there are too many.");
  out += fmt::format("byway_endpoints_left_out {}\n", selection.left_out);
  return out;
}

}  // namespace byway::control
