// TCP_INFO from what the stack shows of its connections.
#pragma once

#include <netinet/tcp.h>

#include "tests/packetdrill/tcp_socket.h"
#include "tests/packetdrill/virtual_host.h"

namespace byway::packetdrill {

/// Windows and what is in flight are in segments, rounded down and up. A socket without a connection is in
/// CLOSE, or LISTEN.
[[nodiscard]] tcp_info info_of(VirtualHost& host, const TcpSocket& socket);

}  // namespace byway::packetdrill
