// How much of each work a worker does in one round, so that no connection, port or timer starves the others
// and the time between two polls of a port stays short. A full round at these bounds takes some 100 us.
#pragma once

#include <cstdint>

#include "dataplane/net/host.h"
#include "dataplane/tcp/limits.h"

namespace byway {

/// Frames taken from one queue of one port a round: what one look-up in the flow table takes at once, and
/// what the drivers are fastest at. More wait in the device's queue.
inline constexpr std::uint16_t rx_burst_frames = 32;
static_assert(rx_burst_frames <= net::burst_frames_max && rx_burst_frames <= tcp::burst_max);

/// Sockets whose handlers hear of events in one round: two bursts from each of two ports. Each may parse and
/// route requests (about 1 us), so this is what bounds a round.
inline constexpr std::uint32_t sockets_per_round = 128;

/// Timers fired a round. They are short (a retransmission is only marked); 10,000 that fall due together are
/// done in 160 rounds.
inline constexpr std::uint32_t timers_per_round = 64;

/// Segments built a round: eight transmit bursts.
inline constexpr std::uint32_t segments_per_round = 256;

/// Frames that wait for one port. Four bursts: a port that is behind by more makes the stack keep its
/// segments, which is what a full socket buffer does in a kernel.
inline constexpr std::uint32_t tx_backlog_frames = 128;

/// Frames between a port and the kernel's interface of it (docs/kernel_path.md), each way, a round. Each is a
/// system call of some 1.5 us, so that a round grows by less than a full one of requests takes anyway.
inline constexpr std::uint32_t kernel_frames_per_round = 16;
/// Frames that a worker hands to the kernel a second, of each port: 600 Mbit/s of full frames. A flood that
/// is none of our business takes a tenth of the worker so, beside what receiving it costs.
inline constexpr std::uint32_t kernel_frames_per_second = 50'000;
/// And at once: a TCP window of 384 KiB.
inline constexpr std::uint32_t kernel_frames_burst = 256;

/// Messages (steered frames, commands) taken from a worker's mailbox a round.
inline constexpr std::uint32_t messages_per_round = 64;

/// Rounds between two looks at what need not be known at once: free memory, queue depths. At 2 us a round
/// that is every 128 us.
inline constexpr std::uint32_t rounds_per_check = 64;
/// Frames after which free memory is counted again, however few rounds they took: between two counts the
/// stack takes each of them for kept, and 256 are less than 1/32 of the default pool. (Counting costs about
/// as much as one frame.) A smaller pool is counted after 1/32 of it.
inline constexpr std::uint32_t frames_per_check_max = 256;
/// While memory is short: rounds between two steps of relief, which look at some sockets each, so that a
/// sleeping worker comes round 4,096 of them in half a second.
inline constexpr std::uint32_t rounds_per_relief = 16;

}  // namespace byway
