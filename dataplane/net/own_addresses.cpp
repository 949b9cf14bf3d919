#include "dataplane/net/own_addresses.h"

#include <algorithm>

namespace byway::net {

AddressError OwnAddresses::add(const OwnAddress& address) {
  auto at = std::ranges::lower_bound(addresses_, address.address, {}, &OwnAddress::address);
  for (; at != addresses_.end() && at->address == address.address; ++at) {
    if (at->link == address.link || !is_link_local(address.address)) return AddressError::duplicate;
  }
  if (addresses_.size() == own_addresses_max) return AddressError::table_full;
  addresses_.insert(at, address)->position = added_++;
  return AddressError::none;
}

void OwnAddresses::remove(const IpAddress& address) {
  const auto at = std::ranges::lower_bound(addresses_, address, {}, &OwnAddress::address);
  if (at != addresses_.end() && at->address == address) addresses_.erase(at);
}

const OwnAddress* OwnAddresses::find(const IpAddress& address) const {
  const auto at = std::ranges::lower_bound(addresses_, address, {}, &OwnAddress::address);
  return at != addresses_.end() && at->address == address ? &*at : nullptr;
}

const OwnAddress* OwnAddresses::find(const IpAddress& address, LinkIndex link) const {
  auto at = std::ranges::lower_bound(addresses_, address, {}, &OwnAddress::address);
  for (; at != addresses_.end() && at->address == address; ++at) {
    if (at->link == link) return &*at;
  }
  return nullptr;
}

OwnAddress* OwnAddresses::find(const IpAddress& address, LinkIndex link) {
  return const_cast<OwnAddress*>(static_cast<const OwnAddresses*>(this)->find(address, link));
}

}  // namespace byway::net
