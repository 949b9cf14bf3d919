// The client role: connections that send one request after another and check every answer, byte by byte.
//
// Everything is prepared before the first request: the request is written once and every send shares its
// buffers, so a request costs no copy and no allocation. One answer is read at a time on each connection (no
// pipelining: it hides latency behind a queue of the generator's own).
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "dataplane/clock.h"
#include "dataplane/rope.h"
#include "dataplane/stream.h"
#include "l7/http1/body.h"
#include "l7/http1/parse.h"
#include "tools/loadgen/arrival.h"
#include "tools/loadgen/results.h"
#include "tools/loadgen/scenario.h"

namespace byway::loadgen {

class Client;

/// One connection and the request that is under way on it.
class Session final : public StreamHandler {
 public:
  explicit Session(Client& client);

  void on_connected(Stream& stream) override;
  void on_readable(Stream& stream) override;
  void on_writable(Stream& stream) override;
  void on_closed(Stream& stream, StreamEnd end) override;

 private:
  friend class Client;
  enum class State : std::uint8_t { closed, connecting, idle, head, body };

  void send(Instant due);
  void read_head(Stream& stream);
  void read_body(Stream& stream);
  void complete(Stream& stream);
  void fail(Failure failure);
  [[nodiscard]] bool is_waiting() const { return state_ == State::head || state_ == State::body; }

  Client& client_;
  Stream* stream_ = nullptr;
  Rope out_;  ///< What of the request has not been taken by the stream yet.
  State state_ = State::closed;
  bool keep_alive_ = true;
  bool matches_ = true;
  std::uint32_t requests_ = 0;
  Instant due_;
  l7::http1::BodyReader body_;
};

/// All sessions of one worker. Owner of them; thread: the worker.
class Client {
 public:
  /// `connector` and `memory` outlive the client. Nothing happens before start().
  Client(const Scenario& scenario, Connector& connector, Memory memory);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  /// Writes the request into buffers. False: no memory for it.
  [[nodiscard]] bool start(Instant now);
  /// Once a round: opens connections (a bounded number), sends what is due.
  void on_round(Instant now);
  /// No new requests from now on; those under way are still counted.
  void stop() { stopping_ = true; }
  [[nodiscard]] bool is_quiet() const { return waiting_count_ == 0; }
  /// Closes all connections.
  void close_all();
  /// Gives the buffers of the request back: before their pool goes.
  void release_request() { request_.clear(); }

  /// What was counted since the last clear_results(): called at the end of the warm-up.
  [[nodiscard]] const Results& results() const { return results_; }
  void clear_results() { results_.clear(); }
  [[nodiscard]] std::uint32_t connected_count() const { return connected_count_; }
  /// Open loop: how many requests are due and not sent, since every connection waits for an answer.
  [[nodiscard]] std::uint64_t overdue() const { return arrival_ ? arrival_->overdue(now_) : 0; }
  /// When on_round has something to do at the latest.
  [[nodiscard]] Instant next_due() const;

 private:
  friend class Session;
  [[nodiscard]] bool is_open_loop() const { return scenario_.rate > 0; }
  void open(Session& session);
  void on_idle(Session& session);
  /// Compares an answer's next bytes with what is expected; the first answer of all is the expectation.
  [[nodiscard]] bool check(std::uint64_t offset, const std::uint8_t* data, std::size_t size);
  [[nodiscard]] bool check_end(std::uint64_t size);

  const Scenario scenario_;
  Connector& connector_;
  Memory memory_;
  Instant now_;
  Rope request_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::vector<Session*> idle_;    ///< Connected, waiting for a request to become due (open loop).
  std::vector<Session*> closed_;  ///< To be opened.
  std::optional<Arrival> arrival_;
  std::vector<std::uint8_t> expected_body_;
  bool expectation_is_known_ = false;
  l7::ResponseHead
      head_;  ///< Scratch: a head that is not complete is read again from its start when more is there.
  Results results_;
  std::uint32_t waiting_count_ = 0;
  std::uint32_t connected_count_ = 0;
  bool stopping_ = false;
};

}  // namespace byway::loadgen
