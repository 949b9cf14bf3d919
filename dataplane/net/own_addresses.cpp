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
  filter_.set(filter_index(address.address));
  return AddressError::none;
}

void OwnAddresses::remove(const IpAddress& address) {
  const auto at = std::ranges::lower_bound(addresses_, address, {}, &OwnAddress::address);
  if (at == addresses_.end() || at->address != address) return;
  addresses_.erase(at);
  filter_.reset();
  for (const OwnAddress& left : addresses_) filter_.set(filter_index(left.address));
}

const OwnAddress* OwnAddresses::search(const IpAddress& address) const {
  const auto at = std::ranges::lower_bound(addresses_, address, {}, &OwnAddress::address);
  return at != addresses_.end() && at->address == address ? &*at : nullptr;
}

const OwnAddress* OwnAddresses::search(const IpAddress& address, LinkIndex link) const {
  auto at = std::ranges::lower_bound(addresses_, address, {}, &OwnAddress::address);
  for (; at != addresses_.end() && at->address == address; ++at) {
    if (at->link != link) continue;
    return found_last_ = &*at;
  }
  return nullptr;
}

}  // namespace byway::net
