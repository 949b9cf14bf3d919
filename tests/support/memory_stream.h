// A Stream in memory: the test plays the network. It delivers bytes in any segmentation, decides how much
// the send buffer takes, how much of it has left, and when and how the stream ends; and reads back exactly
// what was written. Keeps the rules of dataplane/stream.h and asserts that its user keeps them.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/assert.h"
#include "dataplane/stream.h"

namespace byway::test {

class MemoryStream final : public Stream {
 public:
  /// `network` is where received bytes lie; a test that lets memory fail uses another for its subject.
  MemoryStream(SlicePool& slices, HeapProvider& network, const net::SocketAddress& local,
               const net::SocketAddress& remote)
      : network_(network), readable_(slices), local_(local), remote_(remote) {}

  // --- The network's side ---

  /// Bytes arrive as one slice, and the handler hears of it.
  void deliver(std::string_view bytes) {
    queue(bytes);
    announce_readable();
  }
  /// Bytes arrive; nobody hears of it yet.
  void queue(std::string_view bytes) {
    BYWAY_ASSERT(!peer_finished_);
    BYWAY_ASSERT(readable_.append(network_.copy(bytes)));
    received_bytes_ += bytes.size();
  }
  /// FIN arrives behind all bytes so far.
  void deliver_finish() {
    peer_finished_ = true;
    announce_readable();
  }
  void mark_peer_finished() { peer_finished_ = true; }
  void announce_readable() {
    if (handler_ != nullptr && is_open_) handler_->on_readable(*this);
  }
  /// connect() succeeds.
  void complete_connect() {
    BYWAY_ASSERT(!is_connected_ && is_open_);
    is_connected_ = true;
    handler_->on_connected(*this);
  }
  /// The stream ends, whoever wanted it.
  void end(StreamEnd how) {
    if (!is_open_) return;
    is_ended_ = true;  // inside on_closed the handler may still ask, but nothing else
    StreamHandler* handler = std::exchange(handler_, nullptr);
    if (handler != nullptr) handler->on_closed(*this, how);
    let_go();
  }
  /// From now on the send buffer takes `bytes` more, and announces it if a write fell short.
  void set_room(Bytes bytes) {
    room_ = bytes;
    if (room_ > 0 && is_short_ && is_open_ && handler_ != nullptr) {
      is_short_ = false;
      handler_->on_writable(*this);
    }
  }
  /// From now on is_receive_full() says so.
  void set_receive_full(bool is_full) { is_receive_full_ = is_full; }
  /// What was written stays in the send queue (bytes_sent() stands still) until this is undone.
  void hold_output(bool is_held) {
    if (!is_held) sent_bytes_ = written_bytes_;
    is_output_held_ = is_held;
  }

  /// Off: what is written is counted, not kept (for content that memory should not hold).
  void set_recording(bool is_recording) { is_recording_ = is_recording; }
  /// Everything written since the stream began.
  [[nodiscard]] const std::string& written() const { return written_; }
  /// What was written since the last call.
  [[nodiscard]] std::string take_written() {
    std::string fresh = written_.substr(read_back_bytes_);
    read_back_bytes_ = written_.size();
    return fresh;
  }
  /// Calls of write(), and how many slices the last one was given.
  [[nodiscard]] std::uint32_t writes() const { return writes_; }
  [[nodiscard]] std::uint32_t last_write_slices() const { return last_write_slices_; }
  [[nodiscard]] bool is_finished() const { return is_finished_; }  ///< finish() was called
  [[nodiscard]] bool is_closed() const { return is_closed_; }      ///< close() was called
  [[nodiscard]] bool is_aborted() const { return is_aborted_; }    ///< abort() was called
  [[nodiscard]] bool is_connected() const { return is_connected_; }
  [[nodiscard]] bool is_open() const { return is_open_; }
  [[nodiscard]] std::uint64_t unread_bytes() const { return readable_.size(); }
  [[nodiscard]] std::uint64_t received_bytes() const { return received_bytes_; }
  [[nodiscard]] Bytes room() const { return room_; }

  // --- The user's side: Stream ---

