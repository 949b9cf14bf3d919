// The same loads as byway_pair on the kernel's TCP: a server of epoll and non-blocking sockets in one network
// namespace, a client of the same kind in another, a veth pair between them. Prints one line of JSON.
//
// Busy is what the server's process ran, system calls and the soft interrupts on their way back included. On
// a veth pair the sender's core carries a packet up the receiver's stack; both ends run the same code on
// cores of their own, so what each does for the other is alike.
#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "benchmarks/lib/arguments.h"
#include "benchmarks/tcp/load.h"
#include "benchmarks/tcp/pair.h"

namespace byway::benchmark {

namespace {

constexpr int events_per_wait = 256;
/// How often the phase is looked at when nothing happens.
constexpr int wait_ms = 2;
/// What bulk loads read and write at once: few system calls, and within the cache.
constexpr std::size_t bulk_bytes = 256 * 1024;
constexpr int backlog = 4096;
constexpr int end_waits_max = 2'000;

struct Setting {
  Load load = Load::exchanges;
  std::uint32_t connections = 0;
  int server_cpu = 1;
  int client_cpu = 0;
  std::string server_netns;
  std::string client_netns;
  std::string address;
};

int fail(const std::string& what) {
  fmt::print(stderr, "error: {}: {}\n", what, std::strerror(errno));
  return 1;
}

bool settle(int cpu, const std::string& netns) {
  if (!netns.empty()) {
    const int fd = open(("/run/netns/" + netns).c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) return false;
    close(fd);
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

std::uint64_t process_ns() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

sockaddr_in address_of(const std::string& text) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server_port);
  inet_pton(AF_INET, text.c_str(), &address.sin_addr);
  return address;
}

int new_socket() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  if (fd >= 0) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

/// What both ends have in common: epoll, and taking samples when the phase changes.
class Side {
 public:
  Side(Shared& shared, SideCounts& first, SideCounts& last)
      : shared_(shared), first_(first), last_(last), epoll_(epoll_create1(EPOLL_CLOEXEC)) {}
  ~Side() { close(epoll_); }
  Side(const Side&) = delete;
  Side& operator=(const Side&) = delete;

  void watch(int fd, std::uint32_t events, void* what, int operation = EPOLL_CTL_ADD) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = what;
    epoll_ctl(epoll_, operation, fd, &event);
  }
  /// Calls `handle(event)` until the phase is done; `on_measuring` when it begins.
  template <typename Handle, typename OnMeasuring>
  void run(Handle&& handle, OnMeasuring&& on_measuring) {
    Phase seen = Phase::starting;
    std::vector<epoll_event> events(events_per_wait);
    while (seen != Phase::done) {
      const int count = epoll_wait(epoll_, events.data(), events_per_wait, wait_ms);
      for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)]);
      if (count > 0) ++counts.bursts;
      const Phase phase = shared_.phase.load(std::memory_order_relaxed);
      if (phase == seen) continue;
      seen = phase;
      counts.at_ns = steady_ns();
      counts.busy_ns = process_ns();
      (phase == Phase::measuring ? first_ : last_) = counts;
      if (phase == Phase::measuring) on_measuring();
    }
  }

  SideCounts counts;

 private:
  Shared& shared_;
  SideCounts& first_;
  SideCounts& last_;
  int epoll_;
};

// ---- server ----------------------------------------------------------------------------------------------

class Server {
 public:
  Server(Shared& shared, const Setting& setting)
      : side_(shared, shared.server_first, shared.server_last), setting_(setting), block_(bulk_bytes, 'x') {}

  int run(Shared& shared) {
    if (!settle(setting_.server_cpu, setting_.server_netns)) return fail("server's namespace or core");
    listener_ = new_socket();
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const sockaddr_in address = address_of(setting_.address);
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        listen(listener_, backlog) != 0) {
      return fail("the server does not listen");
    }
    side_.watch(listener_, EPOLLIN, nullptr);
    shared.ready_count.fetch_add(1);
    side_.run([this](const epoll_event& event) { on_event(event); }, [] {});
    // The connections stay until the client has seen that the time is over.
    for (int waited = 0; !shared.client_is_done.load() && waited < end_waits_max; ++waited)
      usleep(wait_ms * 1000);
    return 0;
  }

 private:
  void on_event(const epoll_event& event) {
    if (event.data.ptr == nullptr) {
      accept_all();
      return;
    }
    const int fd = static_cast<int>(reinterpret_cast<std::intptr_t>(event.data.ptr));
    if (setting_.load == Load::to_client) {
      for (;;) {
        const ssize_t sent = send(fd, block_.data(), block_.size(), MSG_NOSIGNAL);
        if (sent <= 0) break;
        side_.counts.bytes += static_cast<std::uint64_t>(sent);
      }
      return;
    }
    const bool is_bulk = setting_.load == Load::to_server;
    const ssize_t got = read(fd, block_.data(), is_bulk ? block_.size() : message_bytes);
    if (got <= 0) {
      if (got == 0 || errno != EAGAIN) close(fd);
      return;
    }
    if (is_bulk) {
      side_.counts.bytes += static_cast<std::uint64_t>(got);
      return;
    }
    if (send(fd, block_.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL) == got)
      ++side_.counts.operations;
    if (setting_.load == Load::connections) close(fd);
  }

  void accept_all() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      const std::uint32_t events = setting_.load == Load::to_client ? EPOLLOUT : EPOLLIN;
      side_.watch(fd, events, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
    }
  }

  Side side_;
  const Setting& setting_;
  std::vector<char> block_;
  int listener_ = -1;
};

