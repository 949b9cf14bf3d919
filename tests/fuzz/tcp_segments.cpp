// Any segments to a stack with connections in several states, their numbers near to what the stack expects:
// no read past them, no queue beyond its bound, no end of sending that does not come, and every buffer, chain
// node and timer is given back.
//
// Input: records of record_bytes, each followed by as many raw octets of options as its byte 10 says:
//
//   0  bits 0-2 the peer, 3 raw options instead of its own, 4-5 what the user does, 6-7 how much time passes
//   1  flags          2-3 SEG.SEQ - what the stack expects     4-5 SEG.ACK - what the stack has sent
//   6-7 window        8-9 octets of payload (modulo payload_bytes_max)
//   10 octets of raw options (modulo 41)                       11 free packet buffers, in 1/256
#include <cstdlib>
#include <set>

#include "tests/unit/dataplane/tcp/stack_bench.h"

namespace {

using namespace byway;
using namespace byway::tcp;
using namespace byway::tcp::test;

constexpr std::size_t record_bytes = 12;
constexpr std::size_t records_max = 256;
constexpr std::uint16_t payload_bytes_max =
    1961;  // a buffer takes no more behind 60 of header and 26 of room
constexpr std::uint32_t buffers = 512;
constexpr std::uint16_t first_port = 1000;
constexpr std::uint16_t backend_port = 8080;
constexpr Bytes queue_bytes = 64 * 1024;
/// Segments that one record may make the stack send: a full send queue in segments of mss_min, and what is
/// owed.
constexpr std::size_t segments_max = 4096;

void require(bool condition) {
  if (!condition) std::abort();
}

/// Sends back what it reads, as far as the send queue takes it.
class Echo final : public StreamHandler {
 public:
  explicit Echo(SlicePool& slices) : slices_(slices) {}
  void on_connected(Stream& stream) override { open.insert(&stream); }
  void on_readable(Stream& stream) override {
    open.insert(&stream);
    if (is_lazy) return;
    Rope data(slices_);
    stream.take(std::min(stream.readable().size(), stream.writable()), data);
    if (!data.empty()) stream.write(data);
  }
  void on_writable(Stream& stream) override { on_readable(stream); }
  void on_closed(Stream& stream, StreamEnd) override { open.erase(&stream); }

  std::set<Stream*> open;
  bool is_lazy = false;  ///< Leaves what it gets unread.

 private:
  SlicePool& slices_;
};

std::uint16_t number(std::span<const std::uint8_t> bytes) {
  return static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
}

class World {
 public:
  World() : bench_(options(), buffers), echo_(bench_.slices) {
    bench_.handler = &echo_;
    for (std::uint16_t i = 0; i < 3; ++i) {
      Peer peer(bench_, static_cast<std::uint16_t>(first_port + i), UINT16_MAX,
                i == 0 ? std::optional<std::uint8_t>{} : std::uint8_t{7});
      echo_.open.insert(&peer.stream());
    }
    Stream* connecting = bench_.stack.connect({peer_address, backend_port}, echo_);
    require(connecting != nullptr);
    connecting_port_ = connecting->local_address().tcp_port;
    flush();
  }
  ~World() {
    bench_.stack.abort_all(bench_.now);
    flush();
    bench_.advance(2min);
    flush();
    require(bench_.stack.connection_count() == 0);
    require(bench_.pool.available() == buffers && bench_.slices.in_use() == 0);
    require(bench_.wheel.armed_count() == 0);
  }

  void step(std::span<const std::uint8_t> record, std::span<const std::uint8_t> raw_options) {
    bench_.stack.set_buffers(bench_.pool.available() * record[11] / 255, buffers);
    bench_.stack.relieve(bench_.now);
    act((record[0] >> 4) & 3);
    receive(record, raw_options);
    flush();
    static constexpr Nanoseconds pauses[] = {0ns, 1ms, 300ms, 20s};
    bench_.advance(pauses[record[0] >> 6]);
    flush();
    check();
  }

