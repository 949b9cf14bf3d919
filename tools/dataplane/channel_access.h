// What the socket for the agent is opened with: where, who may connect, what the agent is told of the node.
#pragma once

#include <expected>
#include <string>

#include "control/shm/channel_server.h"
#include "tools/dataplane/node_config.h"

namespace byway::tools {

/// Root, the process's own user, and whom node.yaml names may connect. Error: a user or group of node.yaml that
/// the machine does not have.
[[nodiscard]] std::expected<shm::ChannelOptions, std::string> channel_options(const NodeConfig& config);

}  // namespace byway::tools
