// Reads and writes of single objects, and lists.
#include <fmt/format.h>
#include <google/protobuf/message.h>

#include <algorithm>

#include "control/api/api.h"
#include "control/api/render.h"
#include "control/api/status_object.h"
#include "control/reader/merge_patch.h"
#include "control/resources/meta.pb.h"

namespace byway::control::api {
namespace {

using reader::Node;
using reader::NodeKind;

/// A patch without a resourceVersion of its own is tried again when a write that is no patch came between; so
/// often only under a steady storm of writes to one object.
constexpr int patch_attempts_max = 8;

bool matches(const Object& object, const std::vector<LabelTerm>& terms) {
  const auto& labels = resources::metadata_of(*object.message).labels();
  return std::ranges::all_of(terms, [&](const LabelTerm& term) {
    auto it = labels.find(term.name);
    const bool exists = it != labels.end();
    switch (term.test) {
      case LabelTerm::Test::equals:
        return exists && it->second == term.value;
      case LabelTerm::Test::differs:
        return !exists || it->second != term.value;
      case LabelTerm::Test::exists:
        return exists;
      case LabelTerm::Test::absent:
        return !exists;
    }
    return false;
  });
}

const google::protobuf::Message* status_of(const State& state, const ObjectKey& key) {
  auto it = state.statuses.find(key);
  return it == state.statuses.end() ? nullptr : it->second.get();
}

Response missing(const ObjectKey& key) {
  const Refusal refusal{404, "NotFound", fmt::format("{} not found", describe(key)), key};
  return respond(404, status_object(refusal, {}));
}

/// metav1.DeleteOptions, as far as it says under which conditions to delete.
std::expected<std::unique_ptr<google::protobuf::Message>, Response> delete_preconditions(
    const Request& request, const resources::Kind& kind, WriteParameters& parameters) {
  if (request.body.empty()) return nullptr;
  auto document = read_document(request);
  if (!document) return std::unexpected(std::move(document.error()));
  auto message = resources::make_message(kind);
  resources::ObjectMeta& metadata = resources::mutable_metadata_of(*message);
  for (const reader::Member& member : document->members) {
    constexpr std::string_view known[] = {"kind",
                                          "apiVersion",
                                          "preconditions",
                                          "dryRun",
                                          "propagationPolicy",
                                          "gracePeriodSeconds",
                                          "orphanDependents"};
    if (std::ranges::find(known, member.name) == std::end(known))
      return std::unexpected(
          respond_error(400, "BadRequest", fmt::format("DeleteOptions have no field {}", member.name)));
  }
  if (const Node* preconditions = document->find("preconditions")) {
    metadata.set_uid(std::string(preconditions->text_of("uid")));
    metadata.set_resource_version(std::string(preconditions->text_of("resourceVersion")));
  }
  if (const Node* dry_run = document->find("dryRun"); dry_run != nullptr && !dry_run->items.empty())
    parameters.is_dry_run = true;
  return message;
}

}  // namespace

Response Api::get_object(const Request& request, const Target& target) const {
  if (auto good = no_parameters(request, {"resourceVersion"}); !good) return good.error();
  const std::shared_ptr<const State> state = engine_.state();
  const ObjectKey key{target.kind, target.object_namespace, target.name};
  auto it = state->objects.find(key);
  if (it == state->objects.end()) return missing(key);
  return respond_rendered(request, 200, render(*it->second, status_of(*state, key), target.version));
}

Response Api::list_objects(const Request& request, const Target& target) const {
  auto parameters = list_parameters(request);
  if (!parameters) return parameters.error();
  const std::shared_ptr<const State> state = engine_.state();
  Node list = Node::object();
  list.add("kind", Node::string(fmt::format("{}List", target.kind->name)));
  list.add("apiVersion", Node::string(target.kind->api_version(target.version)));
  list.add("metadata", Node::object())
      .add("resourceVersion", Node::string(std::to_string(state->resource_version)));
  Node& items = list.add("items", Node::list());
  for (auto it = state->objects.lower_bound({target.kind, target.object_namespace, ""});
       it != state->objects.end(); ++it) {
    if (it->first.kind != target.kind) break;
    if (!target.object_namespace.empty() && it->first.object_namespace != target.object_namespace) break;
    if (matches(*it->second, parameters->labels))
      items.items.push_back(render(*it->second, status_of(*state, it->first), target.version));
  }
  return respond_rendered(request, 200, list);
}

Response Api::put_or_post(const Request& request, const Target& target) {
  auto parameters = write_parameters(request);
  if (!parameters) return parameters.error();
  auto document = read_document(request);
  if (!document) return document.error();
  auto object = read_object(*document, {target.kind, target.object_namespace, target.name}, "the body");
  if (!object) return object.error();
  std::vector<Write> writes;
  writes.push_back({request.method == "POST" ? WriteVerb::create : WriteVerb::replace, object->key,
                    std::move(object->message)});
  std::vector<Node> documents;
  documents.push_back(std::move(*document));
  return write(request, *parameters, std::move(writes), std::move(documents), &target);
}

Response Api::patch_object(const Request& request, const Target& target) {
  auto parameters = write_parameters(request);
  if (!parameters) return parameters.error();
  const std::string_view type = request.header("content-type");
  if (!type.starts_with("application/merge-patch+json"))
    return respond_error(415, "UnsupportedMediaType",
                         fmt::format("patches are application/merge-patch+json (RFC 7386), not {}", type));
  auto patch = read_document(request);
  if (!patch) return patch.error();
  if (patch->kind != NodeKind::object)
    return respond_error(400, "BadRequest", "a patch of an object is an object");
  const ObjectKey key{target.kind, target.object_namespace, target.name};
  const Node* metadata = patch->find("metadata");
  const bool has_version = metadata != nullptr && metadata->find("resourceVersion") != nullptr;
  for (int attempt = 1;; ++attempt) {
    std::unique_lock turn(patch_mutex_);
    const std::shared_ptr<const State> state = engine_.state();
    auto it = state->objects.find(key);
    if (it == state->objects.end()) return missing(key);
    Node document = render(*it->second, nullptr, target.version);
    reader::merge_patch(document, *patch);
    auto object =
        read_object(document, {target.kind, target.object_namespace, target.name}, "the patched object");
    if (!object) return object.error();
    std::vector<Write> writes;
    writes.push_back({WriteVerb::replace, key, std::move(object->message)});
    std::vector<Node> documents;
    documents.push_back(std::move(document));
    Response response =
        write(request, *parameters, std::move(writes), std::move(documents), &target, std::move(turn));
    if (response.status != 409 || has_version || attempt == patch_attempts_max) return response;
  }
}

Response Api::delete_object(const Request& request, const Target& target) {
  auto parameters = write_parameters(request);
  if (!parameters) return parameters.error();
  auto preconditions = delete_preconditions(request, *target.kind, *parameters);
  if (!preconditions) return preconditions.error();
  std::vector<Write> writes;
  writes.push_back(
      {WriteVerb::remove, {target.kind, target.object_namespace, target.name}, std::move(*preconditions)});
  return write(request, *parameters, std::move(writes), {}, &target);
}

}  // namespace byway::control::api
