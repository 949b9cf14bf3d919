#include "control/engine/engine.h"

#include <fmt/format.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "control/compile/compile.h"
#include "control/engine/content.h"
#include "control/engine/limits.h"
#include "control/engine/status_store.h"
#include "control/engine/strict.h"
#include "control/model/programmed.h"
#include "control/model/resolve.h"
#include "control/reader/decode.h"
#include "control/reader/encode.h"
#include "control/reader/json.h"
#include "control/reader/write.h"
#include "control/resources/gateway.pb.h"
#include "control/resources/meta.pb.h"
#include "control/resources/validate.h"

namespace byway::control {
namespace {

using google::protobuf::Message;
using resources::Finding;
using resources::ObjectMeta;

Refusal refuse(int code, std::string_view reason, const ObjectKey& key, std::string_view what) {
  return {code, std::string(reason), fmt::format("{} {}", describe(key), what), key};
}

/// Findings of one write as a 422.
Refusal invalid(const ObjectKey& key, std::size_t index, const std::vector<Finding>& findings) {
  Refusal refusal{422, "Invalid", fmt::format("{} is invalid", describe(key)), key};
  for (const Finding& finding : findings) {
    if (refusal.causes.size() == causes_max) break;
    refusal.causes.push_back({index, finding});
  }
  return refusal;
}

ObjectPointer make_object(ObjectKey key, std::shared_ptr<Message> message, std::uint64_t resource_version) {
  auto object = std::make_shared<Object>();
  object->key = std::move(key);
  object->content = content_of(*message);
  object->resource_version = resource_version;
  object->message = std::move(message);
  return object;
}

/// Only a newer agent, or damage, leaves behind what this one cannot read.
std::expected<ObjectPointer, std::string> read_stored(const StoredObject& stored) {
  const std::string place = fmt::format("stored {} {}/{}", stored.kind, stored.object_namespace, stored.name);
  auto kind = std::ranges::find(resources::kinds(), stored.kind, &resources::Kind::name);
  if (kind == resources::kinds().end()) return std::unexpected(fmt::format("{}: unknown kind", place));
  auto node = reader::read_json(stored.json);
  if (!node) return std::unexpected(fmt::format("{}: {}", place, reader::format(node.error())));
  std::shared_ptr<Message> message = resources::make_message(*kind);
  if (auto problems = reader::decode(*node, *message); !problems.empty())
    return std::unexpected(fmt::format("{}: {}", place, reader::format(problems.front())));
  return make_object({&*kind, stored.object_namespace, stored.name}, std::move(message),
                     stored.resource_version);
}

std::shared_ptr<const Message> status_of(const StatusMap& statuses, const ObjectKey& key) {
  auto it = statuses.find(key);
  return it == statuses.end() ? nullptr : it->second;
}

/// "created HTTPRoute shop/web" or "created 3, configured 1".
std::string summarize(const std::vector<Written>& written) {
  std::map<WriteAction, std::size_t> counts;
  const Written* changed = nullptr;
  std::size_t changes = 0;
  for (const Written& item : written) {
    if (item.action == WriteAction::unchanged) continue;
    ++counts[item.action];
    ++changes;
    changed = &item;
  }
  if (changes == 1)
    return fmt::format("{} {} {}", to_string(changed->action), changed->object->key.kind->name,
                       changed->object->key.full_name());
  std::string text;
  for (const auto& [action, count] : counts)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", to_string(action), count);
  return text;
}

}  // namespace

/// What a request would change, while it is being put together.
struct Engine::Pending {
  State next;
  std::vector<Written> written;
  std::uint64_t resource_version = 0;  ///< of the objects that change
  std::string now;
};

std::string_view to_string(WriteAction action) {
  switch (action) {
    case WriteAction::created:
      return "created";
    case WriteAction::configured:
      return "configured";
    case WriteAction::unchanged:
      return "unchanged";
    case WriteAction::deleted:
      return "deleted";
  }
  return "?";
}

Engine::Engine(Store& store, Publisher& publisher, Clock clock)
    : store_(store), publisher_(publisher), clock_(std::move(clock)), state_(std::make_shared<State>()) {}

std::shared_ptr<const State> Engine::state() const {
  const std::lock_guard lock(state_mutex_);
  return state_;
}

void Engine::install(std::shared_ptr<const State> next) {
  const std::lock_guard lock(state_mutex_);
  state_ = std::move(next);
}

std::expected<Outcome, Refusal> Engine::write(std::vector<Write> writes, const WriteOptions& options) {
  if (writes.size() > writes_max)
    return std::unexpected(Refusal{
        413, "RequestEntityTooLarge", fmt::format("more than {} objects in one request", writes_max), {}});
  std::vector<std::vector<Finding>> warnings(writes.size());
  std::set<ObjectKey> keys;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    const Write& write = writes[i];
    if (!keys.insert(write.key).second)
      return std::unexpected(
          invalid(write.key, i,
                  {{resources::Cause::duplicate, "metadata.name", "the object is in this request twice"}}));
    if (write.verb == WriteVerb::remove) continue;
    resources::Validation validation = resources::validate(*write.key.kind, *write.message);
    if (!validation.errors.empty()) return std::unexpected(invalid(write.key, i, validation.errors));
    warnings[i] = std::move(validation.warnings);
  }
  const std::lock_guard lock(write_mutex_);
  return write_locked(std::move(writes), options, std::move(warnings));
}

