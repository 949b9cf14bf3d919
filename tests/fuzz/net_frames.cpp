// Any bytes as frames on a port: whatever they are, the host must not read past them, must keep its bounds,
// must return every buffer, and must only ever send frames that it would accept itself.
//
// Input: a control byte and a length byte before each frame. The control byte's low bits choose the port, its
// bit 2 whether checksums count as verified (so that the fuzzer gets past them), bit 3 lets time pass, bit 4
// sends a packet of our own.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "dataplane/net/host.h"

namespace {

using namespace byway;
using namespace byway::net;

constexpr MacAddress own_mac{{2, 0, 0, 0, 0, 1}};

void require(bool condition) {
  if (!condition) std::abort();
}

class Checker final : public FrameSink {
 public:
  explicit Checker(HeapProvider& heap) : heap_(heap) {}

  bool transmit(LinkIndex link, std::span<const std::uint8_t> header, Rope&& payload) override {
    Rope data = std::move(payload);
    const auto size = static_cast<Bytes>(header.size()) + data.size();
    Buffer* buffer = heap_.allocate(size);
    if (buffer == nullptr) return false;
    std::memcpy(buffer->memory, header.data(), header.size());
    data.copy_to(0, {buffer->memory + header.size(), data.size()});
    RxFrame frame;
    frame.bytes = Slice::adopt(buffer, buffer->memory, size);
    frame.link = link;
    FrameView view;
    require(parse_frame(frame, view) == DropReason::none);
    require(view.ethernet.source == own_mac);
    return true;
  }

 private:
  HeapProvider& heap_;
};

struct World {
  HeapProvider heap;
  SlicePool slices{128};
  TimerWheel wheel{Instant{}};
  Checker sink{heap};
  OwnCounters<Counter> counters;
  Host host{{slices, heap}, wheel, sink, counters.block};
  Ingress ingress;
  Instant now{};

  World() {
    for (const std::uint32_t network : {0x0a000001u, 0xc0a80701u}) {
      const auto link = host.add_link({own_mac, 1500});
      require(host.add_interface_address(link.value(), Prefix::from_v4({network}, 24), now) ==
              AddressError::none);
    }
    require(host.add_route(Prefix::from_v4({0}, 0), IpAddress::from_v4({0x0a0000fe})) == RouteError::none);
  }

  void send(std::uint8_t host_part) {
    Rope payload(slices);
    require(payload.append(heap.copy("payload")));
    const std::array<std::uint8_t, 20> header{};
    Outgoing out;
    out.source = IpAddress::from_v4({0x0a000001});
    out.destination = IpAddress::from_v4({0x0a000000u | host_part});
    out.header = header;
    static_cast<void>(host.send(out, std::move(payload), now));
  }

  void receive(std::uint8_t control, std::span<const std::uint8_t> bytes) {
    RxFrame frame;
    frame.bytes = heap.copy(bytes);
    frame.link = control & 1;
    frame.ip_checksum_verified = frame.transport_checksum_verified = (control & 4) != 0;
    if ((control & 8) != 0) now = now + Nanoseconds(400ms) * control;
    wheel.advance(now, 64);
    if ((control & 16) != 0) send(control);
    host.on_burst({&frame, 1}, now, ingress);
    for (std::size_t i = 0; i < ingress.segment_count; ++i) {
      require(ingress.segments[i].payload.size() + ipv4_header_bytes + ethernet_header_bytes <= bytes.size());
      ingress.segments[i].payload = Slice();
    }
    require(host.neighbors().size() <= neighbors_max);
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  World world;
  std::span<const std::uint8_t> input(data, size);
  while (input.size() > 2) {
    const std::uint8_t control = input[0];
    const std::size_t length = std::min<std::size_t>(input[1], input.size() - 2);
    world.receive(control, input.subspan(2, length));
    input = input.subspan(2 + length);
  }
  return 0;
}
