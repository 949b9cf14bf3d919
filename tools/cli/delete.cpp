#include <fmt/format.h>

#include <memory>

#include "tools/cli/kinds.h"
#include "tools/cli/verbs.h"
#include "tools/cli/wait.h"

namespace byway::cli {

namespace {

struct Options {
  std::string kind;
  std::string name;
  std::string name_space = "default";
  bool wait = false;
  std::string timeout = "5s";
};

void run(const Options& options, Context& context) {
  const Kind* kind = find_kind(options.kind);
  if (kind == nullptr) return context.fail({Exit::usage, unknown_kind(options.kind), ""});
  std::string path = path_of(*kind, options.name_space, options.name);
  if (options.wait) path += "?wait=applied&timeout=" + escaped(options.timeout);
  auto answer = context.client().call("DELETE", path);
  if (!answer) return context.fail(answer.error());
  if (context.format == Format::table) {
    fmt::print("{}/{} deleted\n", kind->name, options.name);
  } else {
    fmt::print("{}", formatted(answer->body, context.format));
  }
  if (options.wait) report_receipt(answer->body, context);
}

}  // namespace

void add_delete(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("delete", "remove one object");
  verb->add_option("kind", options->kind, "the kind")->required();
  verb->add_option("name", options->name, "the object's name")->required();
  verb->add_option("-n,--namespace", options->name_space, "namespace")->capture_default_str();
  CLI::Option* wait = verb->add_flag("--wait", options->wait, "wait until every worker runs the change");
  verb->add_option("--timeout", options->timeout, "how long to wait, at most 60s")
      ->capture_default_str()
      ->needs(wait);
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace byway::cli
