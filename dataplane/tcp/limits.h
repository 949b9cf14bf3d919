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

/// Resets and cookies that belong to no connection and wait for the next flush. A burst causes at most
/// one each; further ones are dropped and counted (the peer asks again).
inline constexpr std::uint32_t loose_replies_max = 64;

/// What a receive or send buffer may grow to: 4 MiB carry 320 Mbit/s over 100 ms. At the bound the window
/// closes, or write() takes nothing more. What memory allows is less as a rule (below).
inline constexpr Bytes receive_buffer_bytes_default = 4 * 1024 * 1024;
inline constexpr Bytes send_buffer_bytes_default = 4 * 1024 * 1024;
/// What they begin with. A window of 64 KiB is what a slow start fills in three round trips, and what most
/// requests never reach; a send buffer of 256 KiB takes most responses off their service at once.
inline constexpr Bytes receive_buffer_bytes_min = 64 * 1024;
inline constexpr Bytes send_buffer_bytes_min = 256 * 1024;

// ---- Memory ----------------------------------------------------------------------------------------------
//
// A slice in a queue pins its whole packet buffer, however few octets it has, and a queue whose peer does not
// read keeps it for ever. So queues are bounded in slices, and all queues together in buffers:
//
//  1. A queue may grow (a window be offered, a write be taken) up to a share of what is free beyond a quarter
//     of all buffers: dynamic thresholds (Choudhury and Hahne, 1998). N queues that take all they get end at
//     thresholds that leave some for the next one, without anybody counting them; a lone connection gets its
//     full buffer. Nobody's share is less than the fair one: half of all buffers, divided by the queues that
//     exist.
//  2. Windows cannot be taken back (RFC 9293 3.8.6). While less than a quarter is free, what arrives is kept
//     only up to the share, within the window or not; the rest is as lost on the way.
//  3. The last 1/32 of the buffers is kept from payload altogether: ACKs, SYNs, resets and what is sent find
//     one. Between the worker's counts the stack takes off one for each payload that it keeps, so that this
//     holds after every segment.
//  4. What is queued stays queued: TCP cannot drop octets that it has acknowledged or was given to send. So a
//     shortage makes Stack::relieve go round the connections: octets received out of order are let go (their
//     sender still has them), tiny slices are copied together, and of the connections that hold their fair
//     share or more the one that has been stuck for longest is reset. If memory is short, somebody holds more
//     than the fair share, since all fair shares are half of it; either its queues move, or it is found here.
//
// Chain nodes are a supply like the buffers; what is scarcer decides.

inline constexpr std::uint32_t supply_high_parts = 4;       ///< Below 1/4 free: high, rules 2 and 4.
inline constexpr std::uint32_t supply_critical_parts = 10;  ///< Below 1/10 free: new connections are refused.
inline constexpr std::uint32_t supply_floor_parts = 32;     ///< Rule 3.
/// Relief goes on until 3/8 are free, so that shares are large enough again for those who are left, or until
/// nobody is stuck who holds the fair share.
inline constexpr std::uint32_t supply_relieved_eighths = 3;
/// One queue's share is 1/16 of what rule 1 divides: 40 stuck connections leave half of it.
inline constexpr std::uint32_t queue_share_parts = 16;
/// The fair share needs not be more: 6 segments of 1,460 octets are 8 KiB, which keeps a connection moving
/// and holds nearly every request head.
inline constexpr std::uint32_t fair_share_slices_max = 6;
/// Each connection has a send queue and a receive queue, and half of the buffers is divided.
inline constexpr std::uint32_t fair_share_parts_per_connection = 2 * 2;
/// Time for one queueful to leave before a connection may be called stuck: more than a reader's pause, or the
/// first time-outs after a loss (1 + 2 s). Queuefuls count, not octets, or a reader of one octet a second
/// would never be stuck.
inline constexpr Nanoseconds stuck_min = 5s;
/// Sockets that one call of Stack::relieve looks at: some microseconds.
inline constexpr std::uint32_t relieve_places = 64;
/// A queue is copied together when its slices are below a quarter of a buffer on average, and enough to be
/// worth it.
inline constexpr Bytes sparse_slice_bytes = 512;
inline constexpr std::uint32_t sparse_slices_min = 8;

