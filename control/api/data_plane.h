// What the API asks the data plane, beyond publishing. Implemented by publish/data_plane_client.h; a test
// hands in its own.
#pragma once
#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/shm/capture_request.h"

namespace byway::control {

/// Which generation each worker runs.
struct DataPlaneView {
  bool is_connected = false;
  std::string reason;            ///< why not connected
  std::uint64_t instance = 0;    ///< differs for each start of the data plane
  std::uint64_t generation = 0;  ///< newest published
  struct Worker {
    std::uint32_t index = 0;
    bool is_running = false;
    std::uint64_t generation = 0;
  };
  std::vector<Worker> workers;
};

struct CommandFailure {
  int code = 503;  ///< HTTP status
  std::string message;
};

/// A capture of packets that runs; ends when this goes. One thread.
class CaptureReader {
 public:
  virtual ~CaptureReader() = default;
  struct Piece {
    std::string bytes;  ///< of a pcapng file; empty: nothing came for a while
    bool is_last = false;
  };
  /// Waits for some frames, less than a second.
  virtual std::expected<Piece, CommandFailure> read() = 0;
};

class DataPlane {
 public:
  virtual ~DataPlane() = default;
  [[nodiscard]] virtual DataPlaneView view() const = 0;
  /// Runs a command of the data plane (shm::CommandRequest) and returns its whole answer.
  virtual std::expected<std::string, CommandFailure> command(
      std::string_view name, std::string_view arguments, std::chrono::steady_clock::time_point deadline) = 0;
  /// Starts a capture, over a connection of its own.
  virtual std::expected<std::unique_ptr<CaptureReader>, CommandFailure> capture(
      const shm::CaptureRequest& request, std::chrono::steady_clock::time_point deadline) = 0;
  /// The data plane's counters and histograms, and what it counts about endpoints, in Prometheus' text
  /// format; "" without a data plane.
  [[nodiscard]] virtual std::string metrics_text() const = 0;
};

}  // namespace byway::control
