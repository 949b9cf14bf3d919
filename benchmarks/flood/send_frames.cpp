// Sends equal IPv4 packets of many strangers into an interface, at a rate or as fast as it takes them:
//
//   send_frames INTERFACE TARGET_MAC TARGET_ADDRESS syn|stray|plain FRAMES_PER_SECOND SECONDS
//
// `syn` asks for a connection to TCP port 80, with the options of Linux. The others are as long: `stray`
// belongs to no connection and goes to a closed port; `plain` is of a protocol that nobody has (RFC 3692) and
// costs what it costs to take and drop a packet. 0 frames a second: the most. Prints how many were sent.
// Sources are of 198.18.0.0/15 (RFC 2544).
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <random>
#include <span>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t frames = 16'384;
constexpr std::size_t batch = 32;
constexpr std::size_t ip_at = 14;
constexpr std::size_t payload_at = ip_at + 20;
constexpr std::size_t frame_bytes = payload_at + 40;
constexpr std::uint8_t protocol_tcp = 6;
constexpr std::uint8_t protocol_nobody = 253;
constexpr std::uint16_t listening_port = 80;
constexpr std::uint16_t closed_port = 9;
constexpr std::uint32_t first_source = 0xc6120001;
constexpr std::uint32_t source_count = 1u << 16;
// MSS 1460, SACK permitted, timestamps, NOP, window scale 7.
constexpr std::array<std::uint8_t, 20> syn_options = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0,
                                                      0, 1, 0, 0,    0, 0, 1, 3,  3, 7};

enum class Kind : std::uint8_t { plain, stray, syn };

using Frame = std::array<std::uint8_t, frame_bytes>;

void put(std::uint8_t* at, std::uint32_t value, int octets) {
  for (int i = octets - 1; i >= 0; --i, value >>= 8) at[i] = static_cast<std::uint8_t>(value);
}

std::uint32_t sum_of(std::span<const std::uint8_t> octets) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i + 1 < octets.size(); i += 2)
    sum += static_cast<std::uint32_t>(octets[i] << 8 | octets[i + 1]);
  return sum;
}

std::uint16_t folded(std::uint32_t sum) {
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

Frame make_frame(std::span<const std::uint8_t, 12> addresses, std::uint32_t target, Kind kind,
                 std::mt19937& random) {
  Frame frame{};
  std::ranges::copy(addresses, frame.begin());
  put(&frame[12], ETHERTYPE_IP, 2);
  std::uint8_t* ip = &frame[ip_at];
  put(ip, 0x4500, 2);
  put(ip + 2, frame_bytes - ip_at, 2);
  put(ip + 6, 0x4000, 2);
  ip[8] = 64;
  ip[9] = kind == Kind::plain ? protocol_nobody : protocol_tcp;
  put(ip + 12, first_source + random() % source_count, 4);
  put(ip + 16, target, 4);
  put(ip + 10, folded(sum_of(std::span(frame).subspan(ip_at, 20))), 2);
  std::uint8_t* payload = &frame[payload_at];
  put(payload, static_cast<std::uint32_t>(1024 + random() % 60'000), 2);
  put(payload + 2, kind == Kind::stray ? closed_port : listening_port, 2);
  put(payload + 4, static_cast<std::uint32_t>(random()), 4);
  put(payload + 12, kind == Kind::stray ? 0xa010 : 0xa002, 2);
  put(payload + 14, 64'240, 2);
  std::ranges::copy(syn_options, payload + 20);
  const auto pseudo = sum_of(std::span(frame).subspan(ip_at + 12, 8)) + protocol_tcp + 40;
  put(payload + 16, folded(sum_of(std::span(frame).subspan(payload_at)) + pseudo), 2);
  return frame;
}

double seconds_now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "send_frames: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

int open_socket(const char* interface) {
  const int made = ::socket(AF_PACKET, SOCK_RAW, 0);
  if (made < 0) fail("a packet socket");
  sockaddr_ll where{};
  where.sll_family = AF_PACKET;
  where.sll_ifindex = static_cast<int>(::if_nametoindex(interface));
  if (::bind(made, reinterpret_cast<const sockaddr*>(&where), sizeof where) < 0) fail(interface);
  const int one = 1;
  if (::setsockopt(made, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one) < 0) fail("PACKET_QDISC_BYPASS");
  return made;
}

}  // namespace

int main(int argc, char** argv) {
  std::array<unsigned, 6> mac{};
  in_addr target{};
  if (argc != 7 ||
      std::sscanf(argv[2], "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6 ||
      ::inet_pton(AF_INET, argv[3], &target) != 1) {
    std::fprintf(
        stderr,
        "usage: send_frames INTERFACE TARGET_MAC TARGET_ADDRESS syn|stray|plain FRAMES_PER_SECOND SECONDS\n");
    return 2;
  }
  std::array<std::uint8_t, 12> addresses{};
  std::ranges::transform(mac, addresses.begin(),
                         [](unsigned octet) { return static_cast<std::uint8_t>(octet); });
  addresses[6] = 2;  // of a station that is nobody's
  std::mt19937 random(1);
  const std::string_view name = argv[4];
  const Kind kind = name == "syn" ? Kind::syn : name == "stray" ? Kind::stray : Kind::plain;
  std::vector<Frame> all;
  for (std::size_t i = 0; i < frames; ++i) {
    all.push_back(make_frame(addresses, ntohl(target.s_addr), kind, random));
  }
  std::vector<iovec> pieces;
  for (Frame& frame : all) pieces.push_back({frame.data(), frame.size()});
  std::vector<mmsghdr> messages(frames);
  for (std::size_t i = 0; i < frames; ++i) {
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }

  const int out = open_socket(argv[1]);
  const double rate = std::strtod(argv[5], nullptr);
  const double begin = seconds_now();
  const double end = begin + std::strtod(argv[6], nullptr);
  std::uint64_t sent = 0;
  for (std::size_t next = 0;;) {
    const double now = seconds_now();
    if (now >= end) break;
    if (rate > 0 && static_cast<double>(sent) > (now - begin) * rate) {
      const timespec pause{0, 50'000};
      ::nanosleep(&pause, nullptr);
      continue;
    }
    const int done = ::sendmmsg(out, &messages[next], batch, 0);
    if (done < 0 && errno != ENOBUFS && errno != EAGAIN) fail("sendmmsg");
    sent += static_cast<std::uint64_t>(std::max(done, 0));
    next = (next + batch) % frames;
  }
  std::printf("%llu\n", static_cast<unsigned long long>(sent));
  ::close(out);
  return 0;
}
