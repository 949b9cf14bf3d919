// A packet script as it was read: steps in order of time (tests/scripts/tcp/README.md).
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tests/scripts/packets/packet_text.h"

namespace byway::scripts {

/// A time as written: microseconds since the start, or since the step before.
struct ScriptTime {
  std::int64_t us = 0;
  bool is_relative = false;
};

enum class StepKind : std::uint8_t { call, inject, expect, forget, flood, router };

struct Step {
  std::string where;  ///< file:line
  std::string text;   ///< The line.
  StepKind kind = StepKind::call;
  ScriptTime time;
  std::optional<ScriptTime> end;  ///< Of a call that blocks.
  PacketText packet;              ///< inject, expect; of forget the port; of router that and the number.
  RouterError error{};            ///< router: what it says, and of too_big its link's MTU.
  std::uint16_t mtu = 0;
  std::uint16_t count = 0;         ///< flood: SYNs.
  std::vector<std::string> words;  ///< call: name and arguments.
  std::string result;              ///< call: as written behind "=".
};

struct Script {
  std::string rule;      ///< Its first comment: what it shows.
  std::string settings;  ///< For packetdrill_interface_init.
  bool for_v4 = true;
  bool for_v6 = true;
  std::vector<Step> steps;
};

/// The TCP port of the peer where a line names none.
inline constexpr std::uint16_t usual_peer_port = 40'000;

/// Reads a script for one family (an MSS of ours depends on it). Nothing: `wrong` says what and where.
[[nodiscard]] std::optional<Script> read_script(const std::filesystem::path& path, Family family,
                                                std::string& wrong);

}  // namespace byway::scripts
