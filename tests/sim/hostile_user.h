// Who uses a stack's connections with hand-made peers: writes, reads, checks that what it reads is what the
// peer sent first, and lets go after some time.
#pragma once

#include <cstdint>
#include <list>
#include <string>

#include "dataplane/stream.h"
#include "tests/sim/network.h"
#include "tests/sim/raw_peer.h"

namespace byway::sim {

struct HostileUserPlan {
  std::uint32_t bytes_to_write = 0;
  bool reads = true;
  enum class End : std::uint8_t { finish, close, abort } end = End::finish;
  Nanoseconds patience{0};  ///< Until it ends in that way; twice as long, and it aborts.
};

class HostileUser final : public StreamHandler {
 public:
  HostileUser(Network& network, Host& host, const HostileUserPlan& plan)
      : network_(network), host_(host), plan_(plan) {}

  /// A connection that `peer` has opened, or that the host opens to it.
  void start(Stream& stream, RawPeer& peer);
  /// What was wrong, or nothing.
  [[nodiscard]] const std::string& error() const { return error_; }
  /// Octets that were not those that the peer sent first: allowed only to a stack that let some go.
  [[nodiscard]] bool has_read_others() const { return has_read_others_; }
  [[nodiscard]] std::uint32_t bytes_written() const { return written_; }
  /// nullptr: it was never started.
  [[nodiscard]] const RawPeer* peer() const { return peer_; }

  void on_connected(Stream&) override { write_some(); }
  void on_readable(Stream&) override { read_all(); }
  void on_writable(Stream&) override { write_some(); }
  void on_closed(Stream&, StreamEnd) override;

 private:
  void write_some();
  void read_all();
  void check(const Slice& slice);
  void let_go();

  Network& network_;
  Host& host_;
  HostileUserPlan plan_;
  Stream* stream_ = nullptr;
  RawPeer* peer_ = nullptr;
  net::SocketAddress local_;
  net::SocketAddress remote_;
  std::uint32_t written_ = 0;
  std::uint32_t read_ = 0;
  bool has_read_others_ = false;
  std::string error_;
};

}  // namespace byway::sim
