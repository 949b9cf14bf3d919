#include <fmt/format.h>

#include "tools/cli/kinds.h"
#include "tools/cli/verbs.h"

namespace byway::cli {

namespace {

/// "Gateway/shop/web", as apply prints it.
std::string name_of(const Kind& kind, const Json& object) {
  const std::string name_space = text_at(object, "metadata.namespace");
  return fmt::format("{}/{}{}{}", kind.name, name_space, name_space.empty() ? "" : "/",
                     text_at(object, "metadata.name"));
}

/// Conditions that are not as they should be, over all objects: what a person looks for first. `part` is
/// the listener or parent that they are of.
void collect(const std::string& object, const std::string& part, const Json& conditions, Json& problems) {
  if (!conditions.is_array()) return;
  for (const Json& one : conditions) {
    const std::string type = one.value("type", "");
    const bool bad_when_true = type == "Conflicted" || type == "PartiallyInvalid";
    if (one.value("status", "") == (bad_when_true ? "False" : "True")) continue;
    problems.push_back({{"object", object},
                        {"part", part},
                        {"condition", type},
                        {"reason", one.value("reason", "")},
                        {"message", one.value("message", "")}});
  }
}

std::expected<Json, Error> problems_of(const Client& client) {
  Json problems = Json::array();
  for (const Kind& kind : all_kinds()) {
    auto answer = client.get(path_of(kind, "", ""));
    if (!answer) return std::unexpected(answer.error());
    for (const Json& object : answer->body.value("items", Json::array())) {
      const Json status = object.value("status", Json::object());
      const std::string name = name_of(kind, object);
      collect(name, "", status.value("conditions", Json::array()), problems);
      for (const Json& listener : status.value("listeners", Json::array())) {
        collect(name, "listener " + text_at(listener, "name"), listener.value("conditions", Json::array()),
                problems);
      }
      for (const Json& parent : status.value("parents", Json::array())) {
        collect(name, "parent " + text_at(parent, "parentRef.name"),
                parent.value("conditions", Json::array()), problems);
      }
    }
  }
  return problems;
}

void run(Context& context) {
  const Client client = context.client();
  auto workers = client.get("/byway/v1/workers");
  if (!workers) return context.fail(workers.error());
  auto problems = problems_of(client);
  if (!problems) return context.fail(problems.error());

  const Json list = workers->body.value("workers", Json::array());
  const Json generation = workers->body.value("generation", Json(0));
  std::size_t current = 0;
  for (const Json& worker : list) current += worker.value("generation", Json(-1)) == generation ? 1u : 0u;
  const bool good = problems->empty() && !list.empty() && current == list.size();
  if (context.format != Format::table) {
    fmt::print("{}", formatted({{"good", good},
                                {"generation", generation},
                                {"workers", list.size()},
                                {"workersCurrent", current},
                                {"problems", *problems}},
                               context.format));
  } else {
    fmt::print("agent        answers at {}\n", context.target.server);
    if (list.empty()) {
      fmt::print("data plane   not connected\n");
    } else {
      fmt::print("data plane   {} of {} workers run generation {}\n", current, list.size(),
                 generation.dump());
    }
    if (problems->empty()) {
      fmt::print("policy       all conditions are good\n");
    } else {
      Table table({"OBJECT", "PART", "CONDITION", "REASON", "MESSAGE"});
      for (const Json& one : *problems) {
        table.add({one.value("object", ""), one.value("part", ""), one.value("condition", ""),
                   one.value("reason", ""), one.value("message", "")});
      }
      fmt::print("policy       {} condition{} not good:\n{}", problems->size(),
                 problems->size() == 1 ? "" : "s", table.text());
    }
  }
  if (!good) context.exit = Exit::failed;
}

}  // namespace

void add_status(CLI::App& app, Context& context) {
  CLI::App* verb = app.add_subcommand("status", "is everything as it should be? exit code 1 if not");
  verb->callback([&context] { run(context); });
}

}  // namespace byway::cli
