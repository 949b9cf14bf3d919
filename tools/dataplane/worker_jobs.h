// Commands that every worker takes part in, one after the other: a worker's mailbox holds one at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include "tools/dataplane/node_runtime.h"

namespace byway::tools {

/// Jobs that wait, at most. Each peer of the socket has one command under way, and a capture begins and ends.
inline constexpr std::size_t jobs_waiting_max = 32;

/// One command for each worker, and what follows when all of them have done it.
class WorkerJob {
 public:
  virtual ~WorkerJob() = default;
  [[nodiscard]] virtual WorkerCommand& command(std::uint32_t worker) = 0;
  /// In the main thread. Workers that have ended meanwhile may not have done their part.
  virtual void on_done() = 0;
};

/// Main thread.
class WorkerJobs {
 public:
  explicit WorkerJobs(NodeRuntime& runtime) : runtime_(runtime) {}

  [[nodiscard]] bool is_full() const { return jobs_.size() >= jobs_waiting_max; }
  [[nodiscard]] bool is_idle() const { return jobs_.empty(); }
  void add(std::unique_ptr<WorkerJob> job) {
    jobs_.push_back(std::move(job));
    if (jobs_.size() == 1) post();
  }
  /// Once a turn of the main loop: finishes what is done, and begins what is next.
  void tick() {
    while (!jobs_.empty() && is_done()) {
      const std::unique_ptr<WorkerJob> job = std::move(jobs_.front());
      jobs_.pop_front();
      // The next one first: what job->on_done() adds comes behind it.
      if (!jobs_.empty()) post();
      job->on_done();
    }
  }

 private:
  void post() {
    for (std::uint32_t i = 0; i < runtime_.worker_count(); ++i) {
      // The mailbox is free: the job before is done. A worker that has ended leaves its last one there.
      const bool posted = runtime_.mailbox(i).post(jobs_.front()->command(i));
      BYWAY_ASSERT(posted || runtime_.worker(i).has_ended());
    }
  }
  [[nodiscard]] bool is_done() const {
    for (std::uint32_t i = 0; i < runtime_.worker_count(); ++i) {
      if (!runtime_.mailbox(i).is_command_done() && !runtime_.worker(i).has_ended()) return false;
    }
    return true;
  }

  NodeRuntime& runtime_;
  std::deque<std::unique_ptr<WorkerJob>> jobs_;
};

}  // namespace byway::tools
