// A connection in its stack: its place in the flow table, its timer, the lists that it stands in, its user.
#pragma once

#include <cstdint>

#include "dataplane/stream.h"
#include "dataplane/tcp/connection.h"
#include "dataplane/tcp/flow_key.h"
#include "dataplane/tcp/intrusive_list.h"
#include "dataplane/timer_wheel.h"

namespace byway::tcp {

class Stack;
struct Listener;

/// What is to be told to a socket's user; bits of Socket::pending.
namespace pending {
inline constexpr std::uint8_t accept = 1;
inline constexpr std::uint8_t connected = 2;
inline constexpr std::uint8_t readable = 4;
inline constexpr std::uint8_t writable = 8;
inline constexpr std::uint8_t closed = 16;
}  // namespace pending

/// Which of the lists through queue_link it stands in.
enum class Listing : std::uint8_t { none, half_open, unaccepted, time_wait };

/// Owner: the stack's slab. Users hold it as a Stream; everything else is the stack's business. Calls of
/// users only change the connection and mark the socket; no event and no release happens inside them.
class Socket final : public Stream, public Timer {
 public:
  Socket(Stack& owner, const FlowKey& key, std::uint32_t key_hash, SlicePool& pool);
  ~Socket() = default;

  // ---- Stream ----
  [[nodiscard]] const Rope& readable() const override { return connection.readable(); }
  Bytes take(Bytes count, Rope& target) override;
  void discard(Bytes count) override;
  [[nodiscard]] bool coalesce(Bytes count) override;
  [[nodiscard]] bool is_receive_full() const override;
  [[nodiscard]] bool peer_finished() const override { return connection.peer_finished(); }
  [[nodiscard]] Bytes writable() const override;
  Bytes write(Rope& data) override;
  [[nodiscard]] Bytes unacknowledged() const override { return connection.unacknowledged(); }
  [[nodiscard]] std::uint64_t bytes_written() const override { return connection.bytes_written(); }
  [[nodiscard]] std::uint64_t bytes_sent() const override { return connection.bytes_sent(); }
  void finish() override;
  void close() override;
  void abort() override;
  void set_handler(StreamHandler* to) override { handler = to; }
  [[nodiscard]] net::SocketAddress local_address() const override { return {flow.local, flow.local_port}; }
  [[nodiscard]] net::SocketAddress remote_address() const override { return {flow.remote, flow.remote_port}; }

  // ---- The stack's ----
  std::uint32_t hash;     ///< Of `flow`, as the flow table computes it.
  bool hashed = false;    ///< Stands in the flow table.
  bool attached = false;  ///< Somebody uses it as a Stream.
  bool aborted = false;   ///< By its user: no end to count.
  Listing listing = Listing::none;
  std::uint8_t pending = 0;
  std::uint8_t turn = 0;  ///< Segments sent since it came to the front of the dirty list.
  FlowKey flow;
  Connection connection;
  StreamHandler* handler = nullptr;
  Listener* listener = nullptr;  ///< Until it is accepted.
  Stack& stack;
  Link<Socket> dirty_link;
  Link<Socket> event_link;
  Link<Socket> queue_link;
};

/// What a segment of an established connection touches, prefetched a burst ahead: all but some old ends in
/// the middle. The lists that it stands in come last.
inline constexpr std::size_t socket_hot_bytes = sizeof(Socket);

static_assert(sizeof(Socket) <= 560, "an idle connection is to cost at most 600 B with its flow table entry");

using SocketQueue = IntrusiveList<Socket, &Socket::queue_link>;

}  // namespace byway::tcp
