// One DPDK port: probed, configured with a queue pair a worker as far as the device has them, started,
// stopped. PCI devices and the virtual ones (af_packet, af_xdp, memif, tap, ring) alike.
//
// Configuration and link are the main thread's; rx_burst and tx_burst of a queue belong to one worker.
//
// A memif client tries to connect only when it is started. While its server is away the main thread starts it
// anew from time to time (retry_link), which must not happen under a worker's feet: the gate closes, the
// worker acknowledges in its next round, and only then the port is touched. When a peer goes away, the driver
// itself gives the shared memory back, in DPDK's interrupt thread: driver_quiescence.h makes it wait for the
// workers.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/link_multicast.h"
#include "dataplane/net/address.h"
#include "dataplane/offloads.h"
#include "dataplane/rss.h"

struct rte_mbuf;
struct rte_mempool;

namespace byway {

struct PortOptions {
  std::string name;                      ///< for messages
  std::string device;                    ///< "0000:00:05.0" or "net_af_packet0,iface=veth0"
  std::uint16_t mtu = 0;                 ///< 0: as the device has it
  std::uint16_t queue_pairs_wanted = 1;  ///< one a worker
  std::uint16_t descriptors = 512;       ///< of each queue; the device may want another number
  bool receives_multicast = false;       ///< IPv6 looks for neighbours by it
  OffloadOptions offloads;
  RssPlan::Key rss_key{};  ///< random, and one that spreads_ports()
};

/// What the device does, as the log and `byway workers` show it.
struct PortInfo {
  std::string driver;
  net::MacAddress mac;
  std::uint16_t mtu = 1500;
  std::uint16_t queue_pairs = 1;
  Offloads offloads;
  bool reconnects = false;  ///< memif client: must be started anew to connect
};

/// What the device has counted, since it began or was reset last.
struct PortStatistics {
  std::uint64_t rx_frames = 0;
  std::uint64_t rx_bytes = 0;
  std::uint64_t rx_missed = 0;     ///< its queue was full
  std::uint64_t rx_errors = 0;     ///< damaged
  std::uint64_t rx_no_buffer = 0;  ///< no packet buffer was free
  std::uint64_t tx_frames = 0;
  std::uint64_t tx_bytes = 0;
  std::uint64_t tx_errors = 0;
};

/// A PCI address, as against the arguments of a virtual device.
[[nodiscard]] bool is_pci_address(const std::string& device);
/// Its driver leaves the receive buffers that the kernel holds in the kernel, and needs CAP_NET_ADMIN to be
/// closed.
[[nodiscard]] inline bool is_af_xdp(const std::string& device) {
  return device.starts_with("net_af_xdp");
}
/// The interface of the kernel that an AF_PACKET or AF_XDP device takes over; empty for others.
[[nodiscard]] std::string kernel_interface(const std::string& device);
/// Names the part of `device` before its arguments: "net_memif0".
[[nodiscard]] std::string device_name(const std::string& device);

class Port {
 public:
  /// Probes and configures the device, not started yet. `pools[i]` feeds receive queue i (the last one feeds
  /// the rest). The error says what to check. Main thread.
  [[nodiscard]] static std::expected<std::unique_ptr<Port>, std::string> open(
      const PortOptions& options, std::span<rte_mempool* const> pools);
  ~Port();  ///< Stops and closes it.
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  [[nodiscard]] std::expected<void, std::string> start();
  void stop();
  [[nodiscard]] bool is_link_up() const;

  /// Main thread: may ask the system, or the device's registers, for as long as 100 us. nullopt: it does not
  /// count.
  [[nodiscard]] std::optional<PortStatistics> statistics() const;

  /// Main thread, a few times a second: connects a memif client again whose server has come. Does nothing
  /// else. True: the port was down and is up now.
  bool retry_link();

  // ---- one worker a queue ---------------------------------------------------------------------------------
  /// At the start of a worker's round: whether it may use the port in this round.
  [[nodiscard]] bool enter(std::uint16_t queue) {
    const bool open = gate_open_.load(std::memory_order_acquire);
    Presence& worker = presences_[queue];
    // The acknowledgement is written only when it changes.
    if (open != worker.is_inside.load(std::memory_order_relaxed)) {
      worker.is_inside.store(open, std::memory_order_release);
    }
    worker.rounds.store(worker.rounds.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    return open;
  }
  /// The worker has ended and will not use the port again.
  void leave(std::uint16_t queue) { presences_[queue].is_inside.store(false, std::memory_order_release); }
  [[nodiscard]] std::uint16_t rx_burst(std::uint16_t queue, std::span<rte_mbuf*> out);
  /// Returns how many of `frames` (from the front) the device took over.
  [[nodiscard]] std::uint16_t tx_burst(std::uint16_t queue, std::span<rte_mbuf*> frames);
  /// Before tx_burst, where the port fills in checksums or cuts segments: what its driver still has to change
  /// in frames. Returns how many from the front are ready; the next one it can never send.
  [[nodiscard]] std::uint16_t tx_prepare(std::uint16_t queue, std::span<rte_mbuf*> frames);

  /// Waits until every call of a driver's function that a worker had begun before has returned. What the
  /// caller changed before is seen by all later calls. Any thread but a worker's.
  void wait_until_quiescent() const;

  [[nodiscard]] const PortInfo& info() const { return info_; }
  /// How the device spreads packets over queues, once it is started; nullptr: nobody knows.
  [[nodiscard]] const RssPlan* rss() const { return info_.offloads.rss ? &*rss_ : nullptr; }
  [[nodiscard]] const std::string& name() const { return options_.name; }

 private:
  /// Where the worker of a queue is; a cache line of its own, because it is written in each round.
  struct alignas(64) Presence {
    std::atomic<bool> is_inside{false};  ///< It may be using the port.
    std::atomic<std::uint32_t> rounds{0};
  };

  explicit Port(PortOptions options);
  [[nodiscard]] std::expected<void, std::string> probe();
  [[nodiscard]] std::expected<void, std::string> configure(std::span<rte_mempool* const> pools);
  [[nodiscard]] std::expected<void, std::string> set_mtu();
  [[nodiscard]] std::expected<void, std::string> join_multicast();

  PortOptions options_;
  PortInfo info_;
  std::optional<RssPlan> rss_;      ///< wanted of the device
  std::uint8_t rss_key_bytes_ = 0;  ///< what it takes of the key
  std::optional<LinkMulticast> multicast_;
  std::uint16_t id_ = 0;
  bool probed_ = false;
  bool started_ = false;
  std::atomic<bool> gate_open_{false};
  std::unique_ptr<Presence[]> presences_;  ///< by queue
};

}  // namespace byway
