// A stack under test, and peers whose every segment is written by the test.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/rope.h"
#include "dataplane/stream.h"
#include "dataplane/tcp/stack.h"
#include "dataplane/timer_wheel.h"

namespace byway::tcp::test {

inline const net::IpAddress gateway_address = net::IpAddress::from_v4({0x0a500001});
inline const net::IpAddress peer_address = net::IpAddress::from_v4({0x0a500102});
inline constexpr std::uint16_t service_port = 80;

/// Buffers of one size and in a fixed number, as a worker's pool of packet buffers.
class PacketPool final : public BufferProvider {
 public:
  static constexpr Bytes buffer_bytes = 2048;
  explicit PacketPool(std::uint32_t capacity) : capacity_(capacity) {}
  [[nodiscard]] Buffer* allocate(Bytes size) override {
    return available() > 0 ? heap_.allocate(size) : nullptr;
  }
  [[nodiscard]] Bytes buffer_bytes_max() const override { return buffer_bytes; }
  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }
  [[nodiscard]] std::uint32_t available() const {
    return capacity_ - static_cast<std::uint32_t>(heap_.live());
  }

 private:
  std::uint32_t capacity_;
  HeapProvider heap_{buffer_bytes};
};

/// What the stack has sent.
struct Sent {
  SegmentView view;  ///< Its `ecn` is that of the IP header.
  std::vector<std::uint8_t> payload;
};

class StackBench : private RouteSource, private Acceptor {
 public:
  explicit StackBench(const StackOptions& options = {}, std::uint32_t buffers = 4096)
      : pool(buffers),
        slices(buffers * 4),
        wheel(now),
        stack(options, Memory{slices, pool}, wheel, *this, counters.block, now),
        segment_(slices) {
    BYWAY_ASSERT(stack.listen({net::IpAddress{}, service_port}, *this));
  }

  /// As the worker does once in a while.
  bool check_memory() {
    stack.set_buffers(pool.available(), pool.capacity());
    return stack.relieve(now);
  }
  /// A segment of a peer. False: there was no buffer to receive it into.
  bool receive(const HeaderFields& fields, std::span<const std::uint8_t> payload = {}) {
    std::array<std::uint8_t, header_bytes_max> header;
    const std::uint8_t header_bytes = write_header(fields, header);
    const auto size = static_cast<Bytes>(header_bytes + payload.size());
    Buffer* buffer = pool.allocate(size);
    if (buffer == nullptr) return false;
    std::copy_n(header.begin(), header_bytes, buffer->memory);
    std::copy(payload.begin(), payload.end(), buffer->memory + header_bytes);
    stack.on_segment(peer_address, gateway_address, fields.ecn, Slice::adopt(buffer, buffer->memory, size),
                     now);
    return true;
  }
  /// Tells handlers, then takes all segments that may be sent.
  std::vector<Sent> flush() {
    stack.deliver_events(now);
    std::vector<Sent> all;
    while (stack.next_segment(segment_, now)) {
      std::vector<std::uint8_t> bytes(segment_.header_bytes + segment_.payload.size());
      std::copy_n(segment_.header.begin(), segment_.header_bytes, bytes.begin());
      segment_.payload.copy_to(0, std::span(bytes).subspan(segment_.header_bytes));
      Sent& sent = all.emplace_back();
      BYWAY_ASSERT(parse_segment(bytes, sent.view) == ParseResult::ok);
      sent.view.ecn = segment_.ecn;
      sent.payload.assign(bytes.begin() + segment_.header_bytes, bytes.end());
      segment_.payload.clear();
    }
    return all;
  }
  void advance(Nanoseconds time) {
    now = now + time;
    while (wheel.advance(now, 1024) == 1024) {
    }
    stack.deliver_events(now);
  }
  [[nodiscard]] std::uint64_t count(CounterIndex index) const { return counters.block.value(index); }
  /// The stream of the peer with this TCP port; nullptr: not accepted (yet).
  [[nodiscard]] Stream* stream_of(std::uint16_t peer_port) const {
    const auto found = accepted.find(peer_port);
    return found != accepted.end() ? found->second : nullptr;
  }
  [[nodiscard]] std::optional<ConnectionInfo> info_of(std::uint16_t peer_port) {
    struct Finder final : ConnectionVisitor {
      explicit Finder(std::uint16_t port) : wanted(port) {}
      void on_connection(const ConnectionInfo& info) override {
        if (info.flow.remote_port == wanted) found = info;
      }
      std::uint16_t wanted;
      std::optional<ConnectionInfo> found;
    } finder(peer_port);
    stack.visit(0, UINT32_MAX, finder);
    return finder.found;
  }

