// The command `connections`: which connections are wanted, the workers' part in finding them, and the answer.
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/net/address.h"
#include "dataplane/tcp/stack.h"
#include "tools/dataplane/worker_jobs.h"

namespace byway::tools {

/// Connections shown if the arguments do not say, and at most: what fits an answer (shm::answer_bytes_max),
/// which is cut by whole connections where it does not.
inline constexpr std::uint32_t connections_shown_default = 100;
inline constexpr std::uint32_t connections_shown_max = 10'000;
/// Places of the connection table that a worker looks at in one round: some 10 us.
inline constexpr std::uint32_t places_per_step = 256;

/// What is wanted; what is absent matches everything.
struct ConnectionQuery {
  std::uint32_t limit = connections_shown_default;
  std::optional<std::uint32_t> worker;
  std::optional<tcp::State> state;
  std::optional<net::IpAddress> address;  ///< of either side
  std::optional<std::uint16_t> tcp_port;  ///< of either side

  [[nodiscard]] bool matches(const tcp::ConnectionInfo& info) const;
};

/// Reads `limit=N worker=N state=S address=A tcp-port=P`, all optional. Error: what is wrong.
[[nodiscard]] std::expected<ConnectionQuery, std::string> parse_connection_query(std::string_view arguments,
                                                                                 std::uint32_t worker_count);

/// Appends one connection as a JSON object: the one place that names the fields.
void append_connection(std::string& out, std::size_t worker, const tcp::ConnectionInfo& info);

/// `answer` gets the JSON text.
[[nodiscard]] std::unique_ptr<WorkerJob> make_connections_job(NodeRuntime& runtime,
                                                              const ConnectionQuery& query,
                                                              std::function<void(const std::string&)> answer);

}  // namespace byway::tools
