#include "tools/agent/versions.h"

#include <fmt/format.h>
#include <google/protobuf/stubs/common.h>
#include <openssl/crypto.h>
#include <seccomp.h>
#include <spdlog/version.h>
#include <CLI/Version.hpp>

#include "byway_version.h"
#include "control/store/sqlite.h"

namespace byway::tools::agent {

std::string versions() {
  const scmp_version* seccomp = seccomp_version();
  std::string text = "byway-agent " BYWAY_VERSION "\n";
  const auto add = [&](std::string_view name, std::string_view version) {
    text += fmt::format("  {} {}\n", name, version);
  };
  add("protobuf", fmt::format("{}.{}.{}", GOOGLE_PROTOBUF_VERSION / 1'000'000,
                              GOOGLE_PROTOBUF_VERSION / 1000 % 1000, GOOGLE_PROTOBUF_VERSION % 1000));
  add("SQLite", control::sqlite_version());
  add("yaml-cpp", BYWAY_YAML_CPP_VERSION);
  add("cpp-httplib", BYWAY_HTTPLIB_VERSION);
  add("OpenSSL", OpenSSL_version(OPENSSL_VERSION_STRING));
  add("spdlog", fmt::format("{}.{}.{}", SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH));
  add("fmt", fmt::format("{}.{}.{}", FMT_VERSION / 10'000, FMT_VERSION / 100 % 100, FMT_VERSION % 100));
  add("CLI11", CLI11_VERSION);
  add("libseccomp", fmt::format("{}.{}.{}", seccomp->major, seccomp->minor, seccomp->micro));
  add("libcap", BYWAY_LIBCAP_VERSION);
  add("libpcap", BYWAY_LIBPCAP_VERSION);
  add("xxHash", BYWAY_XXHASH_VERSION);
  text.pop_back();
  return text;
}

}  // namespace byway::tools::agent
