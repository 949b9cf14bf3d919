// A whole agent in the test's process, with its API on a Unix socket and a data plane that the test commands.
#pragma once
#include <unistd.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "control/api/api.h"
#include "control/api/http_server.h"
#include "control/store/sqlite.h"
#include "tests/unit/control/support/fake_publisher.h"
#include "tests/unit/control/support/http_client.h"
#include "tests/unit/control/support/temporary_folder.h"

namespace byway::control {

class Agent {
 public:
  /// `data_plane`: for commands; outlives the agent.
  explicit Agent(DataPlane* data_plane = nullptr) : data_plane_(data_plane) { start(); }
  ~Agent() { stop(); }

  FakePublisher publisher;
  std::vector<api::AuditRecord> audit;

  [[nodiscard]] HttpClient client() const { return HttpClient("unix:" + (folder_ / "agent.sock")); }
  Engine& engine() { return *engine_; }
  [[nodiscard]] std::string folder(const std::string& name) const { return folder_ / name; }

  /// As after a restart of the process: only the store is left.
  void restart() {
    stop();
    start();
  }

  /// Time moves on by a second with each write.
  [[nodiscard]] std::string now() {
    const int tick = tick_++;
    return "2026-01-01T00:" + two(tick / 60 % 60) + ":" + two(tick % 60) + "Z";
  }

 private:
  static std::string two(int number) { return (number < 10 ? "0" : "") + std::to_string(number); }

  void start() {
    store_ = open_sqlite_store(folder_ / "agent.db").value();
    engine_ = Engine::open(*store_, publisher, [this] { return now(); }).value();
    api_ = std::make_unique<api::Api>(*engine_, data_plane_, [this](const api::AuditRecord& record) {
      const std::lock_guard lock(audit_mutex_);
      audit.push_back(record);
    });
    server_ = std::make_unique<api::HttpServer>(
        [this](const api::Request& request) { return api_->handle(request); },
        [this](const api::Request& request, const api::Response& response) {
          api_->audit(request, response);
        });
    server_->listen_unix(folder_ / "agent.sock", {geteuid(), std::nullopt, std::nullopt}).value();
    server_->start();
  }

  void stop() {
    server_.reset();
    api_.reset();
    engine_.reset();
    store_.reset();
  }

  DataPlane* data_plane_;
  TemporaryFolder folder_;
  std::atomic<int> tick_ = 0;
  std::mutex audit_mutex_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<api::Api> api_;
  std::unique_ptr<api::HttpServer> server_;
};

}  // namespace byway::control
