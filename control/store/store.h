// Where objects survive. The agent keeps everything in memory and asks the store only at start, for each
// write, and for old revisions; so the interface is small, and SQLite (sqlite.h) or a cluster's etcd can
// stand behind it. A commit is all or nothing and on disk when it returns.
//
// Two counters: the resource version grows with every commit and marks the objects in it; a revision is
// one commit that changed policy kinds (see Kind::is_policy), and is what a person rolls back to.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace byway::control {

struct StoreError {
  std::string message;
};

template <class T>
using Stored = std::expected<T, StoreError>;

/// An object as it is kept: JSON as the API shows it, status left out.
struct StoredObject {
  std::string kind;
  std::string object_namespace;  ///< "" for kinds without
  std::string name;
  std::uint64_t resource_version = 0;
  std::string json;
};

struct StoredChange {
  std::string kind;
  std::string object_namespace;
  std::string name;
  bool is_policy = false;           ///< goes into the history that rollback reads
  std::optional<std::string> json;  ///< none: deleted
};

/// The status of an object as clients saw it last. It belongs to no resource version.
struct StatusChange {
  std::string kind;
  std::string object_namespace;
  std::string name;
  std::optional<std::string> json;  ///< none: it has none any more
};

struct Revision {
  std::uint64_t number = 0;
  std::uint64_t resource_version = 0;  ///< of the commit that made it
  std::string time;                    ///< RFC 3339, UTC
  std::string author;                  ///< who wrote, as the audit log names them
  std::string summary;                 ///< what, for a person
};

struct Commit {
  std::uint64_t resource_version = 0;  ///< must be the last one plus one
  std::vector<StoredChange> changes;
  /// Of a new revision, its number still 0; none: no policy kind changed.
  std::optional<Revision> revision;
  std::vector<StatusChange> statuses = {};  ///< that change with it
};

/// Revisions kept at least; older ones can no longer be rolled back to. A thousand are months of manual
/// changes, and at some 10 KB of changed objects each about 10 MB.
inline constexpr std::uint64_t revisions_max = 1000;

/// Thread: one at a time; the engine's lock sees to it.
class Store {
 public:
  virtual ~Store() = default;

  /// All objects, and the last resource version given out.
  virtual Stored<std::vector<StoredObject>> load() = 0;
  [[nodiscard]] virtual std::uint64_t resource_version() const = 0;
  [[nodiscard]] virtual std::uint64_t last_revision() const = 0;

  /// Durable when it returns a value. Returns the new revision's number, or the last one if there is none.
  /// On error nothing has changed.
  virtual Stored<std::uint64_t> commit(const Commit& commit) = 0;

  /// All statuses.
  virtual Stored<std::vector<StatusChange>> load_statuses() = 0;
  /// Statuses that changed without a commit, because the data plane did.
  virtual Stored<void> save_statuses(const std::vector<StatusChange>& changes) = 0;

  /// The newest `count_max` revisions, newest first.
  virtual Stored<std::vector<Revision>> revisions(std::size_t count_max) = 0;

  /// Policy objects as they were after that revision; none: the number is unknown or too old.
  virtual Stored<std::optional<std::vector<StoredObject>>> at_revision(std::uint64_t number) = 0;
};

}  // namespace byway::control
