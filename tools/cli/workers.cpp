#include <fmt/format.h>

#include "tools/cli/verbs.h"

namespace byway::cli {

namespace {

std::string percent(const Json& worker, const char* name) {
  return worker.contains(name) && worker[name].is_number()
             ? fmt::format("{:.0f} %", worker[name].get<double>() * 100)
             : "";
}

void print_ports(const Json& ports) {
  if (ports.empty()) return;
  Table table({"PORT", "DRIVER", "VLAN", "LINK", "MTU", "QUEUES", "OFFLOADS"});
  for (const Json& port : ports) {
    std::string offloads;
    for (const Json& name : port.value("offloads", Json::array())) {
      if (name.is_string()) offloads += (offloads.empty() ? "" : " ") + name.get<std::string>();
    }
    table.add({text_at(port, "name"), text_at(port, "driver"), text_at(port, "vlan"),
               port.value("isUp", false) ? "up" : "down", text_at(port, "mtu"), text_at(port, "queuePairs"),
               offloads.empty() ? "none" : offloads});
  }
  fmt::print("\n{}", table.text());
}

void run(Context& context) {
  auto answer = context.client().get("/byway/v1/workers");
  if (!answer) return context.fail(answer.error());
  if (context.format != Format::table) {
    fmt::print("{}", formatted(answer->body, context.format));
    return;
  }
  const Json workers = answer->body.value("workers", Json::array());
  if (workers.empty()) {
    fmt::print("no data plane is connected; the agent hands revision {} over when one comes\n",
               text_at(answer->body, "revision"));
    context.exit = Exit::failed;
    return;
  }
  Table table({"WORKER", "CORE", "GENERATION", "BUSY", "CONNECTIONS", "REQUESTS"});
  for (const Json& worker : workers) {
    table.add({text_at(worker, "id"), text_at(worker, "core"), text_at(worker, "generation"),
               percent(worker, "busy"), text_at(worker, "connections"), text_at(worker, "requests")});
  }
  fmt::print("{}", table.text());
  print_ports(answer->body.value("ports", Json::array()));
}

}  // namespace

void add_workers(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand(
      "workers", "what each worker runs, how busy it is, and what the ports do by themselves");
  verb->callback([&context] { run(context); });
}

}  // namespace byway::cli