std::expected<Outcome, Refusal> Engine::write_locked(std::vector<Write> writes, const WriteOptions& options,
                                                     std::vector<std::vector<Finding>> warnings) {
  const std::shared_ptr<const State> before = state();
  Pending pending{*before, {}, before->resource_version + 1, clock_()};
  for (std::size_t i = 0; i < writes.size(); ++i) {
    if (auto refusal = take(writes[i], i, pending)) return std::unexpected(std::move(*refusal));
    pending.written.back().warnings = std::move(warnings[i]);
  }
  if (pending.next.objects.size() > objects_max)
    return std::unexpected(
        Refusal{507, "InsufficientStorage", fmt::format("more than {} objects in all", objects_max), {}});

  const bool changes = std::ranges::any_of(
      pending.written, [](const Written& item) { return item.action != WriteAction::unchanged; });
  if (changes)
    if (auto refusal = resolve_and_compile(pending)) return std::unexpected(std::move(*refusal));
  for (Written& item : pending.written) item.status = status_of(pending.next.statuses, item.object->key);
  if (options.is_strict)
    if (auto refusal = unmet_conditions(pending.written)) return std::unexpected(std::move(*refusal));

  if (changes && !options.is_dry_run) {
    if (auto refusal = commit(pending, options, pending.next)) return std::unexpected(std::move(*refusal));
    publish(pending.next);
    install(std::make_shared<State>(pending.next));
  }
  const Ticket ticket = options.is_dry_run ? 0 : pending.next.ticket;
  return Outcome{std::move(pending.written), pending.next.revision, ticket};
}

/// What the data plane could not hold is refused here, before anything is stored.
std::optional<Refusal> Engine::resolve_and_compile(Pending& pending) {
  Resolution resolution = resolve(pending.next.objects);
  const bool is_policy_changed = std::ranges::any_of(pending.written, [](const Written& item) {
    return item.action != WriteAction::unchanged && item.object->key.kind->is_policy;
  });
  auto compiled = compile(*resolution.model, pending.next.compiled.get(), is_policy_changed);
  if (!compiled)
    return Refusal{422, "Invalid", fmt::format("together with what is stored: {}", compiled.error()), {}};
  pending.next.compiled = std::make_shared<CompiledSet>(std::move(*compiled));
  pending.next.resolved = std::move(resolution.statuses);
  update_statuses(pending.next);
  return std::nullopt;
}

