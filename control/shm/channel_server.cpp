#include "control/shm/channel_server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "control/shm/apply_times.h"

namespace byway::shm {
namespace {

/// While a receipt waits for workers: they answer within a round, some microseconds; a sleeping one within
/// 0.5 ms.
constexpr int poll_pending_ms = 1;
constexpr int poll_idle_ms = 250;

constexpr int listen_backlog = static_cast<int>(channel_peers_max);

/// Read and write for owner and group: agent and data plane are users of one group.
constexpr mode_t socket_mode = 0660;

/// Makes way for our socket: removes the file if it is a socket that nobody serves any more.
std::expected<void, std::string> remove_stale(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return std::unexpected(path + ": " + std::strerror(errno));
  }
  if (!S_ISSOCK(status.st_mode)) return std::unexpected(path + " exists and is no socket");
  const auto probe = make_seqpacket_socket();
  if (!probe) return std::unexpected(probe.error());
  if (connect_to(probe->get(), path) || errno != ECONNREFUSED) {
    return std::unexpected(path + " is served by another data plane");
  }
  if (::unlink(path.c_str()) != 0) return std::unexpected(path + ": " + std::strerror(errno));
  return {};
}

}  // namespace

std::expected<std::unique_ptr<ChannelServer>, std::string> ChannelServer::open(
    const ChannelOptions& options, const DataPlaneRegions& regions, const Publication& publication,
    ChannelHandler& handler) {
  auto listener = make_seqpacket_socket();
  if (!listener) return std::unexpected(listener.error());
  if (auto removed = remove_stale(options.socket_path); !removed) return std::unexpected(removed.error());
  // Nobody can connect before listen(), so the mode is set in time.
  if (auto bound = bind_to(listener->get(), options.socket_path); !bound)
    return std::unexpected(bound.error());
  if (::chmod(options.socket_path.c_str(), socket_mode) != 0 ||
      ::listen(listener->get(), listen_backlog) != 0) {
    const std::string problem = options.socket_path + ": " + std::strerror(errno);
    ::unlink(options.socket_path.c_str());
    return std::unexpected(problem);
  }
  return std::unique_ptr<ChannelServer>(
      new ChannelServer(options, regions, publication, handler, std::move(*listener)));
}

ChannelServer::ChannelServer(const ChannelOptions& options, const DataPlaneRegions& regions,
                             const Publication& publication, ChannelHandler& handler, OwnedFd listener)
    : options_(options),
      regions_(regions),
      publication_(publication),
      handler_(handler),
      listener_(std::move(listener)) {}

ChannelServer::~ChannelServer() {
  ::unlink(options_.socket_path.c_str());
}

std::span<const pollfd> ChannelServer::poll_entries() {
  poll_entries_.clear();
  poll_entries_.push_back({listener_.get(), POLLIN, 0});
  for (const auto& peer : peers_) {
    // A peer that does not take its answers is not heard either.
    const short events = peer->outgoing.empty() ? POLLIN : POLLOUT;
    poll_entries_.push_back({peer->socket.get(), events, 0});
  }
  return poll_entries_;
}

int ChannelServer::poll_timeout_ms() const {
  const bool is_waiting =
      std::ranges::any_of(peers_, [](const auto& peer) { return !peer->receipts.empty(); });
  return is_waiting ? poll_pending_ms : poll_idle_ms;
}

void ChannelServer::on_ready(std::span<const pollfd> entries, std::uint64_t now_ns) {
  now_ns_ = now_ns;
  bool has_newcomers = false;
  for (const pollfd& entry : entries) {
    if (entry.revents == 0) continue;
    if (entry.fd == listener_.get()) {
      has_newcomers = true;
      continue;
    }
    const auto peer =
        std::ranges::find_if(peers_, [&](const auto& one) { return one->socket.get() == entry.fd; });
    if (peer == peers_.end()) continue;
    if ((entry.revents & POLLOUT) != 0) flush(**peer, now_ns);
    // POLLHUP and POLLERR too: what the peer sent before it went is handled, then reading shows the end.
    if ((entry.revents & ~POLLOUT) != 0) read_from(**peer, now_ns);
  }
  drop_broken();
  // Last, so that a new peer's descriptor cannot be taken for that of one that was dropped in this turn.
  if (has_newcomers) accept_peers(now_ns);
}