  [[nodiscard]] const Rope& readable() const override {
    BYWAY_ASSERT(is_open_);
    return readable_;
  }
  Bytes take(Bytes count, Rope& target) override {
    BYWAY_ASSERT(is_open_ && !is_ended_ && count <= readable_.size());
    return readable_.move_front(count, target);
  }
  void discard(Bytes count) override {
    BYWAY_ASSERT(is_open_ && !is_ended_);
    readable_.consume(count);
  }
  [[nodiscard]] bool is_receive_full() const override { return is_receive_full_; }
  [[nodiscard]] bool coalesce(Bytes count) override { return readable_.coalesce_front(count, network_); }
  [[nodiscard]] bool peer_finished() const override { return peer_finished_; }
  [[nodiscard]] Bytes writable() const override {
    BYWAY_ASSERT(is_open_);
    return is_connected_ && !is_finished_ ? room_ : 0;
  }
  Bytes write(Rope& data) override {
    BYWAY_ASSERT(is_open_ && !is_ended_ && !is_finished_);
    const Bytes count = std::min(data.size(), writable());
    ++writes_;
    last_write_slices_ = data.slice_count();
    for (Bytes left = count; left > 0;) {
      const Bytes piece = std::min(left, data.front().size());
      if (is_recording_) written_.append(data.front().text().substr(0, piece));
      data.consume(piece);
      left -= piece;
    }
    if (room_ != unlimited) room_ -= count;
    written_bytes_ += count;
    if (!is_output_held_) sent_bytes_ = written_bytes_;
    if (!data.empty()) is_short_ = true;
    return count;
  }
  [[nodiscard]] Bytes unacknowledged() const override { return 0; }
  [[nodiscard]] std::uint64_t bytes_written() const override { return written_bytes_; }
  [[nodiscard]] std::uint64_t bytes_sent() const override { return sent_bytes_; }
  void finish() override {
    BYWAY_ASSERT(is_open_ && !is_ended_);
    is_finished_ = true;
  }
  void close() override {
    BYWAY_ASSERT(is_open_ && !is_ended_);
    is_closed_ = true;
    let_go();
  }
  void abort() override {
    BYWAY_ASSERT(is_open_ && !is_ended_);
    is_aborted_ = true;
    let_go();
  }
  void set_handler(StreamHandler* handler) override { handler_ = handler; }
  [[nodiscard]] net::SocketAddress local_address() const override { return local_; }
  [[nodiscard]] net::SocketAddress remote_address() const override { return remote_; }

  static constexpr Bytes unlimited = 1u << 30;
  /// Of an accepted stream; a connecting one starts false.
  void set_connected(bool is_connected) { is_connected_ = is_connected; }

 private:
  void let_go() {
    is_open_ = false;
    handler_ = nullptr;
    readable_.clear();
  }

  HeapProvider& network_;
  Rope readable_;
  net::SocketAddress local_;
  net::SocketAddress remote_;
  StreamHandler* handler_ = nullptr;
  std::string written_;
  std::size_t read_back_bytes_ = 0;
  std::uint64_t written_bytes_ = 0;
  std::uint32_t writes_ = 0;
  std::uint32_t last_write_slices_ = 0;
  std::uint64_t sent_bytes_ = 0;
  std::uint64_t received_bytes_ = 0;
  Bytes room_ = unlimited;
  bool is_recording_ = true;
  bool is_receive_full_ = false;
  bool is_connected_ = true;
  bool is_short_ = false;
  bool is_output_held_ = false;
  bool peer_finished_ = false;
  bool is_finished_ = false;
  bool is_closed_ = false;
  bool is_aborted_ = false;
  bool is_ended_ = false;
  bool is_open_ = true;
};

/// Opens MemoryStreams; the test completes or ends them.
class MemoryConnector final : public Connector {
 public:
  MemoryConnector(SlicePool& slices, HeapProvider& network) : slices_(slices), network_(network) {}

  [[nodiscard]] Stream* connect(const net::SocketAddress& remote, StreamHandler& handler) override {
    if (is_exhausted_) return nullptr;
    streams_.push_back(std::make_unique<MemoryStream>(
        slices_, network_, net::SocketAddress{net::IpAddress::from_v4({0x0a000001}), 50'000}, remote));
    streams_.back()->set_connected(false);
    streams_.back()->set_handler(&handler);
    return streams_.back().get();
  }

  /// connect() answers nullptr: no memory or no port.
  void set_exhausted(bool is_exhausted) { is_exhausted_ = is_exhausted; }
  [[nodiscard]] std::size_t count() const { return streams_.size(); }
  [[nodiscard]] MemoryStream& stream(std::size_t index) { return *streams_.at(index); }
  [[nodiscard]] MemoryStream& last() { return *streams_.back(); }
  void clear() { streams_.clear(); }

 private:
  SlicePool& slices_;
  HeapProvider& network_;
  bool is_exhausted_ = false;
  std::vector<std::unique_ptr<MemoryStream>> streams_;
};

}  // namespace byway::test
