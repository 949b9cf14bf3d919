#include "control/reader/merge_patch.h"

#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace byway::control::reader {

void merge_patch(Node& target, const Node& patch) {
  if (patch.kind != NodeKind::object) {
    target = patch;
    return;
  }
  if (target.kind != NodeKind::object) target = Node::object();
  target.at = patch.at;
  // Found by hash: both sides may have a hundred thousand members. They stay where they are, because there is
  // room for all.
  target.members.reserve(target.members.size() + patch.members.size());
  std::unordered_map<std::string_view, Member*> known;
  for (Member& member : target.members) known.emplace(member.name, &member);
  std::unordered_set<const Member*> removed;
  for (const Member& member : patch.members) {
    const auto found = known.find(member.name);
    if (member.value.kind == NodeKind::null) {
      if (found != known.end()) removed.insert(found->second);
      continue;
    }
    Member* merged = nullptr;
    if (found != known.end()) {
      merged = found->second;
    } else {
      merged = &target.members.emplace_back();
      merged->name = member.name;
    }
    // What is wrong with the result is most likely what the patch brought.
    merged->at = member.at;
    merge_patch(merged->value, member.value);
  }
  std::erase_if(target.members, [&](const Member& member) { return removed.contains(&member); });
}

}  // namespace byway::control::reader
