// A client's connection: requests in, responses out, one exchange at a time in their order (RFC 9112 9.3).
//
//   waiting ── head complete ──> busy ── exchange over ──> waiting, if both messages ended cleanly
//      │                          │                          else
//      │ refused head             └────────────────────────> lingering ── peer finished, limits ──> gone
//      └── answer ───────────────────────────────────────────────┘
//
// Pipelined requests stay unread in the stream until their turn, so the receive window bounds them. A waiting
// connection holds no buffer; all that it costs is this object, its stream and one timer.
#pragma once

#include <cstdint>

#include "dataplane/stream.h"
#include "dataplane/timer_wheel.h"
#include "l7/http1/codec.h"
#include "l7/response_flag.h"
#include "l7/worker_context.h"

namespace byway::l7 {
class Exchange;
}

namespace byway::l7::http1 {

/// Longest time for a request head from its first byte to its end: what nginx grants. Then 408.
inline constexpr Nanoseconds request_head_timeout = 60s;

/// Time without any byte after which a connection is closed, unless its listener says otherwise.
inline constexpr Nanoseconds downstream_idle_timeout = 5min;

/// After an answer that comes before the end of the request, the rest of what the client sends is dropped for
/// so long and so many bytes, so that a reset does not destroy the answer on its way (RFC 9112 9.6). Two
/// seconds are a few round trips of a far client; 256 KiB are its window.
inline constexpr Nanoseconds linger_timeout = 2s;
inline constexpr std::uint64_t linger_bytes_max = 256 * 1024;

/// How much of a request's content that nobody wants is dropped in order to keep the connection.
inline constexpr Bytes skip_bytes_max = 64 * 1024;

/// Requests of one connection that are begun in one event. Only answers of our own come so fast; the
/// next ones wait for the next round, behind other connections.
inline constexpr std::uint32_t requests_per_event_max = 8;

/// Owner: the worker's slab of downstream connections; it lives as long as its stream. Thread: the worker's.
class ServerCodec final : public Codec, public StreamHandler, private Timer {
 public:
  /// Takes over an accepted stream.
  ServerCodec(WorkerContext& context, Stream& stream);
  ServerCodec(const ServerCodec&) = delete;
  ServerCodec& operator=(const ServerCodec&) = delete;
  ~ServerCodec();

  void on_connected(Stream& stream) override;
  void on_readable(Stream& stream) override;
  void on_writable(Stream& stream) override;
  void on_closed(Stream& stream, StreamEnd end) override;

  // --- For the exchange ---

  /// Drops the bytes of the request's head, of which no text is needed any more: content follows.
  void begin_content(const RequestHead& head);
  /// Writes a response head for the current request; flush() must follow.
  [[nodiscard]] HeadWritten send_response_head(const char* base, const ResponseHead& head);
  /// Sends an interim head; HTTP/1.0 clients do not get it (RFC 9110 15.2). False: no memory, or it is too
  /// long.
  [[nodiscard]] bool send_interim_head(const char* base, const ResponseHead& head);
  /// Sends a whole answer of our own. False: no memory.
  [[nodiscard]] bool send_local_response(std::uint16_t status, ResponseFlag flag);
  /// Drops what is there of the request's content, up to skip_bytes_max; true: that was all of it.
  [[nodiscard]] bool skip_content();
  /// What the client will see: the connection ends after this response.
  void forbid_reuse() { is_last_ = true; }
  /// Bytes moved in either direction of the exchange: the idle timeout begins anew.
  void on_progress() { arm_idle(); }
  /// The listener's idle timeout, once it is known.
  void set_idle_timeout(Nanoseconds timeout) { idle_timeout_ = timeout; }
  /// To be called after every event of the exchange, whoever it came from: if it is over, it is recorded and
  /// taken away, and the connection goes on or ends. It may not exist afterwards.
  void after_exchange_event();

  // --- For the proxy ---

  /// Ends the connection now if it is waiting; else it ends after the current response.
  void drain();
  /// It was told so, or the client wants it.
  [[nodiscard]] bool is_ending() const { return is_last_; }
  /// Ends everything with a reset. The object does not exist afterwards.
  void abort();

 private:
  static void on_timer(Timer& timer, Instant now);

  [[nodiscard]] HeadWritten append_written(const char* base, const ResponseHead& head,
                                           const ResponseEdits& edits);
  void serve();
  [[nodiscard]] bool begin_exchange();
  void wait_for_head();
  void refuse(Refusal refusal);
  [[nodiscard]] bool end_exchange();
  void answer_and_close(std::uint16_t status, ResponseFlag flag);
  void discard_while_lingering();
  void linger();
  void close();
  void abort_stream();
  void on_timeout();
  void arm_idle();
  [[nodiscard]] Persistence persistence() const;

  WorkerContext& context_;
  Exchange* exchange_ = nullptr;
  Nanoseconds idle_timeout_;
  std::uint64_t lingered_bytes_ = 0;
  Version client_version_ = Version::http11;
  bool is_head_ = false;           ///< the current request is HEAD
  bool expects_continue_ = false;  ///< the client holds its content back until it gets a 100
  bool is_last_ = false;           ///< no request is served after the current one
  bool wants_close_ = false;       ///< and it was the client who said so
  bool is_reading_head_ = false;   ///< the timer is armed for the end of a head
  bool is_lingering_ = false;
  bool is_finished_ = false;        ///< finish() was called
  bool has_more_to_serve_ = false;  ///< the timer is armed to go on, not to end anything
};

}  // namespace byway::l7::http1
