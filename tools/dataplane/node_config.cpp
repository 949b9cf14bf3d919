#include "tools/dataplane/node_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/shm/control_page.h"
#include "dataplane/net/address_text.h"
#include "dataplane/net/ipv6_address.h"
#include "dataplane/port.h"
#include "tools/dataplane/device_text.h"
#include "tools/dataplane/principals.h"

namespace byway::tools {

namespace {

constexpr std::size_t port_name_bytes_max = 32;

/// Whether a network holds an address of its own version.
bool holds(const net::Prefix& network, const net::IpAddress& address) {
  return network.address.is_v4() == address.is_v4() && network.contains(address);
}

/// Reads one file; `config_` is filled as far as it is right.
class NodeReader {
 public:
  explicit NodeReader(const YAML::Node& root)
      : root_(problems_, root, "",
              {"ports", "routes", "workers", "memory", "poll", "runtime_dir", "limits", "tcp", "control"}) {}

  std::expected<NodeConfig, std::vector<Problem>> read() {
    read_ports();
    read_workers();
    read_memory();
    read_limits();
    read_tcp();
    read_control();
    static constexpr std::string_view modes[] = {"adaptive", "busy"};
    if (const auto mode = root_.word("poll", modes))
      config_.poll = *mode == 0 ? PollMode::adaptive : PollMode::busy;
    if (auto folder = root_.text("runtime_dir")) {
      if ((*folder)[0] != '/' || folder->size() > runtime_dir_bytes_max) {
        root_.report("runtime_dir", fmt::format("an absolute path of at most {} characters is wanted",
                                                runtime_dir_bytes_max));
      } else {
        config_.runtime_dir = *folder;
      }
    }
    // A route needs the addresses of the ports, so it is read when they are known to be right.
    const bool ports_are_right = problems_.empty();
    read_routes(ports_are_right);
    if (ports_are_right) check_count_of_networks();
    if (!problems_.empty()) return std::unexpected(problems_.take());
    return std::move(config_);
  }

 private:
  void read_ports() {
    if (!root_.require("ports", "a list with at least one port")) return;
    root_.list("ports", 1, net::links_max, [this](const YAML::Node& node, const std::string& path) {
      Section section(problems_, node, path,
                      {"name", "device", "vlan", "addresses", "mtu", "offloads", "kernel"});
      PortConfig port;
      if (section.require("name", "what this port is called in messages and metrics"))
        read_port_name(section, port);
      port.vlan = static_cast<std::uint16_t>(
          section.number("vlan", net::vlan_min, net::vlan_max).value_or(net::vlan_none));
      if (section.require("device",
                          "a PCI address such as 0000:00:05.0, or a virtual device such as "
                          "net_af_packet0,iface=eth1")) {
        read_device(section, port);
      }
      if (section.require("addresses", "a list of addresses with prefix length, such as [10.0.0.1/24]")) {
        section.list(
            "addresses", 1, addresses_per_port_max,
            [&](const YAML::Node& item, const std::string& where) { read_address(item, where, port); });
      }
      port.mtu = static_cast<std::uint16_t>(section.number("mtu", mtu_min, mtu_max).value_or(0));
      if (port.mtu != 0 && port.mtu < net::ipv6_mtu_min && has_ipv6(port)) {
        section.report("mtu", fmt::format("{}: with an IPv6 address at least {} are needed", port.mtu,
                                          net::ipv6_mtu_min));
      }
      read_offloads(section, port);
      if (section.find("kernel").IsDefined()) read_kernel_side(section.find("kernel"), path, port);
      if (port.vlan != net::vlan_none && section.find("kernel").IsDefined())
        section.report("kernel", "is for ports without a `vlan`: what the kernel sends has no tag");
      config_.ports.push_back(std::move(port));
    });
    check_kernel_interfaces();
  }

  void read_kernel_side(const YAML::Node& node, const std::string& path, PortConfig& port) {
    Section section(problems_, node, path + ".kernel", {"interface"});
    if (!section.require("interface",
                         "what the kernel is to call its interface of this port, such as byway0"))
      return;
    const auto name = section.text("interface");
    if (!name) return;
    if (!is_interface_name(*name)) {
      section.report("interface", fmt::format("`{}`: up to {} letters, digits, `-`, `_` and `.` are wanted",
                                              *name, interface_name_bytes_max));
    }
    for (const PortConfig& other : config_.ports) {
      if (other.kernel_interface == *name) {
        section.report("interface", fmt::format("`{}` is that of port `{}` already; each port has its own",
                                                *name, other.name));
      }
    }
    port.kernel_interface = *name;
  }

