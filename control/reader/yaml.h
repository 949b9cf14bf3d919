// YAML to the tree. yaml-cpp finds the structure; what its scalars mean is decided here, after the
// YAML 1.2 core schema, and where YAML 1.1 (which Kubernetes' own reader follows) would read a plain
// scalar differently, the scalar is marked ambiguous instead of guessed at.
// Refused: duplicate keys, merge keys, tags other than !!str, keys that are not strings, aliases and
// nesting beyond limits.h.
#pragma once
#include <string_view>
#include <vector>

#include "control/reader/node.h"

namespace byway::control::reader {

/// All documents of a stream, empty ones left out. Aliases are expanded.
Parsed<std::vector<Node>> read_yaml_documents(std::string_view input);

/// What a plain scalar means; its text goes into the node as it stands.
struct PlainScalar {
  NodeKind kind = NodeKind::string;
  bool ambiguous = false;
};
PlainScalar resolve_plain(std::string_view text);

}  // namespace byway::control::reader
