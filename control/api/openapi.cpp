// The OpenAPI 3.0 document: schemas from the protobuf descriptors, paths from the table of kinds and the
// list of Byway's own calls below.
#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <set>

#include "byway_version.h"
#include "control/api/api.h"
#include "control/reader/write.h"
#include "control/resources/fields.h"
#include "control/resources/meta.pb.h"

namespace byway::control::api {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using reader::Node;

Node object_of(std::initializer_list<std::pair<std::string_view, Node>> members) {
  Node node = Node::object();
  for (const auto& [name, value] : members) node.add(name, value);
  return node;
}

Node list_of(std::initializer_list<std::string_view> texts) {
  Node list = Node::list();
  for (std::string_view text : texts) list.items.push_back(Node::string(text));
  return list;
}

Node type_node(std::string_view type) {
  return object_of({{"type", Node::string(type)}});
}

Node reference(std::string_view name) {
  return object_of({{"$ref", Node::string(fmt::format("#/components/schemas/{}", name))}});
}

/// Schemas of messages, each once, as they are met.
class Schemas {
 public:
  Node schemas = Node::object();

  void add(const Descriptor& type) {
    if (!seen_.insert(&type).second) return;
    Node properties = Node::object();
    for (int i = 0; i < type.field_count(); ++i)
      properties.add(type.field(i)->json_name(), field(*type.field(i)));
    schemas.add(type.name(), object_of({{"type", Node::string("object")},
                                        {"additionalProperties", Node::boolean(false)},
                                        {"properties", properties}}));
  }

 private:
  Node field(const FieldDescriptor& field) {
    if (field.is_map())
      return object_of({{"type", Node::string("object")}, {"additionalProperties", type_node("string")}});
    Node item = single(field);
    return field.is_repeated() ? object_of({{"type", Node::string("array")}, {"items", item}}) : item;
  }

  Node single(const FieldDescriptor& field) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_BOOL:
        return type_node("boolean");
      case FieldDescriptor::CPPTYPE_INT32:
        return object_of({{"type", Node::string("integer")}, {"format", Node::string("int32")}});
      case FieldDescriptor::CPPTYPE_INT64:
        return object_of({{"type", Node::string("integer")}, {"format", Node::string("int64")}});
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return message(*field.message_type());
      default:
        return type_node("string");
    }
  }

  Node message(const Descriptor& type) {
    if (&type == resources::RawJson::descriptor()) return Node::object();
    if (&type == resources::IntOrString::descriptor()) {
      Node choices = Node::list();
      choices.items.push_back(type_node("integer"));
      choices.items.push_back(type_node("string"));
      return object_of({{"x-kubernetes-int-or-string", Node::boolean(true)}, {"anyOf", choices}});
    }
    add(type);
    return reference(type.name());
  }

  std::set<const Descriptor*> seen_;
};

Node parameter(std::string_view name, std::string_view place, std::string_view description) {
  return object_of({{"name", Node::string(name)},
                    {"in", Node::string(place)},
                    {"required", Node::boolean(place == "path")},
                    {"description", Node::string(description)},
                    {"schema", type_node("string")}});
}

Node content(Node schema) {
  Node media = object_of({{"schema", std::move(schema)}});
  return object_of({{"application/json", media}, {"application/yaml", media}});
}

Node answers(std::string_view code, std::string_view description, Node schema) {
  Node node = Node::object();
  node.add(code,
           object_of({{"description", Node::string(description)}, {"content", content(std::move(schema))}}));
  node.add("default", object_of({{"description", Node::string("what is wrong, with field, line and reason")},
                                 {"content", content(reference("Status"))}}));
  return node;
}

Node write_parameter_nodes() {
  Node list = Node::list();
  list.items.push_back(parameter("dryRun", "query", "All: check everything, change nothing"));
  list.items.push_back(parameter("strict", "query", "true: unmet conditions refuse the write"));
  list.items.push_back(
      parameter("wait", "query", "applied: answer when every worker runs it (200), or 202 at the timeout"));
  list.items.push_back(parameter("timeout", "query", "how long to wait: at most 60s, 5s where absent"));
  return list;
}

/// Query parameters, by name and description.
Node queries_of(Node operation_node,
                std::initializer_list<std::pair<std::string_view, std::string_view>> parameters) {
  Node list = Node::list();
  for (const auto& [name, description] : parameters)
    list.items.push_back(parameter(name, "query", description));
  operation_node.add("parameters", std::move(list));
  return operation_node;
}

/// One query parameter of a read.
Node query_of(Node operation_node, std::string_view name, std::string_view description) {
  return queries_of(std::move(operation_node), {{name, description}});
}

