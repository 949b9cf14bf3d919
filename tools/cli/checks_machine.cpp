#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "tools/cli/checks.h"

namespace byway::cli {

namespace fs = std::filesystem;

namespace {

std::string first_line(const fs::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

/// The value of "Key:   123 kB" in a /proc file; -1 when absent.
long number_of(const fs::path& path, std::string_view key) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(key)) return std::strtol(line.c_str() + key.size() + 1, nullptr, 10);
  }
  return -1;
}

std::set<std::string> cpu_flags() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("flags")) continue;
    std::istringstream words(line.substr(line.find(':') + 1));
    return {std::istream_iterator<std::string>(words), {}};
  }
  return {};
}

std::vector<unsigned> usable_cores() {
  cpu_set_t usable;
  CPU_ZERO(&usable);
  static_cast<void>(sched_getaffinity(0, sizeof(usable), &usable));
  std::vector<unsigned> cores;
  for (unsigned core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &usable)) cores.push_back(core);
  return cores;
}

/// "1,3", as the kernel's command line has it.
std::string list_of(const std::vector<unsigned>& cores) {
  std::string text;
  for (const unsigned core : cores) text += fmt::format("{}{}", text.empty() ? "" : ",", core);
  return text;
}

bool has_card(const NodeToCheck& node) {
  return std::ranges::any_of(node.ports, [](const PortToCheck& port) { return is_card(port.device); });
}

/// What the data plane will ask for, in MiB: packet buffers of 2.4 KiB, what drivers keep, and DPDK's own.
std::uint64_t memory_mib(const NodeToCheck& node) {
  constexpr std::uint64_t mbuf_bytes = 2'560;
  constexpr std::uint64_t port_mib = 8;
  constexpr std::uint64_t own_mib = 64;
  const std::uint64_t workers = std::max<std::size_t>(node.cores.size(), 1);
  return (node.mbufs * workers * mbuf_bytes >> 20) + port_mib * node.ports.size() + own_mib + 1;
}

/// Interfaces of the kernel whose device is at or below `device` (virtio has its own device below PCI's).
std::vector<fs::path> interfaces_of(const fs::path& device) {
  std::vector<fs::path> found;
  std::error_code error;
  const std::string prefix = fs::canonical(device, error).string() + "/";
  for (fs::directory_iterator at("/sys/class/net", error), end; !error && at != end; at.increment(error)) {
    std::error_code ignored;
    if (fs::canonical(at->path(), ignored).string().starts_with(prefix)) found.push_back(at->path());
  }
  return found;
}

std::string driver_of(const fs::path& device) {
  std::error_code error;
  const fs::path link = fs::read_symlink(device / "driver", error);
  return error ? "" : link.filename().string();
}

}  // namespace

void check_cores(const NodeToCheck& node, std::vector<Finding>& findings) {
  const auto flags = cpu_flags();
  std::string missing;
  for (const char* flag : {"avx2", "bmi1", "bmi2", "fma", "movbe", "f16c", "abm"}) {
    if (!flags.contains(flag)) missing += fmt::format(" {}", flag);
  }
  if (missing.empty()) {
    findings.push_back({"cpu", Verdict::good, "has the instructions of x86-64-v3", ""});
  } else {
    findings.push_back(
        {"cpu", Verdict::broken, fmt::format("lacks:{}", missing),
         "Byway is built for x86-64-v3 (Haswell, Zen and later); in a virtual machine choose the CPU "
         "model `host`"});
  }
  const unsigned cores = std::thread::hardware_concurrency();
  if (cores >= 2) {
    findings.push_back({"cores", Verdict::good, fmt::format("{} usable", cores), ""});
  } else {
    findings.push_back({"cores", Verdict::note, "only one: the worker shares it with everything else",
                        "use `poll: adaptive` in node.yaml, or give the machine a second core"});
  }
  const std::vector<unsigned> usable = usable_cores();
  std::vector<unsigned> workers = node.cores;
  if (workers.empty() && !usable.empty()) workers = {usable.back()};  // what the data plane chooses
  const std::string wanted = list_of(workers);
  const std::string isolated = first_line("/sys/devices/system/cpu/isolated");
  if (isolated.empty()) {
    findings.push_back(
        {"isolation", Verdict::note, "no core is kept free of other work",
         fmt::format("for the lowest latency boot with isolcpus={0} nohz_full={0} rcu_nocbs={0} "
                     "(the workers' cores)",
                     wanted)});
  } else {
    findings.push_back({"isolation", Verdict::good, fmt::format("cores {} are isolated", isolated), ""});
  }
  const std::string governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  if (!governor.empty() && governor != "performance") {
    findings.push_back({"frequency", Verdict::note, fmt::format("governor is {}", governor),
                        "cpupower frequency-set -g performance"});
  }
}

