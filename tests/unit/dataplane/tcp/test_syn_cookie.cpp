// Cookies as values (RFC 4987 appendix A): what they keep, and what they refuse.
#include <catch2/catch_test_macros.hpp>
#include <random>

#include "dataplane/tcp/syn_cookie.h"

using namespace byway;
using namespace byway::tcp;

namespace {

constexpr std::array<std::uint8_t, 16> secret{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
const FlowKey flow{net::IpAddress::from_v4({0x0a500001}), net::IpAddress::from_v4({0x0a500102}), 80, 40'000};
constexpr Instant begin{1'000'000'000'000};
constexpr std::uint32_t clock_ticks = 0xfeed'0123;

SegmentView syn_with(std::uint16_t mss, bool stamped) {
  SegmentView syn;
  syn.source_port = flow.remote_port;
  syn.target_port = flow.local_port;
  syn.seq = Seq{0xffff'ffff};
  syn.flags = flag::syn;
  syn.options.mss = mss;
  syn.options.has_timestamps = stamped;
  syn.options.timestamps.value = stamped ? 77 : 0;
  return syn;
}

/// The ACK of a client that `syn` was answered to.
SegmentView ack_of(const SynCookies& cookies, const SegmentView& syn, Instant now) {
  SegmentView ack;
  ack.source_port = flow.remote_port;
  ack.target_port = flow.local_port;
  ack.flags = flag::ack;
  ack.seq = syn.seq + 1;
  ack.ack = cookies.number(flow, syn, now) + 1;
  ack.window = 512;
  ack.options.has_timestamps = syn.options.has_timestamps;
  if (syn.options.has_timestamps) ack.options.timestamps = {78, SynCookies::stamp(clock_ticks, syn)};
  return ack;
}

}  // namespace

TEST_CASE("a cookie with a timestamp brings back window scale, SACK and ECN") {
  const SynCookies cookies(secret);
  for (std::uint32_t choice = 0; choice < 64; ++choice) {
    SegmentView offered = syn_with(1460, true);
    offered.options.has_window_scale = (choice & 15) != 15;
    offered.options.window_scale = offered.options.has_window_scale ? choice & 15 : 0;
    offered.options.sack_permitted = (choice & 16) != 0;
    if ((choice & 32) != 0) offered.flags |= flag::ece | flag::cwr;
    const SegmentView syn = SynCookies::keepable(offered);
    const auto back = cookies.syn_of(flow, ack_of(cookies, syn, begin), begin);
    REQUIRE(back);
    CHECK(back->seq == offered.seq);
    CHECK(back->flags == offered.flags);
    CHECK(back->options.mss == 1460);
    CHECK(back->options.has_window_scale == offered.options.has_window_scale);
    CHECK(back->options.window_scale == offered.options.window_scale);
    CHECK(back->options.sack_permitted == offered.options.sack_permitted);
    CHECK(back->options.has_timestamps);
    CHECK(back->options.timestamps.value == 78);
    CHECK(back->window == 512);
  }
}

TEST_CASE("a SYN that asks for half of ECN asks for none") {
  SegmentView syn = syn_with(1460, true);
  syn.flags |= flag::ece;
  const SynCookies cookies(secret);
  const auto back = cookies.syn_of(flow, ack_of(cookies, syn, begin), begin);
  REQUIRE(back);
  CHECK(back->flags == flag::syn);
}

TEST_CASE("without timestamps a cookie keeps the MSS only, and the peer is promised no more") {
  SegmentView offered = syn_with(1400, false);
  offered.options.has_window_scale = true;
  offered.options.window_scale = 9;
  offered.options.sack_permitted = true;
  offered.flags |= flag::ece | flag::cwr;
  const SegmentView syn = SynCookies::keepable(offered);
  CHECK_FALSE(syn.options.has_window_scale);
  CHECK_FALSE(syn.options.sack_permitted);
  CHECK(syn.flags == flag::syn);
  const SynCookies cookies(secret);
  const auto back = cookies.syn_of(flow, ack_of(cookies, syn, begin), begin);
  REQUIRE(back);
  CHECK(back->options.mss == 1400);
  CHECK_FALSE(back->options.has_window_scale);
  CHECK_FALSE(back->options.sack_permitted);
  CHECK_FALSE(back->options.has_timestamps);
  CHECK(back->flags == flag::syn);
}

TEST_CASE("the MSS is rounded down to one of the table, unless it is less than we take") {
  const SynCookies cookies(secret);
  for (std::uint32_t mss = 1; mss <= UINT16_MAX; ++mss) {
    const SegmentView syn = syn_with(static_cast<std::uint16_t>(mss), true);
    const auto back = cookies.syn_of(flow, ack_of(cookies, syn, begin), begin);
    REQUIRE(back);
    std::uint16_t wanted = mss_min;
    for (const std::uint16_t known : cookie_mss) wanted = known <= mss ? known : wanted;
    REQUIRE(back->options.mss == wanted);
  }
}

TEST_CASE("a peer that tells no MSS has the default of its IP version") {
  const SynCookies cookies(secret);
  const SegmentView syn = syn_with(0, true);
  CHECK(cookies.syn_of(flow, ack_of(cookies, syn, begin), begin)->options.mss == mss_default_v4);
  FlowKey v6 = flow;
  v6.local.bytes[0] = v6.remote.bytes[0] = 0xfd;
  SegmentView ack = ack_of(cookies, syn, begin);
  ack.ack = cookies.number(v6, syn, begin) + 1;
  CHECK(cookies.syn_of(v6, ack, begin)->options.mss == mss_default_v6);
}

TEST_CASE("a cookie is good for one period at least and for two at most") {
  const SynCookies cookies(secret);
  const SegmentView syn = syn_with(1460, true);
  for (Nanoseconds phase{0}; phase < cookie_period; phase += 1s) {
    const Instant sent = begin + phase;
    const SegmentView ack = ack_of(cookies, syn, sent);
    CHECK(cookies.syn_of(flow, ack, sent));
    CHECK(cookies.syn_of(flow, ack, sent + cookie_period));
    // Neither then nor when its two bits of the period come round again.
    for (Nanoseconds age = cookie_life_max; age < 20 * cookie_period; age += 1s) {
      CHECK_FALSE(cookies.syn_of(flow, ack, sent + age));
    }
    CHECK_FALSE(cookies.syn_of(flow, ack, sent - cookie_period));
  }
}

TEST_CASE("at the beginning of time there is no period before the first") {
  const SynCookies cookies(secret);
  SegmentView ack = ack_of(cookies, syn_with(1460, true), Instant{});
  CHECK(cookies.syn_of(flow, ack, Instant{}));
  ack.ack = ack.ack - (1u << 3);  // now of the period before
  CHECK_FALSE(cookies.syn_of(flow, ack, Instant{}));
}

TEST_CASE("whatever is changed in an ACK or its flow, the cookie is refused") {
  const SynCookies cookies(secret);
  const SegmentView syn = syn_with(1460, true);
  const SegmentView good = ack_of(cookies, syn, begin);
  REQUIRE(cookies.syn_of(flow, good, begin));
  for (std::uint32_t bit = 0; bit < 32; ++bit) {
    SegmentView ack = good;
    ack.ack = Seq{good.ack.value - 1} + (1u << bit) + 1;
    CHECK_FALSE(cookies.syn_of(flow, ack, begin));
    ack = good;
    ack.seq = Seq{good.seq.value ^ 1u << bit};
    CHECK_FALSE(cookies.syn_of(flow, ack, begin));
    ack = good;
    ack.options.timestamps.echo ^= 1u << bit;
    CHECK(cookies.syn_of(flow, ack, begin).has_value() == (bit >= 6));  // above is only time
  }
  SegmentView ack = good;
  ack.options.has_timestamps = false;
  CHECK_FALSE(cookies.syn_of(flow, ack, begin));
  for (std::size_t bit = 0; bit < 128; ++bit) {
    FlowKey other = flow;
    other.remote.bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    CHECK_FALSE(cookies.syn_of(other, good, begin));
    other = flow;
    other.local.bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
    CHECK_FALSE(cookies.syn_of(other, good, begin));
  }
  for (std::uint32_t bit = 0; bit < 16; ++bit) {
    FlowKey other = flow;
    other.remote_port ^= static_cast<std::uint16_t>(1u << bit);
    CHECK_FALSE(cookies.syn_of(other, good, begin));
    other = flow;
    other.local_port ^= static_cast<std::uint16_t>(1u << bit);
    CHECK_FALSE(cookies.syn_of(other, good, begin));
  }
}

TEST_CASE("window scale, SACK and ECN cannot be put on a cookie of a SYN without timestamps") {
  const SynCookies cookies(secret);
  SegmentView ack = ack_of(cookies, syn_with(1460, false), begin);
  REQUIRE(cookies.syn_of(flow, ack, begin));
  ack.options.has_timestamps = true;
  for (ack.options.timestamps.echo = 0; ack.options.timestamps.echo < 64; ++ack.options.timestamps.echo) {
    CHECK_FALSE(cookies.syn_of(flow, ack, begin));
  }
}

TEST_CASE("a cookie of another secret is refused") {
  const SegmentView ack = ack_of(SynCookies(secret), syn_with(1460, true), begin);
  for (std::size_t i = 0; i < secret.size(); ++i) {
    auto other = secret;
    other[i] ^= 1;
    CHECK_FALSE(SynCookies(other).syn_of(flow, ack, begin));
  }
}

TEST_CASE("numbers drawn at random are no cookies") {
  const SynCookies cookies(secret);
  SegmentView ack = ack_of(cookies, syn_with(1460, true), begin);
  std::mt19937 random(1);
  std::uint32_t accepted = 0;
  for (std::uint32_t i = 0; i < 1'000'000; ++i) {
    ack.ack = Seq{static_cast<std::uint32_t>(random())};
    if (cookies.syn_of(flow, ack, begin)) ++accepted;
  }
  CHECK(accepted == 0);  // 16 of 4,294,967,296 are one: 1 in 270 such tests would find one
}

TEST_CASE("the timestamp of a cookie is behind the clock by less than 64 ticks, never ahead") {
  for (std::uint32_t choice = 0; choice < 64; ++choice) {
    SegmentView syn = syn_with(1460, true);
    syn.options.has_window_scale = (choice & 15) != 15;
    syn.options.window_scale = choice & 15;
    syn.options.sack_permitted = (choice & 16) != 0;
    if ((choice & 32) != 0) syn.flags |= flag::ece | flag::cwr;
    for (std::int32_t clock = -200; clock < 200; ++clock) {  // also where it wraps
      const auto ticks = static_cast<std::uint32_t>(clock);
      const std::uint32_t stamp = SynCookies::stamp(ticks, syn);
      CHECK(ticks - stamp < cookie_stamp_ticks);
      CHECK((stamp & 63) == choice);
    }
  }
}
