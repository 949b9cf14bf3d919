// The seam between byte streams and what uses them. tcp::Socket and tls::Session are Streams; HTTP codecs,
// the TCP proxy, the traffic generator and tests are StreamHandlers.
//
// Rules that both sides keep:
//  - All calls of one stream and its handler happen on one worker's thread.
//  - No method of Stream calls back into a handler: events are delivered by the worker between packets, so a
//    handler may call any method of any stream from inside an event, including abort() of its own.
//  - After on_closed, close() or abort() the handler hears nothing more and must not touch the stream again.
#pragma once

#include <cstdint>
#include <string_view>

#include "dataplane/clock.h"
#include "dataplane/net/address.h"
#include "dataplane/rope.h"

namespace byway {

/// Why a stream ended.
enum class StreamEnd : std::uint8_t {
  finished,     ///< Both directions ended in order (FIN both ways, all data acknowledged).
  reset,        ///< The peer reset it.
  refused,      ///< connect(): the peer answered RST to our SYN.
  timed_out,    ///< No answer within the retransmission or user time-out.
  unreachable,  ///< No route or no neighbour, or ICMP said so while connecting.
  no_memory,    ///< Byway's own limits.
  drained,      ///< The worker is stopping.
};
[[nodiscard]] std::string_view name_of(StreamEnd end);

class Stream;

/// What a stream tells its user. Events are level-checked, not counted: one on_readable may stand for many
/// segments, and may come with nothing new to read.
class StreamHandler {
 public:
  /// connect() succeeded. Not called for accepted streams.
  virtual void on_connected(Stream& stream) = 0;
  /// There are bytes to read, or the peer has finished (Stream::peer_finished).
  virtual void on_readable(Stream& stream) = 0;
  /// write() took less than it was given, and now there is room again.
  virtual void on_writable(Stream& stream) = 0;
  /// The stream is gone. Unread bytes are lost.
  virtual void on_closed(Stream& stream, StreamEnd end) = 0;

 protected:
  ~StreamHandler() = default;
};

/// A reliable, flow-controlled, bidirectional byte stream.
/// Owner: whoever made it (the TCP stack's slab, a TLS session's owner); users hold it until on_closed,
/// close() or abort().
class Stream {
 public:
  /// Bytes that are received, in order and not yet taken.
  [[nodiscard]] virtual const Rope& readable() const = 0;
  /// Moves the first `count` readable bytes (asserted: <= readable().size()) to the end of `target` and opens
  /// the receive window. Returns how many were moved: fewer only when chain nodes are out.
  virtual Bytes take(Bytes count, Rope& target) = 0;
  /// Drops the first `count` readable bytes (asserted in range) and opens the receive window.
  virtual void discard(Bytes count) = 0;
  /// Makes the first `count` readable bytes lie in one slice (Rope::coalesce_front). False: no memory.
  [[nodiscard]] virtual bool coalesce(Bytes count) = 0;
  /// The peer can send no more, or less than a segment, before something is read: who waits for more must
  /// read.
  [[nodiscard]] virtual bool is_receive_full() const = 0;
  /// The peer will send nothing after what is readable now.
  [[nodiscard]] virtual bool peer_finished() const = 0;

  /// How much write() would take now. 0 before on_connected and after finish().
  [[nodiscard]] virtual Bytes writable() const = 0;
  /// Moves what the send buffer can hold from the front of `data`; returns how much it took. When it took
  /// less than all, on_writable follows.
  virtual Bytes write(Rope& data) = 0;
  /// Bytes that were written and that the peer has not acknowledged yet.
  [[nodiscard]] virtual Bytes unacknowledged() const = 0;
  /// Bytes that write() has taken since the stream began, and how many of those were handed to the network at
  /// least once. While bytes_sent() is not above what bytes_written() was before a message, no byte of it has
  /// left.
  [[nodiscard]] virtual std::uint64_t bytes_written() const = 0;
  [[nodiscard]] virtual std::uint64_t bytes_sent() const = 0;

  /// Half-close: the peer sees the end after all bytes that were written. Reading goes on.
  virtual void finish() = 0;
  /// The user lets go: what was written is still delivered, then FIN; what arrives from now on is answered
  /// with a reset (RFC 9293 3.6.1, RFC 1122 4.2.2.13). No event follows.
  virtual void close() = 0;
  /// Resets the connection. No event follows.
  virtual void abort() = 0;

  virtual void set_handler(StreamHandler* handler) = 0;
  [[nodiscard]] virtual net::SocketAddress local_address() const = 0;
  [[nodiscard]] virtual net::SocketAddress remote_address() const = 0;

 protected:
  ~Stream() = default;
};

/// Opens streams; tcp::Stack is one.
class Connector {
 public:
  /// Starts to connect from any local address that routes to `remote`. nullptr: no memory or no free local
  /// port (counted); every other failure comes as on_closed. `handler` hears on_connected or on_closed.
  [[nodiscard]] virtual Stream* connect(const net::SocketAddress& remote, StreamHandler& handler) = 0;

 protected:
  ~Connector() = default;
};

/// Takes new connections of a listening TCP port.
class Acceptor {
 public:
  /// A connection is established (its handshake is complete). The acceptor sets a handler, or refuses with
  /// abort(). Bytes that are already readable are announced by on_readable afterwards.
  virtual void on_accept(Stream& stream) = 0;

 protected:
  ~Acceptor() = default;
};

}  // namespace byway
