// Files, folders and standard input as one stream of YAML documents, with the way back from a line of the
// stream to a line of a file, so that the agent's errors name what the person wrote.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "tools/cli/client.h"

namespace byway::cli {

class Documents {
 public:
  /// Reads "-" (standard input), files, and the *.yaml, *.yml and *.json files of folders (sorted, with
  /// subfolders).
  [[nodiscard]] static std::expected<Documents, Error> read(const std::vector<std::string>& paths);

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] std::size_t file_count() const { return files_.size(); }
  /// "routes.yaml:12" for line `line` (from 1) of text().
  [[nodiscard]] std::string place(std::size_t line) const;
  /// The error that a failed answer to text() stands for. The agent names lines of the stream that was sent:
  /// here they are lines of the person's files.
  [[nodiscard]] Error error_of(const Answer& answer) const;

 private:
  struct File {
    std::string name;
    std::size_t first_line;  ///< Of text(), from 1.
  };
  void add(const std::string& name, const std::string& content);

  std::string text_;
  std::size_t lines_ = 0;
  std::vector<File> files_;
};

}  // namespace byway::cli