/// Shares of the chain nodes in use at which the stack itself calls memory short, in eighths.
inline constexpr std::uint32_t pressure_high_eighths = 6;
inline constexpr std::uint32_t pressure_critical_eighths = 7;
/// The last nodes are for those who give some back: beyond critical pressure a connection sends only one new
/// segment at a time, and none from 15/16 on; from 31/32 on nothing new is received (counted) and the rest is
/// for retransmissions, whose ACKs free what was sent.
inline constexpr std::uint32_t nodes_kept_from_new_data = 16;
inline constexpr std::uint32_t nodes_kept_from_receiving = 32;

/// Slices in one queue of a connection, however much memory is free: the largest buffers in segments of 1,400
/// octets.
inline constexpr std::uint32_t queue_slices_max = 3072;
/// A share is worked out anew when 1/256 of the chain nodes have come or gone since.
inline constexpr std::uint32_t share_slack_parts = 256;

/// The MTU of a path about which nothing is known (RFC 894), and the MSS to assume when a peer sends none
/// (RFC 9293 3.7.1, MUST-15; 1,220 for IPv6).
inline constexpr std::uint16_t mtu_default = 1500;
inline constexpr std::uint16_t mss_default_v4 = 536;
inline constexpr std::uint16_t mss_default_v6 = 1220;
/// A smaller MSS is taken as this: a peer that asks for 1 octet a segment would cost a header each. Linux
/// uses 48 as well.
inline constexpr std::uint16_t mss_min = 48;

/// Timestamps on every segment take so much of its payload (RFC 7323 appendix A: two NOPs in front).
inline constexpr Bytes timestamps_option_bytes = 12;

/// RFC 8201 5.3, RFC 1191 6.3: so long after the path was found to take less, more is tried again.
inline constexpr Nanoseconds mss_raise_interval = 10min;
/// Time-outs in a row of a segment longer than every path takes before it is the length that is suspected
/// (RFC 2923 2.1; RFC 4821 7.7): a router may drop what is too big and say nothing.
inline constexpr std::uint8_t black_hole_timeouts = 2;

/// Window scale that we offer (RFC 7323 2.3): 7 shows windows up to 8 MiB in steps of 128 octets.
inline constexpr std::uint8_t window_scale_own = 7;
static_assert(receive_buffer_bytes_default <= 65'535u << window_scale_own);

/// RFC 9293 3.8.6.3 wants an ACK within 500 ms and for every second full-sized segment; Linux waits 40 ms.
inline constexpr Nanoseconds ack_delay = 40ms;
/// A peer that starts slowly needs our ACKs to grow: the first data segments are acknowledged at once, until
/// we answer with data of our own (as Linux's quick ACK mode).
inline constexpr std::uint8_t quick_acks = 8;
/// Duplicate ACKs that wait for one flush: more than a burst of segments never causes.
inline constexpr std::uint8_t duplicate_acks_owed_max = 64;

/// SYN retransmissions before connect fails: 1 + 2 + 4 + 8 + 16 + 32 = 63 s (RFC 9293 3.8.3 wants 3 min for
/// a host that has nobody else to ask; a proxy's connect time-out is shorter by far).
inline constexpr std::uint8_t syn_retransmits_max = 5;
/// SYN-ACK retransmissions before a half-open connection is forgotten: 15 s, so that those who never answer
/// hold their place in the backlog for no longer.
inline constexpr std::uint8_t syn_ack_retransmits_max = 3;

/// TIME-WAIT: 2 MSL with an MSL of 30 s, as Linux (RFC 9293 3.4.2 says 2 min for the MSL).
inline constexpr Nanoseconds time_wait_length = 60s;
/// FIN-WAIT-2 once the user has let go: a peer that never finishes must not hold a socket for ever.
inline constexpr Nanoseconds fin_wait_2_orphan = 60s;

/// RFC 5961 7: challenge ACKs, and ACKs for segments outside the window that carry no data, ten in five
/// seconds: two hosts must not answer each other for ever. Per connection, because a budget that is shared
/// tells an attacker about other connections (CVE-2016-5696).
inline constexpr Nanoseconds challenge_interval = 5s;
inline constexpr std::uint8_t challenges_max = 10;

/// How long to wait when a segment could not be built because chain nodes were out.
inline constexpr Nanoseconds starved_retry = 10ms;

/// Connections per listener whose handshake is under way, and that wait to be accepted. Beyond the first SYNs
/// are answered by cookies (syn_cookie.h); also when as many are half-open at all listeners together as
/// sockets are free, so that a flood leaves half of them. Linux has 4096 for both.
inline constexpr std::uint32_t half_open_max = 1024;
inline constexpr std::uint32_t unaccepted_max = 1024;

}  // namespace byway::tcp
