// Writes of all kinds on their way to the engine and back: waiting, answering; apply; revisions.
#include <fmt/format.h>
#include <google/protobuf/message.h>

#include <charconv>

#include "control/api/api.h"
#include "control/api/render.h"
#include "control/api/status_object.h"
#include "control/store/store.h"

namespace byway::control::api {
namespace {

using reader::Node;

/// Counts a waiting call; false: too many wait already.
class WaitingCall {
 public:
  WaitingCall(std::atomic<int>& count, bool waits) : count_(count), waits_(waits) {
    if (waits_) has_place_ = count_.fetch_add(1) < waiting_calls_max;
  }
  ~WaitingCall() {
    if (waits_) count_.fetch_sub(1);
  }
  WaitingCall(const WaitingCall&) = delete;
  WaitingCall& operator=(const WaitingCall&) = delete;
  [[nodiscard]] bool has_place() const { return has_place_; }

 private:
  std::atomic<int>& count_;
  bool waits_;
  bool has_place_ = true;
};

Response too_many_wait() {
  Response response = respond_error(
      429, "TooManyRequests",
      fmt::format("{} calls wait for the data plane already; nothing was written", waiting_calls_max));
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

WriteNote note_of(const Outcome& outcome, bool is_dry_run) {
  WriteNote note;
  note.is_dry_run = is_dry_run;
  if (!is_dry_run) note.revision = outcome.revision;
  for (const Written& written : outcome.objects)
    if (written.action != WriteAction::unchanged)
      note.objects.push_back(fmt::format("{} {} {}", to_string(written.action),
                                         written.object->key.kind->name, written.object->key.full_name()));
  return note;
}

/// What a DELETE answers: metav1.Status with what was deleted.
Node deleted_status(const Object& object) {
  Node status = status_object(200, "", fmt::format("{} deleted", describe(object.key)));
  status.remove("reason");
  Node& details = status.add("details", Node::object());
  details.add("name", Node::string(object.key.name));
  if (!object.key.kind->group.empty()) details.add("group", Node::string(object.key.kind->group));
  details.add("kind", Node::string(object.key.kind->plural));
  return status;
}

}  // namespace

Response Api::write(const Request& request, const WriteParameters& parameters, std::vector<Write> writes,
                    std::vector<Node> documents, const Target* single, std::unique_lock<std::mutex> turn) {
  const WaitingCall call(waiting_calls_, parameters.waits);
  if (!call.has_place()) return too_many_wait();
  WriteOptions options{parameters.is_dry_run, parameters.is_strict, request.caller.name, ""};
  auto outcome = engine_.write(std::move(writes), options);
  if (turn.owns_lock()) turn.unlock();
  return finish(request, parameters, std::move(outcome), documents, single);
}

Response Api::finish(const Request& request, const WriteParameters& parameters,
                     std::expected<Outcome, Refusal> outcome, const std::vector<Node>& documents,
                     const Target* single) {
  if (!outcome) return respond(outcome.error().code, status_object(outcome.error(), documents));
  Response response;
  if (parameters.waits) {
    const Receipt receipt =
        engine_.publisher().await(outcome->ticket, std::chrono::steady_clock::now() + parameters.timeout);
    response = respond_rendered(request, receipt.state == ReceiptState::applied ? 200 : 202,
                                render(*outcome, false, &receipt));
  } else if (single == nullptr) {
    response = respond_rendered(request, 200, render(*outcome, parameters.is_dry_run, nullptr));
  } else {
    const Written& written = outcome->objects.front();
    const bool is_deleted = written.action == WriteAction::deleted;
    response = respond_rendered(request, written.action == WriteAction::created ? 201 : 200,
                                is_deleted ? deleted_status(*written.object)
                                           : render(*written.object, written.status.get(), single->version));
  }
  add_warnings(response, *outcome);
  response.note = note_of(*outcome, parameters.is_dry_run);
  return response;
}

Response Api::apply(const Request& request) {
  auto parameters = write_parameters(request);
  if (!parameters) return parameters.error();
  auto documents = read_documents(request);
  if (!documents) return documents.error();
  if (documents->empty()) return respond_error(400, "BadRequest", "the body holds no documents");
  std::vector<Write> writes;
  for (std::size_t i = 0; i < documents->size(); ++i) {
    auto object = read_object((*documents)[i], {}, fmt::format("document {}", i + 1));
    if (!object) return object.error();
    writes.push_back({WriteVerb::apply, object->key, std::move(object->message)});
  }
  return write(request, *parameters, std::move(writes), std::move(*documents), nullptr);
}

Response Api::list_revisions(const Request& request) {
  if (auto good = no_parameters(request); !good) return good.error();
  auto revisions = engine_.revisions(revisions_max);
  if (!revisions) return respond(revisions.error().code, status_object(revisions.error(), {}));
  Node list = Node::object();
  list.add("kind", Node::string("RevisionList"));
  list.add("apiVersion", Node::string("byway.dev/v1alpha1"));
  Node& items = list.add("revisions", Node::list());
  for (const Revision& revision : *revisions) items.items.push_back(render(revision));
  return respond_rendered(request, 200, list);
}

Response Api::rollback(const Request& request, std::string_view number) {
  auto parameters = write_parameters(request);
  if (!parameters) return parameters.error();
  if (!request.body.empty()) return respond_error(400, "BadRequest", "a rollback has no body");
  std::uint64_t revision = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), revision);
  if (error != std::errc() || end != number.data() + number.size() || revision == 0)
    return respond_error(400, "BadRequest", fmt::format("\"{}\" is not the number of a revision", number));
  const WaitingCall call(waiting_calls_, parameters->waits);
  if (!call.has_place()) return too_many_wait();
  const WriteOptions options{parameters->is_dry_run, parameters->is_strict, request.caller.name, ""};
  return finish(request, *parameters, engine_.rollback(revision, options), {}, nullptr);
}

}  // namespace byway::control::api
