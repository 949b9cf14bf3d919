#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>

#include "tools/cli/pcapng_tally.h"
#include "tools/cli/verbs.h"

namespace byway::cli {

namespace {

constexpr const char* path = "/byway/v1/capture";
/// Whose traffic it is may be nobody else's business.
constexpr mode_t file_mode = 0600;

struct Options {
  std::string port;
  std::string filter;
  std::string direction;
  std::string file;
  std::string duration;
  std::uint64_t snaplen = 0;
  std::uint64_t ring = 0;
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

volatile std::sig_atomic_t interrupts = 0;

void on_interrupt(int) {
  interrupts = interrupts + 1;
}

/// Where the capture goes. Opened with its first bytes, so that a refused one leaves no empty file.
class Output {
 public:
  explicit Output(std::string file) : file_(std::move(file)) {}
  ~Output() {
    if (fd_ > STDERR_FILENO) ::close(fd_);
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  /// False: error() says why.
  bool write(std::string_view bytes) {
    if (fd_ < 0) {
      fd_ = file_ == "-" ? STDOUT_FILENO
                         : ::open(file_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, file_mode);
    }
    while (fd_ >= 0 && !bytes.empty()) {
      const ssize_t done = ::write(fd_, bytes.data(), bytes.size());
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) break;
      bytes.remove_prefix(static_cast<std::size_t>(done));
    }
    if (!bytes.empty()) error_ = fmt::format("{}: {}", file_, std::strerror(errno));
    return bytes.empty();
  }
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  std::string file_;
  std::string error_;
  int fd_ = -1;
};

std::string query_of(const Options& options) {
  std::string query;
  const auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) query += fmt::format("{}{}={}", query.empty() ? "?" : "&", name, escaped(value));
  };
  const auto add_number = [&](std::string_view name, std::uint64_t value) {
    if (value != 0) add(name, std::to_string(value));
  };
  add("port", options.port);
  add("filter", options.filter);
  add("direction", options.direction);
  add_number("snaplen", options.snaplen);
  add_number("ring", options.ring);
  add_number("count", options.count);
  add_number("bytes", options.bytes);
  add("duration", options.duration);
  return query;
}

void run(const Options& options, Context& context) {
  if (options.file == "-" && isatty(STDOUT_FILENO) != 0) {
    return context.fail({Exit::usage, "a capture is no text for a terminal",
                         "-w FILE writes it to a file; -w - goes into a pipe: … -w - | tcpdump -r -"});
  }
  struct sigaction action{};
  action.sa_handler = on_interrupt;
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);

  const Client client = context.client();
  Output output(options.file);
  PcapngTally tally;
  bool is_ending = false;
  const auto take = [&](std::string_view bytes) {
    tally.add(bytes);
    return output.write(bytes);
  };
  // The first interrupt lets the agent finish the file, the second one does not wait for that.
  const auto go_on = [&] {
    if (interrupts > 0 && !is_ending) {
      is_ending = true;
      // Without an answer there is nothing to wait for.
      if (!client.call("DELETE", path)) interrupts = 2;
    }
    return interrupts < 2;
  };
  const auto done = client.stream("POST", path + query_of(options), take, go_on);
  if (!output.error().empty()) return context.fail({Exit::usage, output.error(), ""});
  if (!done) context.fail(done.error());
  if (!done && tally.packets() == 0) return;
  fmt::print(stderr, "{} frames captured", tally.packets());
  if (tally.is_complete()) {
    fmt::print(stderr, ", {} matched the filter, {} seen, {} dropped because the ring was full",
               tally.matched(), tally.seen(), tally.dropped());
  } else {
    fmt::print(stderr, "; the file ends without statistics");
  }
  fmt::print(stderr, "\n");
}

}  // namespace

void add_capture(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App* verb = app.add_subcommand(
      "capture", "writes what ports receive and send as pcapng, for tcpdump and Wireshark; Ctrl-C ends it");
  verb->add_option("-p,--port", options->port, "name of a port in node.yaml; all ports where it is absent");
  verb->add_option("--filter", options->filter,
                   "which packets, as tcpdump takes it: 'host 10.0.0.1 and port 80'");
  verb->add_option("--direction", options->direction, "in, out or inout")
      ->check(CLI::IsMember({"in", "out", "inout"}).description(""))
      ->type_name("DIRECTION")
      ->default_str("inout");
  verb->add_option("--snaplen", options->snaplen, "bytes kept of each packet (65535 where it is absent)")
      ->check(CLI::Range(14, 65535));
  verb->add_option("--ring", options->ring,
                   "memory of each worker for packets on their way (4MiB where it is absent)")
      ->transform(CLI::AsSizeValue(false));
  verb->add_option("--count", options->count, "ends after so many packets")->check(CLI::PositiveNumber);
  verb->add_option("--limit-bytes", options->bytes, "ends before the file is longer than this, as 100MiB")
      ->transform(CLI::AsSizeValue(false));
  verb->add_option("--duration", options->duration, "ends after this time, as 30s or 5m");
  verb->add_option("-w,--write", options->file, "file to write; - is standard output")->required();
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace byway::cli
