#include "control/store/sqlite.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "control/store/sqlite_statement.h"

namespace byway::control {
namespace {

/// Kept in `PRAGMA user_version`; a file with a larger one was written by a newer agent.
constexpr std::uint64_t schema_version = 2;

/// Old revisions go in batches: looking through the history costs more than the commit itself.
constexpr std::uint64_t forget_interval = 50;

constexpr const char* schema_1 = R"(
  CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), resource_version INTEGER NOT NULL);
  INSERT INTO state VALUES (1, 0);
  CREATE TABLE objects (
    kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    resource_version INTEGER NOT NULL, json TEXT NOT NULL,
    PRIMARY KEY (kind, namespace, name)) WITHOUT ROWID;
  CREATE TABLE revisions (
    number INTEGER PRIMARY KEY, resource_version INTEGER NOT NULL UNIQUE,
    time TEXT NOT NULL, author TEXT NOT NULL, summary TEXT NOT NULL);
  CREATE TABLE history (
    kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
    resource_version INTEGER NOT NULL, json TEXT,
    PRIMARY KEY (kind, namespace, name, resource_version)) WITHOUT ROWID;
  CREATE INDEX history_by_version ON history (resource_version);
)";
constexpr const char* schema_2 = R"(
  CREATE TABLE statuses (
    kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, json TEXT NOT NULL,
    PRIMARY KEY (kind, namespace, name)) WITHOUT ROWID;
  PRAGMA user_version = 2;
)";

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(Database database) : database_(std::move(database)) {
    prepare();
    Statement last(database_.get(), "SELECT resource_version FROM state");
    last.step();
    resource_version_ = last.number(0);
    Statement revision(database_.get(), "SELECT coalesce(max(number), 0) FROM revisions");
    revision.step();
    last_revision_ = revision.number(0);
  }

  Stored<std::vector<StoredObject>> load() override {
    try {
      std::vector<StoredObject> objects;
      Statement rows(database_.get(), "SELECT kind, namespace, name, resource_version, json FROM objects");
      while (rows.step())
        objects.push_back({rows.text(0), rows.text(1), rows.text(2), rows.number(3), rows.text(4)});
      return objects;
    } catch (const SqliteFailure& failure) {
      return std::unexpected(StoreError{failure.what()});
    }
  }

  [[nodiscard]] std::uint64_t resource_version() const override { return resource_version_; }
  [[nodiscard]] std::uint64_t last_revision() const override { return last_revision_; }

  Stored<std::uint64_t> commit(const Commit& commit) override {
    if (commit.resource_version != resource_version_ + 1)
      return std::unexpected(StoreError{
          fmt::format("commit {} does not follow {}", commit.resource_version, resource_version_)});
    try {
      WriteTransaction transaction(database_.get());
      write_objects(commit);
      write_statuses(commit.statuses);
      const std::uint64_t revision = commit.revision ? write_revision(commit) : last_revision_;
      Statement(database_.get(), "UPDATE state SET resource_version = ?1")
          .bind(1, commit.resource_version)
          .run();
      transaction.commit();
      resource_version_ = commit.resource_version;
      last_revision_ = revision;
      return revision;
    } catch (const SqliteFailure& failure) {
      return std::unexpected(StoreError{failure.what()});
    }
  }

  Stored<std::vector<StatusChange>> load_statuses() override {
    try {
      std::vector<StatusChange> statuses;
      Statement rows(database_.get(), "SELECT kind, namespace, name, json FROM statuses");
      while (rows.step()) statuses.push_back({rows.text(0), rows.text(1), rows.text(2), rows.text(3)});
      return statuses;
    } catch (const SqliteFailure& failure) {
      return std::unexpected(StoreError{failure.what()});
    }
  }

  Stored<void> save_statuses(const std::vector<StatusChange>& changes) override {
    try {
      WriteTransaction transaction(database_.get());
      write_statuses(changes);
      transaction.commit();
      return {};
    } catch (const SqliteFailure& failure) {
      return std::unexpected(StoreError{failure.what()});
    }
  }

  Stored<std::vector<Revision>> revisions(std::size_t count_max) override {
    try {
      std::vector<Revision> list;
      Statement rows(database_.get(),
                     "SELECT number, resource_version, time, author, summary FROM revisions "
                     "ORDER BY number DESC LIMIT ?1");
      rows.bind(1, count_max);
      while (rows.step())
        list.push_back({rows.number(0), rows.number(1), rows.text(2), rows.text(3), rows.text(4)});
      return list;
    } catch (const SqliteFailure& failure) {
      return std::unexpected(StoreError{failure.what()});
    }
  }

  Stored<std::optional<std::vector<StoredObject>>> at_revision(std::uint64_t number) override {
    try {
      Statement revision(database_.get(), "SELECT resource_version FROM revisions WHERE number = ?1");
      if (!revision.bind(1, number).step()) return std::nullopt;
      const std::uint64_t version = revision.number(0);
      std::vector<StoredObject> objects;
      Statement rows(database_.get(),
                     "SELECT kind, namespace, name, max(resource_version), json FROM history "
                     "WHERE resource_version <= ?1 GROUP BY kind, namespace, name HAVING json IS NOT NULL");
      rows.bind(1, version);
      while (rows.step())
        objects.push_back({rows.text(0), rows.text(1), rows.text(2), rows.number(3), rows.text(4)});
      return objects;
    } catch (const SqliteFailure& failure) {
      return std::unexpected(StoreError{failure.what()});
    }
  }

 private:
  void prepare() {
    sqlite3* database = database_.get();
    execute(database, "PRAGMA locking_mode = EXCLUSIVE");
    execute(database, "PRAGMA journal_mode = WAL");
    execute(database, "PRAGMA synchronous = FULL");
    Statement version(database, "PRAGMA user_version");
    version.step();
    const std::uint64_t found = version.number(0);
    version.reset();
    if (found > schema_version)
      throw SqliteFailure(fmt::format("schema {} is newer than this agent's {}", found, schema_version));
    WriteTransaction transaction(database);
    if (found < 1) execute(database, schema_1);
    if (found < 2) execute(database, schema_2);
    transaction.commit();
  }

  void write_objects(const Commit& commit) {
    Statement put(database_.get(),
                  "INSERT INTO objects VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO UPDATE "
                  "SET resource_version = excluded.resource_version, json = excluded.json");
    Statement remove(database_.get(), "DELETE FROM objects WHERE kind = ?1 AND namespace = ?2 AND name = ?3");
    Statement note(database_.get(), "INSERT OR REPLACE INTO history VALUES (?1, ?2, ?3, ?4, ?5)");
    for (const StoredChange& change : commit.changes) {
      auto named = [&](Statement& statement) -> Statement& {
        return statement.bind(1, change.kind).bind(2, change.object_namespace).bind(3, change.name);
      };
      if (change.json)
        named(put).bind(4, commit.resource_version).bind(5, *change.json).run();
      else
        named(remove).run();
      if (!change.is_policy) continue;
      named(note).bind(4, commit.resource_version);
      if (change.json)
        note.bind(5, *change.json);
      else
        note.bind_null(5);
      note.run();
    }
  }

  void write_statuses(const std::vector<StatusChange>& changes) {
    if (changes.empty()) return;
    Statement put(database_.get(), "INSERT OR REPLACE INTO statuses VALUES (?1, ?2, ?3, ?4)");
    Statement remove(database_.get(),
                     "DELETE FROM statuses WHERE kind = ?1 AND namespace = ?2 AND name = ?3");
    for (const StatusChange& change : changes) {
      Statement& statement = change.json ? put : remove;
      statement.bind(1, change.kind).bind(2, change.object_namespace).bind(3, change.name);
      if (change.json) statement.bind(4, *change.json);
      statement.run();
    }
  }

  std::uint64_t write_revision(const Commit& commit) {
    const std::uint64_t number = last_revision_ + 1;
    Statement(database_.get(), "INSERT INTO revisions VALUES (?1, ?2, ?3, ?4, ?5)")
        .bind(1, number)
        .bind(2, commit.resource_version)
        .bind(3, commit.revision->time)
        .bind(4, commit.revision->author)
        .bind(5, commit.revision->summary)
        .run();
    if (number > revisions_max && number % forget_interval == 0) forget_before(number - revisions_max + 1);
    return number;
  }

  /// Drops older revisions, and of the history what no kept revision needs: rows that a newer one hides
  /// already in the oldest kept revision.
  void forget_before(std::uint64_t oldest) {
    Statement(database_.get(), "DELETE FROM revisions WHERE number < ?1").bind(1, oldest).run();
    Statement(
        database_.get(),
        "DELETE FROM history WHERE EXISTS (SELECT 1 FROM history AS newer WHERE newer.kind = history.kind "
        "AND newer.namespace = history.namespace AND newer.name = history.name "
        "AND newer.resource_version > history.resource_version AND newer.resource_version <= "
        "(SELECT resource_version FROM revisions WHERE number = ?1)) "
        "AND history.resource_version < (SELECT resource_version FROM revisions WHERE number = ?1)")
        .bind(1, oldest)
        .run();
  }

  Database database_;
  std::uint64_t resource_version_ = 0;
  std::uint64_t last_revision_ = 0;
};

}  // namespace

Stored<std::unique_ptr<Store>> open_sqlite_store(const std::string& path) {
  // SQLite would create the file with the umask's mode; it holds configuration that not all may read.
  // An existing file is not touched: closing any descriptor of it would drop this process's locks on it.
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 && errno != EEXIST)
    return std::unexpected(StoreError{fmt::format("{}: {}", path, std::strerror(errno))});
  if (fd >= 0) close(fd);
  sqlite3* raw = nullptr;
  const int result =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(raw);
  if (result != SQLITE_OK)
    return std::unexpected(
        StoreError{fmt::format("{}: {}", path, raw ? sqlite3_errmsg(raw) : "out of memory")});
  try {
    return std::make_unique<SqliteStore>(std::move(database));
  } catch (const SqliteFailure& failure) {
    std::string reason = failure.what();
    if (reason == "database is locked") reason += " (does another agent use it?)";
    return std::unexpected(StoreError{fmt::format("{}: {}", path, reason)});
  }
}

std::string sqlite_version() {
  return sqlite3_libversion();
}

}  // namespace byway::control
