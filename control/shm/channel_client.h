// The agent's end of dataplane.sock: hands sets over, asks commands, and holds the view of the shared
// regions.
//
// Calls wait, at most until their deadline. One thread at a time; an agent uses one client for publishing and
// one for commands, so that neither waits for the other. When is_connected() has become false, the data plane
// has gone or the protocol broke: make a new client (nothing else is kept here), read in its Welcome what
// runs, and go on from there.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>

#include "control/shm/memfd.h"
#include "control/shm/messages.h"
#include "control/shm/regions.h"
#include "control/shm/seqpacket.h"

namespace byway::shm {

using Deadline = std::chrono::steady_clock::time_point;

struct ChannelError {
  enum class Kind : std::uint8_t {
    unavailable,  ///< no data plane there, or it went away: connect again later
    timed_out,    ///< nothing came until the deadline; the connection can be used further
    protocol,     ///< what came made no sense (another release?); the connection is closed
  };
  Kind kind = Kind::unavailable;
  std::string text;
};

/// A set to hand over: three sealed blobs (make_sealed_memfd). The descriptors stay the caller's.
struct SetToPublish {
  std::uint64_t generation = 0;
  std::uint64_t revision = 0;
  int policy_fd = -1;
  int endpoints_fd = -1;
  int secrets_fd = -1;
};

/// Until when publish() waits.
enum class WaitFor : std::uint8_t {
  accepted,  ///< verified and published
  applied,   ///< every worker runs it
};

struct CommandAnswer {
  AnswerStatus status = AnswerStatus::failed;
  std::string text;
};

class ChannelClient {
 public:
  /// Connects, says Hello, maps the regions. `name` is for the data plane's log: printable, without blanks.
  [[nodiscard]] static std::expected<std::unique_ptr<ChannelClient>, ChannelError> connect(
      const std::string& socket_path, const std::string& name, Deadline deadline);
  ChannelClient(const ChannelClient&) = delete;
  ChannelClient& operator=(const ChannelClient&) = delete;

  /// What ran when this client connected.
  [[nodiscard]] const Welcome& welcome() const { return welcome_; }
  [[nodiscard]] AgentRegions& regions() { return *regions_; }

  /// Looks, without waiting, whether the data plane is still there.
  [[nodiscard]] bool is_connected();

  /// Hands a set over and waits. A receipt that says `accepted` after the deadline for `applied` shows in
  /// worker_ns which workers are late.
  [[nodiscard]] std::expected<Receipt, ChannelError> publish(const SetToPublish& set, WaitFor wait_for,
                                                             Deadline deadline);

  /// Asks a command and collects its answer.
  [[nodiscard]] std::expected<CommandAnswer, ChannelError> command(std::string_view name,
                                                                   std::string_view arguments,
                                                                   Deadline deadline);

 private:
  explicit ChannelClient(OwnedFd socket) : socket_(std::move(socket)) {}
  [[nodiscard]] std::expected<void, ChannelError> send(const Message& message,
                                                       std::span<const int> descriptors, Deadline deadline);
  [[nodiscard]] std::expected<Received, ChannelError> receive(Deadline deadline);
  [[nodiscard]] std::expected<void, ChannelError> greet(const std::string& name, Deadline deadline);
  std::unexpected<ChannelError> fail(ChannelError::Kind kind, std::string text);

  OwnedFd socket_;
  Welcome welcome_;
  std::unique_ptr<AgentRegions> regions_;
  std::uint64_t next_request_id_ = 1;
};

}  // namespace byway::shm