Node operation(std::string_view id, std::string_view summary, bool writes, bool has_body,
               std::string_view body_type, Node responses) {
  Node node = object_of({{"operationId", Node::string(id)}, {"summary", Node::string(summary)}});
  if (writes) node.add("parameters", write_parameter_nodes());
  if (has_body) {
    Node media = Node::object();
    media.add(body_type, object_of({{"schema", Node::object()}}));
    if (body_type == "application/json")
      media.add("application/yaml", object_of({{"schema", Node::object()}}));
    node.add("requestBody", object_of({{"required", Node::boolean(true)}, {"content", media}}));
  }
  if (writes)
    responses.add("202",
                  object_of({{"description", Node::string("stored, but not applied when `wait` ended: "
                                                          "the answer is an ApplyResult with a receipt")},
                             {"content", content(Node::object())}}));
  node.add("responses", std::move(responses));
  return node;
}

void set_body_schema(Node& operation_node, std::string_view kind) {
  for (reader::Member& media : operation_node.find("requestBody")->find("content")->members)
    media.value.set("schema", reference(kind));
}

void add_kind_paths(const resources::Kind& kind, std::string_view version, Node& paths) {
  const std::string root =
      kind.group.empty() ? fmt::format("/api/{}", version) : fmt::format("/apis/{}/{}", kind.group, version);
  const std::string collection =
      root + (kind.namespaced ? "/namespaces/{namespace}/" : "/") + std::string(kind.plural);
  const std::string id =
      fmt::format("{}{}", kind.name, version == kind.versions.front() ? "" : std::string(version));
  Node place = Node::list();
  if (kind.namespaced) place.items.push_back(parameter("namespace", "path", "the namespace"));

  Node many = object_of({{"parameters", place}});
  constexpr std::string_view labels = "a=b,c!=d,e,!f: only objects with such labels";
  many.add("get", query_of(operation("list" + id, fmt::format("Lists {}", kind.plural), false, false, "",
                                     answers("200", "the list", Node::object())),
                           "labelSelector", labels));
  Node create =
      operation("create" + id, fmt::format("Creates a {}", kind.name), true, true, "application/json",
                answers("201", "the object as it is stored", reference(kind.name)));
  set_body_schema(create, kind.name);
  many.add("post", std::move(create));
  paths.add(collection, std::move(many));

  place.items.push_back(parameter("name", "path", "the object"));
  Node one = object_of({{"parameters", place}});
  one.add("get", operation("read" + id, fmt::format("Reads a {}", kind.name), false, false, "",
                           answers("200", "the object", reference(kind.name))));
  Node replace =
      operation("replace" + id, fmt::format("Replaces a {}", kind.name), true, true, "application/json",
                answers("200", "the object as it is stored", reference(kind.name)));
  set_body_schema(replace, kind.name);
  one.add("put", std::move(replace));
  one.add("patch", operation("patch" + id, "Merges a patch into it (RFC 7386)", true, true,
                             "application/merge-patch+json",
                             answers("200", "the object as it is stored", reference(kind.name))));
  one.add("delete", operation("delete" + id, fmt::format("Deletes a {}", kind.name), true, false, "",
                              answers("200", "deleted", reference("Status"))));
  paths.add(collection + "/{name}", std::move(one));
  if (kind.namespaced)
    paths.add(
        root + "/" + std::string(kind.plural),
        object_of({{"get",
                    query_of(operation("listAll" + id, fmt::format("Lists {} of all namespaces", kind.plural),
                                       false, false, "", answers("200", "the list", Node::object())),
                             "labelSelector", labels)}}));
}

/// The call whose answer is no document: a pcapng file that comes over time.
Node capture_operations() {
  Node responses =
      answers("200", "a pcapng file, in chunks as packets come, until the capture ends", Node::object());
  const Node binary = object_of({{"type", Node::string("string")}, {"format", Node::string("binary")}});
  responses.find("200")->set("content",
                             object_of({{"application/x-pcapng", object_of({{"schema", binary}})}}));
  Node post = queries_of(
      operation("startCapture", "Captures packets of the data plane's ports; needs the write role", false,
                false, "", std::move(responses)),
      {{"port", "a port's name in node.yaml; all ports where absent"},
       {"filter", "which packets, in the language of pcap-filter(7)"},
       {"direction", "in, out or inout"},
       {"snaplen", "bytes kept of each packet: 14 to 65535, 65535 where absent"},
       {"ring", "bytes of each worker for packets on their way: 262144 to 67108864, 4194304 where absent"},
       {"count", "ends after so many packets"},
       {"bytes", "ends before the file is longer than this"},
       {"duration", "ends after this time: 1ms to 24h, as 30s"}});
  Node end = operation("stopCapture", "Ends the capture that runs; its client gets the rest", false, false,
                       "", answers("200", "it ends", reference("Status")));
  return object_of({{"post", std::move(post)}, {"delete", std::move(end)}});
}