  Instant now{1'000'000'000'000};
  PacketPool pool;
  SlicePool slices;
  TimerWheel wheel;
  OwnCounters<CounterIndex> counters;
  std::map<std::uint16_t, Stream*> accepted;
  StreamHandler* handler = nullptr;  ///< Of connections that are accepted.
  bool is_shared = false;            ///< The kernel has our address too.
  std::uint32_t left_to_kernel = 0;  ///< Segments.
  Stack stack;

 private:
  [[nodiscard]] std::optional<Route> route_to(const net::IpAddress&) const override {
    return Route{gateway_address, mtu_default, mtu_default, is_shared};
  }
  bool not_ours(Incoming& incoming) override {
    if (!is_shared) return false;
    const Slice taken = std::move(incoming.tcp);
    ++left_to_kernel;
    return true;
  }
  void on_accept(Stream& stream) override {
    accepted[stream.remote_address().tcp_port] = &stream;
    stream.set_handler(handler);
  }

  SegmentOut segment_;
};

/// A handler that does nothing but remember.
class Listening : public StreamHandler {
 public:
  void on_connected(Stream&) override { ++connected; }
  void on_readable(Stream&) override {}
  void on_writable(Stream&) override {}
  void on_closed(Stream& stream, StreamEnd end) override { ended[stream.remote_address().tcp_port] = end; }

  std::uint32_t connected = 0;
  std::map<std::uint16_t, StreamEnd> ended;  ///< By the peer's TCP port.
};

/// What a peer says in its SYN.
struct PeerOptions {
  std::uint16_t window = UINT16_MAX;
  std::optional<std::uint8_t> window_scale;
  bool sack = false;
  bool timestamps = false;
  bool ecn = false;
  Nanoseconds round_trip{0};  ///< Between the SYN-ACK and its ACK.
};

/// A peer that opens a connection. It acknowledges and sends only what the test says.
class Peer {
 public:
  Peer(StackBench& bench, std::uint16_t tcp_port, std::uint16_t window = UINT16_MAX,
       std::optional<std::uint8_t> window_scale = {})
      : Peer(bench, tcp_port, PeerOptions{window, window_scale}) {}
  Peer(StackBench& bench, std::uint16_t tcp_port, const PeerOptions& options)
      : bench_(bench),
        scale_(options.window_scale.value_or(0)),
        tcp_port_(tcp_port),
        window_(options.window),
        timestamps_(options.timestamps) {
    HeaderFields syn = fields(options.ecn ? flag::syn | flag::ece | flag::cwr : flag::syn);
    syn.options.mss = 1460;
    syn.options.has_window_scale = options.window_scale.has_value();
    syn.options.window_scale = scale_;
    syn.options.sack_permitted = options.sack;
    BYWAY_ASSERT(bench_.receive(syn));
    ++next_.value;
    const std::vector<Sent> answer = bench_.flush();
    BYWAY_ASSERT(answer.size() == 1 && answer[0].view.has(flag::syn | flag::ack));
    syn_ack = answer[0].view;
    acknowledged = syn_ack.seq + 1;
    note_window(syn_ack);
    if (timestamps_) {
      BYWAY_ASSERT(syn_ack.options.has_timestamps);
      echo = echo_at_start = syn_ack.options.timestamps.value;
      started_at = bench_.now;
    }
    bench_.advance(options.round_trip);
    acknowledge(acknowledged);
    bench_.flush();
    BYWAY_ASSERT(bench_.stream_of(tcp_port) != nullptr);
  }

