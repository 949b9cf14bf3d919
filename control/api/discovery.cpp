// /api, /apis, /apis/GROUP and /apis/GROUP/VERSION: how Kubernetes clients find kinds.
#include <algorithm>

#include "control/api/api.h"
#include "control/api/render.h"
#include "control/api/status_object.h"

namespace byway::control::api {
namespace {

using reader::Node;

Node typed(std::string_view kind, std::string_view api_version) {
  Node node = Node::object();
  node.add("kind", Node::string(kind));
  if (!api_version.empty()) node.add("apiVersion", Node::string(api_version));
  return node;
}

Node text_list(std::initializer_list<std::string_view> texts) {
  Node list = Node::list();
  for (std::string_view text : texts) list.items.push_back(Node::string(text));
  return list;
}

Node version_node(std::string_view group, std::string_view version) {
  Node node = Node::object();
  node.add("groupVersion", Node::string(std::string(group) + "/" + std::string(version)));
  node.add("version", Node::string(version));
  return node;
}

std::vector<std::string_view> groups() {
  std::vector<std::string_view> names;
  for (const resources::Kind& kind : resources::kinds())
    if (!kind.group.empty() && std::ranges::find(names, kind.group) == names.end())
      names.push_back(kind.group);
  return names;
}

/// Versions that some kind of the group is served under; v1 first.
std::vector<std::string_view> versions_of(std::string_view group) {
  std::vector<std::string_view> names;
  for (const resources::Kind& kind : resources::kinds())
    for (std::string_view version : kind.versions)
      if (kind.group == group && std::ranges::find(names, version) == names.end()) names.push_back(version);
  std::ranges::sort(names);
  return names;
}

Node group_node(std::string_view group) {
  Node node = Node::object();
  node.add("name", Node::string(group));
  Node& versions = node.add("versions", Node::list());
  for (std::string_view version : versions_of(group)) versions.items.push_back(version_node(group, version));
  node.add("preferredVersion", version_node(group, versions_of(group).front()));
  return node;
}

Node resource_list(std::string_view group, std::string_view version) {
  Node node = typed("APIResourceList", "v1");
  node.add("groupVersion", Node::string(group.empty() ? std::string(version)
                                                      : std::string(group) + "/" + std::string(version)));
  Node& list = node.add("resources", Node::list());
  for (const resources::Kind& kind : resources::kinds()) {
    if (kind.group != group || !kind.serves(version)) continue;
    Node item = Node::object();
    item.add("name", Node::string(kind.plural));
    item.add("singularName", Node::string(kind.singular));
    item.add("namespaced", Node::boolean(kind.namespaced));
    item.add("kind", Node::string(kind.name));
    item.add("verbs", text_list({"create", "delete", "get", "list", "patch", "update"}));
    list.items.push_back(std::move(item));
  }
  return node;
}

}  // namespace

Response Api::discovery(const Request& request, const Segments& segments) const {
  if (segments[0] == "api") {
    if (segments.size() == 2) {
      if (segments[1] == "v1") return respond_rendered(request, 200, resource_list("", "v1"));
    } else {
      Node node = typed("APIVersions", "");
      node.add("versions", text_list({"v1"}));
      return respond_rendered(request, 200, node);
    }
  } else if (segments.size() == 1) {
    Node node = typed("APIGroupList", "v1");
    Node& list = node.add("groups", Node::list());
    for (std::string_view group : groups()) list.items.push_back(group_node(group));
    return respond_rendered(request, 200, node);
  } else if (const auto known = groups(); std::ranges::find(known, segments[1]) != known.end()) {
    if (segments.size() == 2) {
      Node node = group_node(segments[1]);
      node.add("kind", Node::string("APIGroup"));
      node.add("apiVersion", Node::string("v1"));
      return respond_rendered(request, 200, node);
    }
    const auto versions = versions_of(segments[1]);
    if (std::ranges::find(versions, segments[2]) != versions.end())
      return respond_rendered(request, 200, resource_list(segments[1], segments[2]));
  }
  return respond_error(404, "NotFound", "no such group or version is served");
}

}  // namespace byway::control::api
