// The agent's heart: one writer over all objects. A write is checked, joined with the rest, resolved to a
// model with statuses, stored, and only then visible and handed to the publisher; or it is refused and
// nothing has changed. Reads see one consistent state without waiting for writes.
#pragma once
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "control/engine/object.h"
#include "control/engine/progress.h"
#include "control/engine/refusal.h"
#include "control/publish/publisher.h"
#include "control/store/store.h"

namespace byway::control {

enum class WriteVerb : std::uint8_t {
  create,   ///< must not exist
  replace,  ///< must exist
  apply,    ///< either
  remove,   ///< must exist
};

/// One object of a request. `message` is decoded but not checked further; for remove it holds at most the
/// preconditions in its metadata (uid, resourceVersion).
struct Write {
  WriteVerb verb = WriteVerb::apply;
  ObjectKey key;
  std::unique_ptr<google::protobuf::Message> message;
};

struct WriteOptions {
  bool is_dry_run = false;  ///< everything but storing and publishing
  bool is_strict = false;   ///< a written object with an unmet condition refuses the request
  std::string author;       ///< for the revision
  std::string summary;      ///< for the revision; empty: made from the writes
};

enum class WriteAction : std::uint8_t { created, configured, unchanged, deleted };
std::string_view to_string(WriteAction action);

struct Written {
  ObjectPointer object;  ///< as it is now, or was before it was deleted
  WriteAction action = WriteAction::unchanged;
  std::shared_ptr<const google::protobuf::Message> status;  ///< nullptr: the kind has none
  std::vector<resources::Finding> warnings;
};

struct Outcome {
  std::vector<Written> objects;  ///< one for each write, in their order
  std::uint64_t revision = 0;    ///< the newest, made by this request or before
  Ticket ticket = 0;             ///< what to await for `?wait=applied`
};

/// Everything at one moment. Immutable.
struct State {
  ObjectMap objects;
  StatusMap statuses;  ///< as clients see them
  StatusMap resolved;  ///< as they will be when the data plane runs this state
  ProgressMap progress;
  std::shared_ptr<const CompiledSet> compiled;  ///< what was published; nullptr: could not be compiled
  std::uint64_t resource_version = 0;
  std::uint64_t revision = 0;
  Ticket ticket = 0;
  PublishProgress shown;  ///< of the data plane, when the statuses were made
};

class Engine {
 public:
  /// RFC 3339 in UTC; a parameter so that tests have a clock of their own.
  using Clock = std::function<std::string()>;

  /// Loads the store, resolves, publishes. Error: the store cannot be read or holds what this version
  /// does not understand.
  static std::expected<std::unique_ptr<Engine>, std::string> open(Store& store, Publisher& publisher,
                                                                  Clock clock);

  [[nodiscard]] std::shared_ptr<const State> state() const;

  /// All or nothing; durable when it returns a value (unless dry run).
  std::expected<Outcome, Refusal> write(std::vector<Write> writes, const WriteOptions& options);

  std::expected<std::vector<Revision>, Refusal> revisions(std::size_t count_max);

  /// Writes the policy objects of an old revision as a new one; endpoints stay as they are.
  std::expected<Outcome, Refusal> rollback(std::uint64_t revision, const WriteOptions& options);

  /// To be called when the publisher's progress() has changed: brings Programmed conditions up to date.
  void on_publish_progress();

  Publisher& publisher() { return publisher_; }

 private:
  struct Pending;
  Engine(Store& store, Publisher& publisher, Clock clock);
  std::expected<void, std::string> load();
  std::expected<Outcome, Refusal> write_locked(std::vector<Write> writes, const WriteOptions& options,
                                               std::vector<std::vector<resources::Finding>> warnings);
  std::optional<Refusal> take(Write& write, std::size_t index, Pending& pending);
  std::optional<Refusal> resolve_and_compile(Pending& pending);
  std::optional<Refusal> commit(const Pending& pending, const WriteOptions& options, State& next);
  void install(std::shared_ptr<const State> next);
  void update_statuses(State& next) const;
  void save_statuses(const State& next);
  void publish(State& next);

  Store& store_;
  Publisher& publisher_;
  Clock clock_;
  std::mutex write_mutex_;          ///< one write at a time, with the store in it
  StatusMap saved_;                 ///< statuses that the store holds
  mutable std::mutex state_mutex_;  ///< guards the pointer only
  std::shared_ptr<const State> state_;
};

/// A canonical "kind.group/ns/name" for messages: `HTTPRoute.gateway.networking.k8s.io "shop/web"`.
std::string describe(const ObjectKey& key);

/// Now in UTC to the second, as Kubernetes writes times.
std::string utc_now();

}  // namespace byway::control
