// A thread that runs the calls of a script, so that one that blocks holds up nothing else.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

namespace byway::scripts {

class CallThread {
 public:
  CallThread();
  ~CallThread();
  CallThread(const CallThread&) = delete;
  CallThread& operator=(const CallThread&) = delete;

  /// Starts `call`, and returns when it has ended or sleeps. Asserted: none runs.
  void start(std::function<void()> call);
  [[nodiscard]] bool is_running() const { return !done_; }
  /// Waits for the end of a call that is about to end. False: it still blocks.
  [[nodiscard]] bool finish();

 private:
  void run();
  [[nodiscard]] bool is_asleep() const;

  std::mutex mutex_;
  std::condition_variable wanted_;
  std::function<void()> call_;
  bool ending_ = false;
  std::atomic<bool> begun_ = false;  ///< The call has been entered.
  std::atomic<bool> done_ = true;
  std::atomic<int> thread_id_ = 0;
  std::thread thread_;
};

}  // namespace byway::scripts
