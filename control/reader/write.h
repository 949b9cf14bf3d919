// The tree as text again.
#pragma once
#include <string>

#include "control/reader/node.h"

namespace byway::control::reader {

/// JSON without white space: what is stored, compared and sent.
std::string to_json(const Node& node);

/// JSON for eyes: two spaces a level.
std::string to_pretty_json(const Node& node);

/// Block YAML that read_yaml_documents reads back as the same tree; strings that a reader could take
/// for something else are quoted.
std::string to_yaml(const Node& node);

/// `text` in double quotes, escaped as JSON wants it.
void append_quoted(std::string& out, std::string_view text);

}  // namespace byway::control::reader
