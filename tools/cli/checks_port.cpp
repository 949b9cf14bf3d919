#include <fmt/format.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "tools/cli/checks.h"

namespace byway::cli {

namespace fs = std::filesystem;

namespace {

/// The interface that "net_af_packet0,iface=veth0,…" or "net_af_xdp0,iface=…" takes over; empty for others.
std::string interface_of(const std::string& device) {
  const auto at = device.find("iface=");
  if (at == std::string::npos) return "";
  const std::string rest = device.substr(at + 6);
  return rest.substr(0, rest.find(','));
}

bool is_pci_address(const std::string& device) {
  const auto colon = std::ranges::count(device, ':');
  return colon >= 1 && device.find('.') != std::string::npos && device.find('=') == std::string::npos &&
         !device.starts_with("net_");
}

std::string text_of(const fs::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

/// Whether the kernel computes transmit checksums itself on `interface`; -1: it does not say.
int checksum_offload(const std::string& interface) {
  const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  ethtool_value value{};
  value.cmd = ETHTOOL_GTXCSUM;
  ifreq request{};
  std::memcpy(request.ifr_name, interface.c_str(), std::min(interface.size(), sizeof request.ifr_name - 1));
  request.ifr_data = reinterpret_cast<char*>(&value);
  const int result = ioctl(fd, SIOCETHTOOL, &request);
  close(fd);
  return result < 0 ? -1 : static_cast<int>(value.data);
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

/// The name of the other end of a veth when it is in this namespace; empty when it is not.
std::string veth_peer(const std::string& interface) {
  const std::string peer_index = text_of(fs::path("/sys/class/net") / interface / "iflink");
  std::error_code error;
  for (fs::directory_iterator at("/sys/class/net", error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename().string();
    if (name != interface && text_of(at->path() / "ifindex") == peer_index) return name;
  }
  return "";
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
  const std::string peer = veth_peer(interface);
  const std::string other = peer.empty() ? "PEER" : peer;
  const int offload = peer.empty() ? -1 : checksum_offload(peer);
  const std::string fix =
      fmt::format("{}ethtool -K {} tx off", peer.empty() ? "ip netns exec ITS-NAMESPACE " : "", other);
  if (offload == 1) {
    findings.push_back({subject, Verdict::broken,
                        fmt::format("{} (the other end of {}) leaves checksums to hardware that is not there",
                                    peer, interface),
                        fix});
  } else if (offload == 0) {
    findings.push_back({subject, Verdict::good, fmt::format("{} sends whole checksums", peer), ""});
  } else {
    findings.push_back(
        {subject, Verdict::note,
         fmt::format("the other end of {} is in another namespace: its offloads cannot be seen from here",
                     interface),
         "transmit checksum offload must be off there: " + fix});
  }
}

}  // namespace

void check_port(const PortToCheck& port, std::vector<Finding>& findings) {
  const std::string subject = "port " + port.name;
  if (const std::string interface = interface_of(port.device); !interface.empty()) {
    check_interface(subject, interface, findings);
    return;
  }
  if (is_pci_address(port.device)) {
    const std::string address =
        std::ranges::count(port.device, ':') == 1 ? "0000:" + port.device : port.device;
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
