#include "tests/sim/seeds.h"

#include <charconv>
#include <cstdio>
#include <cstring>

namespace byway::sim {

namespace {

constexpr std::uint64_t seeds_default = 1000;

bool parse_number(const char* text, std::uint64_t& out) {
  const char* end = text + std::strlen(text);
  return std::from_chars(text, end, out).ptr == end;
}

}  // namespace

int run_seeds(int argc, char** argv, RunSeed run) {
  std::uint64_t first = 1;
  std::uint64_t count = 0;
  bool has_first = false;
  bool trace = false;
  bool usage = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--trace") {
      trace = true;
    } else if (argument == "--seeds" && i + 1 < argc) {
      usage |= !parse_number(argv[++i], count);
    } else if (argument == "--seed" && i + 1 < argc) {
      usage |= !parse_number(argv[++i], first);
      has_first = true;
    } else {
      usage = true;
    }
  }
  if (usage) {
    std::fprintf(stderr, "usage: %s [--seed FIRST] [--seeds COUNT] [--trace]\n", argv[0]);
    return 2;
  }
  if (count == 0) count = has_first ? 1 : seeds_default;
  std::uint64_t failed = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const std::string wrong = run(seed, trace);
    if (wrong.empty()) continue;
    ++failed;
    std::printf("seed %llu: %s (replay: %s --seed %llu --trace)\n", static_cast<unsigned long long>(seed),
                wrong.c_str(), argv[0], static_cast<unsigned long long>(seed));
    std::fflush(stdout);
  }
  std::printf("%llu seeds, %llu failed\n", static_cast<unsigned long long>(count),
              static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}

}  // namespace byway::sim