// ---- client ----------------------------------------------------------------------------------------------

class Client {
 public:
  Client(Shared& shared, const Setting& setting)
      : side_(shared, shared.client_first, shared.client_last),
        setting_(setting),
        address_(address_of(setting.address)),
        block_(bulk_bytes, 'x'),
        conversations_(setting.connections),
        round_trips_(std::make_unique<RoundTrips>()) {}

  int run(Shared& shared) {
    if (!settle(setting_.client_cpu, setting_.client_netns)) return fail("client's namespace or core");
    for (Conversation& one : conversations_) {
      if (!open(one)) return fail("the client does not connect");
    }
    shared.ready_count.fetch_add(1);
    side_.run([this](const epoll_event& event) { on_event(event); }, [this] { round_trips_->clear(); });
    shared.latency = round_trips_->latency();
    shared.latency.failed = failed_;
    shared.client_is_done.store(true);
    return 0;
  }

 private:
  struct Conversation {
    int fd = -1;
    bool is_open = false;
    bool is_answered = false;
    std::uint64_t asked_at = 0;
  };

  bool open(Conversation& one) {
    one = {.fd = new_socket()};
    if (one.fd < 0) return false;
    const int result = connect(one.fd, reinterpret_cast<const sockaddr*>(&address_), sizeof address_);
    if (result != 0 && errno != EINPROGRESS) {
      close(one.fd);
      return false;
    }
    side_.watch(one.fd, EPOLLOUT, &one);
    return true;
  }

  void ask(Conversation& one) {
    one.asked_at = steady_ns();
    if (send(one.fd, block_.data(), message_bytes, MSG_NOSIGNAL) != message_bytes) ++failed_;
  }

  void on_event(const epoll_event& event) {
    auto& one = *static_cast<Conversation*>(event.data.ptr);
    if (!one.is_open) {
      on_connected(one, (event.events & EPOLLERR) != 0);
      return;
    }
    switch (setting_.load) {
      case Load::to_server:
        for (;;) {
          const ssize_t sent = send(one.fd, block_.data(), block_.size(), MSG_NOSIGNAL);
          if (sent <= 0) return;
          side_.counts.bytes += static_cast<std::uint64_t>(sent);
        }
      case Load::to_client: {
        const ssize_t got = read(one.fd, block_.data(), block_.size());
        if (got > 0) side_.counts.bytes += static_cast<std::uint64_t>(got);
        return;
      }
      case Load::exchanges:
      case Load::connections:
        on_answer(one);
        return;
    }
  }

  void on_connected(Conversation& one, bool has_failed) {
    if (has_failed) {
      ++failed_;
      end(one);
      return;
    }
    one.is_open = true;
    side_.watch(one.fd, setting_.load == Load::to_server ? EPOLLOUT : EPOLLIN, &one, EPOLL_CTL_MOD);
    if (setting_.load == Load::exchanges || setting_.load == Load::connections) ask(one);
  }

  void on_answer(Conversation& one) {
    const ssize_t got = read(one.fd, block_.data(), message_bytes);
    if (got == message_bytes) {
      if (setting_.load == Load::exchanges) {
        ++side_.counts.operations;
        round_trips_->add(steady_ns() - one.asked_at);
        ask(one);
        return;
      }
      one.is_answered = true;
      return;
    }
    if (got < 0 && errno == EAGAIN) return;
    if (got == 0 && one.is_answered) {
      ++side_.counts.operations;
    } else {
      ++failed_;
    }
    end(one);
  }

  void end(Conversation& one) {
    close(one.fd);
    if (!open(one)) ++failed_;
  }

  Side side_;
  const Setting& setting_;
  sockaddr_in address_;
  std::vector<char> block_;
  std::vector<Conversation> conversations_;
  std::unique_ptr<RoundTrips> round_trips_;
  std::uint64_t failed_ = 0;
};

int run(int argc, char** argv) {
  const Arguments arguments(argc, argv,
                            {"--load", "--connections", "--seconds", "--warm-up", "--server-cpu",
                             "--client-cpu", "--server-netns", "--client-netns", "--address"});
  const auto load = load_named(arguments.text("--load", "exchanges"));
  if (!load) {
    fmt::print(stderr, "error: --load: exchanges, connections, to-server or to-client\n");
    return 2;
  }
  Setting setting;
  setting.load = *load;
  setting.connections = arguments.count("--connections", 256);
  setting.server_cpu = static_cast<int>(arguments.count("--server-cpu", 1));
  setting.client_cpu = static_cast<int>(arguments.count("--client-cpu", 0));
  setting.server_netns = arguments.text("--server-netns", "");
  setting.client_netns = arguments.text("--client-netns", "");
  setting.address = arguments.text("--address", "127.0.0.1");
  Shared& shared = make_shared();
  // The client starts when the server listens.
  const auto client = [&](Shared& s) {
    while (s.ready_count.load() == 0) usleep(1000);
    return Client(s, setting).run(s);
  };
  const bool went_well = run_pair(
      shared,
      {.warm_up_seconds = arguments.number("--warm-up", 0.5), .seconds = arguments.number("--seconds", 2)},
      [&](Shared& s) { return Server(s, setting).run(s); }, client);
  if (!went_well) return 1;
  figures_of(shared).print();
  return 0;
}

}  // namespace
}  // namespace byway::benchmark

int main(int argc, char** argv) {
  return byway::benchmark::run(argc, argv);
}
