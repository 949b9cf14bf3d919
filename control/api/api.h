// The REST API: a request in, an answer out. Paths have Kubernetes' shape for its kinds; what Kubernetes
// lacks is under /byway/v1. docs/api.md lists all of it, /openapi.json describes it to programs.
#pragma once
#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "control/api/data_plane.h"
#include "control/api/documents.h"
#include "control/api/message.h"
#include "control/api/parameters.h"
#include "control/engine/engine.h"

namespace byway::control::api {

/// Calls that wait for the data plane at one time. Each holds a thread for up to a minute; further ones get
/// 429 before anything is written. A quarter of http_server.h's connections, so that others get through.
inline constexpr int waiting_calls_max = 16;

/// Answer of a data plane command.
inline constexpr std::chrono::seconds command_timeout{5};

/// What one write call was and became: for the audit log, refused ones included.
struct AuditRecord {
  std::string caller;
  std::string method;
  std::string path;
  int status = 0;
  WriteNote note;
};
using Audit = std::function<void(const AuditRecord&)>;

/// Thread: any, all at once.
class Api {
 public:
  /// `data_plane` may be nullptr. All outlive the Api.
  Api(Engine& engine, DataPlane* data_plane, Audit audit)
      : engine_(engine), data_plane_(data_plane), audit_(std::move(audit)) {}

  /// Answers; a call that writes, or would have, is audited once.
  Response handle(const Request& request);

  /// Audits a call that was answered before it came here (http_server.h). Reads are not audited.
  void audit(const Request& request, const Response& response) const;

 private:
  using Segments = std::vector<std::string_view>;
  /// The object or collection that a Kubernetes path names.
  struct Target {
    const resources::Kind* kind = nullptr;
    std::string version;
    std::string object_namespace;  ///< "" for all namespaces, and for kinds without
    std::string name;              ///< "" for a collection
  };

  Response route(const Request& request);
  Response handle_kinds(const Request& request, const Segments& segments);
  Response handle_byway(const Request& request, const Segments& segments);
  Response discovery(const Request& request, const Segments& segments) const;

  Response get_object(const Request& request, const Target& target) const;
  Response list_objects(const Request& request, const Target& target) const;
  Response put_or_post(const Request& request, const Target& target);
  Response patch_object(const Request& request, const Target& target);
  Response delete_object(const Request& request, const Target& target);
  Response apply(const Request& request);
  Response list_revisions(const Request& request);
  Response rollback(const Request& request, std::string_view number);
  Response workers(const Request& request) const;
  Response connections(const Request& request);
  Response start_capture(const Request& request);
  Response stop_capture(const Request& request);
  Response metrics() const;
  Response ready() const;

  /// Writes, gives `turn` back, waits if asked to, answers.
  Response write(const Request& request, const WriteParameters& parameters, std::vector<Write> writes,
                 std::vector<reader::Node> documents, const Target* single,
                 std::unique_lock<std::mutex> turn = {});
  Response finish(const Request& request, const WriteParameters& parameters,
                  std::expected<Outcome, Refusal> outcome, const std::vector<reader::Node>& documents,
                  const Target* single);

  Engine& engine_;
  DataPlane* data_plane_;
  Audit audit_;
  std::atomic<int> waiting_calls_ = 0;
  /// One patch reads, merges and writes at a time: patches would make each other try again without end.
  std::mutex patch_mutex_;
};

/// The OpenAPI document, made from the kinds' descriptors.
std::string openapi_document();

}  // namespace byway::control::api
