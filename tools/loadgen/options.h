// The command line of byway-loadgen.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "dataplane/net/prefix.h"
#include "tools/loadgen/scenario.h"

namespace byway::loadgen {

enum class Role { client, server };

struct Options {
  Role role = Role::client;
  Scenario scenario;
  std::string device;                      ///< As in node.yaml: a PCI address or the arguments of a vdev.
  net::Prefix address;                     ///< This generator's own.
  std::string gateway;                     ///< Empty: the target is on the link.
  std::uint16_t tcp_port = 8080;           ///< server: where it listens
  std::uint32_t response_body_bytes = 64;  ///< server
  unsigned cpu = 0;
  std::uint32_t memory_mib = 256;
  bool busy_poll = true;
  std::string json_file;  ///< Where the report goes as JSON; "-" is standard output.
};

/// Parses the command line; `dpdk_version` is what --version shows beside our own. The error carries the exit
/// code that CLI11 printed for (0 for --help and --version).
[[nodiscard]] std::expected<Options, int> parse_options(int argc, char** argv, const char* dpdk_version);

}  // namespace byway::loadgen
