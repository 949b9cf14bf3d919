#include <fmt/format.h>

#include <memory>

#include "tools/cli/kinds.h"
#include "tools/cli/verbs.h"

namespace byway::cli {

namespace {

struct Options {
  std::string kind;
  std::string name;
  std::string name_space = "default";
};

void print_conditions(const Json& conditions, const std::string& indent) {
  if (!conditions.is_array()) return;
  Table table({indent + "TYPE", "STATUS", "REASON", "SINCE", "MESSAGE"});
  for (const Json& one : conditions) {
    table.add({indent + one.value("type", ""), one.value("status", ""), one.value("reason", ""),
               age_of(one.value("lastTransitionTime", "")), one.value("message", "")});
  }
  if (table.has_rows()) fmt::print("{}", table.text());
}

void print_status(const Json& status) {
  if (status.contains("conditions")) print_conditions(status["conditions"], "  ");
  if (status.contains("listeners")) {
    for (const Json& listener : status["listeners"]) {
      fmt::print("  Listener {} ({} attached routes):\n", listener.value("name", ""),
                 listener.value("attachedRoutes", 0));
      print_conditions(listener.value("conditions", Json::array()), "    ");
    }
  }
  if (status.contains("parents")) {
    for (const Json& parent : status["parents"]) {
      fmt::print("  Parent {} {}:\n", text_at(parent, "parentRef.name"),
                 text_at(parent, "parentRef.sectionName"));
      print_conditions(parent.value("conditions", Json::array()), "    ");
    }
  }
}

void run(const Options& options, Context& context) {
  const Kind* kind = find_kind(options.kind);
  if (kind == nullptr) return context.fail({Exit::usage, unknown_kind(options.kind), ""});
  auto answer = context.client().get(path_of(*kind, options.name_space, options.name));
  if (!answer) return context.fail(answer.error());
  if (context.format != Format::table) {
    fmt::print("{}", formatted(answer->body, context.format));
    return;
  }
  Json object = answer->body;
  fmt::print("Kind:       {}\nName:       {}\n", kind->name, text_at(object, "metadata.name"));
  if (kind->namespaced) fmt::print("Namespace:  {}\n", text_at(object, "metadata.namespace"));
  const std::string created = text_at(object, "metadata.creationTimestamp");
  fmt::print("Created:    {} ({} ago)\nVersion:    {}\n", created, age_of(created),
             text_at(object, "metadata.resourceVersion"));
  const Json status = object.value("status", Json::object());
  for (const char* shown : {"kind", "apiVersion", "metadata", "status"}) object.erase(shown);
  fmt::print("\n{}", formatted(object, Format::yaml));
  if (!status.empty()) {
    fmt::print("\nStatus:\n");
    print_status(status);
  }
}

}  // namespace

void add_describe(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("describe", "one object with its status, for reading");
  verb->add_option("kind", options->kind, "the kind")->required();
  verb->add_option("name", options->name, "the object's name")->required();
  verb->add_option("-n,--namespace", options->name_space, "namespace")->capture_default_str();
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace byway::cli
