#include "tests/sim/strategies.h"

#include <algorithm>
#include <array>

#include "tests/sim/raw_peer.h"

namespace byway::sim {

namespace {

using tcp::SegmentView;
using tcp::Seq;

constexpr Nanoseconds soon = 30ms;

/// Acknowledges what has octets; most strategies start from here.
void acknowledge(RawConnection& c, const SegmentView& segment) {
  if (segment.sequence_length() > 0) c.send_ack();
}

/// Sends some stream now and then, as a client with requests does.
void send_some(RawConnection& c) {
  c.send_next(static_cast<std::uint32_t>(c.random.between(1, 1400)));
  c.wake_in(c.random.duration(soon));
}

// ---- Acknowledgments -------------------------------------------------------------------------------------

/// Of octets that were never sent, of old ones, of anything.
void acknowledge_wrongly(RawConnection& c, const SegmentView& segment) {
  tcp::HeaderFields fields = c.header();
  switch (c.random.below(5)) {
    case 0:
      fields.ack = segment.end() + static_cast<std::uint32_t>(c.random.between(1, 100'000));
      break;
    case 1:
      fields.ack = segment.seq - static_cast<std::uint32_t>(c.random.between(1, 100'000));
      break;
    case 2:
      fields.ack = Seq{static_cast<std::uint32_t>(c.random.next())};
      break;
    default:
      break;
  }
  c.send(fields);
}

/// Ahead of what has arrived, to make the sender go faster than the path (Savage et al., 1999).
void acknowledge_early(RawConnection& c, const SegmentView& segment) {
  for (std::uint32_t i = 1; i <= 4; ++i) {
    tcp::HeaderFields fields = c.header();
    fields.ack = segment.end() + i * 1448;
    c.send(fields);
  }
}

/// Each octet by itself, to be sent a segment for each (ACK division, same paper).
void acknowledge_in_parts(RawConnection& c, const SegmentView& segment) {
  const std::uint32_t parts = std::min(segment.payload_bytes, 20u);
  for (std::uint32_t i = 1; i <= parts; ++i) {
    tcp::HeaderFields fields = c.header();
    fields.ack = segment.seq + segment.payload_bytes * i / parts;
    c.send(fields);
  }
}

/// The same again and again, as if every segment had been lost (duplicate ACK spoofing, same paper).
void acknowledge_repeatedly(RawConnection& c, const SegmentView&) {
  for (int i = 0; i < 10; ++i) {
    tcp::HeaderFields fields = c.header();
    fields.ack = c.rcv_irs + 1;
    c.send(fields);
  }
}

/// SACK blocks of everything but the truth, some of it taken back later.
void lie_in_sack(RawConnection& c, const SegmentView& segment) {
  tcp::HeaderFields fields = c.header();
  if (c.random.chance(0.7)) fields.ack = c.rcv_irs + 1;
  fields.options.sack_count = static_cast<std::uint8_t>(c.random.between(1, c.uses_timestamps ? 3 : 4));
  for (std::uint8_t i = 0; i < fields.options.sack_count; ++i) {
    const Seq from = c.random.chance(0.7) ? segment.seq : Seq{static_cast<std::uint32_t>(c.random.next())};
    const Seq first = from + static_cast<std::uint32_t>(c.random.below(6000)) - 3000;
    const auto length = static_cast<std::uint32_t>(c.random.below(6000));
    fields.options.sack[i] = {first, c.random.chance(0.9) ? first + length : first - length};
  }
  c.send(fields);
}

/// Says that later octets have arrived, then that they have not, and acknowledges in between.
void renege(RawConnection& c, const SegmentView& segment) {
  tcp::HeaderFields fields = c.header();
  if (++c.step % 3 != 0) {
    fields.ack = c.rcv_irs + 1 + (c.step / 16) * 1000;
    fields.options.sack_count = 1;
    fields.options.sack[0] = {segment.seq, segment.end()};
  }
  if (tcp::later(fields.ack, c.rcv_next) != c.rcv_next) fields.ack = c.rcv_next;
  c.send(fields);
}

// ---- Windows ---------------------------------------------------------------------------------------------

void shrink_window(RawConnection& c, const SegmentView& segment) {
  constexpr std::array<std::uint16_t, 6> windows{0, 1, 10, 500, 5'000, 65'535};
  c.window = windows[c.random.below(windows.size())];
  acknowledge(c, segment);
}

void shrink_window_later(RawConnection& c) {
  constexpr std::array<std::uint16_t, 4> windows{0, 1, 1'000, 65'535};
  c.window = windows[c.random.below(windows.size())];
  c.send_ack();
  c.wake_in(c.random.duration(200ms) + 1ms);
}

/// Takes a window's worth and nothing more, but answers every probe.
void close_window(RawConnection& c, const SegmentView&) {
  c.window = 0;
  c.send_ack();
}

void drip_window(RawConnection& c, const SegmentView&) {
  c.window = 1;
  c.send_ack();
}

// ---- Streams ---------------------------------------------------------------------------------------------

/// Segments that overlap, with other octets for the same places.
void overlap(RawConnection& c) {
  constexpr std::uint32_t ahead_max = 8'000;
  const auto start = static_cast<std::uint32_t>(c.acknowledged - (c.iss + 1));
  const auto offset =
      start + static_cast<std::uint32_t>(c.random.below(c.random.chance(0.5) ? 50 : ahead_max));
  const std::uint32_t back = std::min(offset, static_cast<std::uint32_t>(c.random.below(200)));
  c.send_stream(offset - back, static_cast<std::uint32_t>(c.random.between(1, 1400)), false);
  if (++c.step < 150) c.wake_in(c.random.duration(5ms) + 1us);
}

/// Single octets with holes between them: each wants a buffer.
void sprinkle(RawConnection& c) {
  for (int i = 0; i < 4; ++i) c.send_stream(2 + 2 * static_cast<std::uint32_t>(c.random.below(20'000)), 1);
  if (++c.step < 100) c.wake_in(c.random.duration(10ms));
}

void send_tiny(RawConnection& c) {
  for (int i = 0; i < 8; ++i) c.send_next(1);
  if (++c.step < 60) c.wake_in(c.random.duration(5ms));
}

/// Far from where the window is: half the sequence space away, in front of it, behind it.
void send_far(RawConnection& c) {
  constexpr std::array<std::uint32_t, 6> distances{1u << 31, (1u << 31) - 1, 0xffff'0000u,
                                                   100'000,  0u - 1,         1u << 30};
  tcp::HeaderFields fields = c.header();
  fields.seq += distances[c.random.below(distances.size())];
  const std::array<std::uint8_t, 3> payload{1, 2, 3};
  c.send(fields,
         c.random.chance(0.5) ? std::span<const std::uint8_t>(payload) : std::span<const std::uint8_t>{});
  if (c.random.chance(0.3)) c.send_next(700);
  if (++c.step < 150) c.wake_in(c.random.duration(5ms));
}

/// An end, octets behind it, another end elsewhere.
void finish_twice(RawConnection& c) {
  if (++c.step < 4) {
    c.send_next(500);
  } else {
    tcp::HeaderFields fields = c.header(tcp::flag::fin | tcp::flag::ack);
    if (c.random.chance(0.5)) fields.seq += static_cast<std::uint32_t>(c.random.below(3000));
    if (c.random.chance(0.3)) fields.seq = fields.seq - 400;
    c.send(fields);
    if (c.random.chance(0.3)) c.send_stream(c.next_offset + 1, 300);
  }
  if (c.step < 60) c.wake_in(c.random.duration(soon));
}

// ---- Control ---------------------------------------------------------------------------------------------

void be_silent(RawConnection& c) {
  if (c.random.chance(0.6)) c.is_silent = true;
  send_some(c);
}

void be_silent_early(RawConnection& c, const SegmentView& segment) {
  if (++c.step > c.random.below(8)) c.is_silent = true;
  acknowledge(c, segment);
}

/// Resets and SYNs at places where an attacker would guess them (RFC 5961).
void inject(RawConnection& c) {
  tcp::HeaderFields fields =
      c.header(c.random.chance(0.5) ? tcp::flag::rst : std::uint8_t{tcp::flag::syn | tcp::flag::ack});
  if (c.random.chance(0.3)) fields.flags = tcp::flag::syn;
  fields.seq += static_cast<std::uint32_t>(c.random.between(1, 20'000));
  c.send(fields);
  if (++c.step < 200) c.wake_in(c.random.duration(3ms));
}

void play_with_time(RawConnection& c) {
  c.timestamps.value += static_cast<std::uint32_t>(c.random.chance(0.5) ? c.random.below(1u << 31) : 0u);
  if (c.random.chance(0.3)) c.timestamps.value -= static_cast<std::uint32_t>(c.random.below(100'000));
  c.timestamps.echo += static_cast<std::uint32_t>(c.random.below(1'000'000));
  const bool before = c.uses_timestamps;
  if (c.random.chance(0.2)) c.uses_timestamps = false;
  c.send_next(300);
  c.uses_timestamps = before;
  if (++c.step < 60) c.wake_in(c.random.duration(soon));
}

void send_garbage(RawConnection& c) {
  c.send_damaged(c.header(static_cast<std::uint8_t>(c.random.below(256))));
  if (++c.step < 200) c.wake_in(c.random.duration(3ms));
}

/// Echoes congestion always, and says that it has reduced its window all the time.
void cry_congestion(RawConnection& c, const SegmentView&) {
  tcp::HeaderFields fields = c.header(tcp::flag::ack | tcp::flag::ece | tcp::flag::cwr);
  fields.ecn = static_cast<std::uint8_t>(c.random.below(4));
  c.send(fields);
}

void ask_for_tiny_segments(RawConnection& c) {
  constexpr std::array<std::uint16_t, 4> sizes{0, 1, 48, 100};
  c.syn_options.mss = sizes[c.random.below(sizes.size())];
}

void ask_for_sack(RawConnection& c) {
  c.syn_options.sack_permitted = true;
}

void ask_for_timestamps(RawConnection& c) {
  c.syn_options.has_timestamps = true;
}

void nothing(RawConnection&) {}

constexpr Strategy all[] = {
    {"wrong acknowledgments", acknowledge_wrongly, send_some},
    {"optimistic acknowledgments", acknowledge_early, send_some},
    {"acknowledgments in parts", acknowledge_in_parts, send_some},
    {"duplicate acknowledgments", acknowledge_repeatedly, nothing},
    {"lies in SACK", lie_in_sack, send_some, ask_for_sack},
    {"reneging", renege, nothing, ask_for_sack},
    {"shrinking window", shrink_window, shrink_window_later},
    {"closed window", close_window, nothing},
    {"window of one octet", drip_window, nothing},
    {"overlapping segments", acknowledge, overlap},
    {"holes everywhere", acknowledge, sprinkle},
    {"tiny segments", acknowledge, send_tiny},
    {"far sequence numbers", acknowledge, send_far},
    {"ends that contradict", acknowledge, finish_twice},
    {"silence", be_silent_early, be_silent},
    {"handshakes that do not complete", be_silent_early, nothing, nullptr, false},
    {"injected resets and SYNs", acknowledge, inject},
    {"wrong timestamps", acknowledge, play_with_time, ask_for_timestamps},
    {"garbage", acknowledge, send_garbage},
    {"congestion without end", cry_congestion, send_some},
    {"tiny MSS", acknowledge, send_some, ask_for_tiny_segments, true, true},
    {"sequence wrap", acknowledge, send_some},
};

}  // namespace

std::span<const Strategy> strategies() {
  return all;
}

}  // namespace byway::sim