 private:
  static StackOptions options() {
    StackOptions options;
    options.sockets_max = 16;
    options.receive_buffer_bytes = options.send_buffer_bytes = queue_bytes;
    options.keepalive.enabled = true;
    return options;
  }

  void act(int what) {
    echo_.is_lazy = what == 1;
    if (what < 2 || echo_.open.empty()) return;
    Stream* stream = *echo_.open.begin();
    if (what == 2) return stream->finish();
    echo_.open.erase(stream);
    stream->close();
  }

  void receive(std::span<const std::uint8_t> record, std::span<const std::uint8_t> raw_options) {
    const bool to_connecting = (record[0] & 7) == 7;
    HeaderFields fields;
    fields.source_port =
        to_connecting ? backend_port : static_cast<std::uint16_t>(first_port + (record[0] & 7));
    fields.target_port = to_connecting ? connecting_port_ : service_port;
    const Known& known = known_[fields.source_port];
    fields.seq = known.ack + static_cast<std::uint32_t>(static_cast<std::int16_t>(number(record.subspan(2))));
    fields.ack = known.end + static_cast<std::uint32_t>(static_cast<std::int16_t>(number(record.subspan(4))));
    fields.flags = record[1];
    fields.window = number(record.subspan(6));
    fields.options.has_timestamps = known.timestamps.value != 0;
    fields.options.timestamps = {1, known.timestamps.value};
    std::array<std::uint8_t, header_bytes_max> header{};
    std::uint8_t header_bytes = write_header(fields, header);
    if ((record[0] & 8) != 0) {
      header_bytes = static_cast<std::uint8_t>(header_bytes_min + (raw_options.size() + 3) / 4 * 4);
      std::fill(header.begin() + header_bytes_min, header.end(), std::uint8_t{0});
      std::copy(raw_options.begin(), raw_options.end(), header.begin() + header_bytes_min);
      header[12] = static_cast<std::uint8_t>(header_bytes / 4 << 4);
    }
    const Bytes size = header_bytes + number(record.subspan(8)) % payload_bytes_max;
    Buffer* buffer = bench_.pool.allocate(size);
    if (buffer == nullptr) return;
    std::fill_n(buffer->memory, size, std::uint8_t{0x5a});
    std::copy_n(header.begin(), header_bytes, buffer->memory);
    bench_.stack.on_segment(peer_address, gateway_address, 0, Slice::adopt(buffer, buffer->memory, size),
                            bench_.now);
  }

  void flush() {
    const std::vector<Sent> sent = bench_.flush();
    require(sent.size() <= segments_max);
    for (const Sent& one : sent) {
      Known& known = known_[one.view.target_port];
      known.ack = one.view.ack;
      known.end = one.view.end();
      known.timestamps = one.view.options.timestamps;
    }
  }

  void check() {
    for (Stream* stream : echo_.open) {
      require(stream->readable().size() <= queue_bytes && stream->unacknowledged() <= queue_bytes);
    }
    struct Checker final : ConnectionVisitor {
      void on_connection(const ConnectionInfo& info) override {
        require(info.reassembly <= queue_bytes && info.in_flight <= queue_bytes + 1);
        require(info.cwnd <= 1u << 30 && info.mss >= mss_min - 12u);
      }
    } checker;
    bench_.stack.visit(0, UINT32_MAX, checker);
    require(bench_.stack.connection_count() <= 16);
  }

  /// What the stack last said to a peer.
  struct Known {
    Seq ack;
    Seq end;
    Timestamps timestamps;
  };

  StackBench bench_;
  Echo echo_;
  std::map<std::uint16_t, Known> known_;
  std::uint16_t connecting_port_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  std::span<const std::uint8_t> input(data, size);
  for (std::size_t i = 0; i < records_max && input.size() >= record_bytes; ++i) {
    const auto record = input.first(record_bytes);
    input = input.subspan(record_bytes);
    const std::size_t options = std::min<std::size_t>(record[10] % 41u, input.size());
    world.step(record, input.first(options));
    input = input.subspan(options);
  }
  return 0;
}
