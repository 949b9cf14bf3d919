// The endpoints blob: which addresses stand behind each backend. It changes far more often than the policy.
#pragma once

#include <string_view>

#include "control/shm/blob.h"

namespace byway::shm {

/// Backends and endpoints of one node. 65,536 endpoints are ten EndpointSlice scale tests (Kubernetes is
/// tested to 5,000 nodes, 10,000 Services); as many runtime slots take 4 MiB. More is refused.
inline constexpr std::uint32_t backends_max = 65'536;
inline constexpr std::uint32_t endpoints_max = 65'536;

enum class BalancePolicy : std::uint32_t {
  round_robin = 1,
  least_request = 2,  ///< the better of two random choices
};

/// One address that takes connections.
struct Endpoint {
  std::uint64_t id;  ///< endpoint_id(): its runtime slot is leased under it
  IpAddress address;
  std::uint32_t weight;    ///< 1..weight_max of the policy; relative within its backend
  std::uint16_t tcp_port;  ///< not 0
  std::uint16_t flags;     ///< none yet: 0
};
static_assert(sizeof(Endpoint) == 32);

/// The id of an endpoint: stable_id("ns/name:port@address:port").
[[nodiscard]] std::uint64_t endpoint_id(std::string_view backend_name, const IpAddress& address,
                                        std::uint16_t tcp_port);

/// One port of one Service. Sorted by id, each once. No endpoints: 503.
struct Backend {
  std::uint64_t id;  ///< stable_id(name)
  StringRef name;    ///< "ns/name:port"
  BalancePolicy balance;
  std::uint32_t reserved;
  Range endpoints;  ///< in EndpointsRoot::endpoints; backends own consecutive ranges that cover the table
};
static_assert(sizeof(Backend) == 32);

/// Follows the header of an endpoints blob.
struct EndpointsRoot {
  Table<char> strings;
  Table<Backend> backends;
  Table<Endpoint> endpoints;
};
static_assert(sizeof(EndpointsRoot) == 24);

}  // namespace byway::shm
