// What `byway doctor` asks the kernel about network interfaces. Nothing here changes anything.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace byway::cli {

/// Whether the kernel leaves transmit checksums of `interface` to the device; empty: it does not say.
[[nodiscard]] std::optional<bool> leaves_checksums(const std::string& interface);
/// Whether received segments are merged into larger frames before anybody sees them (GRO).
[[nodiscard]] std::optional<bool> merges_received(const std::string& interface);
/// "veth", "virtio_net", "mlx5_core"; empty: it does not say.
[[nodiscard]] std::string driver_of_interface(const std::string& interface);

/// The other end of a veth pair.
struct VethPeer {
  std::string name;
  std::string name_space;  ///< Of `ip netns`; empty: this one.
  std::optional<bool> leaves_checksums;
};

/// Looks for the other end here and in all namespaces of `ip netns` (for these as root only). Empty: not
/// found, or several look alike.
[[nodiscard]] std::optional<VethPeer> veth_peer(const std::string& interface);

}  // namespace byway::cli
