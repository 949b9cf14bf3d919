#include "control/reader/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace byway::control::reader {

std::string_view describe(NodeKind kind) {
  switch (kind) {
    case NodeKind::null:
      return "null";
    case NodeKind::boolean:
      return "a boolean";
    case NodeKind::number:
      return "a number";
    case NodeKind::string:
      return "a string";
    case NodeKind::list:
      return "a list";
    case NodeKind::object:
      return "an object";
  }
  return "?";
}

Node Node::boolean(bool value) {
  Node node;
  node.kind = NodeKind::boolean;
  node.text = value ? "true" : "false";
  return node;
}

Node Node::number(std::int64_t value) {
  Node node;
  node.kind = NodeKind::number;
  node.text = std::to_string(value);
  return node;
}

Node Node::string(std::string_view value) {
  Node node;
  node.kind = NodeKind::string;
  node.text = value;
  return node;
}

Node Node::list() {
  Node node;
  node.kind = NodeKind::list;
  return node;
}

Node Node::object() {
  Node node;
  node.kind = NodeKind::object;
  return node;
}

const Node* Node::find(std::string_view name) const {
  auto it = std::ranges::find(members, name, &Member::name);
  return it == members.end() ? nullptr : &it->value;
}

Node* Node::find(std::string_view name) {
  auto it = std::ranges::find(members, name, &Member::name);
  return it == members.end() ? nullptr : &it->value;
}

std::string_view Node::text_of(std::string_view name) const {
  const Node* node = find(name);
  return node && node->kind == NodeKind::string ? std::string_view(node->text) : std::string_view();
}

Node& Node::add(std::string_view name, Node value) {
  members.push_back({std::string(name), value.at, std::move(value)});
  return members.back().value;
}

Node& Node::set(std::string_view name, Node value) {
  if (Node* old = find(name)) return *old = std::move(value);
  return add(name, std::move(value));
}

void Node::remove(std::string_view name) {
  std::erase_if(members, [&](const Member& member) { return member.name == name; });
}

std::string format(const Problem& problem) {
  std::string text =
      problem.path.empty() ? problem.reason : fmt::format("{}: {}", problem.path, problem.reason);
  if (!problem.nearest.empty()) text += fmt::format(", did you mean \"{}\"?", problem.nearest);
  if (problem.at.line != 0) text += fmt::format(" (line {}, column {})", problem.at.line, problem.at.column);
  return text;
}

namespace {

/// One step of a path: a member's name or a list's index.
struct Step {
  std::string_view name;
  std::size_t index = 0;
  bool is_index = false;
};

/// Takes the first step off `path`; false at the end or at something that child_path never writes.
bool take_step(std::string_view& path, Step& step) {
  if (path.starts_with('.')) path.remove_prefix(1);
  if (path.empty()) return false;
  if (path.starts_with("[\"")) {
    auto end = path.find("\"]", 2);
    if (end == path.npos) return false;
    step = {path.substr(2, end - 2), 0, false};
    path.remove_prefix(end + 2);
    return true;
  }
  if (path.front() == '[') {
    auto [rest, error] = std::from_chars(path.data() + 1, path.data() + path.size(), step.index);
    if (error != std::errc() || rest == path.data() + path.size() || *rest != ']') return false;
    step.is_index = true;
    path.remove_prefix(static_cast<std::size_t>(rest - path.data()) + 1);
    return true;
  }
  auto end = std::min(path.find_first_of(".["), path.size());
  step = {path.substr(0, end), 0, false};
  path.remove_prefix(end);
  return true;
}

}  // namespace

Position locate(const Node& root, std::string_view path) {
  const Node* node = &root;
  Step step;
  while (take_step(path, step)) {
    const Node* next = nullptr;
    if (step.is_index) {
      if (step.index < node->items.size()) next = &node->items[step.index];
    } else {
      next = node->find(step.name);
    }
    if (next == nullptr) break;
    node = next;
    step = {};
  }
  return node->at;
}

void append_child(std::string& path, std::string_view name) {
  if (name.find_first_of(".[]\"") != name.npos) {
    path.append("[\"").append(name).append("\"]");
    return;
  }
  if (!path.empty()) path.push_back('.');
  path.append(name);
}

void append_item(std::string& path, std::size_t index) {
  fmt::format_to(std::back_inserter(path), "[{}]", index);
}

std::string child_path(std::string_view parent, std::string_view name) {
  std::string path(parent);
  append_child(path, name);
  return path;
}

std::string item_path(std::string_view parent, std::size_t index) {
  std::string path(parent);
  append_item(path, index);
  return path;
}

}  // namespace byway::control::reader
