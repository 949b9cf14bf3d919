#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "tools/cli/verbs.h"

namespace byway::cli {

namespace {

struct Options {
  int limit = 100;
  int worker = -1;
  int tcp_port = 0;
  std::string state;
  std::string address;
  bool info = false;
};

std::string query_of(const Options& options) {
  std::string query = fmt::format("?limit={}", options.limit);
  if (options.worker >= 0) query += fmt::format("&worker={}", options.worker);
  if (options.tcp_port > 0) query += fmt::format("&tcpPort={}", options.tcp_port);
  if (!options.state.empty()) query += "&state=" + escaped(options.state);
  if (!options.address.empty()) query += "&address=" + escaped(options.address);
  return query;
}

std::string time_at(const Json& one, const char* name) {
  const double ns = one.value(name, 0.0);
  return ns > 0 ? duration_text(ns) : "-";
}

/// Bytes as segments, as ss shows windows.
std::string segments_at(const Json& one, const char* name) {
  const auto mss = one.value("mss", 0.0);
  if (!one.contains(name) || mss <= 0) return "-";
  return fmt::format("{:.0f}", one.value(name, 0.0) / mss);
}

/// Everything that the agent tells of a connection, under its own name: what a newer data plane adds as well.
std::string info_line(const Json& one) {
  std::string line;
  for (const auto& [name, value] : one.items()) {
    if (name == "state" || name == "local" || name == "remote") continue;
    const bool is_time = name.ends_with("Ns") && value.is_number();
    line +=
        fmt::format("{}{}:{}", line.empty() ? "    " : " ", is_time ? name.substr(0, name.size() - 2) : name,
                    is_time ? duration_text(value.get<double>()) : text_at(one, name));
  }
  return line + "\n";
}

/// The table's rows with a line of details behind each.
std::string with_info(const std::string& table, const Json& connections) {
  std::string text;
  std::size_t at = 0;
  for (std::size_t row = 0; at < table.size(); ++row) {
    const std::size_t end = table.find('\n', at) + 1;
    text += table.substr(at, end - at);
    if (row > 0) text += info_line(connections[row - 1]);
    at = end;
  }
  return text;
}

void run(const Options& options, Context& context) {
  auto answer = context.client().get("/byway/v1/connections" + query_of(options));
  if (!answer) return context.fail(answer.error());
  if (context.format != Format::table) {
    fmt::print("{}", formatted(answer->body, context.format));
    return;
  }
  Table table({"STATE", "RECV-Q", "SEND-Q", "LOCAL", "REMOTE", "RTT", "RTO", "CWND", "SSTHRESH", "MSS",
               "IN-FLIGHT", "RETRANS", "SEND-WND", "WORKER"});
  const Json connections = answer->body.value("connections", Json::array());
  for (const Json& one : connections) {
    table.add({text_at(one, "state"), text_at(one, "receiveQueue"), text_at(one, "sendQueue"),
               text_at(one, "local"), text_at(one, "remote"), time_at(one, "rttNs"), time_at(one, "rtoNs"),
               segments_at(one, "cwnd"), segments_at(one, "ssthresh"), text_at(one, "mss"),
               text_at(one, "inFlight"), text_at(one, "retransmits"), text_at(one, "sendWindow"),
               text_at(one, "worker")});
  }
  if (!table.has_rows()) {
    fmt::print("no connections\n");
  } else {
    fmt::print("{}", options.info ? with_info(table.text(), connections) : table.text());
  }
  if (answer->body.value("truncated", false)) {
    fmt::print(stderr, "only the first {} are shown; --limit N shows more, other options choose\n",
               connections.size());
  }
}

}  // namespace

void add_connections(CLI::App& app, Context& context) {
  auto options = std::make_shared<Options>();
  CLI::App* verb =
      app.add_subcommand("connections", "TCP connections of the data plane, as `ss -ti` shows the kernel's");
  verb->add_option("--limit", options->limit, "most connections to show")
      ->capture_default_str()
      ->check(CLI::Range(1, 10000));
  verb->add_option("--worker", options->worker, "only those of one worker")->check(CLI::Range(0, 1023));
  verb->add_option("--state", options->state, "only those in a state, as ESTABLISHED or TIME-WAIT")
      ->transform([](std::string text) {
        std::ranges::transform(text, text.begin(), [](char c) {
          return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        });
        return text;
      });
  verb->add_option("--address", options->address, "only those with this IP address on either side");
  verb->add_option("--tcp-port", options->tcp_port, "only those with this TCP port on either side")
      ->check(CLI::Range(1, 65535));
  verb->add_flag("-i,--info", options->info, "a second line for each with all that is known of it");
  verb->callback([options, &context] { run(*options, context); });
}

}  // namespace byway::cli
