// What is measured, the same for Byway and for Linux. The server is what is measured; it has a core to
// itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace byway::benchmark {

enum class Load : std::uint8_t {
  exchanges,    ///< 64 octets there, the same back, connections kept
  connections,  ///< connect, one exchange, the server closes, the client closes
  to_server,    ///< the client sends as much as it can
  to_client,    ///< the server does
};

[[nodiscard]] inline std::optional<Load> load_named(std::string_view name) {
  if (name == "exchanges") return Load::exchanges;
  if (name == "connections") return Load::connections;
  if (name == "to-server") return Load::to_server;
  if (name == "to-client") return Load::to_client;
  return std::nullopt;
}

inline constexpr std::uint32_t message_bytes = 64;
inline constexpr std::uint16_t server_port = 7000;

}  // namespace byway::benchmark
