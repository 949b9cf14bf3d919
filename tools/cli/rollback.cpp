#include <fmt/format.h>

#include <memory>

#include "tools/cli/verbs.h"
#include "tools/cli/wait.h"

namespace byway::cli {

namespace {

struct Options {
  std::uint64_t revision = 0;
  std::string timeout = "5s";
};

void run(const Options& options, Context& context) {
  auto answer =
      context.client().call("POST", fmt::format("/byway/v1/revisions/{}/rollback?wait=applied&timeout={}",
                                                options.revision, escaped(options.timeout)));
  if (!answer) return context.fail(answer.error());
  if (context.format == Format::table) {
    fmt::print("rolled back to revision {}, as revision {}\n", options.revision,
               text_at(answer->body, "revision"));
  } else {
    fmt::print("{}", formatted(answer->body, context.format));
  }
  report_receipt(answer->body, context);
}

}  // namespace

void add_rollback(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      app.add_subcommand("rollback", "write the routing and policy of an old revision as a new one");
  verb->add_option("revision", options->revision, "a number that `byway revisions` shows")->required();
  verb->add_option("--timeout", options->timeout, "how long to wait for the workers, at most 60s")
      ->capture_default_str();
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace byway::cli
