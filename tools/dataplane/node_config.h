// node.yaml: what a person says about the node: ports and addresses, cores, memory. docs/node.md describes
// each key; examples/node.yaml has all of them. Policy does not stand here: it comes from the agent.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/eal.h"
#include "dataplane/idle.h"
#include "dataplane/net/host.h"
#include "dataplane/net/vlan.h"
#include "dataplane/offloads.h"
#include "dataplane/tcp/options.h"
#include "tools/dataplane/yaml_section.h"

namespace byway::tools {

/// Where node.yaml is looked for, and what it does not say.
inline constexpr const char* node_config_path_default = "/etc/byway/node.yaml";
inline constexpr const char* runtime_dir_default = "/run/byway";
/// Packet buffers of each worker: 40 MiB. Enough for some 100 connections with full 256 KiB windows, and for
/// thousands of ordinary ones.
inline constexpr std::uint32_t mbufs_default = 16'384;
inline constexpr std::uint32_t connections_default = 16'384;
inline constexpr std::uint32_t drain_timeout_ms_default = 5'000;

/// Smallest and largest values. A port keeps up to 512 buffers for each direction.
inline constexpr std::uint32_t mbufs_min = 2'048;
inline constexpr std::uint32_t mbufs_max = 4'194'304;
inline constexpr std::uint32_t connections_min = 16;
inline constexpr std::uint32_t connections_max = 4'194'304;
/// IPv4 demands 68, but no TCP connection works well below 576 (RFC 879); a frame must fit one packet buffer.
inline constexpr std::uint16_t mtu_min = 576;
inline constexpr std::uint16_t mtu_max = 1'920;
inline constexpr std::size_t addresses_per_port_max = 16;
/// Shorter, and a few segments lost in a row would end a connection; longer, and dead peers would hold
/// memory.
inline constexpr std::uint64_t user_timeout_min_ms = 5'000;
inline constexpr std::uint64_t user_timeout_max_ms = 3'600'000;
/// More often than once a second probes are load, less than once a day nothing is found.
inline constexpr std::uint64_t keepalive_min_ms = 1'000;
inline constexpr std::uint64_t keepalive_max_ms = 86'400'000;
inline constexpr std::uint64_t keepalive_probes_max = 100;
/// sun_path holds 108 bytes, and "/dataplane.sock" comes behind it.
inline constexpr std::size_t runtime_dir_bytes_max = 80;

struct PortConfig {
  std::string name;
  std::string device;
  std::vector<net::Prefix> addresses;
  std::uint16_t vlan = net::vlan_none;
  std::uint16_t mtu = 0;  ///< 0: the device's own
  OffloadOptions offloads;
  std::string kernel_interface;  ///< what the kernel sees of this port (docs/kernel_path.md); empty: nothing
};

struct RouteConfig {
  net::Prefix to;
  net::IpAddress via;
  std::optional<net::LinkIndex> port;  ///< position in `ports`, for a link-local `via`
};

struct NodeConfig {
  std::vector<PortConfig> ports;
  std::vector<RouteConfig> routes;
  std::vector<unsigned> cores;  ///< one a worker
  HugePages hugepages = HugePages::automatic;
  std::uint32_t mbufs = mbufs_default;              ///< of each worker
  std::uint32_t connections = connections_default;  ///< of each worker
  PollMode poll = PollMode::adaptive;
  std::string runtime_dir = runtime_dir_default;
  std::uint32_t drain_timeout_ms = drain_timeout_ms_default;
  std::uint32_t receive_buffer_bytes = 4 * 1024 * 1024;
  std::uint32_t send_buffer_bytes = 4 * 1024 * 1024;
  tcp::Ecn ecn = tcp::Ecn::when_asked;
  bool pacing = false;
  tcp::KeepAlive keepalive;
  Nanoseconds user_timeout = tcp::StackOptions{}.user_timeout;
  /// Users and groups beside the own user that may connect to the socket, by number or name.
  std::vector<std::string> control_users;
  std::vector<std::string> control_groups;
};

/// Reads the text of a node.yaml. Either every value is right, or all mistakes are listed.
[[nodiscard]] std::expected<NodeConfig, std::vector<Problem>> parse_node_config(const std::string& text);

}  // namespace byway::tools
