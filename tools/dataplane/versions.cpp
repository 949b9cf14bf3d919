#include "tools/dataplane/versions.h"

#include <fmt/core.h>
#include <gnu/libc-version.h>
#include <rte_version.h>
#include <seccomp.h>
#include <xxhash.h>
#include <CLI/CLI.hpp>

#include "byway_version.h"

namespace byway::tools {

std::string version_text() {
  std::string text = fmt::format("byway-dataplane {}\n", BYWAY_VERSION);
  text += fmt::format("{}\n", rte_version());  // "DPDK 22.11.0"
  text += fmt::format("fmt {}.{}.{}\n", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100);
  text += fmt::format("yaml-cpp {}\n", BYWAY_YAML_CPP_VERSION);  // has no version at run time
  text += fmt::format("CLI11 {}\n", CLI11_VERSION);
  text += fmt::format("xxHash {}.{}.{}\n", XXH_VERSION_MAJOR, XXH_VERSION_MINOR, XXH_VERSION_RELEASE);
  const scmp_version* seccomp = seccomp_version();
  text += fmt::format("libseccomp {}.{}.{}\n", seccomp->major, seccomp->minor, seccomp->micro);
  text += fmt::format("libcap {}\n", BYWAY_LIBCAP_VERSION);    // likewise
  text += fmt::format("libpcap {}\n", BYWAY_LIBPCAP_VERSION);  // likewise
  text += fmt::format("libc {}\n", gnu_get_libc_version());
  text += fmt::format("compiler {}\n", __VERSION__);
  return text;
}

}  // namespace byway::tools
