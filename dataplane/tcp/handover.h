// A connection as bytes, for moving it to another worker or process in mid-transfer, without a word to its
// peer (design: protocols are values). What is in flight, queued and out of order comes along; what is only
// known about the path while something is in flight (RACK's and HyStart's samples, what could be undone)
// begins anew.
//
//   HandoverHead   fixed size, version first
//   HandoverSent   one for each segment in flight, in order
//   HandoverRange  one for each range that waits for what is in front of it, in order
//   octets         send queue, received ones that wait for their reader, those of the ranges
//
// Times are relative to that of the export: the clocks of two processes have nothing in common. Who imports
// trusts nothing of it.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <type_traits>

#include "dataplane/rope.h"
#include "dataplane/tcp/limits.h"
#include "dataplane/tcp/reassembly.h"
#include "dataplane/tcp/sent_segments.h"

namespace byway::tcp {

/// Little endian, as all machines that we run on. Another version is refused: a connection that moves between
/// two releases needs a reader for the older one.
inline constexpr std::uint32_t handover_magic = 0x32435442;  // "BTC2"

/// No deadline, as an offset in nanoseconds.
inline constexpr std::int64_t handover_never = INT64_MAX;

struct HandoverHead {
  std::uint32_t magic = handover_magic;
  std::uint32_t total_bytes = 0;  ///< This head and everything behind it.
  std::array<std::uint8_t, 16> local{};
  std::array<std::uint8_t, 16> remote{};
  std::uint16_t local_port = 0;
  std::uint16_t remote_port = 0;
  std::uint32_t flags = 0;  ///< handover_flag

  std::uint8_t state = 0;
  std::uint8_t send_scale = 0;
  std::uint8_t receive_scale = 0;
  std::uint8_t backoffs = 0;
  std::uint16_t mss = 0;
  std::uint16_t mss_own = 0;
  std::uint16_t mss_peer = 0;
  std::uint16_t receive_mss = 0;

  std::uint32_t una = 0;
  std::uint32_t nxt = 0;
  std::uint32_t max = 0;
  std::uint32_t wl1 = 0;
  std::uint32_t wl2 = 0;
  std::uint32_t iss = 0;
  std::uint32_t send_window = 0;
  std::uint32_t send_window_max = 0;
  std::uint32_t receive_next = 0;
  std::uint32_t receive_edge = 0;
  std::uint32_t irs = 0;
  std::uint32_t last_ack_sent = 0;

  std::uint32_t timestamp = 0;  ///< TSval at the time of the export.
  std::uint32_t timestamp_recent = 0;
  std::uint32_t timestamp_recent_age_ms = 0;
  std::uint32_t srtt_us = 0;
  std::uint32_t rttvar_us = 0;
  std::uint32_t min_rtt_us = 0;
  std::array<std::uint32_t, 4> congestion{};  ///< CongestionControl::Saved
  std::uint32_t recover = 0;
  std::uint32_t receive_buffer = 0;
  std::uint32_t retransmits = 0;
  std::uint32_t mss_lowered_age_ms = 0;
  std::uint32_t sent_segments = 0;

  std::int64_t retransmit_in = handover_never;
  std::int64_t ack_in = handover_never;
  std::int64_t life_in = handover_never;
  std::int64_t progress_age = 0;
  std::int64_t last_sent_age = 0;
  std::uint64_t bytes_written = 0;

  std::uint32_t send_queue_bytes = 0;
  std::uint32_t readable_bytes = 0;
  std::uint32_t ranges = 0;
  std::uint32_t end = 0;  ///< Where the peer's FIN stands, if it came out of order (handover_flag::has_end).
  std::uint8_t phase = 0;
  std::uint8_t keepalive_probes = 0;  ///< Sent without an answer.
  std::array<std::uint8_t, 6> unused{};
};
static_assert(std::has_unique_object_representations_v<HandoverHead>);

namespace handover_flag {
inline constexpr std::uint32_t timestamps = 1;
inline constexpr std::uint32_t sack = 2;
inline constexpr std::uint32_t ecn = 4;
inline constexpr std::uint32_t ece_owed = 8;
inline constexpr std::uint32_t cwr_owed = 16;
inline constexpr std::uint32_t fin_queued = 32;
inline constexpr std::uint32_t fin_received = 64;
inline constexpr std::uint32_t active = 128;
inline constexpr std::uint32_t persisting = 256;
inline constexpr std::uint32_t ack_now = 512;
inline constexpr std::uint32_t reordering = 1024;
inline constexpr std::uint32_t has_end = 2048;
inline constexpr std::uint32_t probe_out = 4096;    ///< A tail loss probe is; there is one for each flight.
inline constexpr std::uint32_t probe_again = 8192;  ///< It was a segment that had been sent before.
inline constexpr std::uint32_t all = 16'383;
}  // namespace handover_flag

struct HandoverSent {
  std::uint32_t age_us = 0;
  std::uint16_t bytes = 0;
  std::uint8_t transmissions = 0;
  std::uint8_t state = 0;
};
static_assert(std::has_unique_object_representations_v<HandoverSent>);

struct HandoverRange {
  std::uint32_t first = 0;
  std::uint32_t bytes = 0;
};
static_assert(std::has_unique_object_representations_v<HandoverRange>);

/// No connection takes more: queues at their bounds, holes everywhere.
inline constexpr std::size_t handover_bytes_max =
    sizeof(HandoverHead) + sent_segments_max * sizeof(HandoverSent) +
    reassembly_ranges_max * sizeof(HandoverRange) + 3 * std::size_t{receive_buffer_bytes_default};

enum class HandoverError : std::uint8_t {
  none,
  bad_version,  ///< Another format, or none at all.
  truncated,    ///< Its lengths do not add up.
  bad_state,    ///< Numbers that no connection has.
  no_memory,    ///< No socket, buffers or chain nodes.
  in_use,       ///< There is a connection with the same addresses and ports.
};
[[nodiscard]] const char* name_of(HandoverError error);

/// Reads and checks the head of `bytes`.
[[nodiscard]] HandoverError read_handover_head(std::span<const std::uint8_t> bytes, HandoverHead& head);

}  // namespace byway::tcp