/// Checks preconditions, completes the metadata and puts the object into the pending state.
std::optional<Refusal> Engine::take(Write& write, std::size_t index, Pending& pending) {
  auto it = pending.next.objects.find(write.key);
  const ObjectPointer stored = it == pending.next.objects.end() ? nullptr : it->second;
  if (write.verb == WriteVerb::create && stored)
    return refuse(409, "AlreadyExists", write.key, "already exists");
  if (!stored && (write.verb == WriteVerb::replace || write.verb == WriteVerb::remove))
    return refuse(404, "NotFound", write.key, "not found");

  if (write.message) {
    const ObjectMeta& given = resources::metadata_of(*write.message);
    if (!given.resource_version().empty()) {
      if (!stored)
        return refuse(409, "Conflict", write.key, "has a resourceVersion but does not exist (any more)");
      if (given.resource_version() != std::to_string(stored->resource_version))
        return refuse(
            409, "Conflict", write.key,
            fmt::format(
                "was changed by another: resourceVersion is {}, not {}; read it again and repeat the change",
                stored->resource_version, given.resource_version()));
    }
    if (stored && !given.uid().empty() && given.uid() != resources::metadata_of(*stored->message).uid())
      return refuse(409, "Conflict", write.key, "is another object of that name: the uid differs");
  }
  if (write.verb == WriteVerb::remove) {
    pending.next.objects.erase(it);
    pending.written.push_back({stored, WriteAction::deleted, nullptr, {}});
    return std::nullopt;
  }

  if (stored)
    if (auto findings = resources::validate_change(*write.key.kind, *stored->message, *write.message);
        !findings.empty())
      return invalid(write.key, index, findings);

  resources::clear_status(*write.message);
  ObjectMeta& metadata = resources::mutable_metadata_of(*write.message);
  if (stored) {
    if (content_of(*write.message) == stored->content) {
      pending.written.push_back({stored, WriteAction::unchanged, nullptr, {}});
      return std::nullopt;
    }
    const ObjectMeta& old = resources::metadata_of(*stored->message);
    metadata.set_uid(old.uid());
    metadata.set_creation_timestamp(old.creation_timestamp());
    metadata.set_generation(old.generation() +
                            (spec_of(*write.message) != spec_of(*stored->message) ? 1 : 0));
  } else {
    metadata.set_uid(new_uid());
    metadata.set_creation_timestamp(pending.now);
    metadata.set_generation(1);
  }
  metadata.set_resource_version(std::to_string(pending.resource_version));
  ObjectPointer object = make_object(write.key, std::move(write.message), pending.resource_version);
  pending.next.objects[write.key] = object;
  pending.written.push_back(
      {std::move(object), stored ? WriteAction::configured : WriteAction::created, nullptr, {}});
  return std::nullopt;
}

std::optional<Refusal> Engine::commit(const Pending& pending, const WriteOptions& options, State& next) {
  Commit commit;
  commit.resource_version = pending.resource_version;
  bool changes_policy = false;
  for (const Written& item : pending.written) {
    if (item.action == WriteAction::unchanged) continue;
    const ObjectKey& key = item.object->key;
    StoredChange change{std::string(key.kind->name), key.object_namespace, key.name, key.kind->is_policy,
                        std::nullopt};
    if (item.action != WriteAction::deleted)
      change.json = reader::to_json(reader::encode(*item.object->message));
    changes_policy |= change.is_policy;
    commit.changes.push_back(std::move(change));
  }
  if (changes_policy)
    commit.revision = Revision{0, pending.resource_version, pending.now, options.author,
                               options.summary.empty() ? summarize(pending.written) : options.summary};
  commit.statuses = status_changes(saved_, next.statuses);
  auto stored = store_.commit(commit);
  if (!stored)
    return Refusal{500,
                   "InternalError",
                   fmt::format("the store failed, nothing was changed: {}", stored.error().message),
                   {}};
  saved_ = next.statuses;
  next.resource_version = pending.resource_version;
  next.revision = *stored;
  return std::nullopt;
}

/// Statuses for clients from the resolved ones: what the data plane runs, and since when.
void Engine::update_statuses(State& next) const {
  const std::shared_ptr<const State> before = state();
  const std::string now = clock_();
  next.progress.resize_to(next.objects);
  next.statuses.clear();
  next.shown = publisher_.progress();
  for (const auto& [key, status] : next.resolved) {
    const auto previous = status_of(before->statuses, key);
    std::shared_ptr<Message> dated(status->New());
    dated->CopyFrom(*status);
    if (auto* gateway = dynamic_cast<resources::GatewayStatus*>(dated.get())) {
      const model::NodeKnowledge node{
          next.shown.node.get(), next.progress.is_applied(key, next.shown.applied),
          next.shown.is_settled ? nullptr : static_cast<const resources::GatewayStatus*>(previous.get())};
      model::write_programmed(static_cast<const resources::Gateway&>(*next.objects.at(key)->message), node,
                              *gateway);
    }
    carry_times(previous.get(), *dated, now);
    // One object as long as nothing changes: what changed is what has to be stored.
    const bool is_same = previous != nullptr && previous->SerializeAsString() == dated->SerializeAsString();
    next.statuses.emplace(key, is_same ? previous : std::move(dated));
  }
}

/// Of a change that no write brought. What cannot be stored now is tried again with the next change, and
/// costs no more than times of conditions if the agent ends before.
void Engine::save_statuses(const State& next) {
  const std::vector<StatusChange> changes = status_changes(saved_, next.statuses);
  if (!changes.empty() && store_.save_statuses(changes)) saved_ = next.statuses;
}

