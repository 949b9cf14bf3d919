// A connection to an endpoint: requests out, responses in, one at a time.
//
//   connecting ──> busy ── both messages ended cleanly ──> idle in the pool ──> busy ...
//       │           │                                         │
//       └───────────┴── failed, cut, timed out, closed ───────┴──> gone
//
// Responses are read strictly: a server that cannot be understood is answered for with 502, and the
// connection is not used again.
#pragma once

#include <cstdint>

#include "dataplane/stream.h"
#include "dataplane/timer_wheel.h"
#include "l7/http1/codec.h"
#include "l7/upstream/pool.h"
#include "l7/worker_context.h"

namespace byway::l7 {
class Exchange;
}

namespace byway::l7::http1 {

/// Interim responses to one request. 100 and a few 102 or 103 are usual; more are a server gone wrong, which
/// would keep an exchange alive for ever.
inline constexpr std::uint32_t interim_responses_max = 16;

enum class HeadResult : std::uint8_t {
  incomplete,
  complete,
  interim,  ///< a 1xx head; another head follows
  invalid,
  truncated,  ///< the endpoint finished before the end of the head
  no_memory,  ///< a long head cannot be held; try again later
};

/// Owner: the worker's slab of upstream connections. Thread: the worker's.
class ClientCodec final : public Codec, public StreamHandler, public upstream::IdleLinks, private Timer {
 public:
  ClientCodec(WorkerContext& context, std::uint64_t endpoint_id);
  ClientCodec(const ClientCodec&) = delete;
  ClientCodec& operator=(const ClientCodec&) = delete;
  ~ClientCodec();

  /// Begins to connect for `exchange`. nullptr: the table is full, or the connector has no memory or ports.
  [[nodiscard]] static ClientCodec* connect(WorkerContext& context, std::uint64_t endpoint_id,
                                            const net::SocketAddress& address, Nanoseconds timeout,
                                            Exchange& exchange);
  /// The newest kept connection to the endpoint that is still good, for `exchange`; nullptr: none.
  [[nodiscard]] static ClientCodec* reuse(WorkerContext& context, std::uint64_t endpoint_id,
                                          Exchange& exchange);

  void on_connected(Stream& stream) override;
  void on_readable(Stream& stream) override;
  void on_writable(Stream& stream) override;
  void on_closed(Stream& stream, StreamEnd end) override;

  // --- For the exchange ---

  /// Takes a request head from `head`; content framed by `framing`, and flush(), follow.
  void send_request_head(Rope& head, const BodyFraming& framing, Method method);
  /// Reads the head of the response. `complete`, `interim`: `head` and `base` are valid until the stream
  /// changes; discard_head() must follow.
  [[nodiscard]] HeadResult read_response_head(ResponseHead& head, const char*& base);
  /// The head has been dealt with: drops its bytes, and goes on to the content, or to the next head.
  void discard_head(const ResponseHead& head);

  /// No byte of the current request has left our send queue (Stream::bytes_sent).
  [[nodiscard]] bool is_request_unsent() const { return stream_->bytes_sent() <= bytes_before_request_; }
  [[nodiscard]] bool is_connected() const { return is_connected_; }
  [[nodiscard]] bool is_reused() const { return is_reused_; }
  /// Some byte of the response has come.
  [[nodiscard]] bool has_answer() const {
    return has_answer_ || head_reader_.has_begun() || !stream_->readable().empty();
  }
  /// The endpoint keeps the connection after this response, and nothing is left over in either direction.
  [[nodiscard]] bool may_be_reused() const;

  /// The exchange is done with it. It goes to the pool if it may, else away. It may not exist afterwards.
  void release();
  /// The exchange gives up: resets the connection. The object does not exist afterwards.
  void abandon();
  /// Closes a pooled connection, for the reason that `counter` counts.
  void close_idle(Counter counter);

 private:
  static void on_timer(Timer& timer, Instant now);
  void forget();

  WorkerContext& context_;
  Exchange* exchange_ = nullptr;
  std::uint64_t endpoint_id_;
  std::uint64_t bytes_before_request_ = 0;
  Instant began_;
  Method method_ = Method::get;
  std::uint8_t interim_count_ = 0;
  bool is_connected_ = false;
  bool is_closed_ = false;  ///< on_closed was called: the stream may not be touched any more
  bool is_reused_ = false;
  bool has_answer_ = false;
  bool keeps_alive_ = false;
};

}  // namespace byway::l7::http1
