// open_loop: HTTP/1.1 requests at a fixed rate over kernel sockets, for peers and Byway alike.
//
// A request is due at a time that no answer can move: the n-th at start + n / rate. Its latency counts from
// then, so a proxy that stalls cannot hide the queue that it caused. Connections are kept alive; each carries
// one request at a time, and a request that finds none free waits, with its clock running.
//
// Every answer is checked: status 200, a Content-Length of the size that was asked for, nothing behind it.
// The result is one line of JSON. Exit code: 0 measured (failures are in the report), 1 no connection, 2
// wrong use.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace byway::benchmarks {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

/// An answer has a head of some 200 bytes and a small body; a larger one is a failure.
constexpr std::size_t answer_bytes_max = 8192;
/// How long the last answers may take once all requests are due.
constexpr auto grace_time = std::chrono::seconds(2);
/// epoll_wait returns at least so often, to see whether the time is up.
constexpr nanoseconds wait_max = std::chrono::milliseconds(1);
constexpr int events_max = 64;

struct Settings {
  sockaddr_in target{};
  double rate = 0;
  double seconds = 0;
  double warm_up_seconds = 0;
  std::size_t connections = 0;
  std::size_t body_bytes = 0;
};

struct Connection {
  int fd = -1;
  Clock::time_point due;
  bool counts = false;  ///< its request was due after the warm-up
  std::size_t received = 0;
  std::array<char, answer_bytes_max> bytes;
};

enum class Answer { incomplete, right, wrong };

/// Judges what has arrived of an answer.
Answer judge(std::string_view text, std::size_t body_bytes) {
  const std::size_t head_end = text.find("\r\n\r\n");
  if (head_end == std::string_view::npos)
    return text.size() == answer_bytes_max ? Answer::wrong : Answer::incomplete;
  if (!text.starts_with("HTTP/1.1 200 ")) return Answer::wrong;
  static constexpr std::string_view name = "\r\ncontent-length:";
  for (std::size_t at = text.find("\r\n"); at < head_end; at = text.find("\r\n", at + 2)) {
    if (strncasecmp(text.data() + at, name.data(), name.size()) != 0) continue;
    if (std::strtoul(text.data() + at + name.size(), nullptr, 10) != body_bytes) return Answer::wrong;
    const std::size_t whole = head_end + 4 + body_bytes;
    if (text.size() < whole) return Answer::incomplete;
    return text.size() == whole ? Answer::right : Answer::wrong;
  }
  return Answer::wrong;
}

class Load {
 public:
  explicit Load(const Settings& settings)
      : settings_(settings),
        connections_(settings.connections),
        step_(1e9 / settings.rate),
        warm_up_count_(static_cast<std::int64_t>(settings.rate * settings.warm_up_seconds)),
        total_(static_cast<std::int64_t>(settings.rate * (settings.warm_up_seconds + settings.seconds))) {
    latencies_.reserve(static_cast<std::size_t>(total_));
  }

  /// Opens all connections; false if one cannot be opened.
  bool connect() {
    epoll_ = epoll_create1(0);
    for (Connection& connection : connections_) {
      connection.fd = socket(AF_INET, SOCK_STREAM, 0);
      if (::connect(connection.fd, reinterpret_cast<const sockaddr*>(&settings_.target),
                    sizeof settings_.target) != 0) {
        std::perror("open_loop: connect");
        return false;
      }
      const int on = 1;
      setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
      epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
      free_.push_back(&connection);
    }
    return true;
  }

  void run() {
    start_ = Clock::now();
    const auto end = due(total_) + grace_time;
    while (answered_ + failed_ < total_ && Clock::now() < end) {
      send_due();
      const auto until_next = sent_ < total_ && !free_.empty() ? due(sent_) - Clock::now() : wait_max;
      wait(std::clamp(std::chrono::duration_cast<nanoseconds>(until_next), nanoseconds{0}, wait_max));
    }
    finished_ = Clock::now();
  }

  void print() {
    std::ranges::sort(latencies_);
    const double seconds =
        std::chrono::duration<double>(finished_ - start_).count() - settings_.warm_up_seconds;
    std::printf(
        "{\"requests\": %zu, \"seconds\": %.3f, \"rate\": %.1f, \"failed\": %lld, \"unanswered\": %lld",
        latencies_.size(), seconds, static_cast<double>(latencies_.size()) / seconds,
        static_cast<long long>(failed_), static_cast<long long>(total_ - answered_ - failed_));
    for (const auto& [name, share] : {std::pair{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}}) {
      std::printf(", \"%s\": %.1f", name, quantile_us(share));
    }
    std::printf("}\n");
  }

