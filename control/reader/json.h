// JSON to the tree, exactly as RFC 8259 has it: no comments, no trailing commas, no NaN, UTF-8 only,
// and no name twice in one object (which RFC 8259 leaves open and readers answer differently).
#pragma once
#include <string_view>
#include <vector>

#include "control/reader/node.h"

namespace byway::control::reader {

/// One JSON text; anything but white space behind it is an error.
Parsed<Node> read_json(std::string_view input);

/// JSON texts one after the other, as `kubectl apply -f` takes them; may be none.
Parsed<std::vector<Node>> read_json_documents(std::string_view input);

/// Checks what both readers want of their input: valid UTF-8 (RFC 3629), no NUL, size. On error the place.
Parsed<void> check_text(std::string_view input);

}  // namespace byway::control::reader
