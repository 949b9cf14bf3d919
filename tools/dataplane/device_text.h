// The `device` of a port in node.yaml: which devices there are, and what their text must say. What only the
// driver can know (whether an interface exists, odd arguments) it says itself when it is opened.
#pragma once

#include <string>

namespace byway::tools {

/// Why no device can be meant, with what would be right; empty: it looks like one.
[[nodiscard]] std::string why_no_device(const std::string& device);

}  // namespace byway::tools
