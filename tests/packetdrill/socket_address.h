// Addresses as the socket calls have them, and as the stack has them.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "dataplane/net/address.h"

namespace byway::packetdrill {

/// 0.0.0.0 or ::.
[[nodiscard]] inline bool is_unspecified(const net::IpAddress& ip) {
  return ip == net::IpAddress{} || ip == net::IpAddress::from_v4({0});
}

/// Nothing: neither IPv4 nor IPv6, or too short.
[[nodiscard]] inline std::optional<net::SocketAddress> read_address(const sockaddr* address,
                                                                    socklen_t length) {
  net::SocketAddress out;
  if (address == nullptr || length < sizeof(sa_family_t)) return std::nullopt;
  if (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof v4);
    out.ip = net::IpAddress::from_v4({ntohl(v4.sin_addr.s_addr)});
    out.tcp_port = ntohs(v4.sin_port);
    return out;
  }
  if (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 v6;
    std::memcpy(&v6, address, sizeof v6);
    std::memcpy(out.ip.bytes.data(), &v6.sin6_addr, out.ip.bytes.size());
    out.tcp_port = ntohs(v6.sin6_port);
    return out;
  }
  return std::nullopt;
}

/// As accept and recvfrom hand addresses out: cut to *length, which then says how long it is. Either may be
/// nullptr: nobody wants it.
inline void write_address(const net::SocketAddress& from, bool as_v6, sockaddr* address, socklen_t* length) {
  if (address == nullptr || length == nullptr) return;
  if (as_v6) {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(from.tcp_port);
    std::memcpy(&v6.sin6_addr, from.ip.bytes.data(), from.ip.bytes.size());
    std::memcpy(address, &v6, std::min<std::size_t>(*length, sizeof v6));
    *length = sizeof v6;
    return;
  }
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(from.tcp_port);
  v4.sin_addr.s_addr = htonl(from.ip.v4().value);
  std::memcpy(address, &v4, std::min<std::size_t>(*length, sizeof v4));
  *length = sizeof v4;
}

}  // namespace byway::packetdrill
