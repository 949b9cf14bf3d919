// A link that the kernel shares: who gets a frame, we, the kernel, or both (dataplane/net/host_kernel.cpp).
#include <catch2/catch_test_macros.hpp>

#include "tests/unit/dataplane/net/bench_ipv6.h"

using namespace byway;
using namespace byway::net;

namespace {

constexpr MacAddress broadcast = MacAddress::broadcast();
constexpr auto udp = static_cast<Protocol>(17);

/// What became of one frame.
struct Outcome {
  bool to_kernel = false;  ///< whole, as it came
  bool answered = false;
  bool up = false;  ///< to TCP, or as an error
  DropReason dropped = DropReason::none;
};

constexpr DropReason reasons[] = {
#define BYWAY_DROP(reason, help) DropReason::reason,
#define BYWAY_COUNTER(name, kind, help)
#include "dataplane/net/counters.def"
#undef BYWAY_COUNTER
#undef BYWAY_DROP
};

/// Catches what is the kernel's, beside what is sent.
class SharedWire final : public FrameSink {
 public:
  bool transmit(LinkIndex, std::span<const std::uint8_t> header, Rope&& payload) override {
    const Rope data = std::move(payload);
    ++sent;
    last.assign(header.begin(), header.end());
    return true;
  }
  void not_ours(LinkIndex link, Slice frame) override {
    CHECK(link == 0);
    CHECK(frame.owner()->references == 1);  // the worker makes a packet buffer of it again
    const auto bytes = frame.bytes();
    kernels.emplace_back(bytes.begin(), bytes.end());
  }
  int sent = 0;
  Frame last;
  std::vector<Frame> kernels;
};

/// 10.0.0.1/24 and 2001:db8::1/64 on link 0, which is shared or not; 10.0.0.99 is virtual.
struct SharedBench {
  HeapProvider heap;
  SlicePool slices{512};
  TimerWheel wheel{Instant{}};
  SharedWire wire;
  OwnCounters<Counter> counters;
  Host host{{slices, heap}, wheel, wire, counters.block, 1};
  Ingress ingress;
  Instant now{};

  explicit SharedBench(bool is_shared = true) {
    (void)host.add_link({gateway_mac, 1500});
    if (is_shared) host.share_link(0);
    (void)host.add_interface_address(0, prefix("10.0.0.1/24"), now);
    (void)host.add_interface_address(0, prefix("2001:db8::1/64"), now);
    (void)host.add_address(ip("10.0.0.99"), now);
    for (int i = 0; i < 5; ++i) {
      now = now + 1s;
      while (wheel.advance(now, 64) != 0) {
      }
    }
    receive(arp_frame({}));
    receive(ndp_frame(NdpFields{}));
    wire.kernels.clear();
  }
  void receive(const Frame& bytes, bool observe_only = false) {
    RxFrame frame;
    frame.bytes = heap.copy(bytes);
    frame.observe_only = observe_only;
    host.on_burst({&frame, 1}, now, ingress);
  }
  Outcome outcome(const Frame& bytes, bool observe_only = false) {
    wire.sent = 0;
    wire.kernels.clear();
    std::uint64_t before[std::size(reasons)];
    for (std::size_t i = 0; i < std::size(reasons); ++i)
      before[i] = counters.block.value(counter_of(reasons[i]));
    receive(bytes, observe_only);
    Outcome all;
    if (!wire.kernels.empty()) {
      CHECK(wire.kernels.size() == 1);
      CHECK(wire.kernels[0] == bytes);
      all.to_kernel = true;
    }
    all.answered = wire.sent > 0;
    all.up = ingress.segment_count + ingress.error_count > 0;
    for (std::size_t i = 0; i < std::size(reasons); ++i) {
      if (counters.block.value(counter_of(reasons[i])) != before[i]) all.dropped = reasons[i];
    }
    ingress.segments[0].payload = Slice();
    return all;
  }
};

void check_kernel_only(SharedBench& bench, const Frame& frame) {
  const Outcome all = bench.outcome(frame);
  CHECK(all.to_kernel);
  CHECK_FALSE(all.answered);
  CHECK_FALSE(all.up);
  CHECK(all.dropped == DropReason::none);  // it is not lost
}
void check_ours_only(SharedBench& bench, const Frame& frame) {
  const Outcome all = bench.outcome(frame);
  CHECK_FALSE(all.to_kernel);
  CHECK((all.answered || all.up));
  CHECK(all.dropped == DropReason::none);
}
void check_dropped(SharedBench& bench, const Frame& frame, DropReason reason) {
  const Outcome all = bench.outcome(frame);
  CHECK_FALSE(all.to_kernel);
  CHECK(all.answered == (reason == DropReason::ip_protocol));  // by an ICMP error
  CHECK_FALSE(all.up);
  CHECK(all.dropped == reason);
}

Frame icmp(std::string_view destination, std::uint8_t type, std::uint8_t code = 0, const Frame& rest = {}) {
  Frame bytes(icmp_header_bytes);
  bytes[0] = type;
  bytes[1] = code;
  bytes = joined(bytes, rest);
  store_be16(&bytes[2], checksum(bytes));
  return ip_frame({.destination = destination, .protocol = Protocol::icmp, .payload = bytes});
}

Frame icmpv6(std::string_view destination, std::uint8_t type, const Frame& rest = Frame(20)) {
  Frame bytes(4);
  bytes[0] = type;
  return ip6_frame(
      {.destination = destination, .next_header = 58, .hop_limit = 255, .payload = joined(bytes, rest)});
}

Frame to_group(Frame frame, const MacAddress& group = broadcast) {
  std::memcpy(frame.data(), group.bytes.data(), group.bytes.size());
  return frame;
}

}  // namespace

