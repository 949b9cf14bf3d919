#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <filesystem>
#include <fstream>

#include "tools/cli/documents.h"

using namespace byway::cli;

namespace {

/// A folder that goes away with the test.
struct Folder {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("byway-documents-" + std::to_string(::getpid()));
  Folder() { std::filesystem::create_directories(path / "sub"); }
  ~Folder() { std::filesystem::remove_all(path); }
  void write(const char* name, const char* text) const { std::ofstream(path / name) << text; }
};

}  // namespace

TEST_CASE("files of a folder become one stream, and a line of it leads back to its file and line") {
  const Folder folder;
  folder.write("b.yaml", "kind: B\nname: b");  // no newline at the end
  folder.write("a.yml", "kind: A\n---\nkind: A2\n");
  folder.write("sub/c.json", "{}\n");
  folder.write("notes.txt", "not a manifest");
  const auto documents = Documents::read({folder.path.string()});
  REQUIRE(documents.has_value());
  CHECK(documents->file_count() == 3);
  CHECK(documents->text() == "kind: A\n---\nkind: A2\n---\nkind: B\nname: b\n---\n{}\n");
  CHECK(documents->place(1).ends_with("a.yml:1"));
  CHECK(documents->place(3).ends_with("a.yml:3"));
  CHECK(documents->place(6).ends_with("b.yaml:2"));
  CHECK(documents->place(8).ends_with("c.json:1"));
}

TEST_CASE("what cannot be read is an error that names it, and a usage error") {
  const Folder folder;
  const auto missing = Documents::read({(folder.path / "none.yaml").string()});
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error().exit == Exit::usage);
  CHECK(missing.error().message.find("none.yaml") != std::string::npos);
  CHECK_FALSE(Documents::read({(folder.path / "sub").string()}).has_value());  // no manifest in it
}
