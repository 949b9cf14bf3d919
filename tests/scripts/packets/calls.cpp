#include "tests/scripts/packets/calls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "tests/scripts/packets/call_words.h"
#include "tests/scripts/packets/packet_text.h"
#include "tests/scripts/packets/script.h"

namespace byway::scripts {

namespace {

constexpr NamedNumber message_flags[] = {
    {"dontwait", MSG_DONTWAIT}, {"peek", MSG_PEEK}, {"waitall", MSG_WAITALL}};
constexpr NamedNumber poll_names[] = {
    {"in", POLLIN}, {"out", POLLOUT}, {"rdhup", EPOLLRDHUP}, {"err", POLLERR}, {"hup", POLLHUP}};
constexpr NamedNumber epoll_names[] = {{"in", EPOLLIN},          {"out", EPOLLOUT}, {"rdhup", EPOLLRDHUP},
                                       {"err", EPOLLERR},        {"hup", EPOLLHUP}, {"et", EPOLLET},
                                       {"oneshot", EPOLLONESHOT}};

/// The peer's address, or any of ours, with a TCP port.
class Address {
 public:
  Address(Family family, const char* v4, const char* v6, std::int64_t tcp_port) {
    if (family == Family::v4) {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(static_cast<std::uint16_t>(tcp_port));
      inet_pton(AF_INET, v4, &address.sin_addr);
      std::memcpy(&storage_, &address, length_ = sizeof address);
    } else {
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_port = htons(static_cast<std::uint16_t>(tcp_port));
      inet_pton(AF_INET6, v6, &address.sin6_addr);
      std::memcpy(&storage_, &address, length_ = sizeof address);
    }
  }
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  [[nodiscard]] socklen_t length() const { return length_; }

 private:
  sockaddr_storage storage_{};
  socklen_t length_ = 0;
};

std::string no_call(const std::vector<std::string>& words) {
  return "there is no call " + words[0] + " of this form";
}

std::int64_t argument(const std::vector<std::string>& words, std::size_t at) {
  return at < words.size() ? number_of(words[at]).value_or(-1) : -1;
}

int fd_of(const std::vector<std::string>& words) {
  return static_cast<int>(argument(words, 1));
}

}  // namespace

std::string Calls::run(const Words& words, const std::string& wanted) {
  const std::string& name = words[0];
  for (const char* known : {"socket", "bind", "listen", "accept", "connect", "shutdown", "close"}) {
    if (name == known) return open(words);
  }
  for (const char* known : {"read", "readv", "recv", "recvfrom", "recvmsg"}) {
    if (name == known) return read(words);
  }
  for (const char* known : {"write", "writev", "send", "sendto", "sendmsg"}) {
    if (name == known) return write(words);
  }
  if (name == "poll") return poll(words);
  if (name.starts_with("epoll_")) return epoll(words);
  return options(words, wanted);
}

std::string Calls::begun(int fd) {
  if (fd >= 0) places_[fd] = {};
  return result_of(fd);
}

std::string Calls::open(const Words& words) {
  void* const user = table_.userdata;
  const int domain = family_ == Family::v4 ? AF_INET : AF_INET6;
  const int fd = fd_of(words);
  if (words[0] == "socket") {
    const bool nonblocking = words.size() > 1 && words[1] == "nonblock";
    return begun(table_.socket(user, domain, SOCK_STREAM | (nonblocking ? SOCK_NONBLOCK : 0), IPPROTO_TCP));
  }
  if (words[0] == "bind") {
    const Address any(family_, "0.0.0.0", "::", argument(words, 2));
    return result_of(table_.bind(user, fd, any.get(), any.length()));
  }
  if (words[0] == "connect") {
    const std::int64_t to = words.size() > 2 ? number_of(words[2].substr(1)).value_or(0) : usual_peer_port;
    const Address peer(family_, "192.0.2.1", "2001:db8::1", to);
    places_[fd] = {};
    return result_of(table_.connect(user, fd, peer.get(), peer.length()));
  }
  if (words[0] == "listen") return result_of(table_.listen(user, fd, 128));
  if (words[0] == "accept") return begun(table_.accept(user, fd, nullptr, nullptr));
  if (words[0] == "close") return result_of(table_.close(user, fd));
  const std::string how = words.size() > 2 ? words[2] : "";
  if (how != "rd" && how != "wr" && how != "rdwr") return no_call(words);
  return result_of(table_.shutdown(user, fd, how == "rd" ? SHUT_RD : how == "wr" ? SHUT_WR : SHUT_RDWR));
}

// ---- Data ------------------------------------------------------------------------------------------------

namespace {

/// Two parts of a block, to see that calls with parts keep their order.
std::array<iovec, 2> halves_of(std::vector<std::uint8_t>& block) {
  const std::size_t half = block.size() / 2;
  return {iovec{block.data(), half}, iovec{block.data() + half, block.size() - half}};
}

}  // namespace

ssize_t Calls::transfer_in(const std::string& name, int fd, std::vector<std::uint8_t>& out, int flags) {
  void* const user = table_.userdata;
  if (name == "read") return table_.read(user, fd, out.data(), out.size());
  if (name == "recv") return table_.recv(user, fd, out.data(), out.size(), flags);
  if (name == "recvfrom") return table_.recvfrom(user, fd, out.data(), out.size(), flags, nullptr, nullptr);
  auto parts = halves_of(out);
  if (name == "readv") return table_.readv(user, fd, parts.data(), static_cast<int>(parts.size()));
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return table_.recvmsg(user, fd, &message, flags);
}

ssize_t Calls::transfer_out(const std::string& name, int fd, std::vector<std::uint8_t>& data, int flags) {
  void* const user = table_.userdata;
  if (name == "write") return table_.write(user, fd, data.data(), data.size());
  if (name == "send") return table_.send(user, fd, data.data(), data.size(), flags);
  if (name == "sendto") return table_.sendto(user, fd, data.data(), data.size(), flags, nullptr, 0);
  auto parts = halves_of(data);
  if (name == "writev") return table_.writev(user, fd, parts.data(), static_cast<int>(parts.size()));
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return table_.sendmsg(user, fd, &message, flags);
}

std::string Calls::read(const Words& words) {
  const int fd = fd_of(words);
  const std::int64_t size = argument(words, 2);
  const auto flags = bits_of(words.size() > 3 ? words[3] : "", message_flags);
  if (size < 0 || !flags) return no_call(words);
  std::vector<std::uint8_t> out(static_cast<std::size_t>(size));
  const ssize_t count = transfer_in(words[0], fd, out, static_cast<int>(*flags));
  if (count < 0) return result_of(count);
  Place& place = places_[fd];
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    if (out[i] != octet_of(Sender::peer, place.read + i))
      return "a wrong octet at " + std::to_string(place.read + i);
  }
  if ((*flags & MSG_PEEK) == 0) place.read += static_cast<std::uint64_t>(count);
  return result_of(count);
}

