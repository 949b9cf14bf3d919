#include "control/api/documents.h"

#include <fmt/format.h>
#include <google/protobuf/message.h>

#include <algorithm>

#include "control/api/status_object.h"
#include "control/reader/decode.h"
#include "control/reader/json.h"
#include "control/reader/limits.h"
#include "control/reader/nearest.h"
#include "control/reader/yaml.h"
#include "control/resources/meta.pb.h"
#include "control/resources/text_rules.h"

namespace byway::control::api {
namespace {

using reader::Node;
using reader::NodeKind;
using reader::Problem;

std::unexpected<Response> bad(const Problem& problem, std::string_view what) {
  return std::unexpected(respond(400, status_object(std::span(&problem, 1), what)));
}

/// The media type without parameters, in lower case.
std::string media_type(std::string_view header) {
  std::string type(header.substr(0, header.find(';')));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  std::ranges::transform(type, type.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return type;
}

/// `kubectl get -o yaml` of several objects gives a List.
void expand_lists(std::vector<Node>& documents) {
  std::vector<Node> expanded;
  for (Node& document : documents) {
    Node* items = document.find("items");
    const bool is_list = document.text_of("kind") == "List" && document.text_of("apiVersion") == "v1";
    if (is_list && items != nullptr && items->kind == NodeKind::list)
      std::ranges::move(items->items, std::back_inserter(expanded));
    else
      expanded.push_back(std::move(document));
  }
  documents = std::move(expanded);
}

std::expected<const resources::Kind*, Problem> kind_of(const Node& document) {
  if (document.kind != NodeKind::object)
    return std::unexpected(
        Problem{"", document.at, fmt::format("expected an object, found {}", describe(document.kind))});
  for (std::string_view name : {"apiVersion", "kind"})
    if (document.text_of(name).empty())
      return std::unexpected(Problem{std::string(name), document.at, "is required"});
  const std::string_view api_version = document.text_of("apiVersion");
  const std::string_view name = document.text_of("kind");
  if (const resources::Kind* kind = resources::find_kind(api_version, name)) return kind;
  std::vector<std::string_view> names;
  for (const resources::Kind& kind : resources::kinds()) {
    if (kind.name == name)
      return std::unexpected(
          Problem{"apiVersion", locate(document, "apiVersion"),
                  fmt::format("{} is not served as {}; it is as {}", name, api_version, kind.api_version())});
    names.push_back(kind.name);
  }
  return std::unexpected(Problem{"kind", locate(document, "kind"),
                                 fmt::format("Byway keeps no {} of {}", name, api_version),
                                 reader::nearest(name, names)});
}

/// What path and body say must agree.
std::optional<Problem> compare(const Node& document, const ReadObject& object, const Expected& expected) {
  if (expected.kind != nullptr && expected.kind != object.key.kind)
    return Problem{"kind", locate(document, "kind"),
                   fmt::format("the path is one of {}, the body holds a {}", expected.kind->plural,
                               object.key.kind->name)};
  if (!expected.object_namespace.empty() && expected.object_namespace != object.key.object_namespace)
    return Problem{
        "metadata.namespace", locate(document, "metadata.namespace"),
        fmt::format("is {}, but the path says {}", object.key.object_namespace, expected.object_namespace)};
  if (!expected.name.empty() && expected.name != object.key.name)
    return Problem{"metadata.name", locate(document, "metadata.name"),
                   fmt::format("is {}, but the path says {}", object.key.name, expected.name)};
  return std::nullopt;
}

}  // namespace

std::expected<std::vector<Node>, Response> read_documents(const Request& request) {
  const std::string type = media_type(request.header("content-type"));
  const std::size_t first = request.body.find_first_not_of(" \t\r\n");
  const bool looks_like_json =
      first != request.body.npos && (request.body[first] == '{' || request.body[first] == '[');
  const bool is_json = type == "application/json" || type == "application/merge-patch+json" ||
                       (type.empty() && looks_like_json);
  const bool is_yaml = type == "application/yaml" || type == "application/x-yaml" || type == "text/yaml" ||
                       type == "application/vnd.yaml" || type == "text/x-yaml" ||
                       (type.empty() && !looks_like_json);
  if (!is_json && !is_yaml)
    return std::unexpected(
        respond_error(415, "UnsupportedMediaType",
                      fmt::format("Content-Type {}: send application/json or application/yaml", type)));
  auto documents =
      is_json ? reader::read_json_documents(request.body) : reader::read_yaml_documents(request.body);
  if (!documents)
    return bad(documents.error(), is_json ? "the body is not valid JSON" : "the body is not valid YAML");
  expand_lists(*documents);
  return std::move(*documents);
}

std::expected<Node, Response> read_document(const Request& request) {
  auto documents = read_documents(request);
  if (!documents) return std::unexpected(std::move(documents.error()));
  if (documents->size() != 1)
    return std::unexpected(respond_error(
        400, "BadRequest", fmt::format("the body holds {} documents; one is wanted", documents->size())));
  return std::move(documents->front());
}

std::expected<ReadObject, Response> read_object(const Node& document, const Expected& expected,
                                                std::string_view what) {
  auto kind = kind_of(document);
  if (!kind) return bad(kind.error(), what);
  ReadObject object{{*kind, "", ""}, resources::make_message(**kind)};
  if (auto problems = reader::decode(document, *object.message); !problems.empty())
    return std::unexpected(
        respond(400, status_object(problems, fmt::format("{} ({})", what, (*kind)->name))));
  resources::ObjectMeta& metadata = resources::mutable_metadata_of(*object.message);
  if ((*kind)->namespaced && metadata.namespace_().empty())
    metadata.set_namespace_(expected.object_namespace.empty() ? "default" : expected.object_namespace);
  if (metadata.name().empty())
    return bad({"metadata.name", locate(document, "metadata"), "is required"}, what);
  object.key.object_namespace = metadata.namespace_();
  object.key.name = metadata.name();
  if (auto problem = compare(document, object, expected)) return bad(*problem, what);
  return object;
}

}  // namespace byway::control::api
