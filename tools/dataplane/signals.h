// SIGTERM and SIGINT as something to poll. They are blocked in all threads, so that no worker is interrupted.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "control/shm/memfd.h"

namespace byway::tools {

class SignalSource {
 public:
  /// Before any thread is made.
  [[nodiscard]] static std::expected<SignalSource, std::string> open();
  /// Readable when a signal has come.
  [[nodiscard]] int fd() const { return fd_.get(); }
  /// Takes one; 0: none was there.
  [[nodiscard]] int take();

 private:
  explicit SignalSource(shm::OwnedFd fd) : fd_(std::move(fd)) {}
  shm::OwnedFd fd_;
};

}  // namespace byway::tools
