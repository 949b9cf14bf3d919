// What a script may set before the stack begins: the words that packetdrill hands on from --so_flags.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dataplane/net/address.h"
#include "dataplane/tcp/options.h"

namespace byway::packetdrill {

struct HostOptions {
  tcp::StackOptions stack;
  std::uint16_t mtu = tcp::mtu_default;
  /// Where connections that we open come from. bind() to another address changes it: packetdrill chooses the
  /// address of the side under test at random.
  net::IpAddress local_v4 = net::IpAddress::from_v4({0xc0a80001});
  net::IpAddress local_v6{{0xfd, 0x3d, 0xfa, 0x7b, 0xd1, 0x7d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
};

/// Reads words "name=value", separated by spaces or commas:
///
///   mtu=1500  receive_buffer=N  send_buffer=N          octets
///   sockets=N  ecn=0|1|2                               off, when asked for, always
///   user_timeout=MS                                    milliseconds, as all times
///   keepalive_idle=MS  keepalive_interval=MS  keepalive_probes=N        the first turns it on
///
/// Returns what is wrong with them, or nothing.
[[nodiscard]] std::string read_options(std::string_view text, HostOptions& out);

}  // namespace byway::packetdrill