void ChannelServer::accept_peers(std::uint64_t now_ns) {
  for (int count = 0; count < listen_backlog; ++count) {
    OwnedFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!socket.is_open()) return;
    if (peers_.size() >= channel_peers_max) {
      handler_.on_peer("", "refused: too many connections");
      continue;
    }
    if (!is_allowed(socket.get())) {
      handler_.on_peer("", "refused: neither its user nor its group may connect");
      continue;
    }
    auto peer = std::make_unique<Peer>();
    peer->socket = std::move(socket);
    peer->serial = next_serial_++;
    peer->connected_at_ns = now_ns;
    peers_.push_back(std::move(peer));
  }
}

bool ChannelServer::is_allowed(int socket) const {
  const auto credentials = peer_credentials(socket);
  if (!credentials) return false;
  const auto contains = [](const auto& list, auto id) { return std::ranges::find(list, id) != list.end(); };
  return contains(options_.allowed_users, credentials->user) ||
         contains(options_.allowed_groups, credentials->group);
}

void ChannelServer::read_from(Peer& peer, std::uint64_t now_ns) {
  for (int count = 0; count < channel_messages_per_turn_max && peer.drop_reason.empty(); ++count) {
    Received received = receive_message(peer.socket.get());
    switch (received.status) {
      case ReceiveStatus::nothing_yet:
        return;
      case ReceiveStatus::closed:
        peer.drop_reason = "it closed the connection";
        return;
      case ReceiveStatus::malformed:
        peer.drop_reason = received.problem;
        return;
      case ReceiveStatus::message:
        on_message(peer, std::move(received), now_ns);
        break;
    }
    if (!peer.outgoing.empty()) return;
  }
}

void ChannelServer::on_message(Peer& peer, Received received, std::uint64_t now_ns) {
  if (const auto* hello = std::get_if<Hello>(&received.message); hello != nullptr && !peer.has_greeted) {
    on_hello(peer, *hello, now_ns);
  } else if (const auto* handover = std::get_if<Handover>(&received.message);
             handover != nullptr && peer.has_greeted) {
    on_handover(peer, *handover, std::move(received.descriptors), now_ns);
  } else if (const auto* request = std::get_if<CommandRequest>(&received.message);
             request != nullptr && peer.has_greeted) {
    on_command(peer, *request, now_ns);
  } else {
    peer.drop_reason = "it sent a message that does not belong there";
  }
}

void ChannelServer::on_hello(Peer& peer, const Hello& hello, std::uint64_t) {
  peer.has_greeted = true;
  peer.name = hello.name;
  const OwnedSet* newest = publication_.newest();
  Welcome welcome;
  welcome.instance = regions_.control.page->instance;
  welcome.generation = newest == nullptr ? 0 : newest->generation;
  welcome.revision = newest == nullptr ? 0 : newest->revision;
  welcome.worker_count = regions_.control.page->worker_count;
  welcome.region_bytes = regions_.sizes();
  welcome.node_addresses = options_.node_addresses;
  handler_.on_peer(peer.name, "connected");
  send(peer, welcome, true);
}

void ChannelServer::on_handover(Peer& peer, const Handover& handover, std::vector<OwnedFd> blobs,
                                std::uint64_t now_ns) {
  std::array<OwnedFd, blob_count> set;
  std::ranges::move(blobs, set.begin());
  HandoverOutcome outcome = handler_.on_handover(handover, std::move(set), now_ns);
  if (!outcome.is_accepted) {
    outcome.reason.resize(std::min(outcome.reason.size(), reason_bytes_max));
    send(
        peer,
        Receipt{
            handover.request_id, handover.generation, ReceiptResult::refused, {}, std::move(outcome.reason)});
    return;
  }
  const ControlPage& page = *regions_.control.page;
  const std::uint64_t published_at_ns = page.publication.published_at_ns.load(std::memory_order_relaxed);
  send(peer, Receipt{handover.request_id, handover.generation, ReceiptResult::accepted,
                     apply_times(page, handover.generation, published_at_ns), ""});
  // No more can wait than sets that a worker has not gone past, and those are live.
  peer.receipts.push_back({handover.request_id, handover.generation, published_at_ns});
}