TEST_CASE("a question for an address of ours is answered by us, once") {
  SharedBench bench;
  check_ours_only(bench, arp_frame({}));
  check_ours_only(bench, arp_frame({.sender_ip = "0.0.0.0"}));  // a probe
  check_ours_only(bench, arp_frame({.target_ip = "10.0.0.99"}));
  check_ours_only(bench, ndp_frame(NdpFields{}));
  check_ours_only(bench, ndp_frame({.destination = "2001:db8::1"}));
  check_ours_only(bench, ndp_frame({.source = "::", .mac = std::nullopt}));
}

TEST_CASE("a question for an address of others is the kernel's, whose address it may be") {
  SharedBench bench;
  check_kernel_only(bench, arp_frame({.target_ip = "10.0.0.5"}));
  check_kernel_only(bench, arp_frame({.sender_ip = "10.0.0.7", .target_ip = "10.0.0.7"}));
  // Also from and about networks that only the kernel has there.
  check_kernel_only(bench, arp_frame({.sender_ip = "172.16.0.2", .target_ip = "172.16.0.5"}));
  check_kernel_only(bench, ndp_frame({.target = "2001:db8::5"}));
  check_kernel_only(bench, ndp_frame({.destination = "2001:db8::5", .target = "2001:db8::5"}));
  check_kernel_only(bench, ndp_frame({.source = "2001:db8:7::2", .target = "2001:db8:7::5"}));
  check_kernel_only(bench, ndp_frame({.source = "::", .target = "2001:db8::5", .mac = std::nullopt}));
}

TEST_CASE("what neighbours answer is heard by both") {
  SharedBench bench;
  Rope nothing(bench.slices);
  const Frame header(20);
  Outgoing out;
  out.source = ip("10.0.0.1");
  out.destination = ip("10.0.0.7");
  out.header = header;
  CHECK(bench.host.send(out, std::move(nothing), bench.now) == SendResult::sent);  // waits for its neighbour
  const Outcome answer = bench.outcome(arp_frame({.operation = ArpOperation::reply,
                                                  .sender_mac = other_mac,
                                                  .sender_ip = "10.0.0.7",
                                                  .ethernet_target = gateway_mac}));
  CHECK(answer.to_kernel);
  CHECK(answer.answered);  // the packet has left
  check_kernel_only(bench, ndp_answer());
  // Of an address that only the kernel has asked for, sent to one that only it has.
  check_kernel_only(bench, ndp_frame({.source = "2001:db8::9",
                                      .destination = "2001:db8::5",
                                      .target = "2001:db8::9",
                                      .solicitation = false,
                                      .solicited = true}));
}

TEST_CASE("a station that claims a shared address is told off by us, and the kernel hears of it") {
  SharedBench bench;
  const Outcome claim = bench.outcome(
      arp_frame({.operation = ArpOperation::reply, .sender_ip = "10.0.0.1", .target_ip = "10.0.0.1"}));
  CHECK(claim.answered);
  CHECK(claim.to_kernel);
}

