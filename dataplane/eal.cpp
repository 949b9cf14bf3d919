#include "dataplane/eal.h"

#include <fmt/format.h>
#include <rte_alarm.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>

namespace byway {

namespace {

constexpr unsigned first_worker_lcore = 1;

/// Room for DPDK's own structures and for what allocation in pieces leaves unused.
constexpr std::uint32_t overhead_mib = 64;

/// CPUs for the main thread: all that no worker polls on, so that it never holds one up; all, if none is
/// left.
std::vector<unsigned> main_cpus(std::span<const unsigned> worker_cpus) {
  const std::vector<unsigned> allowed = allowed_cpus();
  std::vector<unsigned> rest;
  for (const unsigned cpu : allowed) {
    if (std::ranges::find(worker_cpus, cpu) == worker_cpus.end()) rest.push_back(cpu);
  }
  return rest.empty() ? allowed : rest;
}

std::string lcore_map(std::span<const unsigned> worker_cpus) {
  std::string map = "0@(";
  for (const unsigned cpu : main_cpus(worker_cpus)) map.append(std::to_string(cpu)).append(",");
  map.back() = ')';
  for (std::size_t i = 0; i < worker_cpus.size(); ++i) {
    map.append(",").append(std::to_string(i + first_worker_lcore));
    map.append("@").append(std::to_string(worker_cpus[i]));
  }
  return map;
}

std::vector<std::string> arguments_for(const EalOptions& options, bool huge_pages) {
  std::vector<std::string> arguments{
      options.program,  "--lcores", lcore_map(options.worker_cpus),
      "--no-telemetry", "-m",       std::to_string(options.memory_mib + overhead_mib)};
  if (huge_pages) {
    arguments.emplace_back("--in-memory");  // leaves no files behind, whatever ends the process
  } else {
    arguments.insert(arguments.end(), {"--no-huge", "--no-shconf"});  // --in-memory excludes --no-huge
  }
  if (options.pci_devices.empty()) arguments.emplace_back("--no-pci");
  for (const std::string& device : options.pci_devices) {
    arguments.insert(arguments.end(), {"--allow", device});
  }
  for (const char* level : {"--log-level=lib.eal:warning", "--log-level=pmd.net:warning"}) {
    arguments.emplace_back(level);
  }
  return arguments;
}

}  // namespace

std::vector<unsigned> allowed_cpus() {
  std::vector<unsigned> cpus;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return {0};
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

std::uint64_t free_huge_page_mib() {
  std::uint64_t kib = 0;
  std::error_code error;
  for (const auto& size : std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", error)) {
    const std::string name = size.path().filename().string();  // hugepages-2048kB
    std::uint64_t page_kib = 0;
    std::uint64_t free_pages = 0;
    if (std::sscanf(name.c_str(), "hugepages-%lukB", &page_kib) != 1) continue;
    std::ifstream(size.path() / "free_hugepages") >> free_pages;
    kib += page_kib * free_pages;
  }
  return kib / 1024;
}

std::expected<EalStarted, std::string> start_eal(const EalOptions& options) {
  const std::uint64_t needed_mib = options.memory_mib + overhead_mib;
  const std::uint64_t free_mib = free_huge_page_mib();
  const bool huge_pages = options.huge_pages == HugePages::on ||
                          (options.huge_pages == HugePages::automatic && free_mib >= needed_mib);
  if (options.huge_pages == HugePages::on && free_mib < needed_mib) {
    return std::unexpected(fmt::format(
        "{} MiB in huge pages are needed and {} MiB are free: echo {} > /proc/sys/vm/nr_hugepages, "
        "or set memory.hugepages to auto or off",
        needed_mib, free_mib, needed_mib / 2));
  }
  if (!huge_pages && !options.pci_devices.empty()) {
    return std::unexpected(fmt::format(
        "PCI devices need {} MiB in huge pages and {} MiB are free: echo {} > /proc/sys/vm/nr_hugepages",
        needed_mib, free_mib, needed_mib / 2));
  }
  std::vector<std::string> arguments = arguments_for(options, huge_pages);
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0) {
    return std::unexpected(
        fmt::format("DPDK did not start: {} (its own message is above)", rte_strerror(rte_errno)));
  }
  return EalStarted{huge_pages};
}

std::uint64_t timestamp_ticks_per_second() {
  return rte_get_tsc_hz();
}

bool run_on_interrupt_thread(void (*work)(void*), void* argument) {
  // Alarms fire there. Static: should it answer too late, the place is still there.
  static struct Errand {
    void (*work)(void*);
    void* argument;
    std::atomic<bool> done;
  } errand;
  errand.work = work;
  errand.argument = argument;
  errand.done.store(false);
  const auto run = [](void*) {
    errand.work(errand.argument);
    errand.done.store(true, std::memory_order_release);
  };
  if (rte_eal_alarm_set(1, run, nullptr) != 0) return false;
  for (int waited_ms = 0; waited_ms < 1000; ++waited_ms) {
    if (errand.done.load(std::memory_order_acquire)) return true;
    rte_delay_us_sleep(1000);
  }
  return false;
}

bool launch_worker(std::uint32_t index, int (*entry)(void*), void* argument) {
  return rte_eal_remote_launch(entry, argument, index + first_worker_lcore) == 0;
}

void join_worker(std::uint32_t index) {
  rte_eal_wait_lcore(index + first_worker_lcore);
}

}  // namespace byway
