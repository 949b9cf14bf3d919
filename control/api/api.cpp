#include "control/api/api.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <map>

#include "byway_version.h"
#include "control/api/metrics.h"
#include "control/api/render.h"
#include "control/api/status_object.h"
#include "control/reader/json.h"
#include "control/resources/text_rules.h"

namespace byway::control::api {
namespace {

using reader::Node;

/// Segments of the longest path that exists: /apis/G/V/namespaces/NS/PLURAL/NAME/status.
constexpr std::size_t segments_max = 8;

/// Of a refusal in the audit log. It may quote what was sent, and strangers shall not fill the disk.
constexpr std::size_t audit_message_bytes_max = 1024;

Response text(int status, std::string body) {
  return {status, "text/plain; charset=utf-8", std::move(body)};
}

Response not_found(const Request& request) {
  return respond_error(404, "NotFound", fmt::format("there is nothing at {}", request.path));
}

Response not_allowed(const Request& request, std::string_view allowed) {
  Response response =
      respond_error(405, "MethodNotAllowed",
                    fmt::format("{} is not possible at {}; {} is", request.method, request.path, allowed));
  response.headers.emplace_back("Allow", allowed);
  return response;
}

/// "/a/b" as {"a", "b"}; empty for a path with empty segments or too many.
std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  if (!path.starts_with('/')) return {};
  path.remove_prefix(1);
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (segments.back().empty() || segments.size() > segments_max) return {};
    if (slash == path.npos) break;
    path.remove_prefix(slash + 1);
  }
  return segments;
}

bool is_write(const Request& request) {
  constexpr std::string_view methods[] = {"POST", "PUT", "PATCH", "DELETE"};
  return std::ranges::find(methods, request.method) != std::end(methods);
}

bool is_read(const Request& request) {
  return request.method == "GET" || request.method == "HEAD";
}

}  // namespace

Response Api::handle(const Request& request) {
  Response response;
  try {
    response = route(request);
  } catch (const std::exception& exception) {
    response = respond_error(500, "InternalError", exception.what());
  }
  audit(request, response);
  return response;
}

void Api::audit(const Request& request, const Response& response) const {
  if (!audit_ || !is_write(request)) return;
  AuditRecord record{request.caller.name, request.method, request.path, response.status, response.note};
  const auto dry_run = request.query.find("dryRun");
  record.note.is_dry_run |= dry_run != request.query.end() && dry_run->second == "All";
  if (record.note.message.size() > audit_message_bytes_max)
    record.note.message = record.note.message.substr(0, audit_message_bytes_max) + "...";
  audit_(record);
}

Response Api::route(const Request& request) {
  const Segments segments = split(request.path);
  if (segments.empty()) return not_found(request);
  // Probes tell nothing that is worth a credential.
  if (segments.size() == 1 && is_read(request)) {
    if (segments[0] == "healthz" || segments[0] == "livez") return text(200, "ok\n");
    if (segments[0] == "readyz") return ready();
  }
  if (request.caller.role == Role::none)
    return respond_error(401, "Unauthorized", "who asks is not known, or may not ask");
  if (!is_read(request) && request.caller.role != Role::write)
    return respond_error(403, "Forbidden", fmt::format("{} may read only", request.caller.name));
  if (segments[0] == "api" || segments[0] == "apis") return handle_kinds(request, segments);
  if (segments[0] == "byway") return handle_byway(request, segments);
  if (segments.size() != 1 || !is_read(request)) return not_found(request);
  if (segments[0] == "metrics") return metrics();
  if (segments[0] == "openapi.json") return {200, "application/json", openapi_document()};
  if (segments[0] == "version") {
    Node node = Node::object();
    node.add("major", Node::string("1"));
    node.add("minor", Node::string("34"));
    node.add("gitVersion", Node::string("v1.34.0+byway-" BYWAY_VERSION));
    return respond(200, node);
  }
  return not_found(request);
}

/// /api/v1/... and /apis/GROUP/VERSION/...
Response Api::handle_kinds(const Request& request, const Segments& segments) {
  const bool is_core = segments[0] == "api";
  const std::size_t prefix = is_core ? 2 : 3;
  if (segments.size() <= prefix)
    return is_read(request) ? discovery(request, segments) : not_allowed(request, "GET");
  Target target;
  const std::string_view group = is_core ? std::string_view() : segments[1];
  target.version = segments[prefix - 1];
  std::size_t at = prefix;
  if (segments[at] == "namespaces" && segments.size() > at + 2) {
    target.object_namespace = segments[at + 1];
    if (!resources::is_dns_label(target.object_namespace)) return not_found(request);
    at += 2;
  }
  target.kind = resources::find_kind(group, target.version, segments[at]);
  if (target.kind == nullptr) return not_found(request);
  ++at;
  if (at < segments.size()) target.name = segments[at++];
  const bool is_status = at < segments.size() && segments[at] == "status";
  if (is_status) ++at;
  if (at != segments.size()) return not_found(request);
  if (target.kind->namespaced != !target.object_namespace.empty() &&
      !(target.name.empty() && target.object_namespace.empty()))
    return not_found(request);
  // The status is written by the agent alone; to read it is to read the object.
  if (is_status && !is_read(request)) return not_allowed(request, "GET");

  if (target.name.empty()) {
    if (is_read(request)) return list_objects(request, target);
    if (request.method == "POST") return put_or_post(request, target);
    return not_allowed(request, "GET, POST");
  }
  if (is_read(request)) return get_object(request, target);
  if (request.method == "PUT") return put_or_post(request, target);
  if (request.method == "PATCH") return patch_object(request, target);
  if (request.method == "DELETE") return delete_object(request, target);
  return not_allowed(request, "GET, PUT, PATCH, DELETE");
}

