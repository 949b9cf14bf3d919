// Any bytes as a datagram between agent and data plane: refused, or a message that encodes to the same bytes
// again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "control/shm/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace byway::shm;
  // An exact-size copy, so that the address sanitizer sees one byte too far.
  const auto raw = std::as_bytes(std::span(data, size));
  const std::vector<std::byte> datagram(raw.begin(), raw.end());
  const auto message = decode(datagram);
  // Strict means that nothing was overlooked: whatever is accepted is exactly what encode() would have said.
  if (message && !std::ranges::equal(encode(*message), datagram)) std::abort();
  if (message && descriptor_count(*message) > region_count) std::abort();
  return 0;
}
