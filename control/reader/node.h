// The one tree that JSON and YAML become before anything is typed. Every node knows its line and
// column, scalars keep their text and whether they were quoted, and members keep their order, so
// that the typed reader (decode.h) can be strict and its errors can point at the place.
#pragma once
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace byway::control::reader {

/// A place in an input, from 1. Line 0: not from an input (stored, or built by us).
struct Position {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  bool operator==(const Position&) const = default;
};

enum class NodeKind : std::uint8_t { null, boolean, number, string, list, object };

/// "a string", "a list"…: for messages.
std::string_view describe(NodeKind kind);

struct Member;

/// A value of the tree. Owner of everything below it.
struct Node {
  NodeKind kind = NodeKind::null;
  /// A plain YAML scalar that YAML 1.1 and 1.2 read differently (yes, on, 0777): a string here, but
  /// the typed reader refuses it and asks for quotes.
  bool ambiguous = false;
  Position at;
  std::string text;             ///< scalars: the value; booleans are "true" or "false"
  std::vector<Node> items;      ///< of a list
  std::vector<Member> members;  ///< of an object, in the order of the input, no name twice

  static Node null_value();
  static Node boolean(bool value);
  static Node number(std::int64_t value);
  static Node string(std::string_view value);
  static Node list();
  static Node object();

  /// The member of that name, or nullptr.
  [[nodiscard]] const Node* find(std::string_view name) const;
  [[nodiscard]] Node* find(std::string_view name);
  /// The text of the string member `name`, or "".
  [[nodiscard]] std::string_view text_of(std::string_view name) const;
  /// Appends a member; the caller knows that the name is new. Returns the value in place.
  Node& add(std::string_view name, Node value);
  /// Replaces the member or appends it.
  Node& set(std::string_view name, Node value);
  void remove(std::string_view name);
};

struct Member {
  std::string name;
  Position at;
  Node value;
};

// Here, where Member is complete: making a Node needs its destructor.
inline Node Node::null_value() {
  return {};
}

/// What is wrong with an input, and where.
struct Problem {
  std::string path;          ///< as `spec.listeners[0].port`; empty: the document itself
  Position at;               ///< of the value, or of the unknown name
  std::string reason;        ///< a sentence for a person, without the path
  std::string nearest = {};  ///< for an unknown name: the known one that it resembles most
};

/// "spec.rulez: unknown field, did you mean \"rules\"? (line 7, column 3)"
std::string format(const Problem& problem);

template <class T>
using Parsed = std::expected<T, Problem>;

/// The place of the node at `path` (same form as Problem::path), or of its nearest ancestor that
/// exists, so that an error about an absent field still points somewhere useful.
Position locate(const Node& root, std::string_view path);

/// Path of a member: `parent.name`, or `parent["na.me"]` where the name holds a dot or bracket.
std::string child_path(std::string_view parent, std::string_view name);
std::string item_path(std::string_view parent, std::size_t index);
/// The same at the end of `path`, which costs only the new part: for walks that go back by resize().
void append_child(std::string& path, std::string_view name);
void append_item(std::string& path, std::size_t index);

}  // namespace byway::control::reader