  /// Sends `payload` behind what it sent before. False: lost for want of a buffer. `ecn`: of the IP header;
  /// `flags` beside ACK.
  bool send(std::span<const std::uint8_t> payload, std::uint8_t ecn = 0, std::uint8_t flags = 0) {
    HeaderFields header = fields(static_cast<std::uint8_t>(flag::ack | flags));
    header.ecn = ecn;
    next_ += static_cast<std::uint32_t>(payload.size());
    return bench_.receive(header, payload);
  }
  /// Sends `payload` at `offset` behind the end of what it sent before, which does not move.
  bool send_ahead(std::uint32_t offset, std::span<const std::uint8_t> payload) {
    HeaderFields header = fields(flag::ack);
    header.seq += offset;
    return bench_.receive(header, payload);
  }
  bool finish() {
    const HeaderFields header = fields(flag::ack | flag::fin);
    ++next_.value;
    return bench_.receive(header);
  }
  /// An ACK with these SACK blocks and `flags`.
  bool acknowledge(Seq upto, std::span<const SackBlock> blocks = {}, std::uint8_t flags = 0) {
    acknowledged = upto;
    HeaderFields header = fields(static_cast<std::uint8_t>(flag::ack | flags));
    for (const SackBlock& block : blocks) header.options.sack[header.options.sack_count++] = block;
    return bench_.receive(header);
  }
  void set_window(std::uint16_t window) { window_ = window; }
  void step_back(Seq to) { next_ = to; }
  void note_window(const SegmentView& view) {
    const bool is_syn = view.has(flag::syn);
    edge = view.ack + (std::uint32_t{view.window} << (is_syn || scale_ == 0 ? 0 : window_scale_own));
    taken = view.ack;
  }
  [[nodiscard]] Stream& stream() const { return *bench_.stream_of(tcp_port_); }
  [[nodiscard]] std::uint16_t tcp_port() const { return tcp_port_; }
  [[nodiscard]] Seq next() const { return next_; }

  Seq acknowledged;        ///< What its ACKs say.
  std::uint32_t echo = 0;  ///< The timestamp that they echo.
  std::uint32_t echo_at_start = 0;
  Instant started_at;
  SegmentView syn_ack;
  Seq taken;  ///< What the stack has acknowledged.
  Seq edge;   ///< Of the window that the stack offers.

 private:
  [[nodiscard]] HeaderFields fields(std::uint8_t flags) const {
    HeaderFields header;
    header.source_port = tcp_port_;
    header.target_port = service_port;
    header.seq = next_;
    header.ack = acknowledged;
    header.flags = flags;
    header.window = window_;
    header.options.has_timestamps = timestamps_;
    header.options.timestamps = {static_cast<std::uint32_t>(bench_.now.ns / 1'000'000), echo};
    return header;
  }

  StackBench& bench_;
  Seq next_{1000};
  std::uint8_t scale_;
  std::uint16_t tcp_port_;
  std::uint16_t window_;
  bool timestamps_;
};

/// Gives `stream` that many octets to send, in buffers of the pool; returns how many it took.
inline Bytes write_octets(StackBench& bench, Stream& stream, Bytes count, Bytes piece = 1460) {
  Rope data(bench.slices);
  for (Bytes left = count; left > 0;) {
    const Bytes size = std::min(left, piece);
    Buffer* buffer = bench.pool.allocate(size);
    if (buffer == nullptr) break;
    std::fill_n(buffer->memory, size, std::uint8_t{0x5a});
    if (!data.append(Slice::adopt(buffer, buffer->memory, size))) break;
    left -= size;
  }
  return stream.write(data);
}

}  // namespace byway::tcp::test
