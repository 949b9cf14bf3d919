// The host's own addresses: where they belong, and what is said about them on the links (RFC 5227, RFC
// 4862 5.4, RFC 4861 7.2.6).
#include <algorithm>

#include "dataplane/net/host.h"
#include "dataplane/net/ipv6_address.h"
#include "dataplane/net/mld.h"

namespace byway::net {

AddressError Host::add_interface_address(LinkIndex link, const Prefix& address, Instant now) {
  BYWAY_ASSERT(link < link_count_);
  OwnAddress own;
  own.address = address.address;
  own.link = link;
  own.bits = address.bits;
  if (!address.address.is_v4()) {
    if (links_[link].mtu < ipv6_mtu_min) return AddressError::mtu_too_small;
    OwnAddress local;
    local.address = link_local_of(links_[link].mac);
    local.link = link;
    local.bits = link_local_prefix_bits;
    // The link may have it since its first address.
    if (add_own(local, now) == AddressError::table_full) return AddressError::table_full;
  }
  const AddressError error = add_own(own, now);
  if (error != AddressError::none) return error;
  // Link-local neighbours need no route, which could not tell links apart.
  if (is_link_local(address.address)) return AddressError::none;
  // Two addresses in one network share its route.
  return routes_.add({address, link, std::nullopt}) == RouteError::table_full ? AddressError::table_full
                                                                              : AddressError::none;
}

AddressError Host::add_address(const IpAddress& address, Instant now) {
  const auto holder = std::ranges::find_if(addresses_.all(), [&](const OwnAddress& own) {
    return !own.is_virtual && own.address.is_v4() == address.is_v4() &&
           Prefix{own.address, own.bits}.contains(address);
  });
  if (holder == addresses_.all().end() || is_link_local(address)) return AddressError::no_link;
  OwnAddress own;
  own.address = address;
  own.link = holder->link;
  own.is_virtual = true;
  return add_own(own, now);
}

AddressError Host::add_own(OwnAddress own, Instant now) {
  own.announcements = announcing_ ? announce_count : std::uint8_t{0};
  own.next_step = now;
  if (!own.address.is_v4() && detecting_) {
    own.state = AddressState::tentative;
    own.probes = duplicate_probe_count;
  }
  const AddressError error = addresses_.add(own);
  if (error == AddressError::none) wheel_.arm(address_timer_, now);
  return error;
}

const IpAddress* Host::interface_address(LinkIndex link, const IpAddress& towards) const {
  const OwnAddress* best = nullptr;
  for (const OwnAddress& own : addresses_.all()) {
    if (own.link != link || own.is_virtual || own.state != AddressState::usable) continue;
    if (own.address.is_v4() != towards.is_v4()) continue;
    if (is_link_local(own.address) != is_link_local(towards)) continue;
    if (Prefix{own.address, own.bits}.contains(towards)) return &own.address;
    if (best == nullptr || own.position < best->position) best = &own;
  }
  return best != nullptr ? &best->address : nullptr;
}

void Host::tend_addresses(Timer& timer, Instant now) {
  Host& host = static_cast<AddressTimer&>(timer).host;
  std::uint32_t steps = 0;
  Instant next = Instant::never();
  for (OwnAddress& own : host.addresses_.all()) {
    if (own.next_due() <= now && steps < address_steps_per_round_max) {
      host.take_step(own, now);
      ++steps;
    }
    next = std::min(next, own.next_due());
  }
  if (!next.is_never()) host.wheel_.arm(timer, next);
}

/// Probe, wait, announce. Every host of a node waits, so that all use an address from about the same moment
/// on; one speaks.
void Host::take_step(OwnAddress& own, Instant now) {
  if (own.report_at <= now) {
    own.report_at = Instant::never();
    report_group(own, MldRecord::is_listening);
  }
  if (!own.has_steps() || own.next_step > now) return;
  if (own.state == AddressState::tentative) {
    if (own.probes > 0) {
      --own.probes;
      if (announcing_) probe(own);
      own.next_step = now + duplicate_probe_wait;
      return;
    }
    own.state = AddressState::usable;
  }
  if (own.announcements == 0) return;
  announce(own);
  --own.announcements;
  own.next_step = now + announce_interval;
}

void Host::announce(const OwnAddress& own) {
  if (own.address.is_v4()) {
    announce_arp(own);
  } else {
    // The probe's report may have been lost, and came from no address (RFC 3590 4).
    report_group(own, MldRecord::starts_listening);
    announce_ndp(own);
  }
}

void Host::remove_address(const IpAddress& address) {
  const OwnAddress* own = addresses_.find(address);
  if (own == nullptr) return;
  const OwnAddress gone = *own;
  addresses_.remove(address);
  if (announcing_ && !address.is_v4()) stop_listening(gone);
}

/// RFC 5227 2.4 (b): say once that the address is ours; if the other insists, keep using it but stay silent.
void Host::defend(OwnAddress& own, Instant now) {
  if (now < own.defended_until) return;
  own.defended_until = now + defend_interval;
  announce(own);
}

}  // namespace byway::net
