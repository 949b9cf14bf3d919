// byway-dataplane: options, then the gateway. docs/node.md describes node.yaml.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "tools/dataplane/gateway.h"
#include "tools/dataplane/log.h"
#include "tools/dataplane/node_config.h"
#include "tools/dataplane/signals.h"
#include "tools/dataplane/versions.h"

namespace {

using namespace byway::tools;  // a program, not a header

/// Reads and checks the file; prints what is wrong with it as `file:line: message`.
std::optional<NodeConfig> read_config(const std::string& path) {
  std::ifstream file(path);
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    log("{}: is a folder; --config names a file, node.yaml", path);
    return std::nullopt;
  }
  if (!file) {
    log("{}: {}; --config names another file, examples/node.yaml is a commented one", path,
        std::strerror(errno));
    return std::nullopt;
  }
  std::ostringstream text;
  text << file.rdbuf();
  auto config = parse_node_config(text.str());
  if (!config) {
    for (const Problem& problem : config.error())
      fmt::print(stderr, "{}:{}: {}\n", path, problem.line, problem.text);
    return std::nullopt;
  }
  return std::move(*config);
}

ExitCode run(const NodeConfig& config) {
  auto signals = SignalSource::open();
  if (!signals) {
    log("signals: {}", signals.error());
    return ExitCode::failed;
  }
  auto gateway = Gateway::start(config);
  if (!gateway) {
    log("{}", gateway.error());
    return ExitCode::failed;
  }
  return (*gateway)->run(*signals);
}

int main_with_errors(int count, char** arguments) {
  CLI::App app{
      "The data plane of a Byway node: moves packets between ports, TCP and HTTP by the policy that\n"
      "byway-agent hands over."};
  std::string path = node_config_path_default;
  bool check_only = false;
  bool show_version = false;
  app.add_option("--config", path, "node.yaml: ports, addresses, cores, memory")->capture_default_str();
  app.add_flag("--check-config", check_only,
               "check the file and the machine's cores, then exit: 0 right, 2 wrong");
  app.add_flag("--version", show_version, "show the versions of this program and its libraries");
  app.footer(
      "Exit codes: 0 stopped by a signal; 1 a device or the machine failed; 2 wrong options or "
      "configuration;\n"
      "3 packet buffers were missing at the end.\n"
      "SIGTERM drains (limits.drain_timeout) and ends; a second one ends at once.");
  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  if (show_version) {
    fmt::print("{}", version_text());
    return 0;
  }
  const auto config = read_config(path);
  if (!config) return static_cast<int>(ExitCode::usage);
  if (check_only) {
    fmt::print("{}: {} port{}, {} worker{}: right\n", path, config->ports.size(),
               config->ports.size() == 1 ? "" : "s", config->cores.size(),
               config->cores.size() == 1 ? "" : "s");
    return 0;
  }
  return static_cast<int>(run(*config));
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return main_with_errors(count, arguments);
  } catch (const std::exception& error) {
    log("{}", error.what());
    return static_cast<int>(ExitCode::failed);
  }
}
