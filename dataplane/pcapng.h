// The blocks of a pcapng file (draft-ietf-opsawg-pcapng) that a capture consists of. Each function appends
// one to `out`, little endian; times are nanoseconds since 1970. Everything comes from this program, so
// nothing can fail.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/net/address.h"

namespace byway::pcapng {

/// The head of the file; `application` is who wrote it.
void append_section(std::string& out, std::string_view application);

struct Interface {
  std::string_view name;
  std::string_view description;
  net::MacAddress mac;
  std::uint32_t snaplen = 0;
};
/// Interfaces have numbers in the order in which they are appended, from 0. Ethernet, time in nanoseconds.
void append_interface(std::string& out, const Interface& one);

struct Packet {
  std::uint32_t interface = 0;
  std::uint64_t time_ns = 0;
  std::uint32_t wire_bytes = 0;
  bool is_sent = false;
  std::span<const std::byte> bytes;  ///< what was kept of it
};
void append_packet(std::string& out, const Packet& packet);
/// Bytes that append_packet() appends.
[[nodiscard]] std::size_t packet_block_bytes(const Packet& packet);

struct Statistics {
  std::uint32_t interface = 0;
  std::uint64_t begin_ns = 0;
  std::uint64_t end_ns = 0;
  std::uint64_t seen = 0;       ///< isb_ifrecv
  std::uint64_t dropped = 0;    ///< isb_ifdrop
  std::uint64_t matched = 0;    ///< isb_filteraccept
  std::uint64_t delivered = 0;  ///< isb_usrdeliv
};
/// Bytes that append_statistics() appends.
inline constexpr std::size_t statistics_block_bytes = 100;
void append_statistics(std::string& out, const Statistics& statistics);

}  // namespace byway::pcapng
