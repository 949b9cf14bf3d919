// One request with its response, from the head that was received to the record that is left.
//
// It stands between a client's connection and, for most of its life, one to an endpoint. Its phases are in
// phases.h; here are the events, the two relays and the ending. It keeps nothing of a snapshot: routing,
// rewriting and the choice of an endpoint happen in one event, and what is needed afterwards is copied into
// the Plan, so no exchange ever holds a generation.
//
// Flow control: content is read from one side only when the other takes it at once (Codec::room).
#pragma once

#include <cstdint>

#include "dataplane/rope.h"
#include "dataplane/timer_wheel.h"
#include "l7/http1/client_codec.h"
#include "l7/http1/server_codec.h"
#include "l7/phases.h"
#include "l7/telemetry/record.h"
#include "l7/worker_context.h"

namespace byway::l7 {

/// Content moved by one event in one direction; what is left waits for the next round. It is the receive
/// buffer of a connection, so that it binds only where a stream below holds more.
inline constexpr Bytes relay_bytes_per_event_max = 256 * 1024;

/// How long an exchange waits when buffers or chain nodes are out, before it looks again: at first, and,
/// after doublings, at most. The first is about a round trip, whose ACKs give memory back; the last costs
/// nothing even when every exchange of a worker waits so.
inline constexpr Nanoseconds memory_wait_first = 1ms;
inline constexpr Nanoseconds memory_wait_longest = 64ms;

/// How long it waits in all while nothing moves; then it ends: 503, flag OM. Memory that is not back after
/// some retransmission timeouts is not short but overbooked, and everyone who waits holds some of it.
inline constexpr Nanoseconds memory_wait_total_max = 5s;

/// What is kept of routing: fixed size, no pointers into a snapshot.
struct Plan {
  std::uint64_t rule_id = 0;
  std::uint64_t backend_id = 0;
  std::uint64_t endpoint_id = 0;
  net::SocketAddress endpoint_address;
  shm::SlotHandle slot;
  Nanoseconds connect_timeout{0};
  Nanoseconds request_timeout{0};          ///< 0: none
  Nanoseconds backend_request_timeout{0};  ///< 0: none
};

/// What becomes of the client's connection when the exchange is over.
enum class DownstreamFate : std::uint8_t {
  keep,   ///< the next request may follow
  close,  ///< after what was written; the client may still be sending
  abort,  ///< reset: the client must not take what it has for a whole response
};

/// Owner: the worker's slab of exchanges. Made and destroyed by the downstream connection.
class Exchange final : private Timer {
 public:
  Exchange(WorkerContext& context, http1::ServerCodec& downstream);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange();

  /// Runs the phases for a request whose head is complete at `base`; both are used during the call only. The
  /// head's bytes are dropped from the stream on the way.
  void begin(const RequestHead& head, const char* base);

  // --- Events. After each the caller asks is_over() (ServerCodec::after_exchange_event). ---

  void on_downstream_readable();
  void on_downstream_writable();
  /// The client has gone; `is_reset`: by a reset.
  void on_downstream_closed(bool is_reset);
  /// Nothing moved for the idle timeout.
  void on_idle();
  void on_upstream_connected();
  void on_upstream_readable();
  void on_upstream_writable();
  void on_upstream_closed(StreamEnd end);
  void on_connect_timeout();

  [[nodiscard]] bool is_over() const { return is_over_; }
  [[nodiscard]] DownstreamFate fate() const { return fate_; }
  [[nodiscard]] http1::ServerCodec& downstream() const { return downstream_; }
  /// Ends it at once, without an answer.
  void abandon(ResponseFlag flag);

 private:
  friend struct Phases;

  static void on_timer(Timer& timer, Instant now);

  enum class Step : std::uint8_t { moved, idle, done, ended };

  void begin_try();
  void end_try(bool is_failure);
  void relay_request();
  [[nodiscard]] Step relay_request_step(Bytes count_max);
  void keep_for_replay(Bytes count);
  void relay_response();
  [[nodiscard]] Step relay_response_step(Bytes count_max);
  void finish_response();
  void read_response();
  void on_upstream_broken(ResponseFlag flag);
  void on_timer_due();
  void fail(Outcome outcome);
  void answer(Outcome outcome);
  void drop_upstream();
  void finish(ResponseFlag flag, DownstreamFate fate);
  void resume_at(Instant when);
  void wait_for_memory();
  void on_memory_taken() { memory_deadline_ = Instant::never(); }
  void arm_timer();

  WorkerContext& context_;
  http1::ServerCodec& downstream_;
  http1::ClientCodec* upstream_ = nullptr;
  Plan plan_;
  ExchangeRecord record_;
  http1::BodyFraming request_framing_;
  Rope request_head_;      ///< as it is sent; kept while it may have to be sent again
  Rope replay_;            ///< request content sent so far, shared, for the same purpose
  Rope request_content_;   ///< taken from the client, not yet given to the endpoint (memory was short)
  Rope response_content_;  ///< the same in the other direction
  Instant request_deadline_ = Instant::never();
  Instant try_deadline_ = Instant::never();
  Instant resume_at_ = Instant::never();  ///< to go on with what memory or the bound on one event stopped
  Instant memory_deadline_ = Instant::never();  ///< to end, if what it waits for memory for has not moved
  Nanoseconds memory_wait_{0};                  ///< the last one
  Method method_ = Method::get;
  DownstreamFate fate_ = DownstreamFate::keep;
  bool is_over_ = false;
  bool may_retry_ = true;              ///< the one retry has not been used
  bool holds_replay_ = false;          ///< request_head_ and replay_ hold all that was taken from the client
  bool is_head_sent_ = false;          ///< request head, on the current connection
  bool is_request_done_ = false;       ///< and all of its content
  bool has_response_ = false;          ///< the final response head was sent to the client
  bool is_response_received_ = false;  ///< all of its content was taken from the endpoint
  bool is_response_done_ = false;      ///< and given to the client's codec
  bool is_try_open_ = false;           ///< counted in the endpoint's slot
};

}  // namespace byway::l7
