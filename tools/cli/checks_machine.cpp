#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>

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

std::string driver_of(const fs::path& device) {
  std::error_code error;
  const fs::path link = fs::read_symlink(device / "driver", error);
  return error ? "" : link.filename().string();
}

}  // namespace

void check_cores(std::vector<Finding>& findings) {
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
  const std::string isolated = first_line("/sys/devices/system/cpu/isolated");
  if (isolated.empty()) {
    findings.push_back(
        {"isolation", Verdict::note, "no core is kept free of other work",
         "for the lowest latency boot with isolcpus=2-3 nohz_full=2-3 rcu_nocbs=2-3 (the workers' cores)"});
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
  cpu_set_t usable;
  CPU_ZERO(&usable);
  static_cast<void>(sched_getaffinity(0, sizeof(usable), &usable));
  std::string choice;
  for (unsigned core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &usable)) choice += fmt::format("{}{}", choice.empty() ? "" : ", ", core);
  std::set<unsigned> seen;
  for (const unsigned core : cores) {
    const std::string subject = fmt::format("worker core {}", core);
    const bool is_usable = core < CPU_SETSIZE && CPU_ISSET(core, &usable);
    if (!seen.insert(core).second) {
      findings.push_back(
          {subject, Verdict::broken, "is listed twice", "name each core once in workers.cores"});
    } else if (!is_usable) {
      findings.push_back({subject, Verdict::broken, "does not exist, or may not be used by this process",
                          fmt::format("in node.yaml choose workers.cores from: {}", choice)});
    } else {
      findings.push_back({subject, Verdict::good, "usable", ""});
    }
  }
}

void check_memory(std::vector<Finding>& findings) {
  const long total = number_of("/proc/meminfo", "HugePages_Total:");
  const long free = number_of("/proc/meminfo", "HugePages_Free:");
  if (total <= 0) {
    findings.push_back({"hugepages", Verdict::note, "none: Byway runs on 4 KiB pages",
                        "sysctl vm.nr_hugepages=512   (2 MiB pages; keep it in /etc/sysctl.d/byway.conf)"});
  } else if (free <= 0) {
    findings.push_back({"hugepages", Verdict::note, fmt::format("all {} are taken", total),
                        "sysctl vm.nr_hugepages=" + std::to_string(total + 512)});
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

void check_cards(std::vector<Finding>& findings) {
  std::error_code error;
  const bool iommu =
      fs::exists("/sys/kernel/iommu_groups", error) && !fs::is_empty("/sys/kernel/iommu_groups", error);
  findings.push_back(
      iommu ? Finding{"iommu", Verdict::good, "on", ""}
            : Finding{"iommu", Verdict::note, "off, or not there",
                      "for vfio-pci boot with intel_iommu=on iommu=pt (AMD: amd_iommu=on iommu=pt); without "
                      "one: echo 1 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode"});
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
    for (fs::directory_iterator net(at->path() / "net", error), none; !error && net != none;
         net.increment(error)) {
      name = net->path().filename().string();
      for (const auto& queue : fs::directory_iterator(net->path() / "queues", error)) {
        queues += queue.path().filename().string().starts_with("rx-") ? 1u : 0u;
      }
    }
    error.clear();
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
