// What the command line prints: tables for people, JSON and YAML for programs.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/client.h"

namespace byway::cli {

enum class Format { table, json, yaml };

/// A table whose columns are as wide as their widest cell; the last column is not padded.
class Table {
 public:
  explicit Table(std::vector<std::string> head) { rows_.push_back(std::move(head)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] bool has_rows() const { return rows_.size() > 1; }
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

/// JSON with two spaces, or YAML; a final newline.
[[nodiscard]] std::string formatted(const Json& value, Format format);

/// The text of a member, "" when it is absent; numbers and booleans as text. Follows "a.b.c".
[[nodiscard]] std::string text_at(const Json& value, std::string_view path);

/// "3m12s", "5d": how long ago an RFC 3339 UTC time was.
[[nodiscard]] std::string age_of(const std::string& timestamp);

/// 1234567 ns -> "1.23 ms".
[[nodiscard]] std::string duration_text(double nanoseconds);

}  // namespace byway::cli
