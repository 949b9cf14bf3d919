// What stands at an end of the link: a TCP, and an application that sends as much as is taken, or reads all
// there is.
#pragma once

#include <poll.h>

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/clock.h"
#include "dataplane/net/address.h"
#include "tests/sim/wire.h"

namespace byway::goodput {

inline constexpr std::uint16_t data_port = 5001;

class End {
 public:
  virtual ~End() = default;

  /// Waits for a connection and reads.
  virtual void begin_receiving() = 0;
  /// Connects to the other end and sends.
  virtual void begin_sending(const net::IpAddress& remote) = 0;

  virtual void on_packet(const sim::Packet& packet, Instant now) = 0;
  /// What is due now: the application's calls, timers.
  virtual void run(Instant now) = 0;
  [[nodiscard]] virtual bool next_packet(sim::Packet& packet, Instant now) = 0;
  /// When run has something to do although no descriptor is ready.
  [[nodiscard]] virtual Instant next_due() const = 0;
  virtual void add_descriptors(std::vector<pollfd>& descriptors) const = 0;

  /// By the application.
  [[nodiscard]] virtual std::uint64_t bytes_received() const = 0;
  /// What its TCP says of the connection, in one line.
  [[nodiscard]] virtual std::string describe() const = 0;
};

}  // namespace byway::goodput
