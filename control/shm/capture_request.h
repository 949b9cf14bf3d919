// What a capture of packets shall take: said by the agent in the arguments of the data plane's command
// `capture`, strictly read there. docs/api.md describes the call that people make.
//
//   capture       starts one, which belongs to the connection that asked; answers "" when workers take part
//   capture-read  (same connection) answers `more` or `last` and bytes of a pcapng file, at the latest after
//                 capture_read_wait_ms; after `last` the capture is over
//   capture-stop  (any connection) ends the capture that runs; its reader gets the rest
//
// It ends as well when its connection goes, or is not read from for capture_unread_ms.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "control/shm/packet_filter.h"

namespace byway::shm {

/// Packets that wait to be read, of each worker: a power of two. The least holds two of the largest records;
/// 64 MiB are 50 ms at 10 Gbit/s.
inline constexpr std::uint32_t capture_ring_bytes_min = 256 * 1024;
inline constexpr std::uint32_t capture_ring_bytes_default = 4 * 1024 * 1024;
inline constexpr std::uint32_t capture_ring_bytes_max = 64 * 1024 * 1024;
/// Bytes kept of each packet. The longest IP packet has 65,535.
inline constexpr std::uint32_t capture_snaplen_min = 14;
inline constexpr std::uint32_t capture_snaplen_max = 65'535;
/// Packets, bytes of the file and time after which a capture ends by itself, where one is given.
inline constexpr std::uint64_t capture_frames_max = 1'000'000'000'000;
inline constexpr std::uint64_t capture_bytes_max = std::uint64_t{1} << 40;
inline constexpr std::uint64_t capture_duration_ms_max = 24 * 60 * 60 * 1000;
/// Bytes in one answer to `capture-read`, about.
inline constexpr std::size_t capture_read_bytes = 512 * 1024;
/// How long `capture-read` waits for the first packet: so often the agent looks whether its client is there.
inline constexpr std::uint64_t capture_read_wait_ms = 250;
/// Above the longest that an answer may stay with a slow client of the agent before the agent gives up.
inline constexpr std::uint64_t capture_unread_ms = 70'000;
/// A port's name in node.yaml.
inline constexpr std::size_t capture_port_bytes_max = 32;

/// First byte of an answer to `capture-read`.
inline constexpr char capture_more = '+';
inline constexpr char capture_last = '.';

enum class CaptureDirection : std::uint8_t { both, received, sent };

struct CaptureRequest {
  std::string port;  ///< a port's name; empty: all
  CaptureDirection direction = CaptureDirection::both;
  std::uint32_t snaplen = capture_snaplen_max;
  std::uint32_t ring_bytes = capture_ring_bytes_default;
  std::uint64_t frames = 0;       ///< 0: no bound
  std::uint64_t bytes = 0;        ///< likewise
  std::uint64_t duration_ms = 0;  ///< likewise
  FilterProgram filter;           ///< empty: every packet
  bool operator==(const CaptureRequest&) const = default;
};

/// The arguments of the command: `name=value`, parted by blanks.
[[nodiscard]] std::string arguments_of(const CaptureRequest& request);

/// Reads them. Everything is within its bounds afterwards, and the filter is checked (check_filter). Error:
/// which argument is wrong and why.
[[nodiscard]] std::expected<CaptureRequest, std::string> parse_capture_request(std::string_view arguments);

}  // namespace byway::shm