TEST_CASE("frames of the kernel that come back are no conflict") {
  SharedBench bench;
  const std::uint64_t before = bench.counters.block.value(counter_of(DropReason::arp_conflict));
  bench.receive(arp_frame({.sender_mac = gateway_mac, .sender_ip = "10.0.0.1", .target_ip = "10.0.0.1"}));
  CHECK(bench.counters.block.value(counter_of(DropReason::arp_conflict)) == before);
  bench.receive(ndp_frame({.source = "::",
                           .mac = std::nullopt,
                           .ethernet_source = gateway_mac}));  // the kernel's own detection of duplicates
  CHECK(bench.counters.block.value(Counter::addresses_duplicate) == 0);
  CHECK(bench.counters.block.value(counter_of(DropReason::ndp_conflict)) == 0);
}

TEST_CASE("what another worker's frame tells of neighbours reaches the kernel through that worker alone") {
  SharedBench bench;
  CHECK_FALSE(bench.outcome(arp_frame({.target_ip = "10.0.0.5"}), true).to_kernel);
  CHECK_FALSE(bench.outcome(ndp_answer(), true).to_kernel);
}

TEST_CASE("other protocols and messages for a shared address are the kernel's") {
  SharedBench bench;
  check_kernel_only(bench, ip_frame({.protocol = udp, .payload = Frame(20)}));
  check_kernel_only(bench, ip_frame({.protocol = static_cast<Protocol>(132), .payload = Frame(20)}));
  check_kernel_only(bench, ip6_frame({.next_header = 17, .payload = Frame(20)}));
  check_kernel_only(bench, icmp("10.0.0.1", 0));   // the answer to a ping of the kernel
  check_kernel_only(bench, icmp("10.0.0.1", 13));  // timestamp
  check_kernel_only(bench, icmpv6("2001:db8::1", 129));
  check_kernel_only(bench, icmpv6("ff02::1", 134));  // router advertisement
}

TEST_CASE("what is for other addresses is the kernel's, TCP and echo requests too") {
  SharedBench bench;
  check_kernel_only(bench, ip_frame({.destination = "10.0.0.5", .payload = tcp_bytes()}));
  check_kernel_only(bench,
                    ip_frame({.source = "8.8.8.8", .destination = "10.0.0.5", .payload = tcp_bytes()}));
  check_kernel_only(bench, icmp("10.0.0.5", 8));
  check_kernel_only(bench, ip6_frame({.destination = "2001:db8::5", .payload = tcp_bytes()}));
  check_kernel_only(bench, icmpv6("2001:db8::5", 128));
  check_kernel_only(
      bench, to_group(ip_frame({.destination = "255.255.255.255", .protocol = udp, .payload = Frame(20)})));
  check_kernel_only(bench,
                    to_group(ip_frame({.destination = "224.0.0.251", .protocol = udp, .payload = Frame(20)}),
                             MacAddress{{1, 0, 0x5e, 0, 0, 0xfb}}));
}

TEST_CASE("other types of frames are the kernel's, tagged ones too") {
  SharedBench bench;
  check_kernel_only(bench, ethernet(gateway_mac, peer_mac, 0x8100, Frame(46)));
  check_kernel_only(bench, ethernet(MacAddress{{1, 0x80, 0xc2, 0, 0, 0x0e}}, peer_mac, 0x88cc, Frame(46)));
  check_dropped(bench, ethernet(other_mac, peer_mac, 0x88cc, Frame(46)), DropReason::ethernet_type);
}

TEST_CASE("TCP for our address goes up, and echo requests are answered by us") {
  SharedBench bench;
  check_ours_only(bench, ip_frame({.payload = tcp_bytes()}));
  check_ours_only(bench, ip6_frame({.payload = tcp_bytes()}));
  check_ours_only(bench, icmp("10.0.0.1", 8));
  check_ours_only(bench, icmpv6("2001:db8::1", 128));
}

TEST_CASE("TCP by link-local addresses is the kernel's") {
  SharedBench bench;
  const std::string local = text_of(link_local_of(gateway_mac));
  check_kernel_only(bench, ip6_frame({.source = "fe80::2", .destination = local, .payload = tcp_bytes()}));
}

TEST_CASE("an ICMP error reaches both: either may have sent the packet") {
  SharedBench bench;
  const Frame quoted = ip_packet({.source = "10.0.0.1", .destination = "10.0.0.9", .payload = Frame(8)});
  const Outcome all = bench.outcome(icmp("10.0.0.1", 3, 3, quoted));
  CHECK(all.up);
  CHECK(all.to_kernel);
}

