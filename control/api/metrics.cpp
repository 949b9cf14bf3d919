#include "control/api/metrics.h"

#include <fmt/format.h>

#include "byway_version.h"

namespace byway::control::api {
namespace {

void head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

}  // namespace

std::string metrics_document(const State& state, const DataPlane* data_plane) {
  std::string out;
  head(out, "byway_agent_build_info", "gauge", "Version of the agent.");
  out += fmt::format("byway_agent_build_info{{version=\"{}\"}} 1\n", BYWAY_VERSION);
  head(out, "byway_agent_objects", "gauge", "Objects kept, by kind.");
  for (const resources::Kind& kind : resources::kinds()) {
    const auto first = state.objects.lower_bound({&kind, "", ""});
    std::size_t count = 0;
    for (auto it = first; it != state.objects.end() && it->first.kind == &kind; ++it) ++count;
    out += fmt::format("byway_agent_objects{{kind=\"{}\"}} {}\n", kind.name, count);
  }
  head(out, "byway_agent_resource_version", "counter", "Commits to the store.");
  out += fmt::format("byway_agent_resource_version {}\n", state.resource_version);
  head(out, "byway_agent_revision", "counter", "Newest revision of routing and policy.");
  out += fmt::format("byway_agent_revision {}\n", state.revision);
  const DataPlaneView view = data_plane ? data_plane->view() : DataPlaneView{};
  head(out, "byway_agent_data_plane_connected", "gauge", "1 while the data plane is connected.");
  out += fmt::format("byway_agent_data_plane_connected {}\n", view.is_connected ? 1 : 0);
  if (!view.is_connected) return out;
  head(out, "byway_worker_generation", "gauge", "Generation that a worker runs.");
  for (const DataPlaneView::Worker& worker : view.workers)
    if (worker.is_running)
      out += fmt::format("byway_worker_generation{{worker=\"{}\"}} {}\n", worker.index, worker.generation);
  return out + data_plane->metrics_text();
}

}  // namespace byway::control::api
