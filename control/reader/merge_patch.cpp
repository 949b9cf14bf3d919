#include "control/reader/merge_patch.h"

namespace byway::control::reader {

void merge_patch(Node& target, const Node& patch) {
  if (patch.kind != NodeKind::object) {
    target = patch;
    return;
  }
  if (target.kind != NodeKind::object) target = Node::object();
  target.at = patch.at;
  for (const Member& member : patch.members) {
    if (member.value.kind == NodeKind::null) {
      target.remove(member.name);
      continue;
    }
    Node* existing = target.find(member.name);
    if (existing == nullptr) existing = &target.add(member.name, Node());
    merge_patch(*existing, member.value);
  }
}

}  // namespace byway::control::reader