void add_own_paths(Node& paths) {
  paths.add("/byway/v1/apply",
            object_of({{"post", operation("apply", "Creates or replaces many objects, all or nothing", true,
                                          true, "application/json",
                                          answers("200", "what became of each", Node::object()))}}));
  paths.add("/byway/v1/revisions",
            object_of({{"get", operation("listRevisions", "Lists revisions, newest first", false, false, "",
                                         answers("200", "the list", Node::object()))}}));
  Node rollback = object_of(
      {{"post", operation("rollback", "Writes the policy of an old revision as a new one", true, false, "",
                          answers("200", "what became of each object", Node::object()))}});
  Node number = Node::list();
  number.items.push_back(parameter("number", "path", "the revision"));
  rollback.add("parameters", std::move(number));
  paths.add("/byway/v1/revisions/{number}/rollback", std::move(rollback));
  paths.add("/byway/v1/workers",
            object_of({{"get", operation("listWorkers", "Which generation each worker runs", false, false, "",
                                         answers("200", "the workers", Node::object()))}}));
  paths.add(
      "/byway/v1/connections",
      object_of({{"get", queries_of(operation("listConnections", "Connections of the data plane", false,
                                              false, "", answers("200", "the connections", Node::object())),
                                    {{"limit", "how many at most: up to 10000, 100 where absent"},
                                     {"worker", "only those of one worker"},
                                     {"state", "only those in a state, as ESTABLISHED"},
                                     {"address", "only those with this IP address on either side"},
                                     {"tcpPort", "only those with this TCP port on either side"}})}}));
  paths.add("/byway/v1/capture", capture_operations());
}

/// Answers that are text, and what describes the agent.
void add_plain_paths(Node& paths) {
  const auto add = [&](std::string_view path, std::string_view id, std::string_view summary,
                       std::string_view media_type) {
    Node media = Node::object();
    media.add(media_type,
              object_of({{"schema", media_type == "text/plain" ? type_node("string") : Node::object()}}));
    Node responses = Node::object();
    responses.add("200", object_of({{"description", Node::string(summary)}, {"content", media}}));
    paths.add(path, object_of({{"get", operation(id, summary, false, false, "", std::move(responses))}}));
  };
  add("/healthz", "healthz", "The agent runs; asks for no credential", "text/plain");
  add("/readyz", "readyz", "The agent takes calls, and whether a data plane is connected", "text/plain");
  add("/metrics", "metrics", "Figures of agent and data plane in Prometheus' text format", "text/plain");
  add("/version", "version", "The version in Kubernetes' form", "application/json");
  add("/openapi.json", "openapi", "This document", "application/json");
  add("/api", "coreVersions", "Versions of the core group, for Kubernetes clients", "application/json");
  add("/apis", "groups", "Groups and their versions, for Kubernetes clients", "application/json");
}

/// metav1.Status as status_object.cpp writes it.
Node status_schema() {
  Node cause = object_of({{"reason", type_node("string")},
                          {"message", type_node("string")},
                          {"field", type_node("string")},
                          {"line", type_node("integer")},
                          {"column", type_node("integer")}});
  Node causes = object_of({{"type", Node::string("array")},
                           {"items", object_of({{"type", Node::string("object")}, {"properties", cause}})}});
  Node details = object_of({{"type", Node::string("object")},
                            {"properties", object_of({{"name", type_node("string")},
                                                      {"group", type_node("string")},
                                                      {"kind", type_node("string")},
                                                      {"causes", causes}})}});
  Node properties = object_of({{"kind", type_node("string")},
                               {"apiVersion", type_node("string")},
                               {"metadata", type_node("object")},
                               {"status", type_node("string")},
                               {"message", type_node("string")},
                               {"reason", type_node("string")},
                               {"code", type_node("integer")},
                               {"details", details}});
  return object_of({{"type", Node::string("object")},
                    {"properties", properties},
                    {"required", list_of({"kind", "status", "code"})}});
}

}  // namespace

std::string openapi_document() {
  static const std::string text = [] {
    Schemas schemas;
    Node paths = Node::object();
    for (const resources::Kind& kind : resources::kinds()) {
      schemas.add(*kind.prototype->GetDescriptor());
      for (std::string_view version : kind.versions) add_kind_paths(kind, version, paths);
    }
    add_own_paths(paths);
    add_plain_paths(paths);
    schemas.schemas.add("Status", status_schema());
    Node document = object_of({{"openapi", Node::string("3.0.3")}});
    document.add(
        "info",
        object_of({{"title", Node::string("Byway agent")},
                   {"version", Node::string(BYWAY_VERSION)},
                   {"description",
                    Node::string("Which fields are obeyed, inert or refused stands in docs/fields.md.")}}));
    document.add("paths", std::move(paths));
    const Node bearer = object_of({{"type", Node::string("http")},
                                   {"scheme", Node::string("bearer")},
                                   {"description", Node::string("over TCP; on a Unix socket the kernel says "
                                                                "who asks")}});
    document.add("components", object_of({{"schemas", schemas.schemas},
                                          {"securitySchemes", object_of({{"bearer", bearer}})}}));
    Node choices = Node::list();
    choices.items.push_back(Node::object());
    choices.items.push_back(object_of({{"bearer", Node::list()}}));
    document.add("security", std::move(choices));
    return reader::to_json(document) + "\n";
  }();
  return text;
}

}  // namespace byway::control::api
