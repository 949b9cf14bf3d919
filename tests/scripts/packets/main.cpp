// Runs packet scripts: run_packets SHARED_OBJECT SCRIPT_OR_FOLDER...
//
// Each runs once over IPv4 and once over IPv6, in a stack of its own. Ends with "N passed, N failed".
#include <dlfcn.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "tests/scripts/packets/runner.h"
#include "tests/scripts/packets/script.h"

namespace byway::scripts {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> scripts_of(std::span<char*> arguments) {
  std::vector<fs::path> all;
  for (const fs::path path : arguments) {
    if (!fs::is_directory(path)) {
      all.push_back(path);
      continue;
    }
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.path().extension() == ".pkt") all.push_back(entry.path());
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

class Tally {
 public:
  explicit Tally(packetdrill::InterfaceInit init) : init_(init) {}

  void run(const fs::path& path) {
    for (const Family family : {Family::v4, Family::v6}) {
      std::string wrong;
      const auto script = read_script(path, family, wrong);
      if (script && !(family == Family::v4 ? script->for_v4 : script->for_v6)) continue;
      if (script) {
        Interface table;
        init_(script->settings.c_str(), &table);
        wrong = Runner(table, family).run(*script);
      }
      if (wrong.empty()) {
        ++passed_;
        continue;
      }
      ++failed_;
      std::printf("%s over %s: %s\n  %s\n", path.filename().c_str(), family == Family::v4 ? "IPv4" : "IPv6",
                  script ? script->rule.c_str() : "", wrong.c_str());
    }
  }
  [[nodiscard]] int finish() const {
    std::printf("%d passed, %d failed\n", passed_, failed_);
    return failed_ == 0 && passed_ > 0 ? 0 : 1;
  }

 private:
  packetdrill::InterfaceInit init_;
  int passed_ = 0;
  int failed_ = 0;
};

int run(std::span<char*> arguments) {
  if (arguments.size() < 2) {
    std::fprintf(stderr, "run_packets SHARED_OBJECT SCRIPT_OR_FOLDER...\n");
    return 2;
  }
  void* const object = dlopen(arguments[0], RTLD_NOW | RTLD_LOCAL);
  void* const init = object != nullptr ? dlsym(object, packetdrill::interface_init_name) : nullptr;
  if (init == nullptr) {
    std::fprintf(stderr, "%s\n", dlerror());
    return 2;
  }
  Tally tally(reinterpret_cast<packetdrill::InterfaceInit>(init));
  for (const fs::path& path : scripts_of(arguments.subspan(1))) tally.run(path);
  return tally.finish();
}

}  // namespace
}  // namespace byway::scripts

int main(int count, char** arguments) {
  return byway::scripts::run(std::span(arguments + 1, static_cast<std::size_t>(count - 1)));
}
