#include "dataplane/net/mld.h"

#include <algorithm>
#include <cstring>

#include "dataplane/net/cursor.h"
#include "dataplane/net/icmpv6.h"
#include "dataplane/net/ipv6_address.h"

namespace byway::net {

namespace {

constexpr std::size_t query_bytes_min = 24;  // that of version 1 (RFC 2710), which has nothing more

/// RFC 3810 5.1.3: from 0x8000 on a number with exponent and mantissa. Milliseconds.
std::uint32_t read_delay(std::uint16_t code) {
  constexpr std::uint16_t first_float = 0x8000;
  if (code < first_float) return code;
  const std::uint32_t mantissa = (code & 0x0fffu) | 0x1000u;
  const unsigned exponent = code >> 12 & 7u;
  return mantissa << (exponent + 3);
}

}  // namespace

DropReason MldQuery::parse(const Ipv6View& ip, std::span<const std::uint8_t> message, MldQuery& out) {
  if (message.size() < query_bytes_min || message[1] != 0 || ip.hop_limit != mld_hop_limit ||
      !is_link_local(ip.source)) {
    return DropReason::mld_malformed;
  }
  out.delay_max = std::chrono::milliseconds(read_delay(load_be16(&message[4])));
  std::memcpy(out.group.bytes.data(), &message[8], sizeof out.group.bytes);
  const bool is_general = is_unspecified(out.group);
  return is_general || is_ipv6_multicast(out.group) ? DropReason::none : DropReason::mld_malformed;
}

void write_mld_report(MldRecord record, const IpAddress& group, const IpAddress& source,
                      std::span<std::uint8_t, mld_report_bytes> out) {
  // A header of 8 bytes: the router alert (RFC 2711) for MLD, and two bytes of padding.
  constexpr std::array<std::uint8_t, mld_alert_bytes> alert{
      static_cast<std::uint8_t>(Protocol::icmpv6), 0, 5, 2, 0, 0, 1, 0};
  std::ranges::fill(out, std::uint8_t{0});
  std::ranges::copy(alert, out.begin());
  const std::span message = out.subspan<mld_alert_bytes>();
  message[0] = static_cast<std::uint8_t>(Icmpv6Type::listener_report_v2);
  message[7] = 1;  // one record
  message[8] = static_cast<std::uint8_t>(record);
  std::memcpy(&message[12], group.bytes.data(), sizeof group.bytes);
  store_icmpv6_checksum(source, mld_report_group, message);
}

}  // namespace byway::net
