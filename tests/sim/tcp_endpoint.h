// An application for the simulator: writes a stream of known bytes in random portions, reads what the other
// side sends at a random pace, checks every byte, and ends in a way that the plan says.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "dataplane/stream.h"
#include "tests/sim/network.h"

namespace byway::sim {

/// What one end of a connection does.
struct EndpointPlan {
  std::uint64_t key = 0;       ///< Chooses the bytes that it sends.
  std::uint64_t peer_key = 0;  ///< Chooses the bytes that it expects.
  std::uint64_t bytes_to_send = 0;
  std::uint64_t bytes_to_expect = 0;
  std::uint64_t write_max = 8192;  ///< Portions are of random sizes up to this.
  std::uint64_t read_max = 65'536;
  Nanoseconds read_pause{0};            ///< A slow reader waits up to this long between portions.
  std::uint64_t pause_at = UINT64_MAX;  ///< Once it has read so many bytes, it reads nothing for long_pause.
  Nanoseconds long_pause{0};
  bool finish_before_reading = true;       ///< Else it finishes when the peer has.
  bool lets_go = false;                    ///< Closes instead, and hears nothing more. It expects no bytes.
  std::uint64_t abort_after = UINT64_MAX;  ///< Resets once it has read so many bytes.
};

/// Byte `offset` of the stream that `key` chooses.
[[nodiscard]] std::uint8_t stream_byte(std::uint64_t key, std::uint64_t offset);
/// Those from `offset` on.
void write_stream(std::uint64_t key, std::uint64_t offset, std::span<std::uint8_t> out);

class Endpoint final : public StreamHandler {
 public:
  Endpoint(Network& network, Host& host, const EndpointPlan& plan, Random random)
      : network_(network), host_(host), plan_(plan), random_(random) {}

  void start(Stream& stream);
  [[nodiscard]] bool has_started() const { return has_started_; }
  /// Its connection moves to the host's other stack, if it can now.
  void move();
  /// It will not be started: its connection has ended before it was accepted.
  void give_up() { over_ = true; }
  [[nodiscard]] bool is_over() const { return over_; }
  [[nodiscard]] bool was_aborted() const { return aborted_; }
  /// Nothing is left of its connection in the stack either.
  [[nodiscard]] bool has_left() { return !host_.has_connection(flow_); }
  [[nodiscard]] StreamEnd end() const { return end_; }
  [[nodiscard]] std::uint64_t bytes_received() const { return received_; }
  [[nodiscard]] bool saw_finish() const { return saw_finish_; }
  /// Empty as long as nothing went wrong.
  [[nodiscard]] const std::string& error() const { return error_; }

  void on_connected(Stream& stream) override;
  void on_readable(Stream& stream) override;
  void on_writable(Stream& stream) override;
  void on_closed(Stream& stream, StreamEnd end) override;

 private:
  void write_some();
  void read_some();
  void read_later(Nanoseconds pause);
  void check(const Slice& slice);
  void fail(const std::string& what);

  Network& network_;
  Host& host_;
  EndpointPlan plan_;
  Random random_;
  Stream* stream_ = nullptr;
  tcp::FlowKey flow_;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  bool has_started_ = false;
  bool reading_later_ = false;
  bool finished_ = false;
  bool saw_finish_ = false;
  bool over_ = false;
  bool aborted_ = false;
  StreamEnd end_ = StreamEnd::finished;
  std::string error_;
};

}  // namespace byway::sim
