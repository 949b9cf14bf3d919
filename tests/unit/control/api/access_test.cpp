#include "control/api/access.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <fstream>

#include "tests/unit/control/support/temporary_folder.h"

namespace byway::control::api {
namespace {

constexpr const char* write_token = "w-0123456789abcdefghij";
constexpr const char* read_token = "r-0123456789abcdefghij";

void write_file(const std::string& path, const std::string& text, mode_t mode = 0600) {
  std::ofstream(path) << text;
  chmod(path.c_str(), mode);
}

TEST_CASE("root, the agent's own user and the groups given may ask over a Unix socket, nobody else") {
  const UnixPolicy policy{500, 10, 20};
  CHECK(judge({0, 0, {}}, policy).role == Role::write);
  CHECK(judge({500, 500, {}}, policy).role == Role::write);
  CHECK(judge({501, 10, {}}, policy).role == Role::write);
  CHECK(judge({501, 501, {7, 10}}, policy).role == Role::write);
  CHECK(judge({501, 20, {}}, policy).role == Role::read);
  CHECK(judge({501, 501, {20}}, policy).role == Role::read);
  CHECK(judge({501, 501, {20, 10}}, policy).role == Role::write);
  CHECK(judge({501, 501, {7}}, policy).role == Role::none);
  CHECK(judge({501, 0, {0}}, {500, std::nullopt, std::nullopt}).role == Role::none);
  CHECK(judge({501, 501, {}}, policy).name == "uid 501");
}

TEST_CASE("a token gives the role and name of its line") {
  const TemporaryFolder folder;
  write_file(folder / "tokens",
             std::string("# comment\n\nwrite ci ") + write_token + "\nread dashboard " + read_token + "\n");
  auto tokens = TokenFile::open(folder / "tokens").value();
  CHECK(tokens->judge(std::string("Bearer ") + write_token).role == Role::write);
  CHECK(tokens->judge(std::string("Bearer ") + write_token).name == "token ci");
  CHECK(tokens->judge(std::string("Bearer ") + read_token).role == Role::read);
  for (const std::string& bad :
       {std::string(), std::string("Bearer "), std::string("Bearer x"), std::string(write_token),
        std::string("Basic ") + write_token, std::string("Bearer ") + write_token + "x",
        std::string("Bearer  ") + write_token}) {
    INFO(bad);
    CHECK(tokens->judge(bad).role == Role::none);
  }
}

TEST_CASE("a token file that is open to others, empty or wrong is refused with its line") {
  const TemporaryFolder folder;
  write_file(folder / "open", std::string("write ci ") + write_token + "\n", 0644);
  CHECK(TokenFile::open(folder / "open").error().contains("others may read it"));
  write_file(folder / "empty", "# nothing\n");
  CHECK(TokenFile::open(folder / "empty").error().contains("holds no token"));
  write_file(folder / "short", "write ci short\n");
  CHECK(TokenFile::open(folder / "short").error().contains(":1: the token has less than 20 characters"));
  write_file(folder / "role", std::string("\nadmin ci ") + write_token + "\n");
  CHECK(TokenFile::open(folder / "role").error().contains(":2: a line is"));
  write_file(folder / "words", std::string("write ci ") + write_token + " more\n");
  CHECK_FALSE(TokenFile::open(folder / "words"));
  CHECK_FALSE(TokenFile::open(folder / "missing"));
}

TEST_CASE("a changed token file counts at once; a broken one leaves the old tokens, a missing one none") {
  const TemporaryFolder folder;
  const std::string path = folder / "tokens";
  write_file(path, std::string("write ci ") + write_token + "\n");
  auto tokens = TokenFile::open(path).value();
  const auto set_time = [&](time_t seconds) {
    const timespec times[2] = {{seconds, 0}, {seconds, 0}};
    utimensat(AT_FDCWD, path.c_str(), times, 0);
  };
  write_file(path, std::string("read other ") + read_token + "\n");
  set_time(1000);
  CHECK(tokens->judge(std::string("Bearer ") + write_token).role == Role::none);
  CHECK(tokens->judge(std::string("Bearer ") + read_token).role == Role::read);
  write_file(path, "nonsense\n");
  set_time(2000);
  CHECK(tokens->judge(std::string("Bearer ") + read_token).role == Role::read);
  unlink(path.c_str());
  CHECK(tokens->judge(std::string("Bearer ") + read_token).role == Role::none);
}

TEST_CASE("a browser's request is refused by Origin, a rebound name by Host") {
  const HostPolicy policy{{"localhost", "127.0.0.1", "::1", "agent.example"}};
  const auto is_refused = [&](std::map<std::string, std::string> headers, const HostPolicy& hosts) {
    Request request;
    request.headers = std::move(headers);
    return check_origin(request, hosts).has_value();
  };
  CHECK_FALSE(is_refused({{"host", "localhost:9902"}}, policy));
  CHECK_FALSE(is_refused({{"host", "[::1]:9902"}}, policy));
  CHECK_FALSE(is_refused({{"host", "AGENT.example"}}, policy));
  CHECK(is_refused({{"host", "evil.example"}}, policy));
  CHECK(is_refused({{"host", "localhost.evil.example"}}, policy));
  CHECK(is_refused({{"host", ""}}, policy));
  CHECK(is_refused({}, policy));
  CHECK(is_refused({{"host", "localhost"}, {"origin", "http://localhost"}}, policy));
  CHECK(is_refused({{"origin", "null"}}, {}));
  CHECK_FALSE(is_refused({{"host", "anything"}}, {}));
}

}  // namespace
}  // namespace byway::control::api
