// Every verb of `byway` is one file: it declares its options on a CLI11 subcommand and runs in its callback.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "tools/cli/client.h"
#include "tools/cli/output.h"

namespace byway::cli {

/// What all verbs share: the agent's place, the output format, and the exit code to end with.
struct Context {
  Target target;
  Format format = Format::table;
  Exit exit = Exit::ok;

  [[nodiscard]] Client client() const { return Client(target); }
  /// Prints the error to standard error and keeps its exit code.
  void fail(const Error& error);
  /// Prints the warnings that came with an answer to standard error.
  static void warn(const Answer& answer);
};

void add_apply(CLI::App& app, Context& context);
void add_get(CLI::App& app, Context& context);
void add_describe(CLI::App& app, Context& context);
void add_delete(CLI::App& app, Context& context);
void add_status(CLI::App& app, Context& context);
void add_workers(CLI::App& app, Context& context);
void add_connections(CLI::App& app, Context& context);
void add_capture(CLI::App& app, Context& context);
void add_stats(CLI::App& app, Context& context);
void add_revisions(CLI::App& app, Context& context);
void add_rollback(CLI::App& app, Context& context);
void add_up(CLI::App& app, Context& context);
void add_doctor(CLI::App& app, Context& context);
void add_completion(CLI::App& app, Context& context);

}  // namespace byway::cli
