#include "control/api/render.h"

#include <fmt/format.h>
#include <google/protobuf/message.h>

#include "control/engine/strict.h"
#include "control/reader/encode.h"
#include "control/reader/write.h"

namespace byway::control::api {
namespace {

using reader::Node;

/// Headers of one answer; a client shows them to a person.
constexpr std::size_t warnings_max = 30;

Node text_list(const std::vector<std::string>& texts) {
  Node list = Node::list();
  for (const std::string& text : texts) list.items.push_back(Node::string(text));
  return list;
}

Node written_node(const Written& written) {
  const ObjectKey& key = written.object->key;
  Node node = Node::object();
  node.add("kind", Node::string(key.kind->name));
  node.add("apiVersion", Node::string(key.kind->api_version()));
  if (!key.object_namespace.empty()) node.add("namespace", Node::string(key.object_namespace));
  node.add("name", Node::string(key.name));
  node.add("result", Node::string(to_string(written.action)));
  node.add("resourceVersion", Node::string(std::to_string(written.object->resource_version)));
  std::vector<std::string> texts;
  for (const resources::Finding& warning : written.warnings)
    texts.push_back(fmt::format("{}: {}", warning.path, warning.reason));
  if (!texts.empty()) node.add("warnings", text_list(texts));
  if (auto unmet = unmet_conditions({written})) {
    texts.clear();
    for (const RefusalCause& cause : unmet->causes)
      texts.push_back(fmt::format("{}: {}", cause.finding.path, cause.finding.reason));
    node.add("unmetConditions", text_list(texts));
  }
  return node;
}

std::string_view describe(ReceiptState state) {
  switch (state) {
    case ReceiptState::applied:
      return "applied";
    case ReceiptState::late:
      return "late";
    case ReceiptState::refused:
      return "refused";
    case ReceiptState::no_data_plane:
      return "no data plane";
  }
  return "?";
}

/// A quoted string of a header: no quotes, no control characters, ASCII only.
std::string header_text(std::string_view text) {
  std::string out;
  for (char c : text) {
    const bool plain = c >= 0x20 && c < 0x7F;
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(plain ? c : '?');
  }
  return out;
}

}  // namespace

Node render(const Object& object, const google::protobuf::Message* status, std::string_view version) {
  Node node = reader::encode(*object.message);
  if (!version.empty()) node.set("apiVersion", Node::string(object.key.kind->api_version(version)));
  if (status != nullptr) node.set("status", reader::encode(*status));
  return node;
}

Node render(const Receipt& receipt) {
  Node node = Node::object();
  node.add("applied", Node::boolean(receipt.state == ReceiptState::applied));
  node.add("state", Node::string(describe(receipt.state)));
  if (receipt.generation != 0)
    node.add("generation", Node::number(static_cast<std::int64_t>(receipt.generation)));
  if (!receipt.reason.empty()) node.add("reason", Node::string(receipt.reason));
  Node workers = Node::list();
  for (const Receipt::Worker& worker : receipt.workers) {
    Node item = Node::object();
    item.add("worker", Node::number(worker.index));
    item.add("applied", Node::boolean(worker.is_applied));
    if (worker.is_applied)
      item.add("applyNs", Node::number(static_cast<std::int64_t>(worker.apply_ns)));
    else
      item.add("reason", Node::string("late: it runs an older generation"));
    workers.items.push_back(std::move(item));
  }
  node.add("workers", std::move(workers));
  return node;
}

Node render(const Outcome& outcome, bool is_dry_run, const Receipt* receipt) {
  Node node = Node::object();
  node.add("kind", Node::string("ApplyResult"));
  node.add("apiVersion", Node::string("byway.dev/v1alpha1"));
  node.add("dryRun", Node::boolean(is_dry_run));
  node.add("revision", Node::number(static_cast<std::int64_t>(outcome.revision)));
  Node results = Node::list();
  for (const Written& written : outcome.objects) results.items.push_back(written_node(written));
  node.add("results", std::move(results));
  if (receipt != nullptr) node.add("receipt", render(*receipt));
  return node;
}

Node render(const Revision& revision) {
  Node node = Node::object();
  node.add("revision", Node::number(static_cast<std::int64_t>(revision.number)));
  node.add("resourceVersion", Node::string(std::to_string(revision.resource_version)));
  node.add("time", Node::string(revision.time));
  node.add("by", Node::string(revision.author));
  node.add("summary", Node::string(revision.summary));
  return node;
}

void add_warnings(Response& response, const Outcome& outcome) {
  std::size_t count = 0;
  for (const Written& written : outcome.objects)
    for (const resources::Finding& warning : written.warnings) {
      if (++count > warnings_max) return;
      response.headers.emplace_back(
          "Warning", fmt::format("299 byway \"{}\"",
                                 header_text(fmt::format("{} {}: {}: {}", written.object->key.kind->name,
                                                         written.object->key.full_name(), warning.path,
                                                         warning.reason))));
    }
}

Response respond_rendered(const Request& request, int status, const Node& body) {
  Response response;
  response.status = status;
  if (request.header("accept").find("yaml") != std::string_view::npos) {
    response.content_type = "application/yaml";
    response.body = reader::to_yaml(body);
    return response;
  }
  const bool is_pretty = request.query.contains("pretty") && request.query.find("pretty")->second != "false";
  response.body = is_pretty ? reader::to_pretty_json(body) : reader::to_json(body) + "\n";
  return response;
}

}  // namespace byway::control::api
