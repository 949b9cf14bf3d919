// What the socket for the agent is opened with: where, who may connect, what the agent is told of the node.
#pragma once

#include <expected>
#include <string>

#include "control/shm/channel_server.h"
#include "tools/dataplane/node_config.h"

namespace byway::tools {

/// Root, the process's own user and its own group may connect: data plane and agent run as users of their own
/// with one group in common (tools/systemd/sysusers.conf). node.yaml may add to them. Error: a user or group
/// of node.yaml that the machine does not have.
[[nodiscard]] std::expected<shm::ChannelOptions, std::string> channel_options(const NodeConfig& config);

}  // namespace byway::tools
