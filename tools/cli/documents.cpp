#include "tools/cli/documents.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

namespace byway::cli {

namespace fs = std::filesystem;

namespace {

std::expected<std::vector<std::string>, Error> files_of(const std::string& path) {
  std::error_code error;
  if (path == "-") return std::vector<std::string>{path};
  const auto status = fs::status(path, error);
  if (error || !fs::exists(status)) {
    return std::unexpected(Error{Exit::usage, fmt::format("{}: no such file or folder", path), ""});
  }
  if (!fs::is_directory(status)) return std::vector<std::string>{path};
  std::vector<std::string> files;
  for (fs::recursive_directory_iterator at(path, error), end; !error && at != end; at.increment(error)) {
    const auto extension = at->path().extension();
    if (at->is_regular_file() && (extension == ".yaml" || extension == ".yml" || extension == ".json")) {
      files.push_back(at->path().string());
    }
  }
  if (error) return std::unexpected(Error{Exit::usage, fmt::format("{}: {}", path, error.message()), ""});
  if (files.empty()) {
    return std::unexpected(
        Error{Exit::usage, fmt::format("{}: no *.yaml, *.yml or *.json in this folder", path), ""});
  }
  std::ranges::sort(files);
  return files;
}

}  // namespace

void Documents::add(const std::string& name, const std::string& content) {
  if (!text_.empty()) {
    text_ += "---\n";
    ++lines_;
  }
  files_.push_back({name, lines_ + 1});
  text_ += content;
  if (!text_.empty() && text_.back() != '\n') text_ += '\n';
  lines_ = static_cast<std::size_t>(std::ranges::count(text_, '\n'));
}

std::expected<Documents, Error> Documents::read(const std::vector<std::string>& paths) {
  Documents documents;
  for (const std::string& path : paths) {
    auto files = files_of(path);
    if (!files) return std::unexpected(files.error());
    for (const std::string& file : *files) {
      std::string content;
      if (file == "-") {
        content.assign(std::istreambuf_iterator<char>(std::cin), {});
      } else {
        std::ifstream in(file, std::ios::binary);
        content.assign(std::istreambuf_iterator<char>(in), {});
        if (!in) return std::unexpected(Error{Exit::usage, fmt::format("{}: cannot be read", file), ""});
      }
      documents.add(file == "-" ? "standard input" : file, content);
    }
  }
  return documents;
}

Error Documents::error_of(const Answer& answer) const {
  Error error = cli::error_of(answer);
  if (!answer.body.is_object() || !answer.body.contains("details")) return error;
  const Json& details = answer.body["details"];
  if (!details.contains("causes") || !details["causes"].is_array() || details["causes"].empty()) return error;
  error.message = "nothing was changed:";
  for (const Json& cause : details["causes"]) {
    const std::string field = cause.value("field", "");
    const std::size_t line = cause.value("line", std::size_t{0});
    error.message += fmt::format("\n  {}{}{}{}", line > 0 ? place(line) + ": " : "", field,
                                 field.empty() ? "" : ": ", cause.value("message", ""));
  }
  return error;
}

std::string Documents::place(std::size_t line) const {
  const auto after = std::ranges::upper_bound(files_, line, {}, &File::first_line);
  if (after == files_.begin()) return fmt::format("line {}", line);
  const File& file = *std::prev(after);
  return fmt::format("{}:{}", file.name, line - file.first_line + 1);
}

}  // namespace byway::cli
