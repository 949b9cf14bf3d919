#include <fmt/format.h>

#include <memory>

#include "tools/cli/verbs.h"

namespace byway::cli {

namespace {

struct Options {
  int limit = 100;
};

void run(const Options& options, Context& context) {
  auto answer = context.client().get(fmt::format("/byway/v1/connections?limit={}", options.limit));
  if (!answer) return context.fail(answer.error());
  if (context.format != Format::table) {
    fmt::print("{}", formatted(answer->body, context.format));
    return;
  }
  Table table({"WORKER", "STATE", "LOCAL", "REMOTE", "RTT", "CWND", "SEND-Q", "RECV-Q", "RETRANSMITS"});
  for (const Json& one : answer->body.value("connections", Json::array())) {
    const double rtt = one.value("rttNs", 0.0);
    table.add({text_at(one, "worker"), text_at(one, "state"), text_at(one, "local"), text_at(one, "remote"),
               rtt > 0 ? duration_text(rtt) : "-", text_at(one, "cwnd"), text_at(one, "sendQueue"),
               text_at(one, "receiveQueue"), text_at(one, "retransmits")});
  }
  fmt::print("{}", table.has_rows() ? table.text() : "no connections\n");
  if (answer->body.value("truncated", false)) {
    fmt::print(stderr, "only the first {} are shown; --limit N shows more\n", options.limit);
  }
}

}  // namespace

void add_connections(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      app.add_subcommand("connections", "TCP connections of the data plane, as `ss -ti` shows the kernel's");
  verb->add_option("--limit", options->limit, "most connections to show")
      ->capture_default_str()
      ->check(CLI::Range(1, 40000));
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace byway::cli