TEST_CASE("pieces of TCP and ICMP are put together by us, those of others by the kernel") {
  SharedBench bench;
  const std::vector<Frame> own = in_pieces(ip_frame({.payload = tcp_bytes(std::string(100, 'x'))}), 64);
  CHECK_FALSE(bench.outcome(own[0]).to_kernel);
  CHECK_FALSE(bench.outcome(own[1]).to_kernel);
  CHECK(bench.ingress.whole_count == 1);
  bench.ingress.whole[0].bytes = Slice();
  for (const Frame& piece : in_pieces(ip_frame({.protocol = udp, .payload = Frame(100)}), 64))
    check_kernel_only(bench, piece);
  for (const Frame& piece :
       in_pieces(ip_frame({.destination = "10.0.0.5", .payload = tcp_bytes(std::string(100, 'x'))}), 64))
    check_kernel_only(bench, piece);
}

TEST_CASE("what is malformed, forged or for another station reaches neither") {
  SharedBench bench;
  Frame bad_ip = ip_frame({.destination = "10.0.0.5", .payload = tcp_bytes()});
  bad_ip[ethernet_header_bytes + 10] ^= 1;
  check_dropped(bench, bad_ip, DropReason::ip_checksum);
  Frame bad_tcp = ip_frame({.payload = tcp_bytes()});
  bad_tcp.back() ^= 1;
  check_dropped(bench, bad_tcp, DropReason::tcp_checksum);
  check_dropped(bench, ip_frame({.source = "10.0.0.1", .protocol = udp, .payload = Frame(20)}),
                DropReason::ip_martian);
  check_dropped(bench, ip_frame({.source = "9.9.9.9", .protocol = udp, .payload = Frame(20)}),
                DropReason::ip_reverse_path);
  check_dropped(bench, to_group(ip_frame({.protocol = udp, .payload = Frame(20)})),
                DropReason::ip_link_broadcast);
  check_dropped(bench, to_group(ip_frame({.destination = "10.0.0.5", .payload = tcp_bytes()}), other_mac),
                DropReason::ethernet_not_for_us);
}

TEST_CASE("a virtual address is ours alone") {
  SharedBench bench;
  check_dropped(bench, ip_frame({.destination = "10.0.0.99", .protocol = udp, .payload = Frame(20)}),
                DropReason::ip_protocol);
  check_dropped(bench, icmp("10.0.0.99", 13), DropReason::icmp_type);
  check_ours_only(bench, icmp("10.0.0.99", 8));
  CHECK_FALSE(bench.host.link_of_port_address(ip("10.0.0.99")));
  CHECK(bench.host.link_of_port_address(ip("10.0.0.1")) == LinkIndex{0});
}

TEST_CASE("an address that another station turned out to have is not ours to answer for") {
  SharedBench bench(true);
  (void)bench.host.add_interface_address(0, prefix("2001:db8::77/64"), bench.now);
  bench.receive(ndp_frame({.source = "2001:db8::77",
                           .destination = "ff02::1",
                           .target = "2001:db8::77",
                           .solicitation = false,
                           .override_known = true}));
  CHECK(bench.counters.block.value(Counter::addresses_duplicate) == 1);
  check_kernel_only(bench, ndp_frame({.target = "2001:db8::77"}));
}

TEST_CASE("of a link that is not shared nothing reaches the kernel, and the rest is dropped and counted") {
  SharedBench bench(false);
  check_dropped(bench, arp_frame({.target_ip = "10.0.0.5"}), DropReason::arp_not_for_us);
  check_dropped(bench, ip_frame({.protocol = udp, .payload = Frame(20)}), DropReason::ip_protocol);
  check_dropped(bench, ip_frame({.destination = "10.0.0.5", .payload = tcp_bytes()}),
                DropReason::ip_not_for_us);
  check_dropped(bench, ethernet(gateway_mac, peer_mac, 0x88cc, Frame(46)), DropReason::ethernet_type);
  check_dropped(bench, icmp("10.0.0.1", 0), DropReason::icmp_type);
  CHECK(bench.heap.live() == 0);
}

TEST_CASE("what the kernel gets is given up by the host") {
  SharedBench bench;
  check_kernel_only(bench, ip_frame({.protocol = udp, .payload = Frame(20)}));
  check_kernel_only(bench, icmp("10.0.0.1", 0));
  check_kernel_only(bench, ndp_answer());
  CHECK(bench.heap.live() == 0);
}
