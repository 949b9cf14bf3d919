// Goodput of one connection over a narrow path with losses: Byway's TCP beside Linux's, over the same link.
//
//   goodput [--seconds N] [--repeats N] [--loss PERCENT,...] [--settings NAME,...] [--lose-acks] [--seed N]
//   [--verbose]
#include <fmt/format.h>
#include <getopt.h>
#include <sched.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "benchmarks/goodput/transfer.h"

namespace byway::goodput {

namespace {

constexpr Setting all_settings[] = {Setting::linux_to_linux, Setting::byway_to_linux,
                                    Setting::linux_to_byway};

struct Options {
  std::uint32_t seconds = 10;
  std::uint32_t repeats = 5;
  std::uint64_t seed = 1;
  std::vector<double> losses = {0, 0.1, 0.5, 1, 2, 5, 10};  ///< Percent.
  std::vector<Setting> settings = {Setting::linux_to_linux, Setting::byway_to_linux};
  bool loses_acks = false;
  bool is_verbose = false;
};

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> words;
  std::istringstream stream(text);
  for (std::string word; std::getline(stream, word, ',');) words.push_back(word);
  return words;
}

[[noreturn]] void fail_usage(const std::string& what) {
  fmt::print(
      stderr,
      "goodput: {}\nusage: goodput [--seconds N] [--repeats N] [--loss PERCENT,...] [--settings NAME,...]\n"
      "               [--lose-acks] [--seed N] [--verbose]\nsettings: linux-linux, byway-linux, "
      "linux-byway\n",
      what);
  std::exit(2);
}

std::uint32_t read_number(const char* text) {
  char* end = nullptr;
  const unsigned long value = std::strtoul(text, &end, 10);
  if (*end != '\0' || value == 0 || value > 100'000)
    fail_usage(fmt::format("no number from 1 to 100000: {}", text));
  return static_cast<std::uint32_t>(value);
}

std::vector<double> read_losses(const char* text) {
  std::vector<double> losses;
  for (const std::string& word : split(text)) {
    char* end = nullptr;
    losses.push_back(std::strtod(word.c_str(), &end));
    if (*end != '\0' || losses.back() < 0 || losses.back() > 50)
      fail_usage(fmt::format("no percentage: {}", word));
  }
  return losses;
}

std::vector<Setting> read_settings(const char* text) {
  std::vector<Setting> settings;
  for (const std::string& word : split(text)) {
    const auto* found =
        std::ranges::find(all_settings, word, [](Setting one) { return std::string(name_of(one)); });
    if (found == std::end(all_settings)) fail_usage(fmt::format("unknown setting: {}", word));
    settings.push_back(*found);
  }
  return settings;
}

Options read_options(int argc, char** argv) {
  enum : int { seconds = 256, repeats, loss, settings, lose_acks, seed, verbose };
  constexpr option names[] = {
      {"seconds", required_argument, nullptr, seconds}, {"repeats", required_argument, nullptr, repeats},
      {"loss", required_argument, nullptr, loss},       {"settings", required_argument, nullptr, settings},
      {"lose-acks", no_argument, nullptr, lose_acks},   {"seed", required_argument, nullptr, seed},
      {"verbose", no_argument, nullptr, verbose},       {}};
  Options options;
  for (int name = 0; (name = ::getopt_long(argc, argv, "", names, nullptr)) >= 0;) {
    switch (name) {
      case seconds:
        options.seconds = read_number(optarg);
        break;
      case repeats:
        options.repeats = read_number(optarg);
        break;
      case loss:
        options.losses = read_losses(optarg);
        break;
      case settings:
        options.settings = read_settings(optarg);
        break;
      case lose_acks:
        options.loses_acks = true;
        break;
      case seed:
        options.seed = read_number(optarg);
        break;
      case verbose:
        options.is_verbose = true;
        break;
      default:
        fail_usage("unknown option");
    }
  }
  if (optind != argc || options.losses.empty() || options.settings.empty()) fail_usage("nothing to measure");
  return options;
}

double median_of(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::string spread_of(const std::vector<double>& values) {
  const auto [least, most] = std::ranges::minmax(values);
  return fmt::format("{:.2f}/{:.2f}/{:.2f}", least, median_of(values), most);
}

/// All settings at one loss, taking turns with each seed; one row of the table.
void measure(const Options& options, double percent) {
  std::map<Setting, std::vector<double>> megabits;
  double late = 0;
  for (std::uint32_t i = 0; i < options.repeats; ++i) {
    for (const Setting setting : options.settings) {
      TransferOptions one;
      one.link.loss = percent / 100;
      one.link.seed = options.seed + i;
      one.loses_acks = options.loses_acks;
      one.length = std::chrono::seconds(options.seconds);
      const TransferResult result = transfer(setting, one);
      megabits[setting].push_back(result.megabits);
      late = std::max(late, result.late_share);
      if (!options.is_verbose) continue;
      fmt::print("  {} seed {}: {:.2f} Mbit/s, lost {}, queue full {}, late rounds {:.2f} %; {}\n",
                 name_of(setting), one.link.seed, result.megabits, result.lost, result.overflowed,
                 result.late_share * 100, result.sender);
    }
  }
  fmt::print("| {} % |", percent);
  const auto& first = megabits[options.settings.front()];
  for (const Setting setting : options.settings) {
    const auto& own = megabits[setting];
    fmt::print(" {} |", spread_of(own));
    if (setting != options.settings.front()) fmt::print(" **{:.2f}** |", median_of(own) / median_of(first));
  }
  fmt::print(" {:.2f} % |\n", late * 100);
  std::fflush(stdout);
}

}  // namespace

int run(int argc, char** argv) {
  const Options options = read_options(argc, argv);
  // The link is to be a wire, whoever else uses this machine. It sleeps most of the time.
  const sched_param priority{.sched_priority = 1};
  if (::sched_setscheduler(0, SCHED_FIFO, &priority) < 0) {
    fmt::print(stderr, "goodput: no real-time priority: others that use this machine delay packets\n");
  }
  fmt::print(
      "Mbit/s of payload over 50 Mbit/s, 20 ms, a queue of 125 kB: min/median/max of {} seeds, {} s each{}\n",
      options.repeats, options.seconds, options.loses_acks ? ", ACKs are lost too" : "");
  fmt::print("| loss |");
  for (const Setting setting : options.settings) {
    fmt::print(" {} |", name_of(setting));
    if (setting != options.settings.front()) fmt::print(" ratio |");
  }
  fmt::print(" late rounds, at most |\n");
  for (const double percent : options.losses) measure(options, percent);
  return 0;
}

}  // namespace byway::goodput

int main(int argc, char** argv) {
  try {
    return byway::goodput::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "goodput: {}\n", error.what());
    return 1;
  }
}
