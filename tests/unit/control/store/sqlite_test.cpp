#include "control/store/sqlite.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>
#include <map>

#include "tests/unit/control/support/temporary_folder.h"

namespace byway::control {
namespace {

StoredChange put(std::string name, std::string json, bool is_policy = true) {
  return {"HTTPRoute", "shop", std::move(name), is_policy, std::move(json)};
}
StoredChange removal(std::string name) {
  return {"HTTPRoute", "shop", std::move(name), true, std::nullopt};
}

Commit next(const Store& store, std::vector<StoredChange> changes, bool makes_revision = true) {
  Commit commit{store.resource_version() + 1, std::move(changes), std::nullopt};
  if (makes_revision)
    commit.revision = Revision{0, commit.resource_version, "2026-01-01T00:00:00Z", "uid 0", "test"};
  return commit;
}

std::map<std::string, std::string> contents(const std::vector<StoredObject>& objects) {
  std::map<std::string, std::string> found;
  for (const StoredObject& object : objects) found[object.name] = object.json;
  return found;
}

using Contents = std::map<std::string, std::string>;

TEST_CASE("what was committed is there after the store is opened again") {
  const TemporaryFolder folder;
  {
    auto store = open_sqlite_store(folder / "agent.db").value();
    REQUIRE(store->commit(next(*store, {put("a", "1"), put("b", "2")})).value() == 1);
    REQUIRE(store->commit(next(*store, {put("a", "3"), removal("b")})).value() == 2);
  }
  auto store = open_sqlite_store(folder / "agent.db").value();
  CHECK(store->resource_version() == 2);
  CHECK(store->last_revision() == 2);
  const auto objects = store->load().value();
  CHECK(contents(objects) == Contents{{"a", "3"}});
  CHECK(objects.at(0).resource_version == 2);
  CHECK(objects.at(0).object_namespace == "shop");
}

std::map<std::string, std::string> statuses_of(Store& store) {
  std::map<std::string, std::string> found;
  for (const StatusChange& status : store.load_statuses().value()) found[status.name] = *status.json;
  return found;
}

TEST_CASE("statuses are kept with a commit or alone, without a resource version of their own") {
  const TemporaryFolder folder;
  {
    auto store = open_sqlite_store(folder / "agent.db").value();
    Commit commit = next(*store, {put("a", "1"), put("b", "2")});
    commit.statuses = {{"HTTPRoute", "shop", "a", "{}"}, {"HTTPRoute", "shop", "b", "{}"}};
    REQUIRE(store->commit(commit).has_value());
    CHECK(statuses_of(*store) == Contents{{"a", "{}"}, {"b", "{}"}});
    REQUIRE(
        store->save_statuses({{"HTTPRoute", "shop", "a", "[1]"}, {"HTTPRoute", "shop", "b", std::nullopt}})
            .has_value());
    // A commit that fails leaves them as well.
    commit.statuses = {{"HTTPRoute", "shop", "a", "[2]"}};
    CHECK_FALSE(store->commit(commit).has_value());
  }
  auto store = open_sqlite_store(folder / "agent.db").value();
  CHECK(statuses_of(*store) == Contents{{"a", "[1]"}});
  CHECK(store->resource_version() == 1);
}

TEST_CASE("a store of the version before statuses is taken over with all that is in it") {
  const TemporaryFolder folder;
  {
    auto store = open_sqlite_store(folder / "agent.db").value();
    REQUIRE(store->commit(next(*store, {put("a", "1")})).has_value());
  }
  sqlite3* raw = nullptr;
  REQUIRE(sqlite3_open((folder / "agent.db").c_str(), &raw) == SQLITE_OK);
  REQUIRE(sqlite3_exec(raw, "DROP TABLE statuses; PRAGMA user_version = 1", nullptr, nullptr, nullptr) ==
          SQLITE_OK);
  sqlite3_close(raw);
  auto store = open_sqlite_store(folder / "agent.db").value();
  CHECK(contents(store->load().value()) == Contents{{"a", "1"}});
  CHECK(statuses_of(*store).empty());
  REQUIRE(store->save_statuses({{"HTTPRoute", "shop", "a", "[1]"}}).has_value());
  CHECK(statuses_of(*store) == Contents{{"a", "[1]"}});
}

TEST_CASE("a commit that does not follow the last one changes nothing") {
  const TemporaryFolder folder;
  auto store = open_sqlite_store(folder / "agent.db").value();
  REQUIRE(store->commit(next(*store, {put("a", "1")})));
  Commit stale = next(*store, {put("a", "2")});
  stale.resource_version = 1;
  CHECK_FALSE(store->commit(stale));
  CHECK(contents(store->load().value()) == Contents{{"a", "1"}});
  CHECK(store->resource_version() == 1);
}

TEST_CASE("a revision gives back the policy objects as they were after it") {
  const TemporaryFolder folder;
  auto store = open_sqlite_store(folder / "agent.db").value();
  REQUIRE(store->commit(next(*store, {put("a", "1"), put("b", "1")})));
  REQUIRE(store->commit(next(*store, {put("slice", "x", false)}, false)));
  REQUIRE(store->commit(next(*store, {put("a", "2"), removal("b"), put("c", "1")})));
  REQUIRE(store->commit(next(*store, {put("b", "3")})));
  CHECK(contents(store->at_revision(1).value().value()) == Contents{{"a", "1"}, {"b", "1"}});
  CHECK(contents(store->at_revision(2).value().value()) == Contents{{"a", "2"}, {"c", "1"}});
  CHECK(contents(store->at_revision(3).value().value()) == Contents{{"a", "2"}, {"b", "3"}, {"c", "1"}});
  CHECK_FALSE(store->at_revision(4).value());
  CHECK_FALSE(store->at_revision(0).value());
  const auto revisions = store->revisions(2).value();
  REQUIRE(revisions.size() == 2);
  CHECK(revisions[0].number == 3);
  CHECK(revisions[0].resource_version == 4);
  CHECK(revisions[1].author == "uid 0");
}

TEST_CASE("old revisions are forgotten, and those that are kept stay whole") {
  const TemporaryFolder folder;
  auto store = open_sqlite_store(folder / "agent.db").value();
  REQUIRE(store->commit(next(*store, {put("constant", "1"), put("gone", "1")})));
  REQUIRE(store->commit(next(*store, {removal("gone")})));
  const std::uint64_t last = revisions_max + 100;
  for (std::uint64_t i = 3; i <= last; ++i)
    REQUIRE(store->commit(next(*store, {put("a", std::to_string(i))})));
  CHECK_FALSE(store->at_revision(1).value());
  const std::uint64_t oldest_kept = last - revisions_max + 1;
  CHECK(contents(store->at_revision(oldest_kept).value().value()) ==
        Contents{{"a", std::to_string(oldest_kept)}, {"constant", "1"}});
  CHECK(contents(store->at_revision(last).value().value()) ==
        Contents{{"a", std::to_string(last)}, {"constant", "1"}});
  CHECK(store->revisions(10'000).value().size() == revisions_max);
}

TEST_CASE("the file is readable for its owner alone") {
  const TemporaryFolder folder;
  auto store = open_sqlite_store(folder / "agent.db").value();
  REQUIRE(store->commit(next(*store, {put("a", "1")})));
  for (const char* name : {"agent.db", "agent.db-wal"}) {
    struct stat info{};
    REQUIRE(stat((folder / name).c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
  }
}

TEST_CASE("a path that cannot be a store is an error with its name") {
  const TemporaryFolder folder;
  CHECK(open_sqlite_store(folder / "no/such/folder.db").error().message.contains("folder.db"));
  std::ofstream(folder / "text.db") << "this is no database, but long enough to be read as one\n"
                                    << std::string(4096, 'x');
  CHECK_FALSE(open_sqlite_store(folder / "text.db"));
}

/// Runs `child` in a process of its own, which ends without running any destructor.
template <class Child>
pid_t fork_child(Child&& child) {
  const pid_t pid = fork();
  if (pid == 0) {
    child();
    _exit(0);
  }
  return pid;
}

TEST_CASE("a second agent cannot open the store of the first") {
  const TemporaryFolder folder;
  auto store = open_sqlite_store(folder / "agent.db").value();
  const pid_t pid = fork_child([&] { _exit(open_sqlite_store(folder / "agent.db").has_value() ? 1 : 0); });
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("SIGKILL at any moment loses no commit that was answered") {
  for (int round = 0; round < 5; ++round) {
    const TemporaryFolder folder;
    int channel[2];
    REQUIRE(pipe(channel) == 0);
    const pid_t pid = fork_child([&] {
      auto store = open_sqlite_store(folder / "agent.db").value();
      for (std::uint64_t i = 1;; ++i) {
        if (!store->commit(next(*store, {put("a" + std::to_string(i % 7), std::to_string(i))}))) _exit(1);
        if (write(channel[1], &i, sizeof(i)) != sizeof(i)) _exit(1);
      }
    });
    close(channel[1]);
    std::uint64_t answered = 0;
    for (int i = 0; i < 20 + 13 * round; ++i)
      REQUIRE(read(channel[0], &answered, sizeof(answered)) == sizeof(answered));
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    while (read(channel[0], &answered, sizeof(answered)) == sizeof(answered)) {
    }
    close(channel[0]);
    auto store = open_sqlite_store(folder / "agent.db").value();
    // The one after the last answer may or may not be there; it was never promised.
    CHECK(store->resource_version() >= answered);
    CHECK(store->resource_version() <= answered + 1);
    const std::uint64_t last = store->resource_version();
    CHECK(contents(store->load().value()).at("a" + std::to_string(last % 7)) == std::to_string(last));
    CHECK(store->last_revision() == last);
  }
}

}  // namespace
}  // namespace byway::control
