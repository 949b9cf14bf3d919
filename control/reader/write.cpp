#include "control/reader/write.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "control/reader/yaml.h"

namespace byway::control::reader {
namespace {

/// A key that is followed by its colon on the same line has at most 1,024 characters (YAML 1.2, 7.4.2); a few
/// are left for quotes.
constexpr std::size_t simple_key_bytes_max = 1'000;

void append_scalar(std::string& out, const Node& node) {
  if (node.kind == NodeKind::string)
    append_quoted(out, node.text);
  else if (node.kind == NodeKind::null)
    out += "null";
  else
    out += node.text;
}

/// `indent` < 0: no white space at all.
void append_json(std::string& out, const Node& node, int indent) {
  auto line = [&](int level) {
    if (level < 0) return;
    out.push_back('\n');
    out.append(static_cast<std::size_t>(level) * 2, ' ');
  };
  const int inner = indent < 0 ? indent : indent + 1;
  bool first = true;
  auto separate = [&] {
    if (!first) out.push_back(',');
    first = false;
    line(inner);
  };
  if (node.kind == NodeKind::list) {
    out.push_back('[');
    for (const Node& item : node.items) separate(), append_json(out, item, inner);
    if (!node.items.empty()) line(indent);
    out.push_back(']');
  } else if (node.kind == NodeKind::object) {
    out.push_back('{');
    for (const Member& member : node.members) {
      separate();
      append_quoted(out, member.name);
      out += indent < 0 ? ":" : ": ";
      append_json(out, member.value, inner);
    }
    if (!node.members.empty()) line(indent);
    out.push_back('}');
  } else {
    append_scalar(out, node);
  }
}

/// Whether a string may stand without quotes everywhere: letters, digits and a few signs that mean
/// nothing to YAML in any place, and nothing that reads as another type.
bool is_plain_safe(std::string_view text) {
  if (text.empty() || text.size() > 128) return false;
  auto safe = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '/' || c == '_' || c == '-';
  };
  if (!std::isalpha(static_cast<unsigned char>(text.front())) && text.front() != '/') return false;
  if (!std::ranges::all_of(text, safe)) return false;
  const PlainScalar meaning = resolve_plain(text);
  return meaning.kind == NodeKind::string && !meaning.ambiguous;
}

void append_yaml_string(std::string& out, std::string_view text) {
  if (is_plain_safe(text))
    out += text;
  else
    append_quoted(out, text);
}

/// The key of a member with its colon. A key that YAML takes for none in that place, because it is too long,
/// is announced by a question mark: then true.
bool append_yaml_key(std::string& out, std::string_view name, int level) {
  const std::size_t start = out.size();
  append_yaml_string(out, name);
  const bool is_long = out.size() - start > simple_key_bytes_max;
  if (is_long) {
    out.insert(start, "? ");
    out.push_back('\n');
    out.append(static_cast<std::size_t>(level) * 2, ' ');
  }
  out.push_back(':');
  return is_long;
}

/// Writes `node` after "key:" or "-": scalars on the same line, the rest below.
void append_yaml(std::string& out, const Node& node, int level, bool after_dash) {
  auto margin = [&](int count) { out.append(static_cast<std::size_t>(count) * 2, ' '); };
  if (node.kind == NodeKind::list && !node.items.empty()) {
    if (after_dash || level > 0) out.push_back('\n');
    for (const Node& item : node.items) {
      margin(level);
      out.push_back('-');
      append_yaml(out, item, level + 1, true);
    }
    return;
  }
  if (node.kind == NodeKind::object && !node.members.empty()) {
    bool inline_first = after_dash;
    if (!after_dash && level > 0) out.push_back('\n');
    for (const Member& member : node.members) {
      if (inline_first)
        out.push_back(' ');
      else
        margin(level);
      inline_first = false;
      const bool is_long = append_yaml_key(out, member.name, level);
      // A list stands at the margin of its key, as kubectl writes it.
      const bool is_list = member.value.kind == NodeKind::list && !is_long;
      if (is_list && level == 0 && !member.value.items.empty()) out.push_back('\n');
      append_yaml(out, member.value, is_list ? level : level + 1, false);
    }
    return;
  }
  if (level > 0 || after_dash || !out.empty()) out.push_back(' ');
  if (node.kind == NodeKind::list)
    out += "[]";
  else if (node.kind == NodeKind::object)
    out += "{}";
  else if (node.kind == NodeKind::string)
    append_yaml_string(out, node.text);
  else
    append_scalar(out, node);
  out.push_back('\n');
}

}  // namespace

void append_quoted(std::string& out, std::string_view text) {
  out.push_back('"');
  for (char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        // DEL too: YAML takes it only escaped.
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F)
          fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned char>(c));
        else
          out.push_back(c);
    }
  }
  out.push_back('"');
}

std::string to_json(const Node& node) {
  std::string out;
  append_json(out, node, -1);
  return out;
}

std::string to_pretty_json(const Node& node) {
  std::string out;
  append_json(out, node, 0);
  out.push_back('\n');
  return out;
}

std::string to_yaml(const Node& node) {
  std::string out;
  append_yaml(out, node, 0, false);
  return out;
}

}  // namespace byway::control::reader
