#include "dataplane/net/ndp.h"

#include "dataplane/net/cursor.h"
#include "dataplane/net/icmpv6.h"
#include "dataplane/net/ipv6_address.h"

namespace byway::net {

namespace {

constexpr std::size_t fixed_bytes = 24;
constexpr std::size_t flags_offset = 4;
constexpr std::size_t target_offset = 8;
constexpr std::uint8_t router_flag = 0x80;
constexpr std::uint8_t solicited_flag = 0x40;
constexpr std::uint8_t override_flag = 0x20;

constexpr std::uint8_t option_source_link_layer = 1;
constexpr std::uint8_t option_target_link_layer = 2;
constexpr std::size_t option_unit_bytes = 8;

constexpr std::uint8_t own_option(bool is_solicitation) {
  return is_solicitation ? option_source_link_layer : option_target_link_layer;
}

/// RFC 4861 4.6: no option has length 0; those of other types are ignored. False: malformed.
bool read_options(std::span<const std::uint8_t> options, std::uint8_t wanted,
                  std::optional<MacAddress>& mac) {
  for (std::size_t count = 0; !options.empty(); ++count) {
    if (count == ndp_options_max || options.size() < option_unit_bytes) return false;
    const std::size_t size = std::size_t{options[1]} * option_unit_bytes;
    if (size == 0 || size > options.size()) return false;
    if (options[0] == wanted) {
      if (size != option_unit_bytes) return false;  // an Ethernet address takes one unit (RFC 2464 6)
      MacAddress read;
      std::memcpy(read.bytes.data(), &options[2], read.bytes.size());
      if (read.is_multicast() || read == MacAddress{}) return false;
      mac = read;
    }
    options = options.subspan(size);
  }
  return true;
}

/// RFC 4861 7.1.1: a probe for a duplicate goes to the group of the address and names no link-layer address.
bool source_fits(const Ipv6View& ip, const NeighborMessage& message) {
  if (!is_unspecified(ip.source)) return true;
  return message.is_solicitation && !message.mac && ip.destination == solicited_node_group(message.target);
}

}  // namespace

DropReason NeighborMessage::parse(const Ipv6View& ip, std::span<const std::uint8_t> message,
                                  NeighborMessage& out) {
  const bool fits = ip.hop_limit == ndp_hop_limit && message.size() >= fixed_bytes && message[1] == 0;
  // RFC 6980 5: fragments hide what switches filter.
  if (!fits || ip.has_fragment_header) return DropReason::ndp_malformed;
  out.is_solicitation = message[0] == static_cast<std::uint8_t>(Icmpv6Type::neighbor_solicitation);
  const std::uint8_t flags = out.is_solicitation ? std::uint8_t{0} : message[flags_offset];
  out.router = (flags & router_flag) != 0;
  out.solicited = (flags & solicited_flag) != 0;
  out.override_known = (flags & override_flag) != 0;
  std::memcpy(out.target.bytes.data(), &message[target_offset], sizeof out.target.bytes);
  out.mac.reset();
  if (!read_options(message.subspan(fixed_bytes), own_option(out.is_solicitation), out.mac)) {
    return DropReason::ndp_malformed;
  }
  const bool target_is_host =
      !is_ipv6_multicast(out.target) && !is_unspecified(out.target) && !is_never_on_the_wire(out.target);
  if (!target_is_host || !source_fits(ip, out)) return DropReason::ndp_malformed;
  // An answer goes to one (RFC 4861 7.1.2).
  if (out.solicited && is_ipv6_multicast(ip.destination)) return DropReason::ndp_malformed;
  return DropReason::none;
}

std::size_t NeighborMessage::write(std::span<std::uint8_t, ndp_message_bytes_max> out) const {
  const Icmpv6Type type =
      is_solicitation ? Icmpv6Type::neighbor_solicitation : Icmpv6Type::neighbor_advertisement;
  out[0] = static_cast<std::uint8_t>(type);
  out[1] = 0;
  store_be16(&out[2], 0);
  store_be32(&out[flags_offset], 0);
  out[flags_offset] = static_cast<std::uint8_t>(
      (router ? router_flag : 0) | (solicited ? solicited_flag : 0) | (override_known ? override_flag : 0));
  std::memcpy(&out[target_offset], target.bytes.data(), sizeof target.bytes);
  if (!mac) return fixed_bytes;
  out[fixed_bytes] = own_option(is_solicitation);
  out[fixed_bytes + 1] = 1;
  std::memcpy(&out[fixed_bytes + 2], mac->bytes.data(), mac->bytes.size());
  return ndp_message_bytes_max;
}

}  // namespace byway::net
