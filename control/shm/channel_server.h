// The data plane's end of dataplane.sock, for its main thread's poll loop. Never waits, never blocks a
// worker.
//
// What happens with a set or a command is the handler's; the server keeps the protocol: who may speak, in
// which order, how much at a time, until when. A peer that breaks the protocol, sends no Hello in time or
// does not read its answers is dropped. One loop turn:
//
//   poll(server.poll_entries(), server.poll_timeout_ms(now)) → server.on_ready(entries, now) →
//   server.on_tick(now)
#pragma once

#include <poll.h>

#include <array>
#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/shm/memfd.h"
#include "control/shm/messages.h"
#include "control/shm/publication.h"
#include "control/shm/regions.h"
#include "control/shm/seqpacket.h"

namespace byway::shm {

/// Peers at one time: an agent uses two connections (sets, commands), its successor may come before it is
/// gone, and a person may look. More are refused by closing.
inline constexpr std::size_t channel_peers_max = 8;
/// Messages that one peer may have handled in one turn of the loop.
inline constexpr int channel_messages_per_turn_max = 4;
/// A connection must say Hello within this time.
inline constexpr std::uint64_t channel_hello_timeout_ns = 5'000'000'000;
/// A peer that takes nothing of what waits for it for so long is dropped.
inline constexpr std::uint64_t channel_stall_timeout_ns = 10'000'000'000;
/// A command must be answered within this time, else the peer gets AnswerStatus::timed_out.
inline constexpr std::uint64_t channel_command_timeout_ns = 5'000'000'000;

/// Where to answer a command. Values; a ticket whose peer has gone is worth nothing and harms nobody.
struct CommandTicket {
  std::uint64_t peer_serial = 0;
  std::uint64_t request_id = 0;
};

/// What becomes of a set that was handed over.
struct HandoverOutcome {
  bool is_accepted = false;
  std::string reason;  ///< why not; cut to reason_bytes_max
};

/// What the data plane does with messages. Called from on_ready and on_tick, in the main thread.
class ChannelHandler {
 public:
  virtual ~ChannelHandler() = default;

  /// Verifies and publishes a set (installer.h does it). `blobs` are policy, endpoints, secrets, not looked
  /// at yet.
  virtual HandoverOutcome on_handover(const Handover& handover, std::array<OwnedFd, blob_count> blobs,
                                      std::uint64_t now_ns) = 0;

  /// Starts a command. ChannelServer::answer(ticket, ...) must be called once, at once or when workers have
  /// answered.
  virtual void on_command(CommandTicket ticket, const CommandRequest& request) = 0;

  /// A peer said Hello or has gone, with the reason: for the log.
  virtual void on_peer(std::string_view name, std::string_view what) = 0;
};

struct ChannelOptions {
  std::string socket_path;
  /// Who may connect: the user or the primary group must be in its list.
  std::vector<uid_t> allowed_users;
  std::vector<gid_t> allowed_groups;
  /// What a Welcome tells of the node; sound, at most node_addresses_max.
  std::vector<NodeAddress> node_addresses = {};
};

class ChannelServer {
 public:
  /// Listens. A socket file that nobody serves is replaced; one that is served is an error. `regions`,
  /// `publication` and `handler` must outlive the server.
  [[nodiscard]] static std::expected<std::unique_ptr<ChannelServer>, std::string> open(
      const ChannelOptions& options, const DataPlaneRegions& regions, const Publication& publication,
      ChannelHandler& handler);
  ChannelServer(const ChannelServer&) = delete;
  ChannelServer& operator=(const ChannelServer&) = delete;
  /// Removes the socket file.
  ~ChannelServer();

  /// What to poll; valid until the next call of any function here. May lie among others in the caller's
  /// array.
  [[nodiscard]] std::span<const pollfd> poll_entries();
  /// How long poll may wait at most: short while a receipt waits for workers.
  [[nodiscard]] int poll_timeout_ms() const;

  /// Handles what poll found. `entries` are those of poll_entries() with their revents.
  void on_ready(std::span<const pollfd> entries, std::uint64_t now_ns);
  /// Sends receipts that became due, drops peers that are late. Once per turn.
  void on_tick(std::uint64_t now_ns);

  /// Answers a command; text beyond answer_bytes_max is cut.
  void answer(CommandTicket ticket, AnswerStatus status, std::string_view text);

  [[nodiscard]] std::size_t peer_count() const { return peers_.size(); }
  /// Whether the peer of a ticket is still there.
  [[nodiscard]] bool has_peer(std::uint64_t peer_serial) const;

 private:
  /// A set that is accepted and whose workers are not all there yet.
  struct PendingReceipt {
    std::uint64_t request_id = 0;
    std::uint64_t generation = 0;
    std::uint64_t published_at_ns = 0;
  };
  struct PendingCommand {
    std::uint64_t request_id = 0;
    std::uint64_t deadline_ns = 0;
  };
  struct Outgoing {
    std::vector<std::byte> datagram;
    bool with_regions = false;  ///< the regions' descriptors go with it
  };
  struct Peer {
    OwnedFd socket;
    std::uint64_t serial = 0;
    std::string name;
    bool has_greeted = false;
    std::uint64_t connected_at_ns = 0;
    std::uint64_t stalled_since_ns = 0;  ///< meaningful while `outgoing` is not empty
    std::deque<Outgoing> outgoing;
    std::vector<PendingReceipt> receipts;
    std::optional<PendingCommand> command;
    std::string drop_reason;  ///< not empty: to be dropped at the end of the turn
  };

  ChannelServer(const ChannelOptions& options, const DataPlaneRegions& regions,
                const Publication& publication, ChannelHandler& handler, OwnedFd listener);
  void accept_peers(std::uint64_t now_ns);
  [[nodiscard]] bool is_allowed(int socket) const;
  void read_from(Peer& peer, std::uint64_t now_ns);
  void on_message(Peer& peer, Received received, std::uint64_t now_ns);
  void on_hello(Peer& peer, const Hello& hello, std::uint64_t now_ns);
  void on_handover(Peer& peer, const Handover& handover, std::vector<OwnedFd> blobs, std::uint64_t now_ns);
  void on_command(Peer& peer, const CommandRequest& request, std::uint64_t now_ns);
  void send(Peer& peer, const Message& message, bool with_regions = false);
  void send_answer(Peer& peer, std::uint64_t request_id, AnswerStatus status, std::string_view text);
  void flush(Peer& peer, std::uint64_t now_ns);
  void settle(Peer& peer, std::uint64_t now_ns);
  void drop_broken();

  ChannelOptions options_;
  const DataPlaneRegions& regions_;
  const Publication& publication_;
  ChannelHandler& handler_;
  OwnedFd listener_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<pollfd> poll_entries_;
  std::uint64_t next_serial_ = 1;
  std::uint64_t now_ns_ = 0;  ///< of the turn that runs
};

}  // namespace byway::shm
