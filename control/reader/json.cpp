#include "control/reader/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "control/reader/limits.h"

namespace byway::control::reader {
namespace {

/// Objects with more members than this check for duplicates with a hash set, smaller ones by looking.
constexpr std::size_t members_linear_max = 16;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Recursive descent over the bytes; depth_max bounds the recursion. The first problem ends it.
class JsonReader {
 public:
  explicit JsonReader(std::string_view input) : input_(input) {}

  bool at_end() {
    skip_space();
    return offset_ == input_.size();
  }

  Parsed<Node> document() {
    const std::size_t start = offset_;
    node_count_ = 0;
    Node node;
    skip_space();
    if (!value(node, 1)) return std::unexpected(problem_);
    if (offset_ - start > document_bytes_max)
      return std::unexpected(
          Problem{"", node.at, fmt::format("document larger than {} bytes", document_bytes_max)});
    return node;
  }

  [[nodiscard]] Problem trailing() const {
    return {"", here(), "unexpected text after the end of the document"};
  }

 private:
  [[nodiscard]] Position here() const {
    return {line_, static_cast<std::uint32_t>(offset_ - line_start_ + 1)};
  }

  bool fail(std::string reason) { return fail_at(here(), std::move(reason)); }
  bool fail_at(Position at, std::string reason) {
    problem_ = {path_, at, std::move(reason)};
    return false;
  }

  [[nodiscard]] bool more() const { return offset_ < input_.size(); }
  [[nodiscard]] char peek() const { return more() ? input_[offset_] : '\0'; }

  void skip_space() {
    while (more()) {
      char c = input_[offset_];
      if (c == '\n') {
        ++line_;
        line_start_ = offset_ + 1;
      } else if (c != ' ' && c != '\t' && c != '\r') {
        return;
      }
      ++offset_;
    }
  }

  bool expect(char c, std::string_view what) {
    skip_space();
    if (peek() != c || !more()) return fail(fmt::format("expected {}", what));
    ++offset_;
    return true;
  }

  bool value(Node& node, std::size_t depth) {
    if (depth > depth_max) return fail(fmt::format("nested deeper than {}", depth_max));
    if (++node_count_ > nodes_max) return fail(fmt::format("more than {} values in one document", nodes_max));
    node.at = here();
    if (!more()) return fail("unexpected end of input");
    switch (peek()) {
      case '{':
        return object(node, depth);
      case '[':
        return list(node, depth);
      case '"':
        node.kind = NodeKind::string;
        return string(node.text);
      case 't':
        return word(node, "true", NodeKind::boolean);
      case 'f':
        return word(node, "false", NodeKind::boolean);
      case 'n':
        return word(node, "null", NodeKind::null);
      default:
        return number(node);
    }
  }

  bool word(Node& node, std::string_view text, NodeKind kind) {
    if (!input_.substr(offset_).starts_with(text)) return fail("unexpected character");
    offset_ += text.size();
    node.kind = kind;
    if (kind == NodeKind::boolean) node.text = text;
    return true;
  }

  bool number(Node& node) {
    const std::size_t start = offset_;
    if (peek() == '-') ++offset_;
    if (!is_digit(peek())) return fail_at(node.at, "unexpected character");
    if (peek() == '0') {
      ++offset_;
    } else {
      while (is_digit(peek())) ++offset_;
    }
    if (is_digit(peek())) return fail_at(node.at, "a number must not begin with 0");
    if (peek() == '.') {
      ++offset_;
      if (!is_digit(peek())) return fail("expected a digit after the decimal point");
      while (is_digit(peek())) ++offset_;
    }
    if (peek() == 'e' || peek() == 'E') {
      ++offset_;
      if (peek() == '+' || peek() == '-') ++offset_;
      if (!is_digit(peek())) return fail("expected a digit in the exponent");
      while (is_digit(peek())) ++offset_;
    }
    if (offset_ - start > number_chars_max) return fail_at(node.at, "number too long");
    node.kind = NodeKind::number;
    node.text = input_.substr(start, offset_ - start);
    return true;
  }

