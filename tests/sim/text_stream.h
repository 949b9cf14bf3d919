// A stream as applications of the simulation use it: text to write in portions, text to read in portions,
// both at the pace of a plan, going on by themselves when memory was short.
#pragma once

#include <string>

#include "dataplane/stream.h"
#include "tests/sim/network.h"
#include "tests/sim/random.h"

namespace byway::sim {

struct TextPace {
  std::uint64_t write_max = 8192;  ///< Portions are of random sizes up to this.
  std::uint64_t read_max = 65'536;
  Nanoseconds read_pause{0};  ///< A slow reader waits up to this long between portions.
};

/// Owner: a client or a server, which outlives the run of the network. One connection after the other may be
/// used with it; what was planned for a former one is forgotten.
class TextStream : public StreamHandler {
 public:
  TextStream(Network& network, Host& host, const TextPace& pace, Random random)
      : network_(network), host_(host), pace_(pace), random_(random) {}
  virtual ~TextStream() = default;
  TextStream(const TextStream&) = delete;
  TextStream& operator=(const TextStream&) = delete;

  void on_connected(Stream& stream) override;
  void on_readable(Stream& stream) override;
  void on_writable(Stream& stream) override;
  void on_closed(Stream& stream, StreamEnd end) override;

 protected:
  /// Takes over a stream, accepted or being connected.
  void attach(Stream& stream);
  [[nodiscard]] bool is_attached() const { return stream_ != nullptr; }
  void write(const std::string& text);
  [[nodiscard]] bool is_all_written() const { return written_ == unwritten_.size(); }
  /// Behind what was written.
  void finish_when_written() { finishes_ = true, write_some(); }
  void abort_when_written() { aborts_ = true, write_some(); }
  /// At once; nothing is told of this stream any more.
  void abort_now();
  void close_now();
  /// Calls `action` after `pause`, unless the stream has gone or another one has come.
  void later(Nanoseconds pause, std::function<void()> action);

  virtual void on_ready() {}
  virtual void on_text(std::string_view text) = 0;
  virtual void on_peer_finished() = 0;
  virtual void on_end(StreamEnd end) = 0;
  /// Everything that was given to write() is with the stream.
  virtual void on_written() {}

  Network& network_;
  Host& host_;
  TextPace pace_;
  Random random_;
  std::uint64_t bytes_read_ = 0;  ///< of all its streams
  std::uint64_t bytes_written_ = 0;

 private:
  void write_some();
  void read_some();
  void read_later(Nanoseconds pause);
  Stream* release();

  Stream* stream_ = nullptr;
  std::uint64_t epoch_ = 0;
  std::string unwritten_;
  std::size_t written_ = 0;
  bool is_ready_ = false;
  bool finishes_ = false;
  bool aborts_ = false;
  bool is_finished_ = false;
  bool saw_finish_ = false;
  bool is_reading_later_ = false;
};

}  // namespace byway::sim
