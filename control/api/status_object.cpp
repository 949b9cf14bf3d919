#include "control/api/status_object.h"

#include <fmt/format.h>

#include "control/reader/write.h"

namespace byway::control::api {
namespace {

using reader::Node;

/// Causes spelled out in the message; all of them are in the details.
constexpr std::size_t causes_in_message = 5;

Node cause_node(std::string_view reason, std::string_view field, std::string_view message,
                reader::Position at) {
  Node cause = Node::object();
  cause.add("reason", Node::string(reason));
  cause.add("message", Node::string(message));
  cause.add("field", Node::string(field));
  if (at.line != 0) {
    cause.add("line", Node::number(at.line));
    cause.add("column", Node::number(at.column));
  }
  return cause;
}

}  // namespace

Node status_object(int code, std::string_view reason, std::string_view message) {
  Node status = Node::object();
  status.add("kind", Node::string("Status"));
  status.add("apiVersion", Node::string("v1"));
  status.add("metadata", Node::object());
  status.add("status", Node::string(code < 400 ? "Success" : "Failure"));
  status.add("message", Node::string(message));
  status.add("reason", Node::string(reason));
  status.add("code", Node::number(code));
  return status;
}

Node status_object(const Refusal& refusal, std::span<const Node> documents) {
  Node causes = Node::list();
  std::string message = refusal.message;
  for (const RefusalCause& cause : refusal.causes) {
    const bool has_document = cause.write_index < documents.size();
    const reader::Position at =
        has_document ? locate(documents[cause.write_index], cause.finding.path) : reader::Position();
    if (causes.items.size() < causes_in_message)
      message += fmt::format("{} {}", causes.items.empty() ? ":" : ";",
                             format(reader::Problem{cause.finding.path, at, cause.finding.reason}));
    causes.items.push_back(
        cause_node(to_string(cause.finding.cause), cause.finding.path, cause.finding.reason, at));
  }
  if (refusal.causes.size() > causes_in_message)
    message += fmt::format("; and {} more", refusal.causes.size() - causes_in_message);
  Node status = status_object(refusal.code, refusal.reason, message);
  if (!refusal.key && causes.items.empty()) return status;
  Node details = Node::object();
  if (refusal.key) {
    details.add("name", Node::string(refusal.key->name));
    if (!refusal.key->kind->group.empty()) details.add("group", Node::string(refusal.key->kind->group));
    details.add("kind", Node::string(refusal.key->kind->plural));
  }
  if (!causes.items.empty()) details.add("causes", std::move(causes));
  status.add("details", std::move(details));
  return status;
}

Node status_object(std::span<const reader::Problem> problems, std::string_view what) {
  Node causes = Node::list();
  std::string message(what);
  for (const reader::Problem& problem : problems) {
    if (causes.items.size() < causes_in_message)
      message += fmt::format("{} {}", causes.items.empty() ? ":" : ";", format(problem));
    std::string reason = problem.reason;
    if (!problem.nearest.empty()) reason += fmt::format(", did you mean \"{}\"?", problem.nearest);
    causes.items.push_back(cause_node("FieldValueInvalid", problem.path, reason, problem.at));
  }
  if (problems.size() > causes_in_message)
    message += fmt::format("; and {} more", problems.size() - causes_in_message);
  Node status = status_object(400, "BadRequest", message);
  status.add("details", Node::object()).add("causes", std::move(causes));
  return status;
}

Response respond(int status, const Node& body) {
  Response response;
  response.status = status;
  response.body = reader::to_json(body);
  response.body.push_back('\n');
  if (status >= 400 && body.text_of("kind") == "Status") {
    response.note.reason = body.text_of("reason");
    response.note.message = body.text_of("message");
  }
  return response;
}

Response respond_error(int code, std::string_view reason, std::string_view message) {
  return respond(code, status_object(code, reason, message));
}

}  // namespace byway::control::api