  bool hex4(std::uint32_t& unit) {
    if (input_.size() - offset_ < 4) return fail("unfinished \\u escape");
    unit = 0;
    for (int i = 0; i < 4; ++i) {
      char c = input_[offset_];
      std::uint32_t digit = 0;
      if (is_digit(c))
        digit = static_cast<std::uint32_t>(c - '0');
      else if (c >= 'a' && c <= 'f')
        digit = static_cast<std::uint32_t>(c - 'a' + 10);
      else if (c >= 'A' && c <= 'F')
        digit = static_cast<std::uint32_t>(c - 'A' + 10);
      else
        return fail("expected a hexadecimal digit");
      unit = unit * 16 + digit;
      ++offset_;
    }
    return true;
  }

  static void append_utf8(std::string& out, std::uint32_t code) {
    auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xC0 | code >> 6), put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      put(0xE0 | code >> 12), put(0x80 | (code >> 6 & 0x3F)), put(0x80 | (code & 0x3F));
    } else {
      put(0xF0 | code >> 18), put(0x80 | (code >> 12 & 0x3F)), put(0x80 | (code >> 6 & 0x3F)),
          put(0x80 | (code & 0x3F));
    }
  }

  /// `\uD83D\uDE00` is one character; a lone half is none and is refused.
  bool unicode_escape(std::string& out) {
    std::uint32_t unit = 0;
    if (!hex4(unit)) return false;
    if (unit >= 0xDC00 && unit <= 0xDFFF) return fail("low surrogate without a high one");
    if (unit >= 0xD800 && unit <= 0xDBFF) {
      std::uint32_t low = 0;
      if (!input_.substr(offset_).starts_with("\\u")) return fail("high surrogate without a low one");
      offset_ += 2;
      if (!hex4(low)) return false;
      if (low < 0xDC00 || low > 0xDFFF) return fail("high surrogate without a low one");
      unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
    }
    if (unit == 0) return fail("NUL characters are not accepted");
    append_utf8(out, unit);
    return true;
  }

  bool escape(std::string& out) {
    if (!more()) return fail("unfinished string");
    switch (char c = input_[offset_++]) {
      case '"':
      case '\\':
      case '/':
        out.push_back(c);
        return true;
      case 'b':
        out.push_back('\b');
        return true;
      case 'f':
        out.push_back('\f');
        return true;
      case 'n':
        out.push_back('\n');
        return true;
      case 'r':
        out.push_back('\r');
        return true;
      case 't':
        out.push_back('\t');
        return true;
      case 'u':
        return unicode_escape(out);
      default:
        --offset_;
        return fail("unknown escape in a string");
    }
  }

  bool string(std::string& out) {
    ++offset_;
    while (more()) {
      char c = input_[offset_];
      if (c == '"') {
        ++offset_;
        return true;
      }
      if (static_cast<unsigned char>(c) < 0x20) return fail("control character in a string: escape it");
      ++offset_;
      if (c != '\\')
        out.push_back(c);
      else if (!escape(out))
        return false;
    }
    return fail("unfinished string");
  }

  bool list(Node& node, std::size_t depth) {
    node.kind = NodeKind::list;
    ++offset_;
    skip_space();
    if (peek() == ']') return ++offset_, true;
    const std::size_t path_size = path_.size();
    for (;;) {
      skip_space();
      append_item(path_, node.items.size());
      if (!value(node.items.emplace_back(), depth + 1)) return false;
      path_.resize(path_size);
      skip_space();
      if (peek() == ']') return ++offset_, true;
      if (!expect(',', "\",\" or \"]\"")) return false;
    }
  }

