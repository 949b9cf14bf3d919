// One worker with its port and memory: what a role of byway-loadgen runs on. Main thread.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/buffer_pool.h"
#include "dataplane/port.h"
#include "dataplane/worker.h"
#include "tools/loadgen/options.h"

namespace byway::loadgen {

class Generator {
 public:
  /// Starts DPDK, opens the port, makes the worker; nothing runs yet. The error is a sentence.
  [[nodiscard]] static std::expected<std::unique_ptr<Generator>, std::string> create(
      const Options& options, Application& application);
  ~Generator();
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  [[nodiscard]] std::expected<void, std::string> start();
  /// Drains the worker (at most `grace`), waits for it and closes the port. Returns how many packet buffers
  /// did not come back: 0, or there is a leak.
  [[nodiscard]] std::uint32_t stop(Nanoseconds grace);

  /// Runs `step` on the worker's thread and waits for it.
  template <typename Step>
  void on_worker(Step step);
  /// From time to time, as often as you like: reconnects a memif client whose server was not there yet.
  void tend();
  /// "name value" of every counter of the worker, IP and TCP that is not zero: why nothing works.
  [[nodiscard]] std::string counters_text() const;
  [[nodiscard]] bool is_link_up() const { return port_->is_link_up(); }
  /// Nanoseconds that the worker was busy, and that it ran, since its start.
  [[nodiscard]] std::uint64_t busy_ns() const { return worker_counters_.block.value(WorkerCounter::busy_ns); }
  [[nodiscard]] std::uint64_t total_ns() const {
    return worker_counters_.block.value(WorkerCounter::total_ns);
  }
  [[nodiscard]] std::uint64_t value(net::Counter counter) const { return net_counters_.block.value(counter); }

 private:
  explicit Generator(std::uint64_t ticks_per_second);
  static int run_worker(void* generator);

  TscClock clock_;
  Steering steering_;
  std::unique_ptr<BufferPool> buffers_;
  std::unique_ptr<Port> port_;
  std::unique_ptr<WorkerShared> shared_;
  OwnCounters<WorkerCounter> worker_counters_;
  OwnCounters<net::Counter> net_counters_;
  OwnCounters<tcp::CounterIndex> tcp_counters_;
  std::unique_ptr<Worker> worker_;
  bool runs_ = false;
  Instant next_retry_{};
};

/// How often the main thread looks whether the worker has done a command.
inline constexpr std::chrono::microseconds command_poll{50};
void wait_a_little(std::chrono::microseconds time);

template <typename Step>
void Generator::on_worker(Step step) {
  struct Command final : WorkerCommand {
    explicit Command(Step& what) : step_to_run(what) {}
    bool step() override {
      step_to_run();
      return true;
    }
    Step& step_to_run;
  } command(step);
  Mailbox& mailbox = *shared_->mailboxes[0];
  BYWAY_ASSERT(runs_ && mailbox.post(command));
  while (!mailbox.is_command_done()) wait_a_little(command_poll);
}

}  // namespace byway::loadgen
