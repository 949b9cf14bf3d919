// A program that `byway up` runs and stops.
#pragma once

#include <sys/types.h>

#include <expected>
#include <string>
#include <vector>

#include "tools/cli/client.h"

namespace byway::cli {

/// Owner of one started process; stops it when it goes away. The process also gets SIGTERM when this one
/// dies.
class Child {
 public:
  /// Starts `arguments[0]` (a path) with the given arguments and this process' standard streams.
  [[nodiscard]] static std::expected<Child, Error> start(const std::vector<std::string>& arguments);

  Child(Child&& other) noexcept : name_(std::move(other.name_)), pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&&) = delete;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { stop(); }

  /// How it ended ("exit code 2", "signal 11"), or empty while it runs.
  [[nodiscard]] std::string ended();
  /// It said that its options or configuration are wrong (all programs here end with 2 then).
  [[nodiscard]] bool refused_its_configuration() const { return refused_its_configuration_; }
  /// SIGTERM, and SIGKILL when it has not ended within the grace time.
  void stop();
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  Child(std::string name, pid_t pid) : name_(std::move(name)), pid_(pid) {}

  std::string name_;
  pid_t pid_;
  bool refused_its_configuration_ = false;
};

/// The path of a program of this project: beside this one, where the build or the installation put it, else
/// in PATH.
[[nodiscard]] std::string program_path(const std::string& name);

}  // namespace byway::cli
