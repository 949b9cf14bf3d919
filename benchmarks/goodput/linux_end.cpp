#include "benchmarks/goodput/linux_end.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <linux/tcp.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <system_error>

namespace byway::goodput {

namespace {

constexpr const char* interface_name = "lossy";
constexpr std::size_t mac_bytes = 6;
constexpr std::size_t ethernet_bytes = 14;
constexpr std::size_t frame_bytes_max = ethernet_bytes + 1500;
constexpr std::size_t portion = 65'536;
constexpr std::string_view congestion_control = "cubic";
/// Each end's MAC address ends in the last octet of its IPv4 address.
constexpr std::array<std::uint8_t, mac_bytes> mac_base = {2, 0, 0, 0, 0, 0};
/// As Linux has them unless told otherwise: this machine may have been told otherwise.
constexpr const char* settings[][2] = {
    {"net/ipv6/conf/all/disable_ipv6", "1"},
    {"net/ipv6/conf/default/disable_ipv6", "1"},
    {"net/ipv4/tcp_rmem", "4096 131072 6291456"},
    {"net/ipv4/tcp_wmem", "4096 16384 4194304"},
    {"net/ipv4/tcp_ecn", "2"},
    {"net/ipv4/tcp_sack", "1"},
    {"net/ipv4/tcp_recovery", "1"},
    {"net/ipv4/tcp_early_retrans", "3"},
    {"net/ipv4/tcp_mtu_probing", "0"},
    {"net/ipv4/tcp_slow_start_after_idle", "1"},
};

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

std::array<std::uint8_t, mac_bytes> mac_of(const net::IpAddress& address) {
  auto mac = mac_base;
  mac.back() = static_cast<std::uint8_t>(address.v4().value);
  return mac;
}

sockaddr_in socket_address(const net::IpAddress& address, std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  result.sin_addr.s_addr = htonl(address.v4().value);
  return result;
}

template <typename Address>
const sockaddr* as_sockaddr(const Address& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

void Descriptor::reset(int number) {
  if (number_ >= 0) ::close(number_);
  number_ = number;
}

LinuxEnd::LinuxEnd(const net::IpAddress& address, const net::IpAddress& peer)
    : address_(address), buffer_(portion) {
  checked(::unshare(CLONE_NEWNET), "a network namespace");
  for (const auto& [name, value] : settings) {
    std::ofstream file(std::string("/proc/sys/") + name);
    if (!(file << value << std::flush))
      throw std::runtime_error(fmt::format("cannot set {} to {}", name, value));
  }
  open_tap();
  set_address(address, peer);
  socket_.reset(checked(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "a socket"));
  // The namespace's default is the machine's, and to change it there takes rights on the machine.
  checked(::setsockopt(socket_.get(), IPPROTO_TCP, TCP_CONGESTION, congestion_control.data(),
                       congestion_control.size()),
          "cubic");
}

void LinuxEnd::open_tap() {
  tap_.reset(checked(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC), "/dev/net/tun"));
  // Offloads are off unless TUNSETOFFLOAD turns them on: packets are of the size that a wire has.
  ifreq request{};
  std::strncpy(request.ifr_name, interface_name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  checked(::ioctl(tap_.get(), TUNSETIFF, &request), "a TAP interface");
}

void LinuxEnd::set_address(const net::IpAddress& address, const net::IpAddress& peer) {
  const Descriptor any(checked(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "a socket"));
  ifreq request{};
  std::strncpy(request.ifr_name, interface_name, IFNAMSIZ - 1);
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::ranges::copy(mac_of(address), request.ifr_hwaddr.sa_data);
  checked(::ioctl(any.get(), SIOCSIFHWADDR, &request), "the MAC address");
  const sockaddr_in own = socket_address(address, 0);
  std::memcpy(&request.ifr_addr, &own, sizeof own);
  checked(::ioctl(any.get(), SIOCSIFADDR, &request), "the address");
  const sockaddr_in mask = socket_address(net::IpAddress::from_v4({0xffffff00}), 0);
  std::memcpy(&request.ifr_netmask, &mask, sizeof mask);
  checked(::ioctl(any.get(), SIOCSIFNETMASK, &request), "the netmask");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  checked(::ioctl(any.get(), SIOCSIFFLAGS, &request), "the interface's state");
  // A permanent neighbour: no ARP takes a packet's number.
  arpreq neighbour{};
  const sockaddr_in other = socket_address(peer, 0);
  std::memcpy(&neighbour.arp_pa, &other, sizeof other);
  neighbour.arp_ha.sa_family = ARPHRD_ETHER;
  std::ranges::copy(mac_of(peer), neighbour.arp_ha.sa_data);
  neighbour.arp_flags = ATF_PERM | ATF_COM;
  std::strncpy(neighbour.arp_dev, interface_name, sizeof neighbour.arp_dev - 1);
  checked(::ioctl(any.get(), SIOCSARP, &neighbour), "the neighbour");
}

void LinuxEnd::begin_receiving() {
  const sockaddr_in own = socket_address(address_, data_port);
  checked(::bind(socket_.get(), as_sockaddr(own), sizeof own), "bind");
  checked(::listen(socket_.get(), 1), "listen");
}

void LinuxEnd::begin_sending(const net::IpAddress& remote) {
  is_sender_ = true;
  const sockaddr_in other = socket_address(remote, data_port);
  if (::connect(socket_.get(), as_sockaddr(other), sizeof other) < 0 && errno != EINPROGRESS)
    checked(-1, "connect");
}

void LinuxEnd::on_packet(const sim::Packet& packet, Instant) {
  std::array<std::uint8_t, frame_bytes_max> frame{};
  const auto own = mac_of(address_);
  std::ranges::copy(own, frame.begin());
  std::ranges::copy(mac_base, frame.begin() + mac_bytes);
  frame[2 * mac_bytes] = 0x08;  // IPv4
  std::ranges::copy(packet, frame.begin() + ethernet_bytes);
  checked(static_cast<int>(::write(tap_.get(), frame.data(), ethernet_bytes + packet.size())),
          "write to the TAP");
}

bool LinuxEnd::next_packet(sim::Packet& packet, Instant) {
  std::array<std::uint8_t, frame_bytes_max> frame{};
  while (true) {
    const ssize_t length = ::read(tap_.get(), frame.data(), frame.size());
    if (length < 0 && errno == EAGAIN) return false;
    checked(static_cast<int>(length), "read from the TAP");
    if (frame[2 * mac_bytes] != 0x08 || frame[2 * mac_bytes + 1] != 0) continue;
    packet.assign(frame.begin() + ethernet_bytes, frame.begin() + length);
    return true;
  }
}

void LinuxEnd::run(Instant) {
  if (is_sender_) {
    write_some();
    return;
  }
  if (!accepted_.is_open())
    accepted_.reset(::accept4(socket_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (accepted_.is_open()) read_some();
}

void LinuxEnd::write_some() {
  while (true) {
    const ssize_t written = ::send(socket_.get(), buffer_.data(), buffer_.size(), MSG_NOSIGNAL);
    if (written < 0 && (errno == EAGAIN || errno == EINPROGRESS)) return;
    checked(static_cast<int>(written), "send");
  }
}

void LinuxEnd::read_some() {
  while (true) {
    const ssize_t length = ::recv(accepted_.get(), buffer_.data(), buffer_.size(), 0);
    if (length < 0 && errno == EAGAIN) return;
    if (length == 0) throw std::runtime_error("Linux's connection has ended");
    received_ += static_cast<std::uint64_t>(checked(static_cast<int>(length), "recv"));
  }
}

void LinuxEnd::add_descriptors(std::vector<pollfd>& descriptors) const {
  descriptors.push_back({tap_.get(), POLLIN, 0});
  const int number = accepted_.is_open() ? accepted_.get() : socket_.get();
  descriptors.push_back({number, static_cast<short>(is_sender_ ? POLLOUT : POLLIN), 0});
}

std::string LinuxEnd::describe() const {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (!socket_.is_open() || ::getsockopt(socket_.get(), IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
    return "no connection";
  return fmt::format("sent again {}, cwnd {}, ssthresh {}, rtt {} us, reordering {}, DSACKs {}",
                     info.tcpi_total_retrans, info.tcpi_snd_cwnd, info.tcpi_snd_ssthresh, info.tcpi_rtt,
                     info.tcpi_reord_seen, info.tcpi_dsack_dups);
}

}  // namespace byway::goodput
