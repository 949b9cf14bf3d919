#include "control/engine/progress.h"

#include "control/resources/meta.pb.h"

namespace byway::control {
void ProgressMap::resize_to(const ObjectMap& objects) {
  static const resources::Kind& gateway = resources::kind_named("Gateway");
  std::map<ObjectKey, Progress> next;
  for (auto it = objects.lower_bound({&gateway, "", ""}); it != objects.end() && it->first.kind == &gateway;
       ++it) {
    const resources::ObjectMeta& metadata = resources::metadata_of(*it->second->message);
    Progress progress{metadata.uid(), metadata.generation(), 0};
    auto old = gateways_.find(it->first);
    if (old != gateways_.end() && old->second.uid == progress.uid &&
        old->second.generation == progress.generation)
      progress.since = old->second.since;
    next.emplace(it->first, std::move(progress));
  }
  gateways_ = std::move(next);
}

void ProgressMap::note_published(Ticket ticket) {
  for (auto& [key, progress] : gateways_)
    if (progress.since == 0) progress.since = ticket;
}

bool ProgressMap::is_applied(const ObjectKey& key, Ticket applied) const {
  auto it = gateways_.find(key);
  return it == gateways_.end() || (it->second.since != 0 && it->second.since <= applied);
}

bool ProgressMap::differs(Ticket applied_before, Ticket applied_now) const {
  for (const auto& [key, progress] : gateways_)
    if (is_applied(key, applied_before) != is_applied(key, applied_now)) return true;
  return false;
}

}  // namespace byway::control