void ChannelServer::on_command(Peer& peer, const CommandRequest& request, std::uint64_t now_ns) {
  if (peer.command) {
    send_answer(peer, request.request_id, AnswerStatus::busy, "another command is being answered");
    return;
  }
  peer.command = PendingCommand{request.request_id, now_ns + channel_command_timeout_ns};
  handler_.on_command({peer.serial, request.request_id}, request);
}

bool ChannelServer::has_peer(std::uint64_t peer_serial) const {
  return std::ranges::any_of(peers_, [&](const auto& peer) { return peer->serial == peer_serial; });
}

void ChannelServer::answer(CommandTicket ticket, AnswerStatus status, std::string_view text) {
  const auto found =
      std::ranges::find_if(peers_, [&](const auto& peer) { return peer->serial == ticket.peer_serial; });
  if (found == peers_.end()) return;
  Peer& peer = **found;
  if (!peer.command || peer.command->request_id != ticket.request_id) return;
  peer.command.reset();
  send_answer(peer, ticket.request_id, status, text);
}

void ChannelServer::send_answer(Peer& peer, std::uint64_t request_id, AnswerStatus status,
                                std::string_view text) {
  text = text.substr(0, answer_bytes_max);
  std::uint32_t sequence = 0;
  do {
    const std::string_view piece = text.substr(0, answer_chunk_bytes_max);
    text.remove_prefix(piece.size());
    send(peer, AnswerChunk{request_id, sequence++, status, text.empty(), std::string(piece)});
  } while (!text.empty());
}

void ChannelServer::send(Peer& peer, const Message& message, bool with_regions) {
  if (peer.outgoing.empty()) peer.stalled_since_ns = now_ns_;
  peer.outgoing.push_back({encode(message), with_regions});
  flush(peer, now_ns_);
}

void ChannelServer::flush(Peer& peer, std::uint64_t now_ns) {
  while (!peer.outgoing.empty()) {
    const Outgoing& next = peer.outgoing.front();
    const auto regions = regions_.descriptors();
    const auto descriptors = next.with_regions ? std::span<const int>(regions) : std::span<const int>{};
    switch (send_datagram(peer.socket.get(), next.datagram, descriptors)) {
      case SendStatus::would_block:
        return;
      case SendStatus::closed:
        peer.drop_reason = "it closed the connection";
        return;
      case SendStatus::sent:
        break;
    }
    peer.outgoing.pop_front();
    peer.stalled_since_ns = now_ns;
  }
}

void ChannelServer::on_tick(std::uint64_t now_ns) {
  now_ns_ = now_ns;
  for (const auto& peer : peers_) settle(*peer, now_ns);
  drop_broken();
}

void ChannelServer::settle(Peer& peer, std::uint64_t now_ns) {
  std::erase_if(peer.receipts, [&](const PendingReceipt& pending) {
    if (!publication_.is_applied(pending.generation)) return false;
    send(peer, Receipt{pending.request_id, pending.generation, ReceiptResult::applied,
                       apply_times(*regions_.control.page, pending.generation, pending.published_at_ns), ""});
    return true;
  });
  if (peer.command && now_ns >= peer.command->deadline_ns) {
    const std::uint64_t request_id = peer.command->request_id;
    peer.command.reset();
    send_answer(peer, request_id, AnswerStatus::timed_out, "the workers did not answer in time");
  }
  if (!peer.has_greeted && now_ns - peer.connected_at_ns > channel_hello_timeout_ns) {
    peer.drop_reason = "it said no hello in time";
  }
  if (!peer.outgoing.empty() && now_ns - peer.stalled_since_ns > channel_stall_timeout_ns) {
    peer.drop_reason = "it does not take what is sent to it";
  }
}

void ChannelServer::drop_broken() {
  std::erase_if(peers_, [this](const auto& peer) {
    if (peer->drop_reason.empty()) return false;
    handler_.on_peer(peer->name, peer->drop_reason);
    return true;
  });
}

}  // namespace byway::shm
