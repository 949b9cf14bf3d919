#include "dataplane/tcp/isn.h"

#include <cstring>

namespace byway::tcp {

std::uint64_t NumberSource::hash(const FlowKey& flow, Purpose purpose) const {
  std::array<std::uint8_t, 37> message;
  std::memcpy(message.data(), flow.local.bytes.data(), 16);
  std::memcpy(message.data() + 16, flow.remote.bytes.data(), 16);
  std::memcpy(message.data() + 32, &flow.local_port, 2);
  std::memcpy(message.data() + 34, &flow.remote_port, 2);
  message[36] = static_cast<std::uint8_t>(purpose);
  return hash_(message);
}

std::uint32_t NumberSource::port_offset(FlowKey flow, std::uint32_t range) {
  flow.local_port = 0;
  const auto offset = static_cast<std::uint32_t>(hash(flow, Purpose::port));
  std::uint32_t& counter = next_port_[hash(flow, Purpose::port_counter) % port_counters];
  return (offset + counter++) % range;
}

}  // namespace byway::tcp
