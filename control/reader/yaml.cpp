#include "control/reader/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>
#include <unordered_set>

#include "control/reader/json.h"
#include "control/reader/limits.h"

namespace byway::control::reader {
namespace {

bool one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::ranges::find(words, text) != words.end();
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_digit);
}

/// A number that JSON writes in the same way.
bool is_json_number(std::string_view text) {
  if (text.starts_with('-')) text.remove_prefix(1);
  std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
  if (end == 0 || (text[0] == '0' && end > 1)) return false;
  text.remove_prefix(end);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    end = std::min(text.find_first_not_of("0123456789"), text.size());
    if (end == 0) return false;
    text.remove_prefix(end);
  }
  if (text.empty()) return true;
  if (text[0] != 'e' && text[0] != 'E') return false;
  text.remove_prefix(1);
  if (text.starts_with('+') || text.starts_with('-')) text.remove_prefix(1);
  return all_digits(text);
}

/// What some YAML version reads as a number although JSON does not write it so: 0777, 0x1F, 0o7, +1,
/// .5, 1., 1_000, .inf, .nan.
bool is_odd_number(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (one_of(text, {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"})) return true;
  if (text.starts_with('.')) text.remove_prefix(1);
  if (text.empty() || !is_digit(text[0])) return false;
  if (text.starts_with("0x")) return text.find_first_not_of("0123456789abcdefABCDEF_", 2) == text.npos;
  if (text.starts_with("0o") || text.starts_with("0b"))
    return text.find_first_not_of("01234567_", 2) == text.npos;
  std::size_t end = std::min(text.find_first_not_of("0123456789_"), text.size());
  if (end < text.size() && text[end] == '.')
    end = std::min(text.find_first_not_of("0123456789_", end + 1), text.size());
  if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
    ++end;
    if (end < text.size() && (text[end] == '+' || text[end] == '-')) ++end;
    return all_digits(text.substr(end));
  }
  return end == text.size();
}

Position position(const YAML::Mark& mark) {
  if (mark.is_null()) return {};
  return {static_cast<std::uint32_t>(mark.line + 1), static_cast<std::uint32_t>(mark.column + 1)};
}

/// Thrown through yaml-cpp's parser by the handler below and caught in read_yaml_documents.
struct Refused {
  Problem problem;
};

std::size_t count_nodes(const Node& node) {
  std::size_t count = 1;
  for (const Node& item : node.items) count += count_nodes(item);
  for (const Member& member : node.members) count += count_nodes(member.value);
  return count;
}

std::size_t text_bytes_of(const Node& node) {
  std::size_t bytes = node.text.size();
  for (const Node& item : node.items) bytes += text_bytes_of(item);
  for (const Member& member : node.members) bytes += member.name.size() + text_bytes_of(member.value);
  return bytes;
}

std::size_t depth_of(const Node& node) {
  std::size_t below = 0;
  for (const Node& item : node.items) below = std::max(below, depth_of(item));
  for (const Member& member : node.members) below = std::max(below, depth_of(member.value));
  return below + 1;
}

/// Builds one document's tree from yaml-cpp's events.
class TreeBuilder final : public YAML::EventHandler {
 public:
  explicit TreeBuilder(std::vector<Node>& documents) : documents_(documents) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    frames_.clear();
    if (documents_.size() == documents_max)
      refuse(mark, fmt::format("more than {} documents", documents_max));
    // yaml-cpp takes what can begin no document for an empty one, leaves it where it is, and so on for ever.
    if (mark.pos <= start_) refuse(mark, "no document can begin here");
    anchors_.clear();
    node_count_ = alias_count_ = copied_bytes_ = 0;
    start_ = mark.pos;
    root_ = {};
  }

  void OnDocumentEnd() override {
    if (root_.kind != NodeKind::null) documents_.push_back(std::move(root_));
  }

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node;
    node.at = position(mark);
    place(std::move(node), mark, anchor, true);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    Node node = Node::string(value);
    node.at = position(mark);
    const bool plain = tag == "?";
    if (plain) {
      const PlainScalar meaning = resolve_plain(value);
      node.kind = meaning.kind;
      node.ambiguous = meaning.ambiguous;
      if (node.kind == NodeKind::null) node.text.clear();
      if (node.kind == NodeKind::boolean)
        node.text = one_of(value, {"true", "True", "TRUE"}) ? "true" : "false";
      if (node.kind == NodeKind::number && value.size() > number_chars_max) refuse(mark, "number too long");
    } else {
      check_tag(mark, tag, "tag:yaml.org,2002:str");
    }
    place(std::move(node), mark, anchor, plain);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    check_tag(mark, tag, "tag:yaml.org,2002:seq");
    open(mark, Node::list(), anchor);
  }

  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    check_tag(mark, tag, "tag:yaml.org,2002:map");
    open(mark, Node::object(), anchor);
  }

  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (++alias_count_ > aliases_max) refuse(mark, fmt::format("more than {} aliases", aliases_max));
    auto it = anchors_.find(anchor);
    if (it == anchors_.end()) refuse(mark, "alias of something that is not finished");
    // Counted before the copy is made: the copy is what a bomb wants.
    node_count_ += it->second.node_count;
    check_count(mark);
    count_copied(it->second.text_bytes, mark);
    if (frames_.size() + it->second.depth > depth_max)
      refuse(mark, fmt::format("nested deeper than {}", depth_max));
    attach(Node(it->second.node), mark, false);
  }

 private:
  struct Frame {
    Node node;
    YAML::anchor_t anchor = 0;
    bool key_pending = false;  ///< of an object: a key was read, its value comes next
    Member member;
    std::unordered_set<std::string> names;
  };
  struct Anchored {
    Node node;
    std::size_t node_count = 0;
    std::size_t depth = 0;
    std::size_t text_bytes = 0;
  };

  [[noreturn]] void refuse(const YAML::Mark& mark, std::string reason) {
    throw Refused{{path(), position(mark), std::move(reason)}};
  }

  [[nodiscard]] std::string path() const {
    std::string text;
    for (const Frame& frame : frames_) {
      if (frame.node.kind == NodeKind::list)
        append_item(text, frame.node.items.size());
      else if (frame.key_pending)
        append_child(text, frame.member.name);
    }
    return text;
  }

  void check_tag(const YAML::Mark& mark, const std::string& tag, std::string_view accepted) {
    if (tag.empty() || tag == "!" || tag == "?" || tag == accepted) return;
    refuse(mark, fmt::format("the tag {} is not accepted", tag));
  }

  void check_count(const YAML::Mark& mark) {
    if (node_count_ > nodes_max) refuse(mark, fmt::format("more than {} values in one document", nodes_max));
  }

  /// Two hundred aliases of a megabyte are few nodes and much memory.
  void count_copied(std::size_t bytes, const YAML::Mark& mark) {
    copied_bytes_ += bytes;
    if (copied_bytes_ > document_bytes_max)
      refuse(mark, fmt::format("anchors and aliases repeat more than {} bytes", document_bytes_max));
  }

  void place(Node node, const YAML::Mark& mark, YAML::anchor_t anchor, bool plain) {
    ++node_count_;
    check_count(mark);
    if (frames_.size() >= depth_max) refuse(mark, fmt::format("nested deeper than {}", depth_max));
    if (anchor != 0) {
      count_copied(node.text.size(), mark);
      anchors_[anchor] = {node, 1, 1, node.text.size()};
    }
    attach(std::move(node), mark, plain);
  }

  void open(const YAML::Mark& mark, Node node, YAML::anchor_t anchor) {
    ++node_count_;
    check_count(mark);
    if (frames_.size() >= depth_max) refuse(mark, fmt::format("nested deeper than {}", depth_max));
    if (!frames_.empty() && frames_.back().node.kind == NodeKind::object && !frames_.back().key_pending)
      refuse(mark, "a key must be a string");
    node.at = position(mark);
    Frame frame;
    frame.node = std::move(node);
    frame.anchor = anchor;
    frames_.push_back(std::move(frame));
    end_ = mark;
  }

  void close() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    if (frame.anchor != 0) {
      const std::size_t count = count_nodes(frame.node);
      // Each anchored tree is copied once; nested anchors could copy depth_max times as much, so the
      // copies count too.
      node_count_ += count;
      check_count(end_);
      const std::size_t text_bytes = text_bytes_of(frame.node);
      count_copied(text_bytes, end_);
      anchors_[frame.anchor] = {frame.node, count, depth_of(frame.node), text_bytes};
    }
    attach(std::move(frame.node), end_, false);
  }

  void attach(Node node, const YAML::Mark& mark, bool plain) {
    if (mark.pos - start_ > static_cast<int>(document_bytes_max))
      refuse(mark, fmt::format("document larger than {} bytes", document_bytes_max));
    if (frames_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& top = frames_.back();
    if (top.node.kind == NodeKind::list) {
      top.node.items.push_back(std::move(node));
    } else if (top.key_pending) {
      top.member.value = std::move(node);
      top.node.members.push_back(std::move(top.member));
      top.key_pending = false;
    } else {
      take_key(top, node, mark, plain);
    }
  }

  void take_key(Frame& top, const Node& node, const YAML::Mark& mark, bool plain) {
    const bool plain_number = node.kind == NodeKind::number && all_digits(node.text);
    if ((node.kind != NodeKind::string && !plain_number) || node.ambiguous)
      refuse(mark, fmt::format("a key must be a string: put {} in quotes",
                               node.text.empty() ? std::string("it") : "\"" + node.text + "\""));
    if (plain && node.text == "<<") refuse(mark, "merge keys (<<) are not accepted: write the fields out");
    if (!top.names.insert(node.text).second)
      refuse(mark, fmt::format("\"{}\" appears twice in one object", node.text));
    top.member = {node.text, node.at, {}};
    top.key_pending = true;
  }

  std::vector<Node>& documents_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::size_t node_count_ = 0;
  std::size_t alias_count_ = 0;
  std::size_t copied_bytes_ = 0;
  int start_ = -1;  ///< of the document
  YAML::Mark end_;
  Node root_;
};

}  // namespace

PlainScalar resolve_plain(std::string_view text) {
  if (one_of(text, {"", "~", "null", "Null", "NULL"})) return {NodeKind::null, false};
  if (one_of(text, {"true", "True", "TRUE", "false", "False", "FALSE"})) return {NodeKind::boolean, false};
  if (one_of(text, {"y", "Y", "yes", "Yes", "YES", "n", "N", "no", "No", "NO", "on", "On", "ON", "off", "Off",
                    "OFF"}))
    return {NodeKind::string, true};
  if (is_json_number(text)) return {NodeKind::number, false};
  return {NodeKind::string, is_odd_number(text)};
}

Parsed<std::vector<Node>> read_yaml_documents(std::string_view input) {
  if (auto checked = check_text(input); !checked) return std::unexpected(checked.error());
  std::vector<Node> documents;
  try {
    std::istringstream stream{std::string(input)};
    YAML::Parser parser(stream);
    TreeBuilder builder(documents);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refused& refused) {
    return std::unexpected(refused.problem);
  } catch (const YAML::Exception& exception) {
    return std::unexpected(Problem{"", position(exception.mark), exception.msg});
  }
  return documents;
}

}  // namespace byway::control::reader