std::string Calls::write(const Words& words) {
  const int fd = fd_of(words);
  const std::int64_t size = argument(words, 2);
  const auto flags = bits_of(words.size() > 3 ? words[3] : "", message_flags);
  if (size < 0 || !flags) return no_call(words);
  Place& place = places_[fd];
  std::vector<std::uint8_t> data(static_cast<std::size_t>(size));
  for (std::size_t i = 0; i < data.size(); ++i) data[i] = octet_of(Sender::own, place.written + i);
  const ssize_t count = transfer_out(words[0], fd, data, static_cast<int>(*flags) | MSG_NOSIGNAL);
  if (count > 0) place.written += static_cast<std::uint64_t>(count);
  return result_of(count);
}

// ---- Waiting ---------------------------------------------------------------------------------------------

/// poll FD EVENTS TIMEOUT_MS = EVENTS, or none.
std::string Calls::poll(const Words& words) {
  const auto wanted = bits_of(words.size() > 2 ? words[2] : "", poll_names);
  if (words.size() != 4 || !wanted) return no_call(words);
  pollfd entry{fd_of(words), static_cast<short>(*wanted), 0};
  const int count = table_.poll(table_.userdata, &entry, 1, static_cast<int>(argument(words, 3)));
  if (count < 0) return result_of(count);
  if (count != (entry.revents != 0 ? 1 : 0)) return "the count is not that of the events";
  return names_of(static_cast<std::uint16_t>(entry.revents), poll_names);
}

/// epoll_create = FD; epoll_ctl EPFD add|mod|del FD EVENTS = 0; epoll_wait EPFD TIMEOUT_MS = FD:EVENTS ... or
/// none.
std::string Calls::epoll(const Words& words) {
  void* const user = table_.userdata;
  if (words[0] == "epoll_create") return result_of(table_.epoll_create(user, 1));
  const int epoll_fd = fd_of(words);
  if (words[0] == "epoll_ctl" && words.size() >= 4) {
    const auto events = bits_of(words.size() > 4 ? words[4] : "", epoll_names);
    if (!events) return no_call(words);
    epoll_event event{};
    event.events = *events;
    event.data.fd = static_cast<int>(argument(words, 3));
    const int operation = words[2] == "add"   ? EPOLL_CTL_ADD
                          : words[2] == "mod" ? EPOLL_CTL_MOD
                                              : EPOLL_CTL_DEL;
    return result_of(table_.epoll_ctl(user, epoll_fd, operation, event.data.fd, &event));
  }
  if (words[0] != "epoll_wait" || words.size() != 3) return no_call(words);
  std::array<epoll_event, 16> events{};
  const int count = table_.epoll_wait(user, epoll_fd, events.data(), static_cast<int>(events.size()),
                                      static_cast<int>(argument(words, 2)));
  if (count < 0) return result_of(count);
  std::string text;
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
    text += (i > 0 ? " " : "") + std::to_string(events[i].data.fd) + ":" +
            names_of(events[i].events, epoll_names);
  }
  return text.empty() ? "none" : text;
}

}  // namespace byway::scripts
