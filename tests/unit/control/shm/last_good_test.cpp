#include "control/shm/last_good.h"

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <vector>

#include "tests/unit/control/shm/temporary_folder.h"

namespace byway::shm {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::vector<char> content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_content(const std::string& path, const std::vector<char>& content) {
  std::ofstream(path, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
}

constexpr std::string_view policy = "policy, which is long enough to be mapped as a blob";
constexpr std::string_view endpoints = "endpoints, which are long enough as well to be mapped";

}  // namespace

TEST_CASE("the last good set is read back as sealed blobs with its numbers", "[last-good]") {
  const TemporaryFolder folder;
  const std::string path = folder.path("last_good");
  REQUIRE(write_last_good(path, 1, 1, bytes_of("old"), bytes_of("older")).has_value());
  REQUIRE(write_last_good(path, 77, 9, bytes_of(policy), bytes_of(endpoints)).has_value());
  const auto set = read_last_good(path);
  REQUIRE(set.has_value());
  REQUIRE(set->has_value());
  CHECK((*set)->generation == 77);
  CHECK((*set)->revision == 9);
  const auto mapped = MappedBlob::map((*set)->endpoints.get());
  REQUIRE(mapped.has_value());
  CHECK(std::memcmp(mapped->bytes().data(), endpoints.data(), endpoints.size()) == 0);
  const auto entries = std::filesystem::directory_iterator(folder.path());
  CHECK(std::distance(begin(entries), end(entries)) == 1);
}

TEST_CASE("no file is no set, not an error", "[last-good]") {
  const TemporaryFolder folder;
  const auto set = read_last_good(folder.path("last_good"));
  REQUIRE(set.has_value());
  CHECK_FALSE(set->has_value());
}

TEST_CASE("a file that is cut, extended or changed in its head is refused", "[last-good]") {
  const TemporaryFolder folder;
  const std::string path = folder.path("last_good");
  REQUIRE(write_last_good(path, 77, 9, bytes_of(policy), bytes_of(endpoints)).has_value());
  const auto original = content_of(path);
  for (std::size_t size = 0; size < original.size(); ++size) {
    auto cut = original;
    cut.resize(size);
    write_content(path, cut);
    REQUIRE_FALSE(read_last_good(path).has_value());
  }
  auto longer = original;
  longer.push_back('x');
  write_content(path, longer);
  CHECK_FALSE(read_last_good(path).has_value());
  for (std::size_t offset = 0; offset < 48; ++offset) {
    auto changed = original;
    changed[offset] = static_cast<char>(changed[offset] ^ 1);
    write_content(path, changed);
    REQUIRE_FALSE(read_last_good(path).has_value());
  }
}

TEST_CASE("a set that cannot be written leaves the old one", "[last-good]") {
  const TemporaryFolder folder;
  const std::string path = folder.path("last_good");
  REQUIRE(write_last_good(path, 77, 9, bytes_of(policy), bytes_of(endpoints)).has_value());
  std::filesystem::create_directory(path + ".tmp");  // the draft cannot be made
  CHECK_FALSE(write_last_good(path, 78, 10, bytes_of(policy), bytes_of(endpoints)).has_value());
  CHECK((*read_last_good(path))->generation == 77);
  CHECK_FALSE(read_last_good(folder.path()).has_value());  // a folder is no set
}

}  // namespace byway::shm
