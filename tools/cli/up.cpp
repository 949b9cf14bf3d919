#include <fmt/format.h>
#include <signal.h>
#include <yaml-cpp/yaml.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <thread>

#include "tools/cli/child.h"
#include "tools/cli/documents.h"
#include "tools/cli/verbs.h"
#include "tools/cli/wait.h"

namespace byway::cli {

namespace {

struct Options {
  std::vector<std::string> files;
  std::string node;
  std::string state = "/var/lib/byway";
};

/// The data plane maps its memory first: seconds on a small machine, not minutes.
constexpr std::chrono::seconds start_time_max{30};

volatile sig_atomic_t stop_asked = 0;

void say(int step, const std::string& text) {
  fmt::print("[{}/4] {}\n", step, text);
  std::fflush(stdout);  // before what the started programs say
}

std::expected<std::string, Error> runtime_dir_of(const std::string& node) {
  try {
    const YAML::Node file = YAML::LoadFile(node);
    return file["runtime_dir"] ? file["runtime_dir"].as<std::string>() : "/run/byway";
  } catch (const YAML::Exception& error) {
    return std::unexpected(Error{Exit::usage, fmt::format("{}:{}: {}", node, error.mark.line + 1, error.msg),
                                 fmt::format("byway-dataplane --check-config --config {}", node)});
  }
}

/// Waits until `done` holds; an Error when a child ends first, on Ctrl-C, or when the time is over.
template <typename Done>
std::expected<void, Error> wait_until(const std::string& what, std::initializer_list<Child*> children,
                                      Done done) {
  const auto end = std::chrono::steady_clock::now() + start_time_max;
  while (!done()) {
    for (Child* child : children) {
      if (const std::string how = child->ended(); !how.empty()) {
        return std::unexpected(
            Error{child->refused_its_configuration() ? Exit::usage : Exit::failed,
                  fmt::format("{} ended ({}) while {}", child->name(), how, what),
                  "what it said stands above; `byway doctor --node FILE` checks the machine"});
      }
    }
    if (stop_asked != 0) return std::unexpected(Error{Exit::failed, "stopped", ""});
    if (std::chrono::steady_clock::now() > end) {
      return std::unexpected(
          Error{Exit::failed, fmt::format("gave up {} after {} s", what, start_time_max.count()), ""});
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return {};
}

std::expected<void, Error> apply(const Documents& documents, Context& context) {
  auto answer = context.client().exchange("POST", "/byway/v1/apply?wait=applied&timeout=10s",
                                          documents.text(), "application/yaml");
  if (!answer) return std::unexpected(answer.error());
  if (answer->status >= 400) return std::unexpected(documents.error_of(*answer));
  Context::warn(*answer);
  report_receipt(answer->body, context);
  return {};
}

std::expected<void, Error> run(const Options& options, Context& context) {
  auto documents = Documents::read(options.files);
  if (!documents) return std::unexpected(documents.error());
  auto runtime = runtime_dir_of(options.node);
  if (!runtime) return std::unexpected(runtime.error());
  const std::string agent_socket = *runtime + "/agent.sock";
  context.target.server = "unix:" + agent_socket;

  for (const int signal : {SIGINT, SIGTERM}) {
    struct sigaction action{};
    action.sa_handler = [](int) { stop_asked = 1; };
    sigaction(signal, &action, nullptr);
  }
  say(1, "starting the data plane with " + options.node);
  auto dataplane = Child::start({program_path("byway-dataplane"), "--config", options.node});
  if (!dataplane) return std::unexpected(dataplane.error());
  auto up = wait_until("starting", {&*dataplane},
                       [&] { return std::filesystem::exists(*runtime + "/dataplane.sock"); });
  if (!up) return up;

  say(2, "starting the agent; its API is at " + context.target.server);
  auto agent = Child::start({program_path("byway-agent"), "--listen", "unix:" + agent_socket, "--runtime-dir",
                             *runtime, "--store", options.state + "/agent.db"});
  if (!agent) return std::unexpected(agent.error());
  up = wait_until("waiting for the agent", {&*dataplane, &*agent},
                  [&] { return context.client().get("/readyz").has_value(); });
  if (!up) return up;

  say(3, fmt::format("applying {} file{}", documents->file_count(), documents->file_count() == 1 ? "" : "s"));
  if (auto applied = apply(*documents, context); !applied) return applied;

  say(4, "up; Ctrl-C stops both. Try:");
  fmt::print("        export BYWAY_SERVER={0}\n        byway status\n        byway stats --watch\n",
             context.target.server);
  std::fflush(stdout);
  while (stop_asked == 0) {
    for (Child* child : {&*dataplane, &*agent}) {
      if (const std::string how = child->ended(); !how.empty()) {
        return std::unexpected(Error{Exit::failed, fmt::format("{} ended ({})", child->name(), how), ""});
      }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  fmt::print("stopping\n");
  return {};
}

}  // namespace

void add_up(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("up", "start data plane and agent on this machine and apply manifests");
  verb->add_option("-f,--filename", options->files, "files, folders, or - for standard input")->required();
  verb->add_option("--node", options->node, "node.yaml: ports, addresses, cores")
      ->required()
      ->check(CLI::ExistingFile);
  verb->add_option("--state", options->state, "folder for the agent's store")->capture_default_str();
  verb->callback([options, &context] {
    if (auto result = run(*options, context); !result) context.fail(result.error());
  });
}

}  // namespace byway::cli
