// Any bytes as endpoints or secrets are refused, or safe: what the verifier accepts is dumped whole, and each
// backend is found under its id.
#include <cstdlib>
#include <vector>

#include "control/shm/dump.h"
#include "control/shm/endpoints_builder.h"
#include "control/shm/verify.h"
#include "tests/fuzz/snapshot_mutator.h"
#include "tests/support/random_policy.h"

namespace {

using namespace byway;

void require(bool holds) {
  if (!holds) std::abort();
}

shm::BlobBytes random_blob(unsigned seed) {
  auto blob = shm::build_endpoints(test::RandomPolicy{seed}.endpoints());
  require(blob.has_value());
  return *std::move(blob);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* argument_count, char*** arguments) {
  return test::set_size_options(argument_count, arguments);
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned seed) {
  const shm::BlobKind kind = seed % 16 == 0 ? shm::BlobKind::secrets : shm::BlobKind::endpoints;
  return test::mutate_blob(data, size, size_max, seed, kind, random_blob);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const std::vector<std::byte> blob(bytes.begin(), bytes.end());
  if (const auto secrets = shm::verify_secrets(blob)) {
    require(secrets->table(secrets->root().secrets).empty());
    return 0;
  }
  const auto endpoints = shm::verify_endpoints(blob);
  if (!endpoints) {
    require(endpoints.error().offset <= size);
    return 0;
  }
  (void)shm::dump(*endpoints);
  for (const shm::Backend& backend : endpoints->backends()) {
    const std::uint32_t index = endpoints->find_backend(backend.id);
    require(index != shm::no_index && &endpoints->backends()[index] == &backend);
    for (const shm::Endpoint& endpoint : endpoints->endpoints(backend)) {
      require(endpoint.weight != 0 && endpoint.tcp_port != 0);
    }
  }
  return 0;
}
