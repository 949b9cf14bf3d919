#include "tests/scripts/packets/call_thread.h"

#include <sched.h>
#include <unistd.h>

#include <cassert>
#include <chrono>
#include <fstream>
#include <utility>

namespace byway::scripts {

namespace {

/// The kernel must say so many times in a row that it sleeps: a lock inside the allocator is held for less.
constexpr int sleeps_to_believe = 5;
/// For a call that was woken and only has to return.
constexpr auto finish_max = std::chrono::seconds(2);

}  // namespace

CallThread::CallThread() : thread_([this] { run(); }) {}

CallThread::~CallThread() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wanted_.notify_one();
  thread_.join();
}

void CallThread::run() {
  thread_id_ = gettid();
  std::unique_lock lock(mutex_);
  while (true) {
    wanted_.wait(lock, [this] { return ending_ || call_ != nullptr; });
    if (call_ == nullptr) return;
    const auto call = std::exchange(call_, nullptr);
    lock.unlock();
    begun_ = true;
    call();
    done_ = true;
    lock.lock();
  }
}

void CallThread::start(std::function<void()> call) {
  begun_ = false;
  done_ = false;
  {
    const std::lock_guard lock(mutex_);
    call_ = std::move(call);
  }
  wanted_.notify_one();
  int sleeps = 0;
  while (!done_ && sleeps < sleeps_to_believe) {
    sched_yield();
    sleeps = begun_ && is_asleep() ? sleeps + 1 : 0;
  }
}

bool CallThread::finish() {
  const auto limit = std::chrono::steady_clock::now() + finish_max;
  while (!done_ && std::chrono::steady_clock::now() < limit) sched_yield();
  return done_;
}

/// proc(5): the state is the first word behind the name in parentheses.
bool CallThread::is_asleep() const {
  std::ifstream file("/proc/self/task/" + std::to_string(thread_id_) + "/stat");
  std::string text;
  std::getline(file, text);
  const std::size_t name_end = text.rfind(") ");
  return name_end != std::string::npos && text[name_end + 2] == 'S';
}

}  // namespace byway::scripts
