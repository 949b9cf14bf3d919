// Bounds that several files of this folder share. Each says what it protects and what happens at it.
#pragma once

#include <cstdint>

#include "dataplane/clock.h"
#include "dataplane/rope.h"

namespace byway::tcp {

/// Segments that on_burst looks up at once: enough that the memory latency of one lookup hides behind the
/// others, few enough that their views (about 80 B each) stay in the first-level cache.
inline constexpr std::uint32_t burst_max = 32;

/// Segments that one connection may emit before the next dirty one has its turn: half a burst, so that a bulk
/// transfer cannot hold up a small answer for more than 16 x 1,500 B.
inline constexpr std::uint32_t segments_per_turn_max = 16;

/// Resets and SYN replies that belong to no connection and wait for the next flush. A burst causes at most
/// one each; further ones are dropped and counted (the peer asks again).
inline constexpr std::uint32_t loose_replies_max = 64;

/// What a receive or send buffer holds at most: 256 KiB carry 2 Gbit/s over the 1 ms of a data centre and
/// 40 Mbit/s over 50 ms. At the bound the window closes, or write() takes nothing more.
inline constexpr Bytes receive_buffer_bytes_default = 256 * 1024;
inline constexpr Bytes send_buffer_bytes_default = 256 * 1024;

/// Slices in one queue of a connection. 256 KiB in segments of 1,460 octets are 180; peers that send single
/// octets would pin a packet buffer for each. At the bound a receive queue is copied together (counted), a
/// send queue takes no more.
inline constexpr std::uint32_t queue_slices_max = 512;

/// The MTU of a path about which nothing is known (RFC 894), and the MSS to assume when a peer sends none
/// (RFC 9293 3.7.1, MUST-15; 1,220 for IPv6).
inline constexpr std::uint16_t mtu_default = 1500;
inline constexpr std::uint16_t mss_default_v4 = 536;
inline constexpr std::uint16_t mss_default_v6 = 1220;
/// A smaller MSS is taken as this: a peer that asks for 1 octet a segment would cost a header each. Linux
/// uses 48 as well.
inline constexpr std::uint16_t mss_min = 48;

/// Window scale that we offer (RFC 7323 2.3): 7 shows windows up to 8 MiB in steps of 128 octets.
inline constexpr std::uint8_t window_scale_own = 7;
static_assert(receive_buffer_bytes_default <= 65'535u << window_scale_own);

}  // namespace byway::tcp
