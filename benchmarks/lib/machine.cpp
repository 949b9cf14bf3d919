#include "benchmarks/lib/machine.h"

#include <cstring>

namespace byway::benchmark {

BlockProvider::BlockProvider(std::uint32_t count) : blocks_(std::make_unique<Block[]>(count)) {
  for (std::uint32_t i = 0; i < count; ++i) {
    blocks_[i].provider = this;
    blocks_[i].next = free_;
    free_ = &blocks_[i];
  }
}

Buffer* BlockProvider::allocate(Bytes size) {
  if (size > block_bytes || free_ == nullptr) return nullptr;
  Block* block = free_;
  free_ = block->next;
  block->buffer = {&BlockProvider::release, 1, block_bytes, block->memory};
  return &block->buffer;
}

void BlockProvider::release(Buffer* buffer) {
  auto* block = reinterpret_cast<Block*>(buffer);  // the buffer is its first member
  block->next = block->provider->free_;
  block->provider->free_ = block;
}

Machine::Machine(BlockProvider& buffers, Instant now, const MachineOptions& options)
    : slices(options.slices),
      wheel(now),
      buffers_(buffers),
      host({slices, buffers}, wheel, *this, net_counters_.block, 1),
      stack(options.stack, {slices, buffers}, wheel, *this, tcp_counters_.block, now) {
  input_.reserve(4096);
}

net::LinkIndex Machine::add_link(const net::Prefix& address, Instant now) {
  const auto number = static_cast<std::uint8_t>(address.address.v4().value);
  const auto link = host.add_link(
      {{{2, 0, 0, static_cast<std::uint8_t>(address.address.v4().value >> 8), 0, number}}, 1500});
  BYWAY_ASSERT(link && host.add_interface_address(*link, address, now) == net::AddressError::none);
  wires_.resize(*link + 1u);
  return *link;
}

void Machine::connect(Machine& a, net::LinkIndex a_link, Machine& b, net::LinkIndex b_link) {
  a.wires_[a_link] = {&b, b_link};
  b.wires_[b_link] = {&a, a_link};
}

bool Machine::transmit(net::LinkIndex link, std::span<const std::uint8_t> header, Rope&& payload) {
  const auto size = static_cast<Bytes>(header.size()) + payload.size();
  Buffer* buffer = buffers_.allocate(size);
  if (buffer != nullptr) {
    std::memcpy(buffer->memory, header.data(), header.size());
    payload.copy_to(0, {buffer->memory + header.size(), payload.size()});
    if (queued_ == backlog_.size()) flush();
    backlog_[queued_++] = {buffer, size, link};
  }
  payload.clear();
  return buffer != nullptr;
}

void Machine::flush() {
  for (const Built& built : std::span(backlog_).first(queued_)) {
    Slice bytes = Slice::adopt(built.buffer, built.buffer->memory, built.size);
    const Wire& wire = wires_[built.link];
    if (wire.peer == nullptr) continue;
    net::RxFrame& frame = wire.peer->input_.emplace_back();
    frame.bytes = std::move(bytes);
    frame.link = wire.peer_link;
  }
  queued_ = 0;
}

std::optional<tcp::Route> Machine::route_to(const net::IpAddress& remote) const {
  const auto path = host.path(remote);
  if (!path) return std::nullopt;
  return tcp::Route{path->source, path->mtu};
}

void Machine::take_burst() {
  burst_count_ = 0;
  while (taken_ < input_.size() && burst_count_ < burst_.size())
    burst_[burst_count_++] = std::move(input_[taken_++]);
  if (taken_ == input_.size()) {
    input_.clear();
    taken_ = 0;
  }
}

void Machine::parse(Instant now) {
  host.on_burst({burst_.data(), burst_count_}, now, ingress_);
}

void Machine::tcp_in(Instant now) {
  for (std::size_t i = 0; i < ingress_.segment_count; ++i) {
    net::Packet& packet = ingress_.segments[i];
    constexpr std::uint8_t ecn_mask = 3;
    segments_[i] = {packet.source, packet.destination,
                    static_cast<std::uint8_t>(packet.traffic_class & ecn_mask), std::move(packet.payload)};
  }
  stack.on_burst({segments_.data(), ingress_.segment_count}, now);
}

void Machine::tcp_out(Instant now) {
  while (stack.next_segment(segment_, now)) {
    net::Outgoing packet;
    packet.source = segment_.local;
    packet.destination = segment_.remote;
    packet.traffic_class = segment_.ecn;
    packet.header = segment_.header_span();
    static_cast<void>(host.send(packet, std::move(segment_.payload), now));
  }
}

}  // namespace byway::benchmark
