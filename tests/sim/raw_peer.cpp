#include "tests/sim/raw_peer.h"

#include <algorithm>
#include <array>

#include "tests/sim/strategies.h"
#include "tests/sim/tcp_endpoint.h"

namespace byway::sim {

namespace {

constexpr std::uint32_t stream_max = 1 << 20;  ///< Offsets beyond are not remembered, and not checked.
constexpr std::size_t ports_bytes = 4;         ///< A TCP header begins with both.
constexpr std::size_t checksum_offset = 16;
constexpr std::uint32_t before_wrap_max = 20'000;

}  // namespace

void SentStream::note(std::uint32_t offset, std::span<const std::uint8_t> bytes, std::size_t taken) {
  if (const std::uint32_t before = 0u - offset; before > 0 && before < bytes.size() && offset > stream_max) {
    bytes = bytes.subspan(before);  // those before the stream's beginning are none of it
    taken -= std::min<std::size_t>(taken, before);
    offset = 0;
  }
  if (offset >= stream_max) return;
  octets_.resize(std::max<std::size_t>(octets_.size(), offset + bytes.size()));
  for (const std::uint8_t byte : bytes) {
    Octet& octet = octets_[offset++];
    if (octet.is_sent) octet.is_contested |= byte != octet.first;
    if (!octet.is_sent) octet = {true, false, taken == 0, byte};
    if (taken > 0) --taken;
  }
}

SentStream::Verdict SentStream::verdict(std::uint32_t offset, std::uint8_t byte) const {
  if (offset >= stream_max) return Verdict::first;
  if (offset >= octets_.size() || !octets_[offset].is_sent) return Verdict::never_sent;
  const Octet& octet = octets_[offset];
  if (octet.first == byte) return Verdict::first;
  if (!octet.is_contested) return Verdict::never_sent;
  return octet.is_uncertain ? Verdict::first : Verdict::other;
}

// ---- RawConnection ---------------------------------------------------------------------------------------

RawConnection::RawConnection(RawPeer& peer, const net::SocketAddress& local, const net::SocketAddress& remote,
                             const Strategy& strategy, Random source)
    : random(source), peer_(peer), local_(local), remote_(remote), strategy_(strategy), key_(random.next()) {
  iss = tcp::Seq{static_cast<std::uint32_t>(random.next())};
  if (random.chance(0.5)) iss = tcp::Seq{} - static_cast<std::uint32_t>(random.below(before_wrap_max));
  acknowledged = iss;
  timestamps.value = static_cast<std::uint32_t>(random.next());
  syn_options.mss = 1460;
  syn_options.has_window_scale = random.chance(0.7);
  syn_options.window_scale = static_cast<std::uint8_t>(random.below(8));
  syn_options.sack_permitted = random.chance(0.7);
  syn_options.has_timestamps = random.chance(0.7);
  if (strategy_.shape_syn != nullptr) strategy_.shape_syn(*this);
}

Instant RawConnection::now() const {
  return peer_.now();
}

std::uint32_t RawConnection::timestamp() const {
  return timestamps.value + static_cast<std::uint32_t>(now().ns / 1'000'000);
}

void RawConnection::wake_in(Nanoseconds time) {
  wake_at_ = now() + time;
  peer_.wake_at(wake_at_);
}

tcp::HeaderFields RawConnection::header(std::uint8_t flags) {
  tcp::HeaderFields fields{
      local_.tcp_port, remote_.tcp_port, iss + 1 + next_offset, rcv_next, window, flags, 0, {}};
  if (fin_sent) fields.seq += 1;
  if (uses_timestamps) {
    fields.options.has_timestamps = true;
    fields.options.timestamps = {timestamp(), timestamps.echo};
  }
  return fields;
}

void RawConnection::send(const tcp::HeaderFields& fields, std::span<const std::uint8_t> payload) {
  if (is_silent) return;
  if (!payload.empty()) {
    const std::size_t room = edge > fields.seq ? edge - fields.seq : 0;
    sent.note(fields.seq - (iss + 1), payload, std::min(room, payload.size()));
  }
  peer_.transmit(remote_, fields, payload);
}

void RawConnection::send_damaged(const tcp::HeaderFields& fields) {
  if (is_silent) return;
  std::array<std::uint8_t, tcp::header_bytes_max> bytes{};
  const std::span header = std::span(bytes).first(tcp::write_header(fields, bytes));
  for (std::uint64_t i = random.between(1, 4); i > 0; --i) {
    const std::uint64_t at = random.between(ports_bytes, header.size() - 1);
    if (at != checksum_offset && at != checksum_offset + 1)
      header[at] ^= static_cast<std::uint8_t>(1u << random.below(8));
  }
  peer_.transmit_bytes(remote_, header, fields.ecn, {});
}

void RawConnection::send_stream(std::uint32_t offset, std::uint32_t count, bool is_true) {
  std::vector<std::uint8_t> bytes(count);
  write_stream(is_true ? key_ : random.next(), offset, bytes);
  tcp::HeaderFields fields = header(tcp::flag::ack | tcp::flag::psh);
  fields.seq = iss + 1 + offset;
  send(fields, bytes);
}

void RawConnection::send_next(std::uint32_t count) {
  if (fin_sent) return;
  send_stream(next_offset, count);
  next_offset += count;
}

void RawConnection::send_fin() {
  if (fin_sent) return;
  send(header(tcp::flag::fin | tcp::flag::ack));
  fin_sent = true;
}

void RawConnection::send_syn() {
  tcp::HeaderFields fields = header(tcp::flag::syn);
  fields.seq = iss;
  fields.ack = {};
  fields.options = syn_options;
  fields.options.timestamps = {timestamp(), 0};
  send(fields);
}

void RawConnection::on_syn(const tcp::SegmentView& segment) {
  rcv_irs = segment.seq;
  rcv_next = segment.seq + 1;
  timestamps.echo = segment.options.timestamps.value;
  uses_timestamps = syn_options.has_timestamps && segment.options.has_timestamps;
  if (syn_options.has_window_scale && segment.options.has_window_scale) {
    peer_scale = segment.options.window_scale;
  }
  edge = iss + 1 + segment.window;
  if (segment.has(tcp::flag::ack)) {
    acknowledged = segment.ack;
    is_established = true;
    if (strategy_.completes_handshake) send_ack();
    wake_in(random.duration(20ms));
    return;
  }
  tcp::HeaderFields fields = header(tcp::flag::syn | tcp::flag::ack);
  fields.seq = iss;
  fields.options = syn_options;
  fields.options.has_timestamps = uses_timestamps;
  fields.options.timestamps = {timestamp(), timestamps.echo};
  send(fields);
}

void RawConnection::on_segment(const tcp::SegmentView& segment) {
  if (segment.has(tcp::flag::rst)) {
    is_silent = true;
    return;
  }
  if (segment.has(tcp::flag::syn)) {
    on_syn(segment);
    return;
  }
  if (!is_established) {
    is_established = true;
    wake_in(random.duration(20ms));
  }
  acknowledged = tcp::later(acknowledged, segment.ack);
  edge = tcp::later(edge, segment.ack + (std::uint32_t{segment.window} << peer_scale));
  if (segment.seq == rcv_next) {
    rcv_next = segment.end();
    if (segment.options.has_timestamps) timestamps.echo = segment.options.timestamps.value;
  }
  strategy_.on_segment(*this, segment);
}

void RawConnection::on_wake() {
  wake_at_ = Instant::never();
  strategy_.on_wake(*this);
}

// ---- RawPeer ---------------------------------------------------------------------------------------------

RawConnection& RawPeer::add(std::uint16_t port, const net::SocketAddress& remote) {
  return connections_
      .try_emplace(Key{port, remote}, *this, net::SocketAddress{address(), port}, remote, strategy_,
                   random_.fork())
      .first->second;
}

RawConnection& RawPeer::open(std::uint16_t port, const net::SocketAddress& remote) {
  RawConnection& connection = add(port, remote);
  connection.send_syn();
  return connection;
}

RawConnection* RawPeer::find(std::uint16_t port, const net::SocketAddress& remote) {
  const auto found = connections_.find({port, remote});
  return found == connections_.end() ? nullptr : &found->second;
}

void RawPeer::transmit(const net::SocketAddress& remote, const tcp::HeaderFields& fields,
                       std::span<const std::uint8_t> payload) {
  std::array<std::uint8_t, tcp::header_bytes_max> bytes{};
  const std::uint8_t size = tcp::write_header(fields, bytes);
  transmit_bytes(remote, std::span(bytes).first(size), fields.ecn, payload);
}

void RawPeer::transmit_bytes(const net::SocketAddress& remote, std::span<const std::uint8_t> header,
                             std::uint8_t ecn, std::span<const std::uint8_t> payload) {
  if (is_exhausted()) return;
  ++packets_out_;
  network_.send(*this, remote.ip, make_packet(address(), remote.ip, ecn, header, payload));
}

void RawPeer::on_packet(const PacketView& packet, Instant) {
  ++packets_in_;
  tcp::SegmentView segment;
  if (tcp::parse_segment(packet.tcp, segment) != tcp::ParseResult::ok) return;
  segment.ecn = packet.ecn;
  const net::SocketAddress remote{packet.source, segment.source_port};
  RawConnection* connection = find(segment.target_port, remote);
  if (connection == nullptr && segment.has(tcp::flag::syn)) connection = &add(segment.target_port, remote);
  if (connection != nullptr) connection->on_segment(segment);
}

void RawPeer::run_round(bool, Instant now) {
  if (is_exhausted() || next_wake_ > now) return;
  next_wake_ = Instant::never();
  for (auto& [key, connection] : connections_) {
    if (connection.wake_at() <= now) connection.on_wake();
    next_wake_ = std::min(next_wake_, connection.wake_at());
  }
}

}  // namespace byway::sim
