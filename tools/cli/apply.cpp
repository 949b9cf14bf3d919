#include <fmt/format.h>

#include <memory>

#include "tools/cli/documents.h"
#include "tools/cli/verbs.h"
#include "tools/cli/wait.h"

namespace byway::cli {

namespace {

struct Options {
  std::vector<std::string> files;
  bool wait = false;
  std::string timeout = "5s";
  bool strict = false;
  bool dry_run = false;
};

/// What became of each object, and on standard error why it is not served as written.
void print_results(const Json& body) {
  if (!body.is_object() || !body.contains("results")) return;
  for (const Json& item : body["results"]) {
    const std::string name_space = item.value("namespace", "");
    const std::string name = fmt::format("{}/{}{}", item.value("kind", ""),
                                         name_space.empty() ? "" : name_space + "/", item.value("name", ""));
    fmt::print("{} {}\n", name, item.value("result", ""));
    for (const Json& unmet : item.value("unmetConditions", Json::array()))
      fmt::print(stderr, "warning: {}: {}\n", name,
                 unmet.is_string() ? unmet.get<std::string>() : unmet.dump());
  }
}

void run(const Options& options, Context& context) {
  auto documents = Documents::read(options.files);
  if (!documents) return context.fail(documents.error());
  std::string query;
  const auto add = [&query](const std::string& text) { query += (query.empty() ? "?" : "&") + text; };
  if (options.wait) add("wait=applied&timeout=" + escaped(options.timeout));
  if (options.strict) add("strict=true");
  if (options.dry_run) add("dryRun=All");
  auto answer =
      context.client().exchange("POST", "/byway/v1/apply" + query, documents->text(), "application/yaml");
  if (!answer) return context.fail(answer.error());
  Context::warn(*answer);
  if (answer->status >= 400) return context.fail(documents->error_of(*answer));
  if (context.format == Format::table) {
    print_results(answer->body);
  } else {
    fmt::print("{}", formatted(answer->body, context.format));
  }
  if (options.wait) report_receipt(answer->body, context);
}

}  // namespace

void add_apply(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("apply", "create or change what manifests say, all or nothing");
  verb->add_option("-f,--filename", options->files, "files, folders, or - for standard input")->required();
  CLI::Option* wait = verb->add_flag("--wait", options->wait, "wait until every worker runs the change");
  verb->add_option("--timeout", options->timeout, "how long to wait, at most 60s")
      ->capture_default_str()
      ->needs(wait);
  verb->add_flag("--strict", options->strict, "refuse what would only be accepted with a bad condition");
  verb->add_flag("--dry-run", options->dry_run, "check everything, change nothing");
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace byway::cli
