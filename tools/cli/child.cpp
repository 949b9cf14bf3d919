#include "tools/cli/child.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

namespace byway::cli {

namespace fs = std::filesystem;

namespace {

/// More than the data plane's drain time (5 s) and the time to give memory back.
constexpr std::chrono::seconds stop_grace{10};

std::string status_text(int status) {
  return WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                             : fmt::format("exit code {}", WEXITSTATUS(status));
}

}  // namespace

std::expected<Child, Error> Child::start(const std::vector<std::string>& arguments) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  if (pid < 0) return std::unexpected(Error{Exit::failed, fmt::format("fork: {}", std::strerror(errno)), ""});
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(1);  // the parent died before prctl
    setpgid(0, 0);  // Ctrl-C reaches this process only, which then stops the child in order
    execvp(argv[0], argv.data());
    _exit(127);
  }
  return Child(fs::path(arguments[0]).filename().string(), pid);
}

std::string Child::ended() {
  if (pid_ < 0) return "stopped";
  int status = 0;
  if (waitpid(pid_, &status, WNOHANG) != pid_) return "";
  pid_ = -1;
  refused_its_configuration_ = WIFEXITED(status) && WEXITSTATUS(status) == static_cast<int>(Exit::usage);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) return "not found";
  return status_text(status);
}

void Child::stop() {
  if (pid_ < 0) return;
  kill(pid_, SIGTERM);
  const auto end = std::chrono::steady_clock::now() + stop_grace;
  while (std::chrono::steady_clock::now() < end) {
    if (!ended().empty()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

std::string program_path(const std::string& name) {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error).parent_path();
  // Installed: the same folder, or sbin beside bin. In a build tree: tools/cli, tools/agent, tools/dataplane.
  for (const fs::path& folder : {self, self / "../sbin", self / "../agent", self / "../dataplane"}) {
    if (fs::exists(folder / name, error)) return fs::weakly_canonical(folder / name, error).string();
  }
  return name;
}

}  // namespace byway::cli
