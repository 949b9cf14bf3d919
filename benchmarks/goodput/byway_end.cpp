#include "benchmarks/goodput/byway_end.h"

#include <fmt/format.h>

#include <random>
#include <stdexcept>

namespace byway::goodput {

namespace {

constexpr std::uint32_t slices_max = 65'536;
constexpr std::uint32_t timers_per_round = 1024;
constexpr std::size_t portion = 16'384;

tcp::StackOptions options() {
  tcp::StackOptions result;
  std::random_device device;
  for (std::uint8_t& byte : result.secret) byte = static_cast<std::uint8_t>(device());
  return result;
}

}  // namespace

BywayEnd::BywayEnd(const net::IpAddress& address, Instant now)
    : address_(address),
      slices_(slices_max),
      wheel_(now),
      stack_(options(), Memory{slices_, heap_}, wheel_, *this, counters_.block, now),
      segment_(slices_) {}

BywayEnd::~BywayEnd() {
  if (stream_ != nullptr) stream_->abort();
}

std::optional<tcp::Route> BywayEnd::route_to(const net::IpAddress&) const {
  return tcp::Route{address_};
}

void BywayEnd::begin_receiving() {
  if (!stack_.listen({net::IpAddress{}, data_port}, *this)) throw std::runtime_error("cannot listen");
}

void BywayEnd::begin_sending(const net::IpAddress& remote) {
  is_sender_ = true;
  stream_ = stack_.connect({remote, data_port}, *this);
  if (stream_ == nullptr) throw std::runtime_error("cannot connect");
}

void BywayEnd::on_packet(const sim::Packet& packet, Instant now) {
  sim::PacketView view;
  if (!sim::parse_packet(packet, view) || !(view.target == address_)) return;
  stack_.on_segment(view.source, view.target, view.ecn, heap_.copy(view.tcp), now);
}

void BywayEnd::run(Instant now) {
  while (wheel_.advance(now, timers_per_round) == timers_per_round) {
  }
  static_cast<void>(stack_.deliver_events(now));
}

bool BywayEnd::next_packet(sim::Packet& packet, Instant now) {
  if (!stack_.next_segment(segment_, now)) return false;
  packet = sim::make_packet(segment_.local, segment_.remote, segment_.ecn, segment_.header_span(),
                            segment_.payload);
  segment_.payload.clear();
  return true;
}

Instant BywayEnd::next_due() const {
  return stack_.has_work() ? Instant{} : wheel_.next_due();
}

void BywayEnd::on_accept(Stream& stream) {
  stream_ = &stream;
  stream.set_handler(this);
}

void BywayEnd::on_connected(Stream& stream) {
  on_writable(stream);
}

void BywayEnd::on_readable(Stream& stream) {
  received_ += stream.readable().size();
  stream.discard(stream.readable().size());
}

void BywayEnd::on_writable(Stream& stream) {
  const std::vector<std::uint8_t> bytes(portion);
  while (is_sender_) {
    Rope data(slices_);
    if (!data.append(heap_.copy(bytes)) || stream.write(data) < portion) return;
  }
}

void BywayEnd::on_closed(Stream&, StreamEnd end) {
  stream_ = nullptr;
  throw std::runtime_error(fmt::format("Byway's connection has ended: {}", name_of(end)));
}

std::string BywayEnd::describe() const {
  const auto value_of = [this](tcp::CounterIndex index) { return counters_.block.value(index); };
  using enum tcp::CounterIndex;
  return fmt::format("sent again {}, time-outs {}, recoveries {}, probes {}, taken back {}",
                     value_of(retransmitted_segments), value_of(retransmit_timeouts),
                     value_of(fast_retransmits), value_of(tail_loss_probes), value_of(spurious_recoveries));
}

}  // namespace byway::goodput
