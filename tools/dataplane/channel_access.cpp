#include "tools/dataplane/channel_access.h"

#include <fmt/format.h>
#include <unistd.h>

#include "tools/dataplane/listen_plan.h"
#include "tools/dataplane/principals.h"

namespace byway::tools {

std::expected<shm::ChannelOptions, std::string> channel_options(const NodeConfig& config) {
  shm::ChannelOptions options;
  options.socket_path = config.runtime_dir + "/dataplane.sock";
  options.allowed_users = {0, ::geteuid()};
  options.allowed_groups = {::getegid()};
  for (const std::string& name : config.control_users) {
    const auto user = find_user(name);  // was there when the configuration was read
    if (!user) return std::unexpected(fmt::format("control.users: there is no user {}", name));
    options.allowed_users.push_back(*user);
  }
  for (const std::string& name : config.control_groups) {
    const auto group = find_group(name);
    if (!group) return std::unexpected(fmt::format("control.groups: there is no group {}", name));
    options.allowed_groups.push_back(*group);
  }
  for (const PortConfig& port : config.ports) {
    for (const shm::NodeAddress& own : shared_addresses(port.addresses))
      options.node_addresses.push_back(own);
  }
  return options;
}

}  // namespace byway::tools
