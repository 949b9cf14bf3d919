// byway: the command line over the agent's REST API.
#include <curl/curl.h>
#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cstdio>
#include <exception>

#include "byway_version.h"
#include "tools/cli/verbs.h"

namespace byway::cli {

namespace {

std::string version_text() {
  const curl_version_info_data* curl = curl_version_info(CURLVERSION_NOW);
  std::string text = fmt::format("byway {}\nlibcurl {}\n", BYWAY_VERSION, curl->version);
  if (curl->ssl_version != nullptr) text += fmt::format("{} (of libcurl)\n", curl->ssl_version);
  return text + fmt::format("yaml-cpp {}\nCLI11 {}\nfmt {}.{}.{}\nnlohmann-json {}.{}.{}",
                            BYWAY_YAML_CPP_VERSION, CLI11_VERSION, FMT_VERSION / 10000,
                            FMT_VERSION / 100 % 100, FMT_VERSION % 100, NLOHMANN_JSON_VERSION_MAJOR,
                            NLOHMANN_JSON_VERSION_MINOR, NLOHMANN_JSON_VERSION_PATCH);
}

/// The word where a verb should stand, if that is what was wrong; CLI11 says only that one is missing.
std::string unknown_verb(const CLI::App& app) {
  if (!app.get_subcommands().empty()) return "";
  for (const std::string& word : app.remaining())
    if (!word.starts_with('-')) return word;
  return "";
}

int run(int argc, char** argv) {
  CLI::App app{"byway: look at and change a Byway gateway through its agent"};
  app.set_version_flag("--version", version_text(), "versions of byway and of all libraries");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(
      "Exit codes: 0 done, 1 refused or not in order, 2 wrong usage, 3 no agent, 4 stored but not running "
      "yet.");

  Context context;
  app.add_option("-s,--server", context.target.server,
                 "where the agent listens: unix:PATH, http://HOST:PORT, https://…")
      ->envname("BYWAY_SERVER")
      ->capture_default_str();
  app.add_option("--token-file", context.target.token_file, "file with the bearer token (TCP only)")
      ->envname("BYWAY_TOKEN_FILE");
  app.add_option("--ca-file", context.target.ca_file, "CA certificates for https, instead of the system's")
      ->envname("BYWAY_CA_FILE");
  app.add_option_function<std::string>(
         "-o,--output",
         [&context](const std::string& word) {
           context.format = word == "json" ? Format::json : word == "yaml" ? Format::yaml : Format::table;
         },
         "table, json or yaml")
      ->check(CLI::IsMember({"table", "json", "yaml"}).description(""))
      ->type_name("FORMAT")
      ->default_str("table");

  add_apply(app, context);
  add_get(app, context);
  add_describe(app, context);
  add_delete(app, context);
  add_status(app, context);
  add_workers(app, context);
  add_connections(app, context);
  add_capture(app, context);
  add_stats(app, context);
  add_revisions(app, context);
  add_rollback(app, context);
  add_up(app, context);
  add_doctor(app, context);
  add_completion(app, context);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (const std::string word = unknown_verb(app); !word.empty()) {
      fmt::print(stderr, "error: there is no verb {}; byway --help lists them\n", word);
      return static_cast<int>(Exit::usage);
    }
    return app.exit(error) == 0 ? 0 : static_cast<int>(Exit::usage);
  }
  return static_cast<int>(context.exit);
}

}  // namespace
}  // namespace byway::cli

int main(int argc, char** argv) {
  try {
    return byway::cli::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return static_cast<int>(byway::cli::Exit::failed);
  }
}
