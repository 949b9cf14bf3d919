#include "tests/sim/seeds.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <vector>

namespace byway::sim {

namespace {

constexpr std::uint64_t seeds_default = 1000;
constexpr std::uint64_t jobs_max = 256;
/// A seed that fails is rarely alone: more than these of one process tell nothing new.
constexpr std::uint64_t failures_shown_max = 20;
/// A seed takes milliseconds, some seconds under sanitizers: what takes longer never ends.
constexpr unsigned seconds_per_seed_max = 120;

struct Arguments {
  std::uint64_t first = 1;
  std::uint64_t count = 0;
  std::uint64_t jobs = 1;
  bool has_first = false;
  bool trace = false;
  bool report = false;
};

bool parse_number(const char* text, std::uint64_t& out) {
  const char* end = text + std::strlen(text);
  return std::from_chars(text, end, out).ptr == end;
}

bool parse_arguments(int argc, char** argv, bool has_report, Arguments& out) {
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    bool is_good = true;
    if (argument == "--trace") {
      out.trace = true;
    } else if (argument == "--report" && has_report) {
      out.report = true;
    } else if (argument == "--seeds" && i + 1 < argc) {
      is_good = parse_number(argv[++i], out.count);
    } else if (argument == "--jobs" && i + 1 < argc) {
      is_good = parse_number(argv[++i], out.jobs) && out.jobs > 0 && out.jobs <= jobs_max;
    } else if (argument == "--seed" && i + 1 < argc) {
      is_good = parse_number(argv[++i], out.first);
      out.has_first = true;
    } else {
      is_good = false;
    }
    if (!is_good) return false;
  }
  if (out.count == 0) out.count = out.has_first ? 1 : seeds_default;
  return true;
}

/// What a process tells of its work, in memory that it shares with the one that started it.
struct Progress {
  std::uint64_t seed = 0;  ///< That is being run.
  std::uint64_t failed = 0;
  bool is_done = false;  ///< With all seeds.
};

void tell_failure(std::uint64_t seed, const std::string& wrong, const char* program) {
  std::printf("seed %llu: %s (replay: %s --seed %llu --trace)\n", static_cast<unsigned long long>(seed),
              wrong.c_str(), program, static_cast<unsigned long long>(seed));
  std::fflush(stdout);
}

/// The seeds of one process: `first`, and then one in so many as there are processes.
void run_some(const Arguments& arguments, std::uint64_t first, const char* program, RunSeed run,
              Progress& progress) {
  for (std::uint64_t seed = first; seed < arguments.first + arguments.count; seed += arguments.jobs) {
    progress.seed = seed;
    if (!arguments.trace) alarm(seconds_per_seed_max);
    const std::string wrong = run(seed, arguments.trace);
    if (wrong.empty()) continue;
    if (++progress.failed <= failures_shown_max) tell_failure(seed, wrong, program);
  }
  progress.is_done = true;
}

/// A process that a seed's assertion, sanitizer or endless loop may end: the seed is told, and a new process
/// goes on behind it. Returns how many seeds failed.
class Job {
 public:
  Job(const Arguments& arguments, std::uint64_t first, const char* program, RunSeed run, Progress& progress)
      : arguments_(arguments), next_(first), program_(program), run_(run), progress_(progress) {
    start();
  }

  /// Waits for the end of the process, and of those that follow it.
  std::uint64_t finish() {
    while (wait_for_process()) {
      next_ = progress_.seed + arguments_.jobs;
      start();
    }
    return progress_.failed;
  }

 private:
  /// True: seeds are left.
  bool wait_for_process() {
    int status = 0;
    if (pid_ <= 0 || waitpid(pid_, &status, 0) != pid_) {
      std::printf("no process for the seeds from %llu on\n", static_cast<unsigned long long>(next_));
      ++progress_.failed;
      return false;
    }
    if (status == 0) return false;
    const std::string how = WIFSIGNALED(status) ? "signal " + std::to_string(WTERMSIG(status))
                                                : "exit " + std::to_string(WEXITSTATUS(status));
    tell_failure(progress_.seed,
                 (progress_.is_done ? "at the end of the process: " : "the process died: ") + how, program_);
    ++progress_.failed;
    return !progress_.is_done;
  }
  void start() {
    std::fflush(stdout);
    progress_.seed = next_;
    pid_ = fork();
    if (pid_ != 0) return;
    run_some(arguments_, next_, program_, run_, progress_);
    std::exit(0);  // and not _exit: leaks are looked for
  }

  const Arguments& arguments_;
  std::uint64_t next_;
  const char* program_;
  RunSeed run_;
  Progress& progress_;
  pid_t pid_ = -1;
};

std::uint64_t run_in_processes(const Arguments& arguments, const char* program, RunSeed run) {
  void* shared = mmap(nullptr, sizeof(Progress) * arguments.jobs, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED) return arguments.count;
  auto* progress = static_cast<Progress*>(shared);
  std::vector<Job> jobs;
  jobs.reserve(arguments.jobs);
  for (std::uint64_t i = 0; i < arguments.jobs; ++i) {
    jobs.emplace_back(arguments, arguments.first + i, program, run, *new (progress + i) Progress);
  }
  std::uint64_t failed = 0;
  for (Job& job : jobs) failed += job.finish();
  munmap(shared, sizeof(Progress) * arguments.jobs);
  return failed;
}

}  // namespace

int run_seeds(int argc, char** argv, RunSeed run, Report report) {
  Arguments arguments;
  if (!parse_arguments(argc, argv, report != nullptr, arguments)) {
    std::fprintf(stderr, "usage: %s [--seed FIRST] [--seeds COUNT] [--jobs PROCESSES] [--trace]%s\n", argv[0],
                 report != nullptr ? " | --report" : "");
    return 2;
  }
  if (arguments.report) {
    const std::string wrong = report();
    if (!wrong.empty()) std::printf("%s\n", wrong.c_str());
    return wrong.empty() ? 0 : 1;
  }
  std::uint64_t failed = 0;
  if (arguments.count == 1 || arguments.trace) {  // in this process: for debuggers
    Progress progress;
    arguments.jobs = 1;
    run_some(arguments, arguments.first, argv[0], run, progress);
    failed = progress.failed;
  } else {
    failed = run_in_processes(arguments, argv[0], run);
  }
  std::printf("%llu seeds, %llu failed\n", static_cast<unsigned long long>(arguments.count),
              static_cast<unsigned long long>(failed));
  return failed == 0 ? 0 : 1;
}

}  // namespace byway::sim
