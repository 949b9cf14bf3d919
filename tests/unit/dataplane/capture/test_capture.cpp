// Filters as libpcap compiles them, and what a worker's part of a capture does with frames.
#include <pcap/pcap.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>
#include <vector>

#include "dataplane/capture.h"

using namespace byway;

namespace {

using Frame = std::vector<std::uint8_t>;

/// Ethernet, IPv4 without options, TCP.
Frame tcp_frame(std::uint8_t from, std::uint8_t to, std::uint16_t from_port, std::uint16_t to_port) {
  const auto high = [](std::uint16_t number) { return static_cast<std::uint8_t>(number >> 8); };
  const auto low = [](std::uint16_t number) { return static_cast<std::uint8_t>(number); };
  Frame frame{2,
              0,
              0,
              0,
              0,
              1,
              2,
              0,
              0,
              0,
              0,
              2,
              0x08,
              0x00,  // Ethernet
              0x45,
              0,
              0,
              40,
              0,
              0,
              0,
              0,
              64,
              6,
              0,
              0,  // IPv4
              10,
              80,
              0,
              from,
              10,
              80,
              0,
              to,  // from, to
              high(from_port),
              low(from_port),
              high(to_port),
              low(to_port)};
  frame.resize(14 + 20 + 20);
  frame[14 + 20 + 12] = 0x50;
  return frame;
}

Frame arp_frame() {
  Frame frame(60);
  frame[12] = 0x08;
  frame[13] = 0x06;
  return frame;
}

shm::FilterProgram compile(const std::string& expression) {
  pcap_t* handle = pcap_open_dead(DLT_EN10MB, 262'144);
  bpf_program compiled{};
  REQUIRE(pcap_compile(handle, &compiled, expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) == 0);
  shm::FilterProgram program;
  for (u_int i = 0; i < compiled.bf_len; ++i) {
    const bpf_insn& one = compiled.bf_insns[i];
    program.push_back({one.code, one.jt, one.jf, one.k});
  }
  pcap_freecode(&compiled);
  pcap_close(handle);
  return program;
}

bool is_wanted(const std::string& expression, const Frame& frame) {
  const shm::FilterProgram program = compile(expression);
  REQUIRE(shm::check_filter(program).has_value());
  return matches(program, std::as_bytes(std::span(frame)), static_cast<std::uint32_t>(frame.size()));
}

CapturedFrame captured(const Frame& frame, std::uint8_t link = 0) {
  return {Instant{1}, static_cast<std::uint32_t>(frame.size()), link, false, std::as_bytes(std::span(frame))};
}

shm::CaptureRequest request_of(const std::string& expression = "") {
  shm::CaptureRequest request;
  request.ring_bytes = shm::capture_ring_bytes_min;
  if (!expression.empty()) request.filter = compile(expression);
  return request;
}

}  // namespace

TEST_CASE("filters by host, port and protocol take the frames that they name") {
  const Frame frame = tcp_frame(1, 2, 40'000, 80);
  const auto [expression, wanted] = GENERATE(table<std::string, bool>({
      {"host 10.80.0.2", true},
      {"host 10.80.0.3", false},
      {"src host 10.80.0.1 and dst port 80", true},
      {"src port 80", false},
      {"tcp port 80 or udp port 53", true},
      {"arp", false},
      {"net 10.80.0.0/24 and not port 22", true},
      {"ip[8] = 64 and tcp[13] = 0", true},
      {"ip[8] << 2 == 256", true},
      {"greater 55", false},
      {"portrange 79-81", true},
  }));
  CAPTURE(expression);
  CHECK(is_wanted(expression, frame) == wanted);
}

TEST_CASE("a frame that ends before what the filter looks at is not wanted") {
  Frame frame = tcp_frame(1, 2, 40'000, 80);
  frame.resize(14 + 20 + 3);
  CHECK_FALSE(is_wanted("tcp dst port 80", frame));
  frame.resize(3);
  CHECK_FALSE(is_wanted("ip", frame));
  frame.clear();
  CHECK_FALSE(is_wanted("ip", frame));
}

TEST_CASE("an empty filter wants everything") {
  CHECK(matches({}, {}, 0));
}

TEST_CASE("`protochain`, which libpcap compiles to a loop, is refused") {
  CHECK_FALSE(shm::check_filter(compile("ip6 protochain 6")).has_value());
}

TEST_CASE("the ports and the direction of a capture are those that were asked for") {
  shm::CaptureRequest request = request_of();
  request.direction = shm::CaptureDirection::received;
  const Capture capture(request, 0b101);
  CHECK(capture.wants(0, false));
  CHECK_FALSE(capture.wants(0, true));
  CHECK_FALSE(capture.wants(1, false));
  CHECK(capture.wants(2, false));
}

TEST_CASE("what passes the filter is kept, as far as wanted, and everything is counted by its port") {
  shm::CaptureRequest request = request_of("tcp");
  request.snaplen = 34;
  Capture capture(request, 0b11);
  CHECK(capture.take(captured(tcp_frame(1, 2, 3, 4), 1)) == CaptureOutcome::kept);
  CHECK(capture.take(captured(arp_frame(), 1)) == CaptureOutcome::passed_over);
  const auto kept = capture.ring().front();
  REQUIRE(kept);
  CHECK(kept->bytes.size() == 34);
  CHECK(kept->wire_bytes == 54);
  CHECK(kept->link == 1);
  CHECK(capture.counts(1).seen == 2);
  CHECK(capture.counts(1).matched == 1);
  CHECK(capture.counts(1).dropped == 0);
  CHECK(capture.counts(0).seen == 0);
}

TEST_CASE("the filter sees more of a frame than is kept of it") {
  shm::CaptureRequest request = request_of("tcp dst port 80");
  request.snaplen = shm::capture_snaplen_min;
  Capture capture(request, 1);
  CHECK(capture.take(captured(tcp_frame(1, 2, 3, 80))) == CaptureOutcome::kept);
  CHECK(capture.ring().front()->bytes.size() == shm::capture_snaplen_min);
}

TEST_CASE("a frame that finds the ring full is dropped and counted") {
  const shm::CaptureRequest request = request_of();
  Capture capture(request, 1);
  const Frame large(60'000);
  std::uint64_t kept = 0;
  while (capture.take(captured(large)) == CaptureOutcome::kept) ++kept;
  CHECK(capture.take(captured(large)) == CaptureOutcome::dropped);
  CHECK(capture.counts(0).matched == kept + 2);
  CHECK(capture.counts(0).dropped == 2);
}
