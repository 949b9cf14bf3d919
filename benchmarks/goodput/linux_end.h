// Linux's TCP at an end of the link: a TAP interface in a network namespace of its own, which is gone with
// the descriptors.
#pragma once

#include "benchmarks/goodput/end.h"

namespace byway::goodput {

/// A descriptor that is closed with its owner.
class Descriptor {
 public:
  explicit Descriptor(int number = -1) : number_(number) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() { reset(-1); }
  void reset(int number);
  [[nodiscard]] int get() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }

 private:
  int number_;
};

/// Errors are exceptions (std::system_error). Needs root; the calling thread is in the new namespace
/// afterwards.
class LinuxEnd final : public End {
 public:
  LinuxEnd(const net::IpAddress& address, const net::IpAddress& peer);

  void begin_receiving() override;
  void begin_sending(const net::IpAddress& remote) override;
  void on_packet(const sim::Packet& packet, Instant now) override;
  void run(Instant now) override;
  [[nodiscard]] bool next_packet(sim::Packet& packet, Instant now) override;
  [[nodiscard]] Instant next_due() const override { return Instant::never(); }
  void add_descriptors(std::vector<pollfd>& descriptors) const override;
  [[nodiscard]] std::uint64_t bytes_received() const override { return received_; }
  [[nodiscard]] std::string describe() const override;

 private:
  void open_tap();
  void set_address(const net::IpAddress& address, const net::IpAddress& peer);
  void write_some();
  void read_some();

  Descriptor tap_;
  Descriptor socket_;    ///< Sends, or listens. Made in the namespace, where it stays.
  Descriptor accepted_;  ///< Receives.
  net::IpAddress address_;
  bool is_sender_ = false;
  std::uint64_t received_ = 0;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace byway::goodput
