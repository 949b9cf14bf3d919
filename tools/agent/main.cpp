// byway-agent: options and wiring. What it does lies in control/.
#include <fmt/format.h>
#include <grp.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <iostream>

#include "byway_version.h"
#include "control/api/api.h"
#include "control/api/audit_log.h"
#include "control/api/http_server.h"
#include "control/engine/engine.h"
#include "control/publish/data_plane_client.h"
#include "control/store/sqlite.h"
#include "tools/agent/least_privilege.h"
#include "tools/agent/options.h"

namespace byway::tools::agent {
namespace {

using control::api::HttpServer;

constexpr int exit_failed = 1;
constexpr int exit_wrong_options = 2;

/// What went wrong, and the exit code for it.
struct Failure {
  int code = exit_failed;
  std::string text;
};

std::expected<std::optional<gid_t>, Failure> group_of(const std::string& name) {
  if (name.empty()) return std::nullopt;
  const group* entry = getgrnam(name.c_str());
  if (entry == nullptr)
    return std::unexpected(Failure{exit_wrong_options, fmt::format("there is no group {}", name)});
  return entry->gr_gid;
}

/// The folder of the store, for this user alone, if it is not there yet.
void make_folder_of(const std::string& file) {
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  if (!folder.empty()) mkdir(folder.c_str(), 0700);
}

std::expected<void, Failure> listen(HttpServer& server, const Options& options,
                                    control::api::TokenFile* tokens) {
  const auto write_group = group_of(options.write_group);
  if (!write_group) return std::unexpected(write_group.error());
  const auto read_group = group_of(options.read_group);
  if (!read_group) return std::unexpected(read_group.error());
  std::optional<control::api::TlsFiles> tls;
  if (!options.tls_certificate.empty()) tls = {options.tls_certificate, options.tls_key};
  const auto open = [&](const Place& place, bool is_metrics_only) -> std::expected<void, Failure> {
    if (!place.unix_path.empty()) {
      auto opened =
          server.listen_unix(place.unix_path, {geteuid(), *write_group, *read_group}, is_metrics_only);
      if (!opened) return std::unexpected(Failure{exit_failed, opened.error()});
      spdlog::info("listening at unix:{}", place.unix_path);
      return {};
    }
    control::api::TcpOptions tcp{
        place.address,  place.port, tokens, tls, {{"localhost", "127.0.0.1", "::1", place.address}},
        is_metrics_only};
    tcp.hosts.hosts.insert(tcp.hosts.hosts.end(), options.allowed_hosts.begin(), options.allowed_hosts.end());
    // Scrapers come by any name.
    if (is_metrics_only) tcp.hosts.hosts.clear();
    auto port = server.listen_tcp(std::move(tcp));
    if (!port) return std::unexpected(Failure{exit_wrong_options, port.error()});
    spdlog::info("listening at {}:{}{}", place.address, *port, is_metrics_only ? " for metrics" : "");
    return {};
  };
  for (const Place& place : options.listen)
    if (auto opened = open(place, false); !opened) return opened;
  return options.metrics_listen ? open(*options.metrics_listen, true) : std::expected<void, Failure>();
}

/// Everything until a signal ends it. `signals` are blocked in all threads.
std::expected<void, Failure> run(const Options& options, const sigset_t& signals) {
  make_folder_of(options.store);
  auto store = control::open_sqlite_store(options.store);
  if (!store) return std::unexpected(Failure{exit_failed, store.error().message});
  std::unique_ptr<control::api::TokenFile> tokens;
  if (!options.token_file.empty()) {
    auto opened = control::api::TokenFile::open(options.token_file);
    if (!opened) return std::unexpected(Failure{exit_wrong_options, opened.error()});
    tokens = std::move(*opened);
  }
  auto audit = control::api::AuditLog::open(options.audit_log);
  if (!audit) return std::unexpected(Failure{exit_failed, audit.error()});

  control::DataPlaneClient data_plane(options.runtime_dir + "/dataplane.sock");
  auto engine = control::Engine::open(**store, data_plane, control::utc_now);
  if (!engine) return std::unexpected(Failure{exit_failed, engine.error()});
  control::api::Api api(**engine, &data_plane,
                        [&](const control::api::AuditRecord& record) { (*audit)->write(record); });
  HttpServer server([&](const control::api::Request& request) { return api.handle(request); },
                    [&](const control::api::Request& request, const control::api::Response& response) {
                      api.audit(request, response);
                    });
  if (auto listening = listen(server, options, tokens.get()); !listening) return listening;
  if (auto dropped = drop_privileges(); !dropped)
    return std::unexpected(Failure{exit_failed, dropped.error()});

  data_plane.start([&] { (*engine)->on_publish_progress(); });
  server.start();
  const auto state = (*engine)->state();
  spdlog::info("byway-agent {}: {} objects, revision {}", BYWAY_VERSION, state->objects.size(),
               state->revision);
  for (int signal = 0; sigwait(&signals, &signal) == 0;) {
    if (signal != SIGHUP) break;
    (*audit)->reopen();
  }
  spdlog::info("ending");
  server.stop();
  data_plane.stop();
  return {};
}

void set_up_log(const std::string& level) {
  auto logger = std::make_shared<spdlog::logger>("agent", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %^%l%$ %v");
  logger->set_level(spdlog::level::from_str(level));
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace
}  // namespace byway::tools::agent

int main(int count, char** arguments) {
  namespace agent = byway::tools::agent;
  const auto options = agent::parse_options(count, arguments);
  if (!options) return options.error();
  try {
    agent::set_up_log(options->log_level);
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
    // Before the first thread, so that all inherit it and the signals wait for sigwait().
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    const auto result = agent::run(*options, signals);
    if (result) return 0;
    std::cerr << "byway-agent: " << result.error().text << "\n";
    return result.error().code;
  } catch (const std::exception& exception) {
    std::cerr << "byway-agent: " << exception.what() << "\n";
    return agent::exit_failed;
  }
}
