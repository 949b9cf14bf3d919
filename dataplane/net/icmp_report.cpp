#include "dataplane/net/icmp_report.h"

#include <algorithm>
#include <cstring>

#include "dataplane/net/checksum.h"
#include "dataplane/net/cursor.h"
#include "dataplane/net/icmp.h"
#include "dataplane/net/icmpv6.h"

namespace byway::net {

namespace {

constexpr std::uint8_t v4_unreachable = 3;
constexpr std::uint8_t v4_code_protocol = 2;
constexpr std::uint8_t v4_code_port = 3;
constexpr std::uint8_t v6_code_port = 4;
constexpr std::uint8_t v6_code_next_header = 1;

}  // namespace

std::size_t icmp_report_size(const Unwanted& unwanted) {
  return std::min(icmp_header_bytes + unwanted.packet.size(),
                  unwanted.source.is_v4() ? icmp_report_bytes_v4 : icmp_report_bytes_v6);
}

void write_icmp_report(const Unwanted& unwanted, std::span<std::uint8_t> out) {
  const bool is_udp = unwanted.protocol == udp_protocol;
  std::memset(out.data(), 0, icmp_header_bytes);
  std::memcpy(out.data() + icmp_header_bytes, unwanted.packet.data(), out.size() - icmp_header_bytes);
  if (unwanted.source.is_v4()) {
    out[0] = v4_unreachable;
    out[1] = is_udp ? v4_code_port : v4_code_protocol;
    store_be16(&out[2], checksum(out));
    return;
  }
  if (is_udp) {
    out[0] = static_cast<std::uint8_t>(Icmpv6Type::destination_unreachable);
    out[1] = v6_code_port;
  } else {
    out[0] = static_cast<std::uint8_t>(Icmpv6Type::parameter_problem);
    out[1] = v6_code_next_header;
    store_be32(&out[4], unwanted.protocol_at);
  }
  store_icmpv6_checksum(unwanted.destination, unwanted.source, out);
}

}  // namespace byway::net
