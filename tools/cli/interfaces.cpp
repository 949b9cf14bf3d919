#include "tools/cli/interfaces.h"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

namespace byway::cli {

namespace fs = std::filesystem;

namespace {

/// Where `ip netns` keeps the namespaces that have a name.
constexpr const char* namespaces_folder = "/run/netns";
/// The kernel's veth driver has three figures for each queue, and few queues.
constexpr std::size_t stats_max = 4096;

/// A socket for questions about interfaces of the namespace that it was opened in.
class Questions {
 public:
  Questions() : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
  ~Questions() {
    if (fd_ >= 0) close(fd_);
  }
  Questions(const Questions&) = delete;
  Questions& operator=(const Questions&) = delete;

  [[nodiscard]] bool ethtool(const std::string& interface, void* command) const {
    ifreq request = request_for(interface);
    request.ifr_data = static_cast<char*>(command);
    return ioctl(fd_, SIOCETHTOOL, &request) == 0;
  }

  [[nodiscard]] std::optional<bool> flag(const std::string& interface, std::uint32_t command) const {
    ethtool_value value{};
    value.cmd = command;
    if (!ethtool(interface, &value)) return std::nullopt;
    return value.data != 0;
  }

  [[nodiscard]] std::string name_of(int index) const {
    ifreq request{};
    request.ifr_ifindex = index;
    return ioctl(fd_, SIOCGIFNAME, &request) == 0 ? std::string(request.ifr_name) : "";
  }

  [[nodiscard]] ethtool_drvinfo driver(const std::string& interface) const {
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    if (!ethtool(interface, &info)) info = {};
    return info;
  }

  /// Index of the other end of a veth: the first figure among the driver's statistics.
  [[nodiscard]] int peer_index(const std::string& interface) const {
    const ethtool_drvinfo info = driver(interface);
    if (std::string_view(info.driver) != "veth" || info.n_stats == 0 || info.n_stats > stats_max) return 0;
    std::vector<std::uint64_t> memory(info.n_stats + sizeof(ethtool_stats) / sizeof(std::uint64_t) + 1);
    auto* stats = reinterpret_cast<ethtool_stats*>(memory.data());
    stats->cmd = ETHTOOL_GSTATS;
    stats->n_stats = info.n_stats;
    return ethtool(interface, stats) ? static_cast<int>(stats->data[0]) : 0;
  }

 private:
  static ifreq request_for(const std::string& interface) {
    ifreq request{};
    std::memcpy(request.ifr_name, interface.c_str(), std::min(interface.size(), sizeof request.ifr_name - 1));
    return request;
  }

  int fd_;
};

int number_in(const fs::path& path) {
  int number = 0;
  std::ifstream(path) >> number;
  return number;
}

/// Whether the interface `peer_index` of this thread's namespace has `own_index` as its other end.
std::optional<VethPeer> peer_here(int peer_index, int own_index) {
  const Questions questions;
  const std::string name = questions.name_of(peer_index);
  if (name.empty() || questions.peer_index(name) != own_index) return std::nullopt;
  return VethPeer{name, "", questions.flag(name, ETHTOOL_GTXCSUM)};
}

std::optional<VethPeer> peer_in(const fs::path& name_space, int peer_index, int own_index) {
  const int fd = open(name_space.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::optional<VethPeer> found;
  // A namespace is a thread's: one that ends afterwards leaves this program where it was.
  std::thread([&] {
    if (setns(fd, CLONE_NEWNET) == 0) found = peer_here(peer_index, own_index);
  }).join();
  close(fd);
  if (found) found->name_space = name_space.filename().string();
  return found;
}

/// The same namespace may have a name as well, and is then met twice.
bool is_own(const fs::path& name_space) {
  std::error_code error;
  return fs::equivalent(name_space, "/proc/self/ns/net", error);
}

}  // namespace

std::optional<bool> leaves_checksums(const std::string& interface) {
  return Questions().flag(interface, ETHTOOL_GTXCSUM);
}

std::optional<bool> merges_received(const std::string& interface) {
  return Questions().flag(interface, ETHTOOL_GGRO);
}

std::string driver_of_interface(const std::string& interface) {
  return Questions().driver(interface).driver;
}

std::optional<VethPeer> veth_peer(const std::string& interface) {
  const fs::path at = fs::path("/sys/class/net") / interface;
  const int own_index = number_in(at / "ifindex");
  const int peer_index = number_in(at / "iflink");
  std::vector<VethPeer> found;
  if (auto peer = peer_here(peer_index, own_index)) found.push_back(*peer);
  std::error_code error;
  for (fs::directory_iterator each(namespaces_folder, error), end; !error && each != end;
       each.increment(error)) {
    if (is_own(each->path())) continue;
    if (auto peer = peer_in(each->path(), peer_index, own_index)) found.push_back(*peer);
  }
  if (found.size() != 1) return std::nullopt;
  return found.front();
}

}  // namespace byway::cli
