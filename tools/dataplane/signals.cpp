#include "tools/dataplane/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>

namespace byway::tools {

std::expected<SignalSource, std::string> SignalSource::open() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return std::unexpected(std::string(std::strerror(errno)));
  // A peer that goes away while it is written to is an error code there, not the end of this process.
  std::signal(SIGPIPE, SIG_IGN);
  const int fd = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd < 0) return std::unexpected(std::string(std::strerror(errno)));
  return SignalSource(shm::OwnedFd(fd));
}

int SignalSource::take() {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return 0;
  return static_cast<int>(info.ssi_signo);
}

}  // namespace byway::tools