void Engine::publish(State& next) {
  next.ticket = publisher_.publish(next.compiled, next.revision);
  next.progress.note_published(next.ticket);
}

void Engine::on_publish_progress() {
  const std::lock_guard lock(write_mutex_);
  const std::shared_ptr<const State> before = state();
  // Endpoints change a thousand times more often than Gateways: then there is nothing to rewrite.
  const PublishProgress now = publisher_.progress();
  if (now.node == before->shown.node && now.is_settled == before->shown.is_settled &&
      !before->progress.differs(before->shown.applied, now.applied))
    return;
  State next = *state();
  update_statuses(next);
  save_statuses(next);
  install(std::make_shared<State>(std::move(next)));
}

std::expected<std::vector<Revision>, Refusal> Engine::revisions(std::size_t count_max) {
  const std::lock_guard lock(write_mutex_);
  auto list = store_.revisions(count_max);
  if (!list)
    return std::unexpected(
        Refusal{500, "InternalError", fmt::format("the store failed: {}", list.error().message), {}});
  return std::move(*list);
}

std::expected<Outcome, Refusal> Engine::rollback(std::uint64_t revision, const WriteOptions& options) {
  const std::lock_guard lock(write_mutex_);
  auto old = store_.at_revision(revision);
  if (!old)
    return std::unexpected(
        Refusal{500, "InternalError", fmt::format("the store failed: {}", old.error().message), {}});
  if (!*old)
    return std::unexpected(
        Refusal{404,
                "NotFound",
                fmt::format("revision {} does not exist, or is older than those that are kept", revision),
                {}});
  std::vector<Write> writes;
  std::set<ObjectKey> kept;
  for (const StoredObject& stored : **old) {
    auto object = read_stored(stored);
    if (!object) return std::unexpected(Refusal{500, "InternalError", object.error(), {}});
    std::unique_ptr<Message> message((*object)->message->New());
    message->CopyFrom(*(*object)->message);
    // Of another life of the object: neither is a precondition now.
    resources::mutable_metadata_of(*message).clear_resource_version();
    resources::mutable_metadata_of(*message).clear_uid();
    kept.insert((*object)->key);
    writes.push_back({WriteVerb::apply, (*object)->key, std::move(message)});
  }
  for (const auto& [key, object] : state()->objects)
    if (key.kind->is_policy && !kept.contains(key)) writes.push_back({WriteVerb::remove, key, nullptr});
  WriteOptions named = options;
  named.summary = fmt::format("rollback to revision {}", revision);
  std::vector<std::vector<Finding>> warnings(writes.size());
  return write_locked(std::move(writes), named, std::move(warnings));
}

std::expected<std::unique_ptr<Engine>, std::string> Engine::open(Store& store, Publisher& publisher,
                                                                 Clock clock) {
  std::unique_ptr<Engine> engine(new Engine(store, publisher, std::move(clock)));
  if (auto loaded = engine->load(); !loaded) return std::unexpected(loaded.error());
  return engine;
}

std::expected<void, std::string> Engine::load() {
  auto stored = store_.load();
  if (!stored) return std::unexpected(stored.error().message);
  State next;
  for (const StoredObject& item : *stored) {
    auto object = read_stored(item);
    if (!object) return std::unexpected(object.error());
    next.objects.emplace((*object)->key, *object);
  }
  next.resource_version = store_.resource_version();
  next.revision = store_.last_revision();
  auto statuses = store_.load_statuses();
  if (!statuses) return std::unexpected(statuses.error().message);
  State before;
  before.statuses = saved_ = read_statuses(*statuses);
  install(std::make_shared<State>(std::move(before)));
  Resolution resolution = resolve(next.objects);
  next.resolved = std::move(resolution.statuses);
  auto compiled = compile(*resolution.model, nullptr, true);
  if (!compiled)
    return std::unexpected(fmt::format("what is stored cannot be compiled: {}", compiled.error()));
  next.compiled = std::make_shared<CompiledSet>(std::move(*compiled));
  update_statuses(next);
  save_statuses(next);
  // A store that was never written to knows nothing: what the data plane runs by itself stays.
  if (next.resource_version != 0) publish(next);
  install(std::make_shared<State>(std::move(next)));
  return {};
}

}  // namespace byway::control
