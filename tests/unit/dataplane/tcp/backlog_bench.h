// A stack whose backlog floods of SYNs have filled (RFC 4987), and clients that come then.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "tests/unit/dataplane/tcp/stack_bench.h"

namespace byway::tcp::test {

inline constexpr std::uint16_t flood_port = 1000;  // and those behind it
inline constexpr std::uint16_t client_port = 50'000;
inline constexpr std::uint8_t client_scale = 9;
inline constexpr std::uint32_t client_clock = 7000;

/// Takes what is to be sent, and tells nobody anything.
inline std::vector<Sent> take_segments(StackBench& bench) {
  std::vector<Sent> all;
  SegmentOut out(bench.slices);
  while (bench.stack.next_segment(out, bench.now)) {
    REQUIRE(parse_segment(out.header_span(), all.emplace_back().view) == ParseResult::ok);
    out.payload.clear();
  }
  return all;
}

/// A client whose answers are sent when the test says so.
class Client {
 public:
  enum class Offer : std::uint8_t { all, no_timestamps };
  Client(StackBench& bench, std::uint16_t tcp_port, Offer offer = Offer::all)
      : bench_(bench), tcp_port_(tcp_port), stamped_(offer == Offer::all) {}

  /// Sends a SYN; what it is answered.
  std::optional<SegmentView> syn() {
    HeaderFields header = fields(syn_flags);
    header.seq = next - 1;
    header.ack = Seq{};
    header.options.mss = 1460;
    header.options.has_window_scale = true;
    header.options.window_scale = client_scale;
    header.options.sack_permitted = true;
    REQUIRE(bench_.receive(header));
    std::vector<Sent> sent = take_segments(bench_);
    if (sent.empty()) return std::nullopt;
    REQUIRE(sent.size() == 1);
    REQUIRE(sent[0].view.has(flag::syn | flag::ack));
    REQUIRE(sent[0].view.ack == next);
    answer = sent[0].view;
    return answer;
  }
  /// Acknowledges what the SYN was answered, by a segment with these octets; what that is answered.
  std::vector<Sent> ack(std::string_view payload = {}, std::uint8_t flags = flag::ack) {
    REQUIRE(bench_.receive(fields(flags),
                           {reinterpret_cast<const std::uint8_t*>(payload.data()), payload.size()}));
    return bench_.flush();
  }
  /// Its ACK is answered by a reset.
  bool is_refused() {
    const std::vector<Sent> sent = ack();
    return sent.size() == 1 && sent[0].view.has(flag::rst) && sent[0].view.seq == answer.seq + 1;
  }
  [[nodiscard]] Stream* stream() const { return bench_.stream_of(tcp_port_); }

  SegmentView answer;
  Seq next{5001};
  std::uint8_t syn_flags = flag::syn;

 private:
  HeaderFields fields(std::uint8_t flags) const {
    HeaderFields header;
    header.source_port = tcp_port_;
    header.target_port = service_port;
    header.seq = next;
    header.ack = answer.seq + 1;
    header.flags = flags;
    header.window = 100;
    header.options.has_timestamps = stamped_;
    header.options.timestamps = {client_clock, answer.options.timestamps.value};
    return header;
  }

  StackBench& bench_;
  std::uint16_t tcp_port_;
  bool stamped_;
};

/// SYNs of so many clients that are not there.
inline void flood(StackBench& bench, std::uint32_t count, std::uint16_t first = flood_port) {
  for (std::uint32_t i = 0; i < count; ++i) {
    REQUIRE(Client(bench, static_cast<std::uint16_t>(first + i)).syn());
  }
}

struct FullBacklog : StackBench {
  FullBacklog() : StackBench({.sockets_max = 8192}) {
    StackBench::handler = &listening;
    flood(*this, half_open_max);
    REQUIRE(count(CounterIndex::cookies_sent) == 0);
    REQUIRE(stack.connection_count() == half_open_max);
  }
  Listening listening;
};

}  // namespace byway::tcp::test
