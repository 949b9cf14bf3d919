#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <memory>
#include <vector>

#include "tools/cli/checks.h"
#include "tools/cli/verbs.h"

namespace byway::cli {

namespace {

struct Options {
  std::string node;
};

std::string word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::good:
      return "ok";
    case Verdict::note:
      return "note";
    case Verdict::broken:
      return "BROKEN";
  }
  return "";
}

/// What the checks need of node.yaml. `byway-dataplane --check-config` says all that is wrong with the file;
/// here only what stops the checks.
std::expected<NodeToCheck, Error> read_node(const std::string& path) {
  NodeToCheck found;
  try {
    const YAML::Node node = YAML::LoadFile(path);
    if (!node.IsMap() || !node["ports"] || !node["ports"].IsSequence())
      throw YAML::Exception(node.Mark(), "there is no list `ports`");
    for (const YAML::Node& port : node["ports"]) {
      if (!port.IsMap() || !port["name"] || !port["device"])
        throw YAML::Exception(port.Mark(), "a port needs `name` and `device`");
      found.ports.push_back({port["name"].as<std::string>(), port["device"].as<std::string>()});
    }
    if (node["workers"] && node["workers"]["cores"])
      found.cores = node["workers"]["cores"].as<std::vector<unsigned>>();
    if (node["memory"] && node["memory"]["mbufs"]) found.mbufs = node["memory"]["mbufs"].as<std::uint64_t>();
  } catch (const YAML::Exception& error) {
    return std::unexpected(Error{Exit::usage, fmt::format("{}:{}: {}", path, error.mark.line + 1, error.msg),
                                 fmt::format("byway-dataplane --check-config --config {}", path)});
  }
  return found;
}

void run(const Options& options, Context& context) {
  std::vector<Finding> findings;
  NodeToCheck node;
  if (!options.node.empty()) {
    auto read = read_node(options.node);
    if (!read) return context.fail(read.error());
    node = std::move(*read);
  }
  check_cores(node, findings);
  check_memory(node, findings);
  check_cards(node, findings);
  check_worker_cores(node.cores, findings);
  for (const PortToCheck& port : node.ports) check_port(port, findings);
  bool broken = false;
  Json list = Json::array();
  for (const Finding& finding : findings) {
    broken = broken || finding.verdict == Verdict::broken;
    list.push_back({{"subject", finding.subject},
                    {"verdict", word_of(finding.verdict)},
                    {"text", finding.text},
                    {"fix", finding.fix}});
  }
  if (context.format != Format::table) {
    fmt::print("{}", formatted(list, context.format));
  } else {
    for (const Finding& finding : findings) {
      fmt::print("{:<7} {:<16} {}\n", word_of(finding.verdict), finding.subject, finding.text);
      if (!finding.fix.empty()) fmt::print("{:<24} -> {}\n", "", finding.fix);
    }
  }
  if (broken) context.exit = Exit::failed;
}

}  // namespace

void add_doctor(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      app.add_subcommand("doctor", "check this machine (and a node.yaml) and print the fix for each finding");
  verb->add_option("--node", options->node, "node.yaml whose cores and ports to check")
      ->check(CLI::ExistingFile);
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace byway::cli
