// publish_set: hands a set that a few lines of text describe to a data plane, as the agent would, and prints
// the receipt. For tests of the data plane without an agent, and for trying it by hand.
#include <charconv>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "control/shm/channel_client.h"
#include "tests/support/set_description.h"

namespace {

using namespace byway;  // a program, not a header

constexpr const char* usage =
    "usage: publish_set --socket PATH [--generation N] [--revision N] [--timeout SECONDS] [--no-wait]\n"
    "                   [--metric NAME] [FILE]\n"
    "\n"
    "Reads a description (tests/support/set_description.h says how it looks) from FILE or standard input.\n"
    "Without --generation and --revision it takes the next ones. --no-wait: until it is accepted, not until "
    "every\n"
    "worker runs it. --metric: prints the sum of that counter afterwards.\n"
    "Exit code: 0 done, 1 refused or late, 2 wrong use or description, 3 no data plane there.\n";

struct Options {
  std::string socket;
  std::string file;
  std::string metric;
  std::optional<std::uint64_t> generation;
  std::optional<std::uint64_t> revision;
  std::uint64_t timeout_s = 5;
  shm::WaitFor wait_for = shm::WaitFor::applied;
};

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Empty when the arguments make no sense.
std::optional<Options> parse(int count, char** arguments) {
  Options options;
  for (int index = 1; index < count; ++index) {
    const std::string_view word = arguments[index];
    if (word == "--no-wait") {
      options.wait_for = shm::WaitFor::accepted;
      continue;
    }
    if (!word.starts_with("--")) {
      options.file = word;
      continue;
    }
    if (++index == count) return std::nullopt;
    const std::string_view value = arguments[index];
    if (word == "--socket") {
      options.socket = value;
    } else if (word == "--metric") {
      options.metric = value;
    } else if (const auto parsed = number(value); !parsed) {
      return std::nullopt;
    } else if (word == "--generation") {
      options.generation = parsed;
    } else if (word == "--revision") {
      options.revision = parsed;
    } else if (word == "--timeout") {
      options.timeout_s = *parsed;
    } else {
      return std::nullopt;
    }
  }
  return options.socket.empty() ? std::nullopt : std::optional(options);
}

std::string read_all(const std::string& path) {
  std::ifstream file(path.empty() ? "/dev/stdin" : path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void print(const shm::Receipt& receipt) {
  const char* const result = receipt.result == shm::ReceiptResult::refused    ? "refused"
                             : receipt.result == shm::ReceiptResult::accepted ? "accepted"
                                                                              : "applied";
  std::printf("generation %llu %s", static_cast<unsigned long long>(receipt.generation), result);
  if (!receipt.reason.empty()) std::printf(": %s", receipt.reason.c_str());
  std::printf("\n");
  for (std::size_t worker = 0; worker < receipt.worker_ns.size(); ++worker) {
    const std::uint64_t time = receipt.worker_ns[worker];
    if (time == shm::apply_time_pending) {
      std::printf("worker %zu pending\n", worker);
    } else if (time == shm::apply_time_no_worker) {
      std::printf("worker %zu absent\n", worker);
    } else {
      std::printf("worker %zu %llu ns\n", worker, static_cast<unsigned long long>(time));
    }
  }
}

int fail(int code, const std::string& text) {
  std::fprintf(stderr, "publish_set: %s\n", text.c_str());
  return code;
}

int publish(const Options& options, const test::SealedSet& set) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(options.timeout_s);
  auto client = shm::ChannelClient::connect(options.socket, "publish_set", deadline);
  if (!client) return fail(3, client.error().text);
  const shm::Welcome& welcome = (*client)->welcome();
  const shm::SetToPublish wanted{options.generation.value_or(welcome.generation + 1),
                                 options.revision.value_or(welcome.revision + 1), set.policy.get(),
                                 set.endpoints.get(), set.secrets.get()};
  const auto receipt = (*client)->publish(wanted, options.wait_for, deadline);
  if (!receipt) return fail(3, receipt.error().text);
  print(*receipt);
  if (!options.metric.empty()) {
    const shm::CounterReader& counters = (*client)->regions().counters();
    const auto* metric = counters.find(options.metric);
    if (metric == nullptr) return fail(2, "no metric has the name " + options.metric);
    std::printf("%s %llu\n", options.metric.c_str(), static_cast<unsigned long long>(counters.sum(*metric)));
  }
  const bool is_done =
      receipt->result == shm::ReceiptResult::applied ||
      (receipt->result == shm::ReceiptResult::accepted && options.wait_for == shm::WaitFor::accepted);
  return is_done ? 0 : 1;
}

}  // namespace

int main(int count, char** arguments) {
  const auto options = parse(count, arguments);
  if (!options) {
    std::fputs(usage, stderr);
    return 2;
  }
  const auto description = test::parse_set_description(read_all(options->file));
  if (!description) return fail(2, description.error());
  const auto set = test::seal_set(*description);
  if (!set) return fail(2, set.error());
  return publish(*options, *set);
}
