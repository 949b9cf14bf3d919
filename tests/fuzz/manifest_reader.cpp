// Any bytes as manifests, by both readers: refused with a problem, or trees within the bounds of limits.h
// that are written and read again as the same trees; and messages of every kind that such a tree fits give
// back what they were read from. The validators see all of them.
#include <google/protobuf/message.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "control/reader/decode.h"
#include "control/reader/encode.h"
#include "control/reader/json.h"
#include "control/reader/limits.h"
#include "control/reader/merge_patch.h"
#include "control/reader/write.h"
#include "control/reader/yaml.h"
#include "control/resources/kinds.h"
#include "control/resources/validate.h"

namespace {

using namespace byway::control;
using reader::Member;
using reader::Node;
using reader::NodeKind;

/// Written text may be longer than what was read (quotes, indents, expanded aliases); beyond this the readers
/// may refuse it for its size.
constexpr std::size_t written_bytes_max = reader::document_bytes_max;

void require(bool holds, const char* rule) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", rule);
  std::abort();
}

struct Size {
  std::size_t nodes = 1;
  std::size_t depth = 1;
};

Size size_of(const Node& node) {
  Size size;
  const auto add = [&](const Node& below) {
    const Size part = size_of(below);
    size.nodes += part.nodes;
    size.depth = std::max(size.depth, part.depth + 1);
  };
  for (const Node& item : node.items) add(item);
  for (const Member& member : node.members) add(member.value);
  return size;
}

bool is_same(const Node& a, const Node& b) {
  return a.kind == b.kind && a.text == b.text && std::ranges::equal(a.items, b.items, is_same) &&
         std::ranges::equal(a.members, b.members, [](const Member& x, const Member& y) {
           return x.name == y.name && is_same(x.value, y.value);
         });
}

/// The same, but for the order of members, members that are null, and the sign of zero.
bool is_same_content(const Node& a, const Node& b) {
  if (a.kind != b.kind || a.items.size() != b.items.size()) return false;
  const auto text = [](const Node& node) {
    return node.kind == NodeKind::number && node.text == "-0" ? std::string_view("0")
                                                              : std::string_view(node.text);
  };
  if (text(a) != text(b)) return false;
  if (!std::ranges::equal(a.items, b.items, is_same_content)) return false;
  const auto is_set = [](const Member& member) { return member.value.kind != NodeKind::null; };
  if (std::ranges::count_if(a.members, is_set) != std::ranges::count_if(b.members, is_set)) return false;
  return std::ranges::all_of(a.members, [&](const Member& member) {
    if (!is_set(member)) return true;
    const Node* other = b.find(member.name);
    return other != nullptr && is_same_content(member.value, *other);
  });
}

void check_written(const Node& tree) {
  for (const std::string& json : {reader::to_json(tree), reader::to_pretty_json(tree)}) {
    if (json.size() > written_bytes_max) continue;
    const auto again = reader::read_json(json);
    require(again.has_value() && is_same(tree, *again), "JSON that was written is read as the same tree");
  }
  const std::string yaml = reader::to_yaml(tree);
  if (yaml.size() > written_bytes_max || tree.kind == NodeKind::null) return;
  const auto again = reader::read_yaml_documents(yaml);
  require(again.has_value() && again->size() == 1 && is_same(tree, again->front()),
          "YAML that was written is read as the same tree");
}

void check_kinds(const Node& tree) {
  for (const resources::Kind& kind : resources::kinds()) {
    const auto message = resources::make_message(kind);
    const auto problems = reader::decode(tree, *message);
    require(problems.size() <= reader::problems_max, "problems are bounded");
    for (const reader::Problem& problem : problems) static_cast<void>(reader::locate(tree, problem.path));
    if (!problems.empty()) continue;
    const Node back = reader::encode(*message);
    require(is_same_content(tree, back), "what was decoded is encoded again");
    check_written(back);
    const resources::Validation validation = resources::validate(kind, *message);
    for (const auto& finding : validation.errors) static_cast<void>(reader::locate(tree, finding.path));
    require(resources::validate_change(kind, *message, *message).empty(), "no change is no forbidden change");
  }
}

void check(const std::vector<Node>& documents) {
  require(documents.size() <= reader::documents_max, "documents are bounded");
  for (const Node& tree : documents) {
    const Size size = size_of(tree);
    require(size.depth <= reader::depth_max, "nesting is bounded");
    require(size.nodes <= reader::nodes_max, "values are bounded");
    check_written(tree);
    check_kinds(tree);
  }
  if (documents.size() < 2) return;
  Node patched = documents[0];
  reader::merge_patch(patched, documents[1]);
  check_kinds(patched);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // An exact-size copy, so that the address sanitizer sees one byte too far.
  const std::vector<char> copy(data, data + size);
  const std::string_view input(copy.data(), copy.size());
  if (const auto documents = reader::read_json_documents(input)) check(*documents);
  if (const auto documents = reader::read_yaml_documents(input)) check(*documents);
  return 0;
}
