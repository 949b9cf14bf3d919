#include "control/engine/status_store.h"

#include <google/protobuf/message.h>

#include <algorithm>

#include "control/reader/decode.h"
#include "control/reader/encode.h"
#include "control/reader/json.h"
#include "control/reader/write.h"

namespace byway::control {
namespace {

StatusChange change_of(const ObjectKey& key) {
  return {std::string(key.kind->name), key.object_namespace, key.name, std::nullopt};
}

/// An empty status of that kind; nullptr: it has none.
std::shared_ptr<google::protobuf::Message> make_status(const resources::Kind& kind) {
  const auto* field = kind.prototype->GetDescriptor()->FindFieldByName("status");
  if (field == nullptr) return nullptr;
  const auto object = resources::make_message(kind);
  return std::shared_ptr<google::protobuf::Message>(
      object->GetReflection()->GetMessage(*object, field).New());
}

}  // namespace

std::vector<StatusChange> status_changes(const StatusMap& before, const StatusMap& after) {
  std::vector<StatusChange> changes;
  for (const auto& [key, status] : after) {
    const auto old = before.find(key);
    if (old != before.end() && old->second == status) continue;
    StatusChange change = change_of(key);
    change.json = reader::to_json(reader::encode(*status));
    changes.push_back(std::move(change));
  }
  for (const auto& [key, status] : before)
    if (!after.contains(key)) changes.push_back(change_of(key));
  return changes;
}

StatusMap read_statuses(const std::vector<StatusChange>& stored) {
  StatusMap statuses;
  for (const StatusChange& item : stored) {
    const auto kind = std::ranges::find(resources::kinds(), item.kind, &resources::Kind::name);
    if (kind == resources::kinds().end() || !item.json) continue;
    const auto status = make_status(*kind);
    const auto node = reader::read_json(*item.json);
    if (status == nullptr || !node || !reader::decode(*node, *status).empty()) continue;
    statuses.emplace(ObjectKey{&*kind, item.object_namespace, item.name}, status);
  }
  return statuses;
}

}  // namespace byway::control
