#include "tools/agent/options.h"

#include <CLI/CLI.hpp>
#include <charconv>

#include "tools/agent/versions.h"

namespace byway::tools::agent {
namespace {

constexpr const char* default_listen = "unix:/run/byway/agent.sock";

constexpr const char* description =
    "Byway's control agent: keeps Gateway API objects, compiles them, and hands the result to the data "
    "plane.\n"
    "Its REST API is described in docs/api.md and at /openapi.json.";

constexpr const char* footer =
    "Access\n"
    "  On a Unix socket root, the agent's own user, and the groups given may ask; the kernel says who asks.\n"
    "  Over TCP every call needs a token of --token-file, beyond loopback also TLS.\n"
    "Privileges\n"
    "  The agent needs none: run it as a user of its own (the systemd unit does), with a group in common "
    "with\n"
    "  the data plane for dataplane.sock. What it has it gives up before it takes the first call.\n"
    "Signals\n"
    "  SIGTERM, SIGINT: finish the calls in progress and end.  SIGHUP: open the audit log anew.\n"
    "Exit codes\n"
    "  0 ended by a signal, 1 failed, 2 wrong options or configuration";

}  // namespace

std::expected<Place, std::string> parse_place(const std::string& text) {
  if (text.starts_with("unix:")) {
    if (text.size() == 5) return std::unexpected(text + ": the path is missing");
    return Place{text.substr(5), "", 0};
  }
  if (!text.starts_with("tcp:")) return std::unexpected(text + ": is neither unix:PATH nor tcp:ADDRESS:PORT");
  const std::size_t colon = text.rfind(':');
  std::string address = colon > 4 ? text.substr(4, colon - 4) : "";
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  unsigned port = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (address.empty() || error != std::errc() || rest != end || port > 65535)
    return std::unexpected(text + ": is not tcp:ADDRESS:PORT, as tcp:127.0.0.1:9902 or tcp:[::1]:9902");
  return Place{"", address, static_cast<std::uint16_t>(port)};
}

std::expected<Options, int> parse_options(int count, char** arguments) {
  CLI::App app(description, "byway-agent");
  app.footer(footer);
  app.set_version_flag("--version", versions());
  Options options;
  std::vector<std::string> listen;
  std::string metrics_listen;
  const auto is_place = CLI::Validator(
      [](const std::string& text) {
        const auto place = parse_place(text);
        return place ? std::string() : place.error();
      },
      "unix:PATH|tcp:ADDRESS:PORT", "place");
  app.add_option(
         "--listen", listen,
         std::string("where the API listens; may be given several times (default ") + default_listen + ")")
      ->check(is_place);
  app.add_option("--metrics-listen", metrics_listen,
                 "a further place that serves /metrics alone, to everybody who reaches it")
      ->check(is_place);
  app.add_option("--store", options.store, "file in which objects are kept")->capture_default_str();
  app.add_option("--runtime-dir,--runtime", options.runtime_dir, "folder of the data plane's dataplane.sock")
      ->capture_default_str();
  app.add_option("--token-file", options.token_file,
                 "tokens for TCP: lines `read|write NAME TOKEN`; read again when it changes");
  auto* certificate =
      app.add_option("--tls-certificate", options.tls_certificate, "PEM file with the chain, for TCP")
          ->check(CLI::ExistingFile);
  auto* key = app.add_option("--tls-key", options.tls_key, "PEM file with its key")->check(CLI::ExistingFile);
  certificate->needs(key);
  key->needs(certificate);
  app.add_option("--allowed-host", options.allowed_hosts,
                 "a further name for the Host header over TCP; may be given several times");
  app.add_option("--write-group", options.write_group, "members may read and write over the Unix socket");
  app.add_option("--read-group", options.read_group, "members may read over the Unix socket");
  app.add_option("--audit-log", options.audit_log,
                 "file for a JSON line for each write (default: standard error)");
  app.add_option("--log-level", options.log_level, "debug, info, warning or error")
      ->capture_default_str()
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  try {
    app.parse(count, arguments);
  } catch (const CLI::ParseError& error) {
    return std::unexpected(app.exit(error) == 0 ? 0 : 2);
  }
  if (listen.empty()) listen.emplace_back(default_listen);
  for (const std::string& text : listen) options.listen.push_back(parse_place(text).value());
  if (!metrics_listen.empty()) options.metrics_listen = parse_place(metrics_listen).value();
  return options;
}

}  // namespace byway::tools::agent
