// The command line of byway-agent.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <vector>

namespace byway::tools::agent {

/// Where to listen: `unix:PATH` or `tcp:ADDRESS:PORT` ([…] around IPv6).
struct Place {
  std::string unix_path;  ///< empty: TCP
  std::string address;
  std::uint16_t port = 0;
};

struct Options {
  std::vector<Place> listen;
  std::optional<Place> metrics_listen;
  std::string store = "/var/lib/byway/agent.db";
  std::string runtime_dir = "/run/byway";
  std::string token_file;
  std::string tls_certificate;
  std::string tls_key;
  std::vector<std::string> allowed_hosts;
  std::string write_group;
  std::string read_group;
  std::string audit_log;
  std::string log_level = "info";
};

/// Options, or the exit code after help, version or an error were printed.
std::expected<Options, int> parse_options(int count, char** arguments);

/// "unix:/run/byway/agent.sock", "tcp:127.0.0.1:9902", "tcp:[::1]:9902". Error: what is wrong.
std::expected<Place, std::string> parse_place(const std::string& text);

}  // namespace byway::tools::agent