  bool object(Node& node, std::size_t depth) {
    node.kind = NodeKind::object;
    ++offset_;
    skip_space();
    if (peek() == '}') return ++offset_, true;
    std::unordered_set<std::string> names;
    const std::size_t path_size = path_.size();
    for (;;) {
      skip_space();
      Member member;
      member.at = here();
      if (peek() != '"') return fail("expected a name in double quotes");
      if (!string(member.name)) return false;
      if (is_duplicate(node, names, member.name))
        return fail_at(member.at, fmt::format("\"{}\" appears twice in one object", member.name));
      if (!expect(':', "\":\"")) return false;
      skip_space();
      append_child(path_, member.name);
      if (!value(member.value, depth + 1)) return false;
      path_.resize(path_size);
      node.members.push_back(std::move(member));
      skip_space();
      if (peek() == '}') return ++offset_, true;
      if (!expect(',', "\",\" or \"}\"")) return false;
    }
  }

  /// Small objects are searched; from members_linear_max on a set keeps the cost linear.
  static bool is_duplicate(const Node& node, std::unordered_set<std::string>& names,
                           const std::string& name) {
    if (node.members.size() < members_linear_max) return node.find(name) != nullptr;
    if (names.empty())
      for (const Member& member : node.members) names.insert(member.name);
    return !names.insert(name).second;
  }

  std::string_view input_;
  std::size_t offset_ = 0;
  std::uint32_t line_ = 1;
  std::size_t line_start_ = 0;
  std::size_t node_count_ = 0;
  std::string path_;
  Problem problem_;
};

/// Bytes of the UTF-8 sequence at `at`, 0 if it is none (overlong, surrogate, beyond U+10FFFF: RFC 3629 4).
std::size_t utf8_sequence(std::string_view input, std::size_t at) {
  auto byte = [&](std::size_t i) { return i < input.size() ? static_cast<unsigned char>(input[i]) : 0u; };
  auto continues = [&](std::size_t i) { return (byte(i) & 0xC0) == 0x80; };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(at + 1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned second = byte(at + 1);
    if (first == 0xE0 && second < 0xA0) return 0;
    if (first == 0xED && second > 0x9F) return 0;
    return continues(at + 1) && continues(at + 2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned second = byte(at + 1);
    if (first == 0xF0 && second < 0x90) return 0;
    if (first == 0xF4 && second > 0x8F) return 0;
    return continues(at + 1) && continues(at + 2) && continues(at + 3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

Parsed<void> check_text(std::string_view input) {
  if (input.size() > input_bytes_max)
    return std::unexpected(Problem{"", {}, fmt::format("input larger than {} bytes", input_bytes_max)});
  Position at{1, 1};
  for (std::size_t i = 0; i < input.size();) {
    const std::size_t length = utf8_sequence(input, i);
    if (length == 0) return std::unexpected(Problem{"", at, "not valid UTF-8"});
    if (input[i] == '\0') return std::unexpected(Problem{"", at, "NUL characters are not accepted"});
    if (input[i] == '\n') {
      ++at.line;
      at.column = 0;
    }
    at.column += static_cast<std::uint32_t>(length);
    i += length;
  }
  return {};
}

Parsed<Node> read_json(std::string_view input) {
  if (auto checked = check_text(input); !checked) return std::unexpected(checked.error());
  JsonReader reader(input);
  Parsed<Node> node = reader.document();
  if (node && !reader.at_end()) return std::unexpected(reader.trailing());
  return node;
}

Parsed<std::vector<Node>> read_json_documents(std::string_view input) {
  if (auto checked = check_text(input); !checked) return std::unexpected(checked.error());
  JsonReader reader(input);
  std::vector<Node> documents;
  while (!reader.at_end()) {
    Parsed<Node> node = reader.document();
    if (!node) return std::unexpected(node.error());
    if (documents.size() == documents_max)
      return std::unexpected(Problem{"", node->at, fmt::format("more than {} documents", documents_max)});
    documents.push_back(std::move(*node));
  }
  return documents;
}

}  // namespace byway::control::reader
