// Filter expressions as tcpdump takes them (pcap-filter(7)), compiled by libpcap for Ethernet.
#pragma once

#include <expected>
#include <string>

#include "control/shm/packet_filter.h"

namespace byway::control::api {

/// Length of an expression: a screenful. Compiling one takes milliseconds.
inline constexpr std::size_t filter_text_bytes_max = 1024;

/// Thread: any. Names of hosts in the expression are looked up by this machine's resolver, which may take its
/// time. Error: libpcap's sentence, or which bound was passed.
[[nodiscard]] std::expected<shm::FilterProgram, std::string> compile_filter(const std::string& expression);

}  // namespace byway::control::api
