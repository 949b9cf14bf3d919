// SQLite's C interface with errors as exceptions, for sqlite.cpp alone, which catches them at its edge.
#pragma once
#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace byway::control {

struct SqliteFailure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

inline void execute(sqlite3* database, const char* sql) {
  if (sqlite3_exec(database, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    throw SqliteFailure(sqlite3_errmsg(database));
}

/// A prepared statement. Texts that are bound must outlive the next step().
class Statement {
 public:
  Statement(sqlite3* database, const char* sql) : database_(database) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, nullptr) != SQLITE_OK)
      throw SqliteFailure(sqlite3_errmsg(database));
    statement_.reset(statement);
  }

  Statement& bind(int index, std::string_view text) {
    return checked(
        sqlite3_bind_text64(statement_.get(), index, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8));
  }
  Statement& bind(int index, std::uint64_t number) {
    return checked(sqlite3_bind_int64(statement_.get(), index, static_cast<sqlite3_int64>(number)));
  }
  Statement& bind_null(int index) { return checked(sqlite3_bind_null(statement_.get(), index)); }

  /// True: there is a row.
  bool step() {
    const int result = sqlite3_step(statement_.get());
    if (result == SQLITE_ROW) return true;
    if (result == SQLITE_DONE) return false;
    throw SqliteFailure(sqlite3_errmsg(database_));
  }
  /// Runs to the end and makes ready for the next values.
  void run() {
    while (step()) {
    }
    sqlite3_reset(statement_.get());
  }
  void reset() { sqlite3_reset(statement_.get()); }

  [[nodiscard]] std::string text(int column) const {
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
    return bytes == nullptr
               ? std::string()
               : std::string(bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column)));
  }
  [[nodiscard]] std::uint64_t number(int column) const {
    return static_cast<std::uint64_t>(sqlite3_column_int64(statement_.get(), column));
  }

 private:
  Statement& checked(int result) {
    if (result != SQLITE_OK) throw SqliteFailure(sqlite3_errmsg(database_));
    return *this;
  }
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  sqlite3* database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

/// A transaction that rolls back unless it was committed.
class WriteTransaction {
 public:
  explicit WriteTransaction(sqlite3* database) : database_(database) { execute(database, "BEGIN IMMEDIATE"); }
  ~WriteTransaction() {
    if (!is_committed_) sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr);
  }
  WriteTransaction(const WriteTransaction&) = delete;
  WriteTransaction& operator=(const WriteTransaction&) = delete;
  void commit() {
    execute(database_, "COMMIT");
    is_committed_ = true;
  }

 private:
  sqlite3* database_;
  bool is_committed_ = false;
};

}  // namespace byway::control