void check_worker_cores(const std::vector<unsigned>& cores, std::vector<Finding>& findings) {
  const std::vector<unsigned> usable = usable_cores();
  std::set<unsigned> seen;
  for (const unsigned core : cores) {
    const std::string subject = fmt::format("worker core {}", core);
    const bool is_usable = std::ranges::find(usable, core) != usable.end();
    if (!seen.insert(core).second) {
      findings.push_back(
          {subject, Verdict::broken, "is listed twice", "name each core once in workers.cores"});
    } else if (!is_usable) {
      findings.push_back({subject, Verdict::broken, "does not exist, or may not be used by this process",
                          fmt::format("in node.yaml choose workers.cores from: {}", list_of(usable))});
    } else {
      findings.push_back({subject, Verdict::good, "usable", ""});
    }
  }
}

void check_memory(const NodeToCheck& node, std::vector<Finding>& findings) {
  const long total = number_of("/proc/meminfo", "HugePages_Total:");
  const long free = number_of("/proc/meminfo", "HugePages_Free:");
  const long page_mib = std::max(1L, number_of("/proc/meminfo", "Hugepagesize:") / 1024);
  const auto needed = (static_cast<long>(memory_mib(node)) + page_mib - 1) / page_mib;
  const std::string fix =
      fmt::format("sysctl vm.nr_hugepages={}   ({} MiB pages; keep it in /etc/sysctl.d/byway.conf)",
                  std::max(total, 0L) - std::max(free, 0L) + needed, page_mib);
  if (has_card(node) && free < needed) {
    findings.push_back({"hugepages", Verdict::broken,
                        fmt::format("{} free, and the card needs about {}", std::max(free, 0L), needed),
                        fix});
  } else if (total <= 0) {
    findings.push_back({"hugepages", Verdict::note, "none: Byway runs on 4 KiB pages", fix});
  } else if (free <= 0) {
    findings.push_back({"hugepages", Verdict::note, fmt::format("all {} are taken", total), fix});
  } else {
    findings.push_back({"hugepages", Verdict::good, fmt::format("{} of {} free", free, total), ""});
  }
  rlimit limit{};
  if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    findings.push_back({"locked memory", Verdict::note,
                        fmt::format("limited to {} KiB", limit.rlim_cur / 1024),
                        "with vfio-pci: LimitMEMLOCK=infinity in the unit (the shipped unit has it), or "
                        "ulimit -l unlimited"});
  }
}

void check_cards(const NodeToCheck& node, std::vector<Finding>& findings) {
  std::error_code error;
  const bool iommu =
      fs::exists("/sys/kernel/iommu_groups", error) && !fs::is_empty("/sys/kernel/iommu_groups", error);
  const std::string unsafe = first_line("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
  if (iommu || unsafe == "Y") {
    findings.push_back({"iommu", Verdict::good, iommu ? "on" : "off, and vfio takes cards without one", ""});
  } else {
    findings.push_back(
        {"iommu", has_card(node) ? Verdict::broken : Verdict::note, "off, or not there",
         "for vfio-pci boot with intel_iommu=on iommu=pt (AMD: amd_iommu=on iommu=pt); without one: "
         "modprobe vfio enable_unsafe_noiommu_mode=1"});
  }
  int cards = 0;
  for (fs::directory_iterator at("/sys/bus/pci/devices", error), end; !error && at != end;
       at.increment(error)) {
    if (!first_line(at->path() / "class").starts_with("0x0200")) continue;
    ++cards;
    const std::string address = at->path().filename().string();
    const std::string driver = driver_of(at->path());
    const std::string subject = "card " + address;
    if (driver == "vfio-pci") {
      findings.push_back({subject, Verdict::good, "is bound to vfio-pci", ""});
      continue;
    }
    std::string name;
    std::size_t queues = 0;
    for (const fs::path& interface : interfaces_of(at->path())) {
      name = interface.filename().string();
      std::error_code ignored;
      for (fs::directory_iterator queue(interface / "queues", ignored), none; !ignored && queue != none;
           queue.increment(ignored)) {
        queues += queue->path().filename().string().starts_with("rx-") ? 1u : 0u;
      }
    }
    findings.push_back(
        {subject, Verdict::note,
         fmt::format("belongs to the kernel (driver {}{}{}){}", driver.empty() ? "none" : driver,
                     name.empty() ? "" : ", ", name,
                     queues > 1 ? fmt::format(", {} receive queues: RSS is possible", queues) : ""),
         fmt::format("to give it to Byway: modprobe vfio-pci && dpdk-devbind.py -b vfio-pci {}   (a card "
                     "that carries your SSH session goes away with it)",
                     address)});
  }
  if (cards == 0) {
    findings.push_back({"cards", Verdict::note,
                        "no PCI network card: use a vdev (af_packet, af_xdp, memif, tap)",
                        "see docs/node.md for the device lines"});
  }
}

}  // namespace byway::cli