 private:
  [[nodiscard]] Clock::time_point due(std::int64_t request) const {
    return start_ + nanoseconds{static_cast<std::int64_t>(static_cast<double>(request) * step_)};
  }

  void send_due() {
    static constexpr std::string_view request = "GET / HTTP/1.1\r\nHost: bench\r\n\r\n";
    const auto now = Clock::now();
    while (sent_ < total_ && !free_.empty() && due(sent_) <= now) {
      Connection& connection = *free_.back();
      free_.pop_back();
      connection.due = due(sent_);
      connection.counts = sent_++ >= warm_up_count_;
      connection.received = 0;
      if (write(connection.fd, request.data(), request.size()) != static_cast<ssize_t>(request.size()))
        fail(connection);
    }
  }

  void wait(nanoseconds time) {
    const timespec limit{.tv_sec = 0, .tv_nsec = time.count()};
    epoll_event events[events_max];
    const int count = epoll_pwait2(epoll_, events, events_max, &limit, nullptr);
    for (int i = 0; i < count; ++i) receive(*static_cast<Connection*>(events[i].data.ptr));
  }

  void receive(Connection& connection) {
    const ssize_t got = recv(connection.fd, connection.bytes.data() + connection.received,
                             connection.bytes.size() - connection.received, MSG_DONTWAIT);
    if (got <= 0) return fail(connection);
    connection.received += static_cast<std::size_t>(got);
    const Answer answer = judge({connection.bytes.data(), connection.received}, settings_.body_bytes);
    if (answer == Answer::incomplete) return;
    if (answer == Answer::wrong) return fail(connection);
    ++answered_;
    if (connection.counts) latencies_.push_back((Clock::now() - connection.due).count());
    free_.push_back(&connection);
  }

  /// A connection that failed is given up; its request counts as failed.
  void fail(Connection& connection) {
    ++failed_;
    close(connection.fd);
    std::erase(free_, &connection);
  }

  [[nodiscard]] double quantile_us(double share) const {
    if (latencies_.empty()) return 0;
    const auto index = static_cast<std::size_t>(share * static_cast<double>(latencies_.size() - 1));
    return static_cast<double>(latencies_[index]) / 1e3;
  }

  Settings settings_;
  std::vector<Connection> connections_;
  std::vector<Connection*> free_;
  int epoll_ = -1;
  double step_;  ///< nanoseconds between two requests
  std::int64_t warm_up_count_;
  std::int64_t total_;
  std::int64_t sent_ = 0;
  std::int64_t answered_ = 0;
  std::int64_t failed_ = 0;
  Clock::time_point start_;
  Clock::time_point finished_;
  std::vector<std::int64_t> latencies_;
};

int run(int count, char** arguments) {
  if (count != 8) {
    std::fputs("usage: open_loop ADDRESS PORT RATE SECONDS WARM_UP_SECONDS CONNECTIONS BODY_BYTES\n", stderr);
    return 2;
  }
  Settings settings;
  settings.target.sin_family = AF_INET;
  settings.target.sin_port = htons(static_cast<std::uint16_t>(std::atoi(arguments[2])));
  settings.rate = std::atof(arguments[3]);
  settings.seconds = std::atof(arguments[4]);
  settings.warm_up_seconds = std::atof(arguments[5]);
  settings.connections = std::strtoul(arguments[6], nullptr, 10);
  settings.body_bytes = std::strtoul(arguments[7], nullptr, 10);
  if (inet_pton(AF_INET, arguments[1], &settings.target.sin_addr) != 1 || settings.rate <= 0 ||
      settings.seconds <= 0 || settings.connections == 0) {
    std::fputs("open_loop: an IPv4 address, and a rate, a time and connections above 0\n", stderr);
    return 2;
  }
  prctl(PR_SET_TIMERSLACK, 1);  // else each wait takes 50 us longer
  Load load(settings);
  if (!load.connect()) return 1;
  load.run();
  load.print();
  return 0;
}

}  // namespace
}  // namespace byway::benchmarks

int main(int count, char** arguments) {
  return byway::benchmarks::run(count, arguments);
}
