// Starts DPDK's environment once in a process, from what the node's configuration says, with huge pages or
// without. Main thread, before any port or pool.
//
// It is never stopped: all its memory is anonymous and leaves no files, so the end of the process gives it
// back. rte_eal_cleanup() would unmap it under DPDK's interrupt thread, to which drivers (memif) leave
// handlers that may still fire.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

namespace byway {

enum class HugePages : std::uint8_t {
  automatic,  ///< use them if enough are free, else ordinary memory
  off,        ///< ordinary memory: no device that does DMA by itself
  on,         ///< fail without them
};

struct EalOptions {
  /// The name that error messages begin with.
  std::string program = "byway-dataplane";
  /// The CPU of each worker, in order. Worker i runs on lcore i + 1; lcore 0 is the main thread.
  std::vector<unsigned> worker_cpus;
  /// Memory for pools, rings and devices.
  std::uint32_t memory_mib = 256;
  HugePages huge_pages = HugePages::automatic;
  /// PCI addresses that may be probed; without any, the PCI bus is left alone.
  std::vector<std::string> pci_devices;
};

/// What was decided.
struct EalStarted {
  bool huge_pages = false;
};

/// The CPUs that this process may run on.
[[nodiscard]] std::vector<unsigned> allowed_cpus();
/// Free memory in huge pages of all sizes, in MiB.
[[nodiscard]] std::uint64_t free_huge_page_mib();

/// Starts the environment. Its own messages go to standard error. The error is a sentence that says what to
/// do. A second start in one process is an error, after a failed one as well (DPDK cannot do it).
[[nodiscard]] std::expected<EalStarted, std::string> start_eal(const EalOptions& options);
/// How fast the time stamp counter runs, as DPDK has measured or read it. After start_eal.
[[nodiscard]] std::uint64_t timestamp_ticks_per_second();

/// Runs `entry(argument)` on the CPU of worker `index`; false if it runs already.
[[nodiscard]] bool launch_worker(std::uint32_t index, int (*entry)(void*), void* argument);
/// Runs `work(argument)` on the thread where DPDK's drivers handle their sockets and timers, and waits for
/// it. False: it could not be asked, or did not answer within a second.
[[nodiscard]] bool run_on_interrupt_thread(void (*work)(void*), void* argument);

/// Waits until the entry of worker `index` has returned.
void join_worker(std::uint32_t index);

}  // namespace byway