Response Api::handle_byway(const Request& request, const Segments& segments) {
  if (segments.size() < 3 || segments[1] != "v1") return not_found(request);
  const std::string_view what = segments[2];
  if (segments.size() == 3 && what == "apply")
    return request.method == "POST" ? apply(request) : not_allowed(request, "POST");
  if (segments.size() == 3 && what == "revisions")
    return is_read(request) ? list_revisions(request) : not_allowed(request, "GET");
  if (segments.size() == 5 && what == "revisions" && segments[4] == "rollback")
    return request.method == "POST" ? rollback(request, segments[3]) : not_allowed(request, "POST");
  if (segments.size() == 3 && what == "workers")
    return is_read(request) ? workers(request) : not_allowed(request, "GET");
  if (segments.size() == 3 && what == "connections")
    return is_read(request) ? connections(request) : not_allowed(request, "GET");
  if (segments.size() == 3 && what == "capture") {
    if (request.method == "POST") return start_capture(request);
    return request.method == "DELETE" ? stop_capture(request) : not_allowed(request, "POST, DELETE");
  }
  return not_found(request);
}

Response Api::ready() const {
  const DataPlaneView view = data_plane_ ? data_plane_->view() : DataPlaneView{};
  // Without a data plane the agent can still do all of its own work, so this does not make it unready.
  std::string body = fmt::format("[+] store: resource version {}\n", engine_.state()->resource_version);
  if (view.is_connected)
    body += fmt::format("[+] data plane: generation {}\n", view.generation);
  else
    body += fmt::format("[-] data plane: not connected{}{}\n", view.reason.empty() ? "" : ": ", view.reason);
  return text(200, body + "ready\n");
}

Response Api::metrics() const {
  Response response = text(200, metrics_document(*engine_.state(), data_plane_));
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  return response;
}

namespace {

struct WorkerDetails {
  std::map<std::string, Node> workers;  ///< by id
  Node ports = Node::list();
};

/// What the data plane says of its workers (core, load, connections…) and ports; nothing if it does not.
WorkerDetails worker_details(DataPlane& data_plane) {
  WorkerDetails details;
  auto answer = data_plane.command("workers", "", std::chrono::steady_clock::now() + command_timeout);
  if (!answer) return details;
  auto document = reader::read_json(*answer);
  if (!document) return details;
  if (Node* list = document->find("workers"))
    for (Node& item : list->items)
      if (const Node* id = item.find("id")) details.workers.emplace(id->text, std::move(item));
  if (Node* ports = document->find("ports")) details.ports = std::move(*ports);
  return details;
}

}  // namespace

Response Api::workers(const Request& request) const {
  if (auto good = no_parameters(request); !good) return good.error();
  const DataPlaneView view = data_plane_ ? data_plane_->view() : DataPlaneView{};
  const std::shared_ptr<const State> state = engine_.state();
  Node node = Node::object();
  node.add("kind", Node::string("WorkerList"));
  node.add("apiVersion", Node::string("byway.dev/v1alpha1"));
  node.add("connected", Node::boolean(view.is_connected));
  if (!view.is_connected)
    node.add("reason", Node::string(view.reason.empty() ? "no data plane" : view.reason));
  node.add("revision", Node::number(static_cast<std::int64_t>(state->revision)));
  node.add("applied", Node::boolean(state->ticket != 0 && engine_.publisher().applied() >= state->ticket));
  node.add("generation", Node::number(static_cast<std::int64_t>(view.generation)));
  if (view.is_connected) node.add("instance", Node::string(fmt::format("{:016x}", view.instance)));
  Node& list = node.add("workers", Node::list());
  if (!view.is_connected) return respond_rendered(request, 200, node);
  WorkerDetails details = worker_details(*data_plane_);
  for (const DataPlaneView::Worker& worker : view.workers) {
    Node item = Node::object();
    item.add("id", Node::number(worker.index));
    item.add("running", Node::boolean(worker.is_running));
    item.add("generation", Node::number(static_cast<std::int64_t>(worker.generation)));
    for (reader::Member& detail : details.workers[std::to_string(worker.index)].members)
      if (item.find(detail.name) == nullptr) item.add(detail.name, std::move(detail.value));
    list.items.push_back(std::move(item));
  }
  node.add("ports", std::move(details.ports));
  return respond_rendered(request, 200, node);
}

}  // namespace byway::control::api
