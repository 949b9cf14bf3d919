// The `device` of a port in node.yaml: which devices there are, and what their text must say. What only the
// driver can know (whether an interface exists, odd arguments) it says itself when it is opened.
#pragma once

#include <cstddef>
#include <string>

namespace byway::tools {

/// Of an interface of the kernel: IFNAMSIZ without its final NUL.
inline constexpr std::size_t interface_name_bytes_max = 15;
/// Whether the kernel, and a device's text, take this for the name of an interface.
[[nodiscard]] bool is_interface_name(const std::string& name);
/// The interface that `device` takes over or makes (iface=...); empty: none is named.
[[nodiscard]] std::string interface_of(const std::string& device);

/// Why no device can be meant, with what would be right; empty: it looks like one.
[[nodiscard]] std::string why_no_device(const std::string& device);

}  // namespace byway::tools
