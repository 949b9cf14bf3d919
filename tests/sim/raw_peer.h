// A peer made by hand: it speaks TCP well enough to open connections with a stack, as client and as server,
// and then does what its strategy says. Everything it sends has right checksums.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "dataplane/tcp/segment.h"
#include "tests/sim/network.h"
#include "tests/sim/node.h"
#include "tests/sim/random.h"

namespace byway::sim {

class RawPeer;
struct Strategy;

/// What a hand-made peer has sent of a stream, by offset: the first value of each octet, and whether another
/// one followed.
class SentStream {
 public:
  /// `taken`: how many of them the receiver certainly takes, if they are the first (its window ends there).
  void note(std::uint32_t offset, std::span<const std::uint8_t> bytes, std::size_t taken);
  enum class Verdict : std::uint8_t { first, other, never_sent };
  /// Of an octet that a reader got.
  [[nodiscard]] Verdict verdict(std::uint32_t offset, std::uint8_t byte) const;

 private:
  struct Octet {
    bool is_sent = false;
    bool is_contested = false;
    bool is_uncertain = false;  ///< What came first may have been refused.
    std::uint8_t first = 0;
  };
  std::vector<Octet> octets_;
};

/// One connection of a hand-made peer. What is not set by its strategy is as an honest peer does it.
class RawConnection {
 public:
  RawConnection(RawPeer& peer, const net::SocketAddress& local, const net::SocketAddress& remote,
                const Strategy& strategy, Random random);

  /// Active open.
  void send_syn();
  void on_segment(const tcp::SegmentView& segment);
  void on_wake();
  [[nodiscard]] Instant wake_at() const { return is_silent ? Instant::never() : wake_at_; }
  void wake_in(Nanoseconds time);

  // ---- What strategies use ----
  /// A header that an honest peer would send now: ACK of all that has come, the window, timestamps.
  [[nodiscard]] tcp::HeaderFields header(std::uint8_t flags = tcp::flag::ack);
  void send(const tcp::HeaderFields& fields, std::span<const std::uint8_t> payload = {});
  void send_ack() { send(header()); }
  /// With some bits of the TCP header flipped, under a right checksum.
  void send_damaged(const tcp::HeaderFields& fields);
  /// Octets of the stream from `offset` on, those that belong there or others.
  void send_stream(std::uint32_t offset, std::uint32_t count, bool is_true = true);
  /// The next octets of the stream.
  void send_next(std::uint32_t count);
  void send_fin();

  Random random;
  tcp::Seq iss;
  std::uint32_t next_offset = 0;  ///< Of the stream, behind what was sent in order.
  tcp::Seq acknowledged;          ///< By the stack, of ours.
  tcp::Seq rcv_next;              ///< Behind all that has come in order.
  tcp::Seq rcv_irs;               ///< The stack's initial number.
  std::uint16_t window = 65'535;  ///< As it is said in headers.
  tcp::Seq edge;                  ///< Of the stack's window.
  std::uint8_t peer_scale = 0;
  tcp::Timestamps timestamps;  ///< value is added to the clock.
  bool uses_timestamps = false;
  bool is_established = false;
  bool is_silent = false;  ///< Sends nothing more.
  bool fin_sent = false;
  std::uint32_t step = 0;  ///< For strategies that go on by steps.
  SentStream sent;
  tcp::Options syn_options;  ///< What its SYN says.

  [[nodiscard]] const net::SocketAddress& local() const { return local_; }
  [[nodiscard]] const Strategy& strategy() const { return strategy_; }
  [[nodiscard]] Instant now() const;

 private:
  void on_syn(const tcp::SegmentView& segment);
  [[nodiscard]] std::uint32_t timestamp() const;

  RawPeer& peer_;
  net::SocketAddress local_;
  net::SocketAddress remote_;
  const Strategy& strategy_;
  Instant wake_at_ = Instant::never();
  std::uint64_t key_;
};

class RawPeer final : public Node {
 public:
  RawPeer(Network& network, const net::IpAddress& address, const Strategy& strategy, Random random)
      : Node(network, address), strategy_(strategy), random_(random) {}

  /// Opens a connection to `remote` from `port`, now.
  RawConnection& open(std::uint16_t port, const net::SocketAddress& remote);
  /// nullptr: there is none.
  [[nodiscard]] RawConnection* find(std::uint16_t port, const net::SocketAddress& remote);
  /// Sends nothing more than this.
  void set_budget(std::uint64_t packets) { budget_ = packets; }
  [[nodiscard]] bool is_exhausted() const { return packets_out_ >= budget_; }
  void transmit(const net::SocketAddress& remote, const tcp::HeaderFields& fields,
                std::span<const std::uint8_t> payload);
  /// One of its connections has something to do at `when`.
  void wake_at(Instant when) { next_wake_ = std::min(next_wake_, when); }
  void transmit_bytes(const net::SocketAddress& remote, std::span<const std::uint8_t> header,
                      std::uint8_t ecn, std::span<const std::uint8_t> payload);

  [[nodiscard]] std::size_t connection_count() const { return connections_.size(); }
  [[nodiscard]] std::uint64_t packets_in() const { return packets_in_; }
  [[nodiscard]] std::uint64_t packets_out() const { return packets_out_; }
  [[nodiscard]] const Strategy& strategy() const { return strategy_; }
  [[nodiscard]] Instant now() const { return network_.now(); }

  void on_packet(const PacketView& packet, Instant now) override;
  void on_packet_too_big(const PacketView&, std::uint16_t, Instant) override {}
  [[nodiscard]] Instant next_due() const override { return is_exhausted() ? Instant::never() : next_wake_; }
  void run_round(bool had_action, Instant now) override;

 private:
  using Key = std::pair<std::uint16_t, net::SocketAddress>;
  RawConnection& add(std::uint16_t port, const net::SocketAddress& remote);

  const Strategy& strategy_;
  Random random_;
  std::map<Key, RawConnection> connections_;
  Instant next_wake_ = Instant::never();  ///< The earliest of all, or earlier.
  std::uint64_t budget_ = UINT64_MAX;
  std::uint64_t packets_in_ = 0;
  std::uint64_t packets_out_ = 0;
};

}  // namespace byway::sim
