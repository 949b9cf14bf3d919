// The same regions mapped by two processes: this one is the data plane, publish_set (a program of its own,
// started by fork and exec) the agent. It hands sets over and reads counters through descriptors that came
// over the socket.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "tests/support/fake_data_plane.h"
#include "tests/unit/control/shm/temporary_folder.h"

namespace byway::shm {
namespace {

struct Finished {
  int exit_code = -1;
  std::string output;
};

/// Runs publish_set (its path is in the environment) and collects what it prints.
Finished run_publish_set(std::vector<std::string> arguments) {
  const char* const program = std::getenv("BYWAY_PUBLISH_SET");
  REQUIRE(program != nullptr);
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  std::vector<char*> words{const_cast<char*>(program)};
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::dup2(pipe[1], STDOUT_FILENO);
    ::close(pipe[0]);
    ::close(pipe[1]);
    ::execv(program, words.data());
    ::_exit(127);
  }
  ::close(pipe[1]);
  Finished finished;
  std::array<char, 4096> buffer;
  for (ssize_t count = 0; (count = ::read(pipe[0], buffer.data(), buffer.size())) > 0;) {
    finished.output.append(buffer.data(), static_cast<std::size_t>(count));
  }
  ::close(pipe[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  finished.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return finished;
}

}  // namespace

TEST_CASE("another process publishes a set, gets its receipt, and reads this one's counters",
          "[two-processes]") {
  const TemporaryFolder folder;
  const std::string description = folder.path("set");
  std::ofstream(description)
      << "listener demo/gw/http 80\nbackend demo/a:80 10.0.0.1:8080\nroute demo/r to demo/a:80\n";
  test::FakeDataPlane data_plane({folder.path()});

  auto finished =
      run_publish_set({"--socket", data_plane.socket_path(), "--metric", "fake_rounds", description});
  INFO(finished.output);
  CHECK(finished.exit_code == 0);
  CHECK(finished.output.starts_with("generation 1 applied\nworker 0 "));
  const std::size_t place = finished.output.find("fake_rounds ");
  REQUIRE(place != std::string::npos);
  // Both workers made the round in which they took the set up.
  CHECK(std::atoi(finished.output.c_str() + place + 12) >= 1);

  finished = run_publish_set({"--socket", data_plane.socket_path(), description});
  CHECK(finished.output.starts_with("generation 2 applied"));

  finished = run_publish_set({"--socket", data_plane.socket_path(), "--generation", "2", description});
  CHECK(finished.exit_code == 1);
  CHECK(finished.output.starts_with("generation 2 refused: stale generation"));
}

TEST_CASE("publish_set says whose fault it is when nothing is published", "[two-processes]") {
  const TemporaryFolder folder;
  std::ofstream(folder.path("good")) << "listener l 80\n";
  std::ofstream(folder.path("bad")) << "listener l 80\nlistner m 81\n";
  const std::string socket = folder.path("dataplane.sock");
  CHECK(run_publish_set({"--socket", socket, folder.path("good")}).exit_code == 3);
  CHECK(run_publish_set({"--socket", socket, folder.path("bad")}).exit_code == 2);
  CHECK(run_publish_set({"--sockets", socket}).exit_code == 2);
}

}  // namespace byway::shm
