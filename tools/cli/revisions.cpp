#include <fmt/format.h>

#include "tools/cli/verbs.h"

namespace byway::cli {

namespace {

void run(Context& context) {
  auto answer = context.client().get("/byway/v1/revisions");
  if (!answer) return context.fail(answer.error());
  if (context.format != Format::table) {
    fmt::print("{}", formatted(answer->body, context.format));
    return;
  }
  Table table({"REVISION", "AGE", "BY", "CHANGE"});
  for (const Json& one : answer->body.value("revisions", Json::array())) {
    table.add({text_at(one, "revision"), age_of(text_at(one, "time")), text_at(one, "by"),
               text_at(one, "summary")});
  }
  fmt::print("{}", table.has_rows() ? table.text() : "no revisions yet\n");
}

}  // namespace

void add_revisions(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("revisions", "changes to routing and policy, newest first");
  verb->callback([&context] { run(context); });
}

}  // namespace byway::cli
