#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tools/cli/checks.h"
#include "tools/cli/interfaces.h"

namespace byway::cli {

namespace fs = std::filesystem;

namespace {

/// The interface that "net_af_packet0,iface=veth0,…" or "net_af_xdp0,iface=…" takes over; empty for others
/// (net_tap makes the one that it names).
std::string interface_of(const std::string& device) {
  constexpr std::string_view key = ",iface=";
  const auto at = device.find(key);
  const bool takes_over = device.starts_with("net_af_packet") || device.starts_with("net_af_xdp");
  if (!takes_over || at == std::string::npos) return "";
  const std::string rest = device.substr(at + key.size());
  return rest.substr(0, rest.find(','));
}

std::string text_of(const fs::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

std::string addresses_of(const std::string& interface) {
  std::string found;
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return found;
  for (const ifaddrs* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || interface != at->ifa_name) continue;
    if (at->ifa_addr->sa_family == AF_INET) found += found.empty() ? "IPv4" : ", IPv4";
    if (at->ifa_addr->sa_family == AF_INET6) found += found.empty() ? "IPv6" : ", IPv6";
  }
  freeifaddrs(list);
  return found;
}

/// The other end must hand over whole frames with right checksums: nobody computes them on the way.
void check_peer(const std::string& subject, const std::string& interface, std::vector<Finding>& findings) {
  const auto peer = veth_peer(interface);
  if (!peer || !peer->leaves_checksums) {
    findings.push_back(
        {subject, Verdict::note,
         fmt::format("the other end of {} is not to be seen from here (as root, namespaces with a name are)",
                     interface),
         "transmit checksum offload must be off there: ethtool -K ITS-NAME tx off"});
    return;
  }
  const std::string where = peer->name_space.empty() ? "" : " in namespace " + peer->name_space;
  if (!*peer->leaves_checksums) {
    findings.push_back(
        {subject, Verdict::good, fmt::format("{}{} sends whole checksums", peer->name, where), ""});
    return;
  }
  findings.push_back(
      {subject, Verdict::broken,
       fmt::format("{}{} (the other end of {}) leaves checksums to hardware that is not there", peer->name,
                   where, interface),
       fmt::format("{}ethtool -K {} tx off",
                   peer->name_space.empty() ? "" : "ip netns exec " + peer->name_space + " ", peer->name)});
}

/// A card that the kernel drives must not merge what it receives: such frames fit no packet buffer.
void check_offloads(const std::string& subject, const std::string& interface,
                    std::vector<Finding>& findings) {
  if (driver_of_interface(interface) == "veth") return check_peer(subject, interface, findings);
  const auto merges = merges_received(interface);
  if (!merges) return;
  findings.push_back(
      *merges ? Finding{subject, Verdict::broken,
                        interface + " merges received segments into frames that fit no packet buffer",
                        fmt::format("ethtool -K {} gro off lro off", interface)}
              : Finding{subject, Verdict::good, interface + " hands over frames as they came", ""});
}

void check_interface(const std::string& subject, const std::string& interface,
                     std::vector<Finding>& findings) {
  const fs::path at = fs::path("/sys/class/net") / interface;
  std::error_code error;
  if (!fs::exists(at, error)) {
    findings.push_back(
        {subject, Verdict::broken,
         fmt::format("there is no interface {} in this network namespace", interface),
         "create it, or run this inside the gateway's namespace: ip netns exec NAME byway doctor …"});
    return;
  }
  const bool up = (std::strtol(text_of(at / "flags").c_str(), nullptr, 16) & IFF_UP) != 0;
  findings.push_back(
      up ? Finding{subject, Verdict::good, interface + " is up", ""}
         : Finding{subject, Verdict::broken, interface + " is down", "ip link set " + interface + " up"});
  const std::string addresses = addresses_of(interface);
  if (!addresses.empty()) {
    findings.push_back(
        {subject, Verdict::broken,
         fmt::format("{} has kernel addresses ({}): the kernel answers too, and resets every connection",
                     interface, addresses),
         fmt::format("ip addr flush dev {0} && sysctl -w net.ipv6.conf.{0}.disable_ipv6=1", interface)});
  } else {
    findings.push_back({subject, Verdict::good, interface + " has no kernel address", ""});
  }
  check_offloads(subject, interface, findings);
}

}  // namespace

bool is_card(const std::string& device) {
  return !device.starts_with("net_") && device.substr(0, device.find(',')).find(':') != std::string::npos;
}

void check_port(const PortToCheck& port, std::vector<Finding>& findings) {
  const std::string subject = "port " + port.name;
  if (const std::string interface = interface_of(port.device); !interface.empty()) {
    check_interface(subject, interface, findings);
    return;
  }
  if (is_card(port.device)) {
    const std::string device = port.device.substr(0, port.device.find(','));  // without arguments
    const std::string address = std::ranges::count(device, ':') == 1 ? "0000:" + device : device;
    std::error_code error;
    const fs::path at = fs::path("/sys/bus/pci/devices") / address;
    if (!fs::exists(at, error)) {
      findings.push_back(
          {subject, Verdict::broken, "there is no PCI device " + address, "lspci -Dnn shows the addresses"});
      return;
    }
    const std::string driver = fs::read_symlink(at / "driver", error).filename().string();
    if (driver == "vfio-pci" || driver == "mlx5_core") {
      findings.push_back({subject, Verdict::good, fmt::format("{} has driver {}", address, driver), ""});
    } else {
      findings.push_back({subject, Verdict::broken,
                          fmt::format("{} has driver {}", address, driver.empty() ? "none" : driver),
                          fmt::format("modprobe vfio-pci && dpdk-devbind.py -b vfio-pci {}", address)});
    }
    return;
  }
  findings.push_back({subject, Verdict::good, "a virtual device: " + port.device, ""});
}

}  // namespace byway::cli
