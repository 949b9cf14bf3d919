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
  bool all_namespaces = false;
};

/// The state of the condition `type`, with its reason when it is not good: "True", "False
/// (NoMatchingParent)".
std::string condition(const Json& conditions, const std::string& type) {
  if (!conditions.is_array()) return "";
  for (const Json& one : conditions) {
    if (one.value("type", "") != type) continue;
    const std::string status = one.value("status", "");
    return status == "True" ? status : fmt::format("{} ({})", status, one.value("reason", ""));
  }
  return "";
}

const Json& member(const Json& value, const char* name) {
  static const Json none;
  return value.is_object() && value.contains(name) ? value[name] : none;
}

std::string joined(const Json& values) {
  std::string text;
  if (!values.is_array()) return text;
  for (const Json& value : values)
    text += (text.empty() ? "" : ",") + (value.is_string() ? value.get<std::string>() : value.dump());
  return text;
}

/// The columns between NAME and AGE.
std::vector<std::string> head_of(const Kind& kind) {
  if (kind.name == "GatewayClass") return {"CONTROLLER", "ACCEPTED"};
  if (kind.name == "Gateway") return {"CLASS", "ADDRESSES", "ACCEPTED", "PROGRAMMED"};
  if (kind.name == "HTTPRoute") return {"HOSTNAMES", "ACCEPTED", "RESOLVEDREFS"};
  if (kind.name == "Service") return {"PORTS"};
  if (kind.name == "EndpointSlice") return {"SERVICE", "ENDPOINTS", "PORTS"};
  return {};
}

std::vector<std::string> row_of(const Kind& kind, const Json& object) {
  const Json& spec = member(object, "spec");
  const Json& status = member(object, "status");
  const auto ports = [](const Json& list) {
    std::string text;
    if (!list.is_array()) return text;
    for (const Json& port : list) text += (text.empty() ? "" : ",") + text_at(port, "port");
    return text;
  };
  if (kind.name == "GatewayClass") {
    return {text_at(spec, "controllerName"), condition(member(status, "conditions"), "Accepted")};
  }
  if (kind.name == "Gateway") {
    std::string addresses;
    for (const Json& one :
         member(status, "addresses").is_array() ? member(status, "addresses") : Json::array()) {
      addresses += (addresses.empty() ? "" : ",") + text_at(one, "value");
    }
    return {text_at(spec, "gatewayClassName"), addresses, condition(member(status, "conditions"), "Accepted"),
            condition(member(status, "conditions"), "Programmed")};
  }
  if (kind.name == "HTTPRoute") {
    const Json& parents = member(status, "parents");
    const Json& conditions =
        parents.is_array() && !parents.empty() ? member(parents[0], "conditions") : parents;
    return {joined(member(spec, "hostnames")), condition(conditions, "Accepted"),
            condition(conditions, "ResolvedRefs")};
  }
  if (kind.name == "Service") return {ports(member(spec, "ports"))};
  if (kind.name == "EndpointSlice") {
    const Json& endpoints = member(object, "endpoints");
    const Json& labels = member(member(object, "metadata"), "labels");
    return {labels.is_object() ? labels.value("kubernetes.io/service-name", "") : "",
            std::to_string(endpoints.is_array() ? endpoints.size() : 0), ports(member(object, "ports"))};
  }
  return {};
}

void print_table(const Kind& kind, const Json& items, bool with_namespace) {
  std::vector<std::string> head;
  if (with_namespace) head.emplace_back("NAMESPACE");
  head.emplace_back("NAME");
  for (auto& column : head_of(kind)) head.push_back(std::move(column));
  head.emplace_back("AGE");
  Table table(std::move(head));
  for (const Json& item : items) {
    std::vector<std::string> row;
    if (with_namespace) row.push_back(text_at(item, "metadata.namespace"));
    row.push_back(text_at(item, "metadata.name"));
    for (auto& cell : row_of(kind, item)) row.push_back(std::move(cell));
    row.push_back(age_of(text_at(item, "metadata.creationTimestamp")));
    table.add(std::move(row));
  }
  fmt::print("{}", table.has_rows() ? table.text() : fmt::format("no {}\n", kind.plural));
}

/// A collection as one object that `byway apply` takes back, as kubectl prints it: the agent's own is a
/// GatewayList, say, which is no kind.
Json as_list(Json body) {
  if (!body.is_object() || !body.contains("items")) return body;
  return {{"apiVersion", "v1"}, {"kind", "List"}, {"items", std::move(body["items"])}};
}

void run(const Options& options, Context& context) {
  const Kind* kind = find_kind(options.kind);
  if (kind == nullptr) return context.fail({Exit::usage, unknown_kind(options.kind), ""});
  const std::string name_space = options.all_namespaces ? "" : options.name_space;
  auto answer = context.client().get(path_of(*kind, name_space, options.name));
  if (!answer) return context.fail(answer.error());
  if (context.format != Format::table) {
    fmt::print("{}", formatted(as_list(std::move(answer->body)), context.format));
    return;
  }
  const Json items = answer->body.contains("items") ? answer->body["items"] : Json::array({answer->body});
  print_table(*kind, items, kind->namespaced && options.all_namespaces);
}

}  // namespace

void add_get(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand("get", "list objects of a kind, or show one");
  verb->add_option("kind", options->kind, "e.g. gateways, httproutes, services, endpointslices")->required();
  CLI::Option* name = verb->add_option("name", options->name, "one object's name");
  verb->add_option("-n,--namespace", options->name_space, "namespace")->capture_default_str();
  // A name is one of its namespace's.
  verb->add_flag("-A,--all-namespaces", options->all_namespaces, "objects of all namespaces")->excludes(name);
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace byway::cli
