// From addresses in texts of resources to those of snapshots.
#pragma once
#include <bit>
#include <optional>
#include <string_view>

#include "control/resources/addresses.h"
#include "control/shm/blob.h"

namespace byway::control::model {

inline shm::IpAddress to_shm(const resources::AddressBytes& address) {
  return std::bit_cast<shm::IpAddress>(address);
}

inline std::optional<shm::IpAddress> address_of(std::string_view text) {
  const auto address = resources::parse_address(text);
  return address ? std::optional(to_shm(*address)) : std::nullopt;
}

}  // namespace byway::control::model
