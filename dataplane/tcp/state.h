// The states of a connection (RFC 9293 3.3.2) and what a connection tells its owner.
#pragma once

#include <cstdint>
#include <string_view>

namespace byway::tcp {

/// LISTEN is not among them: a listener is no connection (listener.h).
enum class State : std::uint8_t {
  closed,
  syn_sent,
  syn_received,
  established,
  fin_wait_1,
  fin_wait_2,
  close_wait,
  closing,
  last_ack,
  time_wait,
};

/// As RFC 9293 writes them: "FIN-WAIT-1".
[[nodiscard]] std::string_view name_of(State state);

}  // namespace byway::tcp
