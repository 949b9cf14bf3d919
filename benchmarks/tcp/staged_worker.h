// A worker that times the parts of its rounds. It calls the functions that Worker::run calls, in their order,
// on a port of its own, and reads the time stamp counter between them; the product's loop has no trace of it.
// What a reading costs is taken off each part, and only rounds that found work count.
#pragma once

#include <array>
#include <expected>
#include <memory>
#include <string>

#include "benchmarks/tcp/pair.h"
#include "dataplane/application.h"
#include "dataplane/buffer_pool.h"
#include "dataplane/port.h"
#include "dataplane/round_budget.h"
#include "dataplane/tsc_clock.h"

namespace byway::benchmark {

struct StagedOptions {
  std::string device;
  net::Prefix address;
  unsigned cpu = 0;
  std::uint32_t memory_mib = 256;
  std::uint32_t sockets_max = 4096;
};

/// Made and destroyed by the main thread, which starts DPDK for it.
class StagedWorker final : private net::FrameSink, private tcp::RouteSource {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<StagedWorker>, std::string> create(
      const StagedOptions& options, Application& application);
  ~StagedWorker();

  /// Runs on the worker's CPU until `shared.phase` is done, and leaves its counts there; the main thread
  /// waits and keeps the port connected.
  [[nodiscard]] std::expected<void, std::string> run(Shared& shared,
                                                     const std::function<std::uint64_t()>& operations);

 private:
  enum class Stage : std::uint8_t {
    receive,
    parse,
    look_up,
    tcp_in,
    application,
    timers,
    tcp_out,
    ip_out,
    transmit,
    count
  };
  static_assert(static_cast<std::size_t>(Stage::count) == stage_names.size());
  struct Parts;

  StagedWorker(std::unique_ptr<BufferPool> buffers, std::unique_ptr<Port> port, const StagedOptions& options,
               Application& application);
  void loop();
  [[nodiscard]] bool round(Instant now);
  void take(std::span<rte_mbuf* const> frames, Instant now);
  [[nodiscard]] std::uint32_t send(Instant now);
  void flush();
  void mark(Stage stage);
  void sample(SideCounts& out);

  bool transmit(net::LinkIndex link, std::span<const std::uint8_t> header, Rope&& payload) override;
  [[nodiscard]] std::optional<tcp::Route> route_to(const net::IpAddress& remote) const override;

  std::unique_ptr<BufferPool> buffers_;
  std::unique_ptr<Port> port_;
  Application& application_;
  std::unique_ptr<Parts> parts_;

  Shared* shared_ = nullptr;
  const std::function<std::uint64_t()>* operations_ = nullptr;
  std::atomic<bool> ended_{false};
  double ns_per_tick_ = 0;
  std::uint64_t stamp_ticks_ = 0;
  std::uint64_t last_ = 0;
  std::array<std::uint64_t, stage_names.size()> round_ticks_{};
  std::array<std::uint64_t, stage_names.size()> all_ticks_{};
  SideCounts counts_;
  std::array<rte_mbuf*, tx_backlog_frames> backlog_{};
  std::uint32_t waiting_ = 0;
};

}  // namespace byway::benchmark
