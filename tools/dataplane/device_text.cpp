#include "tools/dataplane/device_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "dataplane/port.h"

namespace byway::tools {

namespace {

/// Virtual devices that this program is made for (docs/node.md): others it would not be let use after the
/// start, or their packets would not come in the form that it expects.
constexpr std::array<std::string_view, 5> drivers = {"net_af_packet", "net_af_xdp", "net_memif", "net_tap",
                                                     "net_ring"};
/// The value of `key` among the arguments; empty if it is not there.
std::optional<std::string> argument(const std::string& device, std::string_view key) {
  const std::string wanted = fmt::format(",{}=", key);
  const std::size_t at = device.find(wanted);
  if (at == std::string::npos) return std::nullopt;
  const std::string rest = device.substr(at + wanted.size());
  return rest.substr(0, rest.find(','));
}

/// "net_af_packet" of "net_af_packet0,iface=eth1".
std::string driver_of(const std::string& device) {
  std::string name = device_name(device);
  while (!name.empty() && name.back() >= '0' && name.back() <= '9') name.pop_back();
  return name;
}

}  // namespace

bool is_interface_name(const std::string& name) {
  const bool plain = std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
  return plain && !name.empty() && name.size() <= interface_name_bytes_max && name != "." && name != "..";
}

std::string interface_of(const std::string& device) {
  return argument(device, "iface").value_or("");
}

std::string why_no_device(const std::string& device) {
  if (is_pci_address(device)) return "";
  const std::string driver = driver_of(device);
  if (std::ranges::find(drivers, driver) == drivers.end()) {
    return fmt::format(
        "`{}` is neither a PCI address (0000:00:05.0) nor a virtual device (net_af_packet0,iface=eth1; "
        "net_af_xdp0,iface=eth1; net_memif0; net_tap0; net_ring0)",
        device);
  }
  if (driver == "net_af_packet" || driver == "net_af_xdp") {
    const auto interface = argument(device, "iface");
    if (!interface || interface->empty() || interface->size() > interface_name_bytes_max) {
      return fmt::format("`{}` must name the interface that it takes over: {},iface=eth1", device,
                         device_name(device));
    }
  }
  if (driver == "net_memif") {
    const std::string role = argument(device, "role").value_or("client");
    constexpr std::array<std::string_view, 4> roles = {"client", "server", "slave", "master"};
    if (std::ranges::find(roles, role) == roles.end())
      return fmt::format("`{}`: role is client or server", device);
  }
  return "";
}

}  // namespace byway::tools
