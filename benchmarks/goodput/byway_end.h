// Byway's TCP at an end of the link, driven as a worker drives it, but by the benchmark's loop and without a
// port.
#pragma once

#include "benchmarks/goodput/end.h"
#include "dataplane/stream.h"
#include "dataplane/tcp/stack.h"
#include "dataplane/timer_wheel.h"

namespace byway::goodput {

class BywayEnd final : public End, private tcp::RouteSource, private StreamHandler, private Acceptor {
 public:
  BywayEnd(const net::IpAddress& address, Instant now);
  ~BywayEnd() override;

  void begin_receiving() override;
  void begin_sending(const net::IpAddress& remote) override;
  void on_packet(const sim::Packet& packet, Instant now) override;
  void run(Instant now) override;
  [[nodiscard]] bool next_packet(sim::Packet& packet, Instant now) override;
  [[nodiscard]] Instant next_due() const override;
  void add_descriptors(std::vector<pollfd>&) const override {}
  [[nodiscard]] std::uint64_t bytes_received() const override { return received_; }
  [[nodiscard]] std::string describe() const override;

 private:
  [[nodiscard]] std::optional<tcp::Route> route_to(const net::IpAddress& remote) const override;
  void on_accept(Stream& stream) override;
  void on_connected(Stream& stream) override;
  void on_readable(Stream& stream) override;
  void on_writable(Stream& stream) override;
  void on_closed(Stream& stream, StreamEnd end) override;

  net::IpAddress address_;
  HeapProvider heap_;
  SlicePool slices_;
  TimerWheel wheel_;
  OwnCounters<tcp::CounterIndex> counters_;
  tcp::Stack stack_;
  tcp::SegmentOut segment_;
  Stream* stream_ = nullptr;
  bool is_sender_ = false;
  std::uint64_t received_ = 0;
};

}  // namespace byway::goodput
