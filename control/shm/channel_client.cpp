#include "control/shm/channel_client.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <variant>

#include "control/shm/apply_times.h"

namespace byway::shm {
namespace {

using Kind = ChannelError::Kind;

/// Waits until the socket is ready for `events`; false at the deadline.
bool wait_for_socket(int socket, short events, Deadline deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd entry{socket, events, 0};
    const int found = ::poll(&entry, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000)));
    if (found > 0) return true;
    if (found == 0 && left.count() <= 0) return false;
    if (found < 0 && errno != EINTR) return true;  // the system call that follows shows what is wrong
  }
}

}  // namespace

std::expected<std::unique_ptr<ChannelClient>, ChannelError> ChannelClient::connect(
    const std::string& socket_path, const std::string& name, Deadline deadline) {
  auto socket = make_seqpacket_socket();
  if (!socket) return std::unexpected(ChannelError{Kind::unavailable, socket.error()});
  if (auto connected = connect_to(socket->get(), socket_path); !connected) {
    return std::unexpected(ChannelError{Kind::unavailable, connected.error()});
  }
  std::unique_ptr<ChannelClient> client(new ChannelClient(std::move(*socket)));
  if (auto greeted = client->greet(name, deadline); !greeted) return std::unexpected(greeted.error());
  return client;
}

std::expected<void, ChannelError> ChannelClient::greet(const std::string& name, Deadline deadline) {
  if (auto sent = send(Hello{name}, {}, deadline); !sent) return sent;
  auto received = receive(deadline);
  if (!received) return std::unexpected(received.error());
  const auto* welcome = std::get_if<Welcome>(&received->message);
  if (welcome == nullptr) return fail(Kind::protocol, "the data plane did not answer with a welcome");
  welcome_ = *welcome;
  auto regions = AgentRegions::open(welcome_, received->descriptors);
  if (!regions) return fail(Kind::protocol, regions.error());
  regions_ = std::make_unique<AgentRegions>(std::move(*regions));
  return {};
}

bool ChannelClient::is_connected() {
  if (!socket_.is_open()) return false;
  pollfd entry{socket_.get(), 0, 0};
  if (::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) socket_ = OwnedFd();
  return socket_.is_open();
}

std::unexpected<ChannelError> ChannelClient::fail(ChannelError::Kind kind, std::string text) {
  if (kind != Kind::timed_out) socket_ = OwnedFd();
  return std::unexpected(ChannelError{kind, std::move(text)});
}

std::expected<void, ChannelError> ChannelClient::send(const Message& message,
                                                      std::span<const int> descriptors, Deadline deadline) {
  if (!socket_.is_open()) return fail(Kind::unavailable, "not connected");
  const auto datagram = encode(message);
  for (;;) {
    switch (send_datagram(socket_.get(), datagram, descriptors)) {
      case SendStatus::sent:
        return {};
      case SendStatus::closed:
        return fail(Kind::unavailable, std::string("the data plane has gone: ") + std::strerror(errno));
      case SendStatus::would_block:
        break;
    }
    if (!wait_for_socket(socket_.get(), POLLOUT, deadline)) {
      return fail(Kind::timed_out, "the data plane takes no messages");
    }
  }
}

std::expected<Received, ChannelError> ChannelClient::receive(Deadline deadline) {
  if (!socket_.is_open()) return fail(Kind::unavailable, "not connected");
  for (;;) {
    Received received = receive_message(socket_.get());
    switch (received.status) {
      case ReceiveStatus::message:
        return received;
      case ReceiveStatus::closed:
        return fail(Kind::unavailable, "the data plane has gone: " + received.problem);
      case ReceiveStatus::malformed:
        return fail(Kind::protocol, received.problem);
      case ReceiveStatus::nothing_yet:
        break;
    }
    if (!wait_for_socket(socket_.get(), POLLIN, deadline))
      return fail(Kind::timed_out, "no answer from the data plane in time");
  }
}

std::expected<Receipt, ChannelError> ChannelClient::publish(const SetToPublish& set, WaitFor wait_for,
                                                            Deadline deadline) {
  const Handover handover{next_request_id_++, set.generation, set.revision};
  const std::array<int, blob_count> blobs{set.policy_fd, set.endpoints_fd, set.secrets_fd};
  if (auto sent = send(handover, blobs, deadline); !sent) return std::unexpected(sent.error());
  std::optional<Receipt> accepted;
  for (;;) {
    auto received = receive(deadline);
    if (!received && received.error().kind == Kind::timed_out && accepted) {
      const ControlPage& page = regions_->control();
      accepted->worker_ns = apply_times(page, set.generation, page.publication.published_at_ns.load());
      return *accepted;
    }
    if (!received) return std::unexpected(received.error());
    auto* receipt = std::get_if<Receipt>(&received->message);
    // Late answers to earlier requests, whose caller waits no more.
    if (receipt == nullptr || receipt->request_id != handover.request_id) continue;
    if (receipt->generation != set.generation)
      return fail(Kind::protocol, "a receipt for another generation");
    if (receipt->result != ReceiptResult::accepted || wait_for == WaitFor::accepted)
      return std::move(*receipt);
    accepted = std::move(*receipt);
  }
}

std::expected<CommandAnswer, ChannelError> ChannelClient::command(std::string_view name,
                                                                  std::string_view arguments,
                                                                  Deadline deadline) {
  if (name.empty() || name.size() > command_name_bytes_max ||
      arguments.size() > command_arguments_bytes_max) {
    return CommandAnswer{AnswerStatus::invalid_arguments, "the command's name or arguments are too long"};
  }
  const CommandRequest request{next_request_id_++, std::string(name), std::string(arguments)};
  if (auto sent = send(request, {}, deadline); !sent) return std::unexpected(sent.error());
  CommandAnswer answer;
  std::uint32_t next_sequence = 0;
  for (;;) {
    auto received = receive(deadline);
    if (!received) return std::unexpected(received.error());
    const auto* chunk = std::get_if<AnswerChunk>(&received->message);
    if (chunk == nullptr || chunk->request_id != request.request_id) continue;
    if (chunk->sequence != next_sequence++ || answer.text.size() + chunk->text.size() > answer_bytes_max) {
      return fail(Kind::protocol, "the pieces of an answer do not fit");
    }
    answer.text += chunk->text;
    answer.status = chunk->status;
    if (chunk->is_last) return answer;
  }
}

}  // namespace byway::shm