  /// An interface that a device takes over, or makes, cannot be made for the kernel as well.
  void check_kernel_interfaces() {
    for (const PortConfig& port : config_.ports) {
      if (port.kernel_interface.empty()) continue;
      for (const PortConfig& other : config_.ports) {
        if (interface_of(other.device) != port.kernel_interface) continue;
        root_.report("ports",
                     fmt::format("`kernel.interface` of port `{}` is {}, which is the interface of the "
                                 "device of port `{}`; a new name is wanted",
                                 port.name, port.kernel_interface, other.name));
      }
    }
  }

  /// Asking for an offload that the device lacks would mean nothing, so there is no `on`.
  void read_offloads(Section& of_port, PortConfig& port) {
    if (!of_port.find("offloads").IsDefined()) return;
    Section section(problems_, of_port.find("offloads"), of_port.path_of("offloads"),
                    {"checksum", "tso", "rss"});
    static constexpr std::string_view words[] = {"auto", "off"};
    port.offloads.checksum = section.word("checksum", words).value_or(0) == 0;
    port.offloads.tso = section.word("tso", words).value_or(0) == 0;
    port.offloads.rss = section.word("rss", words).value_or(0) == 0;
  }

  void read_port_name(Section& section, PortConfig& port) {
    const auto name = section.text("name");
    if (!name) return;
    const bool plain = std::ranges::all_of(
        *name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
    if (!plain || name->size() > port_name_bytes_max) {
      section.report("name", fmt::format("`{}`: up to {} lower-case letters, digits and hyphens are wanted",
                                         *name, port_name_bytes_max));
    }
    for (const PortConfig& other : config_.ports) {
      if (other.name == *name)
        section.report("name", fmt::format("`{}` is the name of another port already", *name));
    }
    port.name = *name;
  }

  void read_device(Section& section, PortConfig& port) {
    const auto device = section.text("device");
    if (!device) return;
    if (const std::string reason = why_no_device(*device); !reason.empty()) section.report("device", reason);
    for (const PortConfig& other : config_.ports) {
      if (device_name(other.device) == device_name(*device)) check_sharing(section, *device, port, other);
    }
    port.device = *device;
  }

  /// Two ports on one device are told apart by their VLANs.
  void check_sharing(Section& section, const std::string& device, const PortConfig& port,
                     const PortConfig& other) {
    const std::string name = device_name(device);
    if (port.vlan == net::vlan_none && other.vlan == net::vlan_none) {
      section.report("device",
                     fmt::format("{} is the device of port `{}` already; number virtual devices "
                                 "net_af_packet0, net_af_packet1, ..., or give ports that share one "
                                 "different `vlan`s",
                                 name, other.name));
    } else if (port.vlan == other.vlan) {
      section.report("vlan", fmt::format("VLAN {} of {} is port `{}` already", port.vlan, name, other.name));
    } else if (device != other.device) {
      section.report("device", fmt::format("port `{}` shares {} and says `{}`: the same is wanted",
                                           other.name, name, other.device));
    }
  }

  void read_address(const YAML::Node& node, const std::string& path, PortConfig& port) {
    const auto text = scalar_of(problems_, node, path);
    if (!text) return;
    const auto prefix = net::parse_prefix(*text);
    if (!prefix) {
      problems_.add(node, fmt::format("{}: `{}` is no IP address with prefix length, such as 10.0.0.1/24 or "
                                      "2001:db8::1/64",
                                      path, *text));
      return;
    }
    if (const std::string reason = why_unusable(*prefix); !reason.empty()) {
      problems_.add(node, fmt::format("{}: {} {}", path, *text, reason));
      return;
    }
    for (const PortConfig& other : config_.ports) check_overlap(node, path, *prefix, other);
    for (const net::Prefix& own : port.addresses) {
      if (own.address == prefix->address)
        problems_.add(node, fmt::format("{}: {} stands here twice", path, *text));
    }
    port.addresses.push_back(*prefix);
  }

  static bool has_ipv6(const PortConfig& port) {
    return std::ranges::any_of(port.addresses, [](const net::Prefix& own) { return !own.address.is_v4(); });
  }

  static std::string why_unusable_ipv6(const net::Prefix& prefix) {
    constexpr unsigned bits_min = 16;
    constexpr unsigned small_network_bits = 127;  // between two routers (RFC 6164)
    const net::IpAddress& address = prefix.address;
    if (prefix.bits < bits_min) return "has a prefix shorter than 16 bits; /64 is usual";
    if (net::is_unspecified(address) || net::is_ipv6_loopback(address) || net::is_ipv6_multicast(address))
      return "cannot be the address of a host";
    if (net::is_link_local(address))
      return "is link-local; a port with another IPv6 address has one by itself";
    if (prefix.bits < small_network_bits && prefix.is_network())
      return "is the address of all routers of its network (RFC 4291 2.6.1); another in it is wanted";
    return "";
  }

  static std::string why_unusable(const net::Prefix& prefix) {
    if (!prefix.address.is_v4()) return why_unusable_ipv6(prefix);
    if (prefix.bits < net::v4_prefix_offset + 8) return "has a prefix shorter than 8 bits; /24 is usual";
    if (net::is_martian_source(prefix.address.v4())) return "cannot be the address of a host";
    const auto broadcast = prefix.v4_broadcast();
    if (broadcast && prefix.address == *broadcast) return "is the broadcast address of its network";
    if (broadcast && prefix.is_network()) return "is the network itself; an address in it is wanted";
    return "";
  }

  /// One network on two ports would leave open by which one its hosts are reached.
  void check_overlap(const YAML::Node& node, const std::string& path, const net::Prefix& prefix,
                     const PortConfig& other) {
    for (const net::Prefix& theirs : other.addresses) {
      if (holds(theirs, prefix.address) || holds(prefix, theirs.address)) {
        problems_.add(
            node,
            fmt::format("{}: its network overlaps with one of port `{}`; each network belongs to one port",
                        path, other.name));
      }
    }
  }

  void read_routes(bool ports_are_right) {
    root_.list(
        "routes", 0, net::routes_max - net::links_max, [&](const YAML::Node& node, const std::string& path) {
          Section section(problems_, node, path, {"to", "via", "port"});
          if (!section.require("to", "a network such as 0.0.0.0/0 or ::/0")) return;
          if (!section.require("via", "the address of a router on a port's network")) return;
          const auto to_text = section.text("to");
          const auto via_text = section.text("via");
          if (!to_text || !via_text) return;
          const auto to = net::parse_prefix(*to_text);
          const auto via = net::parse_address(*via_text);
          if (!to) {
            section.report(
                "to", fmt::format("`{}` is no network; 0.0.0.0/0 is the default route, ::/0 that of IPv6",
                                  *to_text));
          }
          if (to && !to->is_network()) {
            section.report(
                "to",
                fmt::format("{} has bits set behind its prefix; a network such as 10.2.0.0/16 is wanted",
                            *to_text));
          }
          if (!via) section.report("via", fmt::format("`{}` is no IP address", *via_text));
          if (!to || !to->is_network() || !via) return;
          if (to->address.is_v4() != via->is_v4()) {
            section.report("via", fmt::format("{} and {} are of different IP versions", *to_text, *via_text));
            return;
          }
          const auto port = ports_are_right ? read_route_port(section, *via) : std::nullopt;
          if (ports_are_right) check_route(section, *via, *to, *via_text);
          config_.routes.push_back({*to, *via, port});
        });
  }

  /// A link-local address is one on each link, so its port has to be said.
  std::optional<net::LinkIndex> read_route_port(Section& section, const net::IpAddress& via) {
    if (!net::is_link_local(via)) {
      if (section.find("port").IsDefined())
        section.report("port", "is for a link-local `via`; that of others follows from their network");
      return std::nullopt;
    }
    if (!section.require("port", "the name of the port on which a link-local `via` is reached"))
      return std::nullopt;
    const auto name = section.text("port");
    if (!name) return std::nullopt;
    const auto port = std::ranges::find(config_.ports, *name, &PortConfig::name);
    if (port == config_.ports.end()) {
      section.report("port", fmt::format("there is no port `{}`", *name));
      return std::nullopt;
    }
    if (!has_ipv6(*port)) section.report("port", fmt::format("port `{}` has no IPv6 address", *name));
    return static_cast<net::LinkIndex>(port - config_.ports.begin());
  }

  /// Networks of ports and routes stand in one table of the data plane.
  void check_count_of_networks() {
    std::vector<net::Prefix> networks;
    for (const PortConfig& port : config_.ports) {
      for (const net::Prefix& address : port.addresses) {
        const bool is_known = std::ranges::any_of(networks, [&](const net::Prefix& known) {
          return known.bits == address.bits && known.contains(address.address);
        });
        if (!is_known) networks.push_back(address);
      }
    }
    if (const std::size_t count = networks.size() + config_.routes.size(); count > net::routes_max) {
      root_.report("ports",
                   fmt::format("{} networks of ports and {} routes: together at most {} are possible",
                               networks.size(), config_.routes.size(), net::routes_max));
    }
  }

  void check_route(Section& section, const net::IpAddress& via, const net::Prefix& to,
                   const std::string& via_text) {
    const bool is_said = net::is_link_local(via);
    bool on_link = is_said;
    std::uint8_t link_bits = is_said ? std::uint8_t{128} : std::uint8_t{0};
    for (const PortConfig& port : config_.ports) {
      for (const net::Prefix& network : port.addresses) {
        on_link = on_link || holds(network, via);
        if (holds(network, via)) link_bits = std::max(link_bits, network.bits);
        if (network.address == via)
          section.report("via", fmt::format("{} is this node's own address", via_text));
        if (network.bits == to.bits && network.contains(to.address)) {
          section.report("to",
                         fmt::format("is the network of port `{}` itself and needs no route", port.name));
        }
      }
    }
    if (!on_link) section.report("via", fmt::format("{} is in no network of a port", via_text));
    for (const RouteConfig& other : config_.routes) {
      if (other.to == to) section.report("to", "has a route already");
      if (on_link && holds(other.to, via) && other.to.bits > link_bits) {
        section.report("via", fmt::format("a route above leads to {} through another router; one that is "
                                          "reached directly is wanted",
                                          via_text));
      }
    }
  }

  void read_workers() {
    const std::vector<unsigned> allowed = allowed_cpus();
    if (!root_.find("workers").IsDefined()) {
      config_.cores = {allowed.back()};  // the last one: the first also serves interrupts on most machines
      return;
    }
    Section section(problems_, root_.find("workers"), "workers", {"cores"});
    if (!section.require("cores", "a list of CPU numbers, one for each worker")) return;
    section.list("cores", 1, shm::workers_max, [&](const YAML::Node& node, const std::string& path) {
      const auto text = scalar_of(problems_, node, path);
      if (!text) return;
      const auto core =
          std::ranges::find_if(allowed, [&](unsigned cpu) { return std::to_string(cpu) == *text; });
      if (core == allowed.end()) {
        problems_.add(node, fmt::format("{}: `{}` is no CPU that this process may use; those are {}", path,
                                        *text, list_of(allowed)));
      } else if (std::ranges::find(config_.cores, *core) != config_.cores.end()) {
        problems_.add(node, fmt::format("{}: core {} has a worker already", path, *text));
      } else {
        config_.cores.push_back(*core);
      }
    });
  }

  static std::string list_of(const std::vector<unsigned>& cpus) {
    std::string text;
    for (const unsigned cpu : cpus) text += fmt::format("{}{}", text.empty() ? "" : ", ", cpu);
    return text;
  }

  void read_memory() {
    if (!root_.find("memory").IsDefined()) return;
    Section section(problems_, root_.find("memory"), "memory", {"hugepages", "mbufs", "connections"});
    static constexpr std::string_view words[] = {"auto", "off", "on"};
    // YAML 1.1 readers take off and on for truth values; this one takes the words as they stand.
    if (const auto choice = section.word("hugepages", words))
      config_.hugepages = static_cast<HugePages>(*choice);
    config_.mbufs =
        static_cast<std::uint32_t>(section.number("mbufs", mbufs_min, mbufs_max).value_or(mbufs_default));
    config_.connections = static_cast<std::uint32_t>(
        section.number("connections", connections_min, connections_max).value_or(connections_default));
  }

  void read_limits() {
    if (!root_.find("limits").IsDefined()) return;
    Section section(problems_, root_.find("limits"), "limits",
                    {"drain_timeout", "receive_buffer", "send_buffer"});
    constexpr std::uint64_t drain_max_ms = 600'000;
    constexpr std::uint64_t buffer_min = 16 * 1024;
    constexpr std::uint64_t buffer_max = 4 * 1024 * 1024;  // what the window scale that is offered can show
    config_.drain_timeout_ms = static_cast<std::uint32_t>(
        section.duration_ms("drain_timeout", 0, drain_max_ms).value_or(drain_timeout_ms_default));
    config_.receive_buffer_bytes = static_cast<std::uint32_t>(
        section.size_bytes("receive_buffer", buffer_min, buffer_max).value_or(config_.receive_buffer_bytes));
    config_.send_buffer_bytes = static_cast<std::uint32_t>(
        section.size_bytes("send_buffer", buffer_min, buffer_max).value_or(config_.send_buffer_bytes));
  }

  void read_tcp() {
    if (!root_.find("tcp").IsDefined()) return;
    Section section(problems_, root_.find("tcp"), "tcp", {"ecn", "keepalive", "pacing", "user_timeout"});
    static constexpr std::string_view words[] = {"off", "when-asked", "always"};
    if (const auto choice = section.word("ecn", words)) config_.ecn = static_cast<tcp::Ecn>(*choice);
    static constexpr std::string_view switches[] = {"off", "on"};
    config_.pacing = section.word("pacing", switches).value_or(0) != 0;
    const auto milliseconds = [](Section& from, std::string_view key, std::uint64_t min, std::uint64_t max,
                                 Nanoseconds& value) {
      if (const auto read = from.duration_ms(key, min, max)) value = std::chrono::milliseconds(*read);
    };
    milliseconds(section, "user_timeout", user_timeout_min_ms, user_timeout_max_ms, config_.user_timeout);
    if (!section.find("keepalive").IsDefined()) return;
    Section keepalive(problems_, section.find("keepalive"), "tcp.keepalive", {"idle", "interval", "probes"});
    config_.keepalive.enabled = true;
    milliseconds(keepalive, "idle", keepalive_min_ms, keepalive_max_ms, config_.keepalive.idle);
    milliseconds(keepalive, "interval", keepalive_min_ms, keepalive_max_ms, config_.keepalive.interval);
    config_.keepalive.probes_max = static_cast<std::uint8_t>(
        keepalive.number("probes", 1, keepalive_probes_max).value_or(config_.keepalive.probes_max));
  }

  void read_control() {
    if (!root_.find("control").IsDefined()) return;
    constexpr std::size_t principals_max = 16;
    Section section(problems_, root_.find("control"), "control", {"users", "groups"});
    section.list("users", 0, principals_max, [&](const YAML::Node& node, const std::string& path) {
      const auto name = scalar_of(problems_, node, path);
      if (!name) return;
      if (!find_user(*name))
        problems_.add(node,
                      fmt::format("{}: there is no user `{}`; a name or a number is wanted", path, *name));
      config_.control_users.push_back(*name);
    });
    section.list("groups", 0, principals_max, [&](const YAML::Node& node, const std::string& path) {
      const auto name = scalar_of(problems_, node, path);
      if (!name) return;
      if (!find_group(*name))
        problems_.add(node,
                      fmt::format("{}: there is no group `{}`; a name or a number is wanted", path, *name));
      config_.control_groups.push_back(*name);
    });
  }

  Problems problems_;
  Section root_;
  NodeConfig config_;
};

}  // namespace

std::expected<NodeConfig, std::vector<Problem>> parse_node_config(const std::string& text) {
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1) {
      const int line = documents[1].Mark().line + 1;
      return std::unexpected(std::vector<Problem>{
          {line, "a second document begins here, and nobody would read it: one is wanted"}});
    }
    return NodeReader(documents.empty() ? YAML::Node() : documents[0]).read();
  } catch (const YAML::Exception& error) {
    return std::unexpected(
        std::vector<Problem>{{error.mark.line + 1, fmt::format("this is not YAML: {}", error.msg)}});
  }
}

}  // namespace byway::tools
