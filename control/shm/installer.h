// What the data plane's main thread does with a set: verify, prepare, publish, remember on disk.
//
// A refused set changes nothing. Slots are given to its endpoints here; what else the program makes of a set
// (compiled patterns) comes from its `prepare` function.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "control/shm/channel_server.h"
#include "control/shm/last_good.h"
#include "control/shm/publication.h"
#include "control/shm/slots.h"

namespace byway::shm {

/// The file is written at most once in this time, so that endpoints that change many times a second do not
/// keep the main thread waiting for the disk. What a crash loses of it the agent publishes again.
inline constexpr std::uint64_t last_good_interval_ns = 1'000'000'000;

class SetInstaller {
 public:
  /// Makes what the program needs besides, or says why the set cannot be run. May give null.
  using Prepare = std::function<std::expected<std::unique_ptr<const SetAttachment>, std::string>(
      const Snapshot& snapshot)>;
  /// Nanoseconds on the clock that workers hand to WorkerPolicy::refresh().
  using Clock = std::function<std::uint64_t()>;

  /// `last_good_path` may be empty: nothing is remembered. Publication and slots must outlive the installer.
  SetInstaller(Publication& publication, SlotRegion& slots, Clock clock, std::string last_good_path,
               Prepare prepare = {});

  /// For ChannelHandler::on_handover.
  [[nodiscard]] HandoverOutcome install(const Handover& handover, std::array<OwnedFd, blob_count> blobs);

  /// At start: publishes the set on disk, with no secrets. True if there was one; an error says why it cannot
  /// be used.
  [[nodiscard]] std::expected<bool, std::string> install_last_good();

  /// Once per turn of the main loop: frees sets that nobody uses, writes the newest set to disk when it is
  /// time. An error is about the disk, for the log; it is tried again after last_good_interval_ns.
  [[nodiscard]] std::expected<void, std::string> on_tick();
  /// Writes what on_tick would write later. Before a clean stop.
  [[nodiscard]] std::expected<void, std::string> flush_last_good();

 private:
  [[nodiscard]] std::expected<void, std::string> publish(const Handover& handover,
                                                         const std::array<OwnedFd, blob_count>& blobs);

  Publication& publication_;
  SlotRegion& slots_;
  Clock clock_;
  std::string last_good_path_;
  Prepare prepare_;
  std::optional<LastGoodSet> unwritten_;
  std::uint64_t write_not_before_ns_ = 0;
};

}  // namespace byway::shm
