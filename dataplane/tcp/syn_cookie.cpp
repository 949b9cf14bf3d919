#include "dataplane/tcp/syn_cookie.h"

#include <algorithm>
#include <cstring>

#include "dataplane/assert.h"

namespace byway::tcp {

namespace {

constexpr std::uint32_t mss_bits = 3;
constexpr std::uint32_t period_bits = 2;
constexpr std::uint32_t tag_shift = mss_bits + period_bits;
constexpr std::uint32_t mss_mask = (1u << mss_bits) - 1;
constexpr std::uint32_t period_mask = (1u << period_bits) - 1;
static_assert(cookie_mss.size() == 1u << mss_bits && std::ranges::is_sorted(cookie_mss));
/// This period's and the last one's.
constexpr std::uint64_t period_age_max = 1;
static_assert(cookie_life_max == (period_age_max + 1) * cookie_period);

/// Bits of the timestamp.
constexpr std::uint8_t scale_mask = 0x0f;
constexpr std::uint8_t scale_none = 0x0f;  // RFC 7323 2.3: scales end at 14
constexpr std::uint8_t sack_bit = 0x10;
constexpr std::uint8_t ecn_bit = 0x20;
constexpr std::uint32_t stamp_mask = cookie_stamp_ticks - 1;
static_assert(stamp_mask == (scale_mask | sack_bit | ecn_bit));
/// In the tag only: so that none of them can be put on or taken off.
constexpr std::uint8_t no_stamp = 0x80;

/// RFC 3168 6.1.1: a SYN that asks for ECN.
constexpr std::uint8_t ecn_flags = flag::ece | flag::cwr;

std::uint64_t period_of(Instant now) {
  return static_cast<std::uint64_t>(now.ns / cookie_period.count());
}

std::uint8_t mss_class_of(const FlowKey& flow, std::uint16_t mss) {
  if (mss == 0) mss = flow.remote.is_v4() ? mss_default_v4 : mss_default_v6;
  std::uint8_t place = mss_mask;
  while (place > 0 && cookie_mss[place] > mss) --place;
  return place;
}

std::uint8_t option_bits(const SegmentView& syn) {
  if (!syn.options.has_timestamps) return no_stamp;
  std::uint8_t bits = syn.options.has_window_scale ? syn.options.window_scale : scale_none;
  if (syn.options.sack_permitted) bits |= sack_bit;
  if (syn.has(ecn_flags)) bits |= ecn_bit;
  return bits;
}

}  // namespace

SegmentView SynCookies::keepable(SegmentView syn) {
  if (syn.options.has_timestamps) return syn;
  syn.options.has_window_scale = false;
  syn.options.sack_permitted = false;
  syn.flags = static_cast<std::uint8_t>(syn.flags & ~ecn_flags);
  return syn;
}

Seq SynCookies::number(const FlowKey& flow, const SegmentView& syn, Instant now) const {
  const std::uint64_t period = period_of(now);
  const std::uint8_t mss_class = mss_class_of(flow, syn.options.mss);
  return Seq{tag(flow, syn.seq, period, mss_class, option_bits(syn)) << tag_shift |
             static_cast<std::uint32_t>(period & period_mask) << mss_bits | mss_class};
}

std::uint32_t SynCookies::stamp(std::uint32_t clock, const SegmentView& syn) {
  BYWAY_ASSERT(syn.options.has_timestamps);
  std::uint32_t stamp = (clock & ~stamp_mask) | option_bits(syn);
  if (stamp - clock - 1 < cookie_stamp_ticks) stamp -= cookie_stamp_ticks;  // it would be ahead
  return stamp;
}

std::optional<SegmentView> SynCookies::syn_of(const FlowKey& flow, const SegmentView& ack,
                                              Instant now) const {
  const std::uint32_t number = (ack.ack - 1).value;
  const std::uint64_t age = (period_of(now) - (number >> mss_bits)) & period_mask;
  if (age > period_age_max || age > period_of(now)) return std::nullopt;
  const auto mss_class = static_cast<std::uint8_t>(number & mss_mask);
  const bool stamped = ack.options.has_timestamps;
  const auto bits = stamped ? static_cast<std::uint8_t>(ack.options.timestamps.echo & stamp_mask) : no_stamp;
  if (number >> tag_shift != tag(flow, ack.seq - 1, period_of(now) - age, mss_class, bits)) {
    return std::nullopt;
  }
  SegmentView syn;
  syn.source_port = ack.source_port;
  syn.target_port = ack.target_port;
  syn.seq = ack.seq - 1;
  syn.window = ack.window;
  syn.flags = flag::syn;
  syn.options.mss = cookie_mss[mss_class];
  if (!stamped) return syn;
  syn.options.has_timestamps = true;
  syn.options.timestamps.value = ack.options.timestamps.value;
  syn.options.has_window_scale = (bits & scale_mask) != scale_none;
  syn.options.window_scale = syn.options.has_window_scale ? bits & scale_mask : std::uint8_t{0};
  syn.options.sack_permitted = (bits & sack_bit) != 0;
  if ((bits & ecn_bit) != 0) syn.flags |= ecn_flags;
  return syn;
}

std::uint32_t SynCookies::tag(const FlowKey& flow, Seq syn, std::uint64_t period, std::uint8_t mss_class,
                              std::uint8_t options) const {
  // NumberSource hashes 37 octets under the same secret; another length is another message.
  std::array<std::uint8_t, 50> message;
  std::memcpy(message.data(), flow.local.bytes.data(), 16);
  std::memcpy(message.data() + 16, flow.remote.bytes.data(), 16);
  std::memcpy(message.data() + 32, &flow.local_port, 2);
  std::memcpy(message.data() + 34, &flow.remote_port, 2);
  std::memcpy(message.data() + 36, &syn.value, 4);
  std::memcpy(message.data() + 40, &period, 8);
  message[48] = mss_class;
  message[49] = options;
  return static_cast<std::uint32_t>(hash_(message)) >> tag_shift;
}

}  // namespace byway::tcp
