// Builds the endpoints blob, and the secrets blob, which is empty until listeners speak TLS. A pure function
// of its input: equal input in any order gives equal bytes. Used by the agent and tests; it uses the heap.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "control/shm/blob_writer.h"
#include "control/shm/endpoints_layout.h"
#include "control/shm/secrets_layout.h"

namespace byway::shm {

/// One address that may be chosen. Only endpoints that shall get new requests are listed: the agent has
/// already dropped those that are not ready.
struct EndpointSpec {
  IpAddress address;
  std::uint16_t tcp_port = 0;  ///< 1..65535
  std::uint32_t weight = 1;    ///< 1..weight_max
};

/// One port of one Service.
struct BackendSpec {
  std::string name;  ///< "ns/name:port", as BackendRefSpec::backend says it
  BalancePolicy balance = BalancePolicy::round_robin;
  std::vector<EndpointSpec> endpoints;  ///< may be empty: 503
};

/// The bytes of an endpoints blob. Errors name the backend: a name twice (or with the same hash), an address
/// and port twice in a backend, a value out of its bounds.
[[nodiscard]] std::expected<BlobBytes, BuildError> build_endpoints(const std::vector<BackendSpec>& backends);

/// The bytes of the secrets blob of layout version 1.
[[nodiscard]] std::expected<BlobBytes, BuildError> build_secrets();

}  // namespace byway::shm
