#include "tests/packetdrill/tcp_info.h"

#include <algorithm>
#include <optional>

namespace byway::packetdrill {

namespace {

std::uint8_t number_of(tcp::State state) {
  switch (state) {
    case tcp::State::closed:
      return TCP_CLOSE;
    case tcp::State::syn_sent:
      return TCP_SYN_SENT;
    case tcp::State::syn_received:
      return TCP_SYN_RECV;
    case tcp::State::established:
      return TCP_ESTABLISHED;
    case tcp::State::fin_wait_1:
      return TCP_FIN_WAIT1;
    case tcp::State::fin_wait_2:
      return TCP_FIN_WAIT2;
    case tcp::State::close_wait:
      return TCP_CLOSE_WAIT;
    case tcp::State::closing:
      return TCP_CLOSING;
    case tcp::State::last_ack:
      return TCP_LAST_ACK;
    case tcp::State::time_wait:
      return TCP_TIME_WAIT;
  }
  return TCP_CLOSE;
}

std::optional<tcp::ConnectionInfo> find(VirtualHost& host, const TcpSocket& socket) {
  struct Finder final : tcp::ConnectionVisitor {
    explicit Finder(const tcp::FlowKey& flow) : wanted(flow) {}
    void on_connection(const tcp::ConnectionInfo& info) override {
      if (info.flow == wanted) found = info;
    }
    tcp::FlowKey wanted;
    std::optional<tcp::ConnectionInfo> found;
  } finder({socket.local.ip, socket.remote.ip, socket.local.tcp_port, socket.remote.tcp_port});
  host.stack().visit(0, UINT32_MAX, finder);
  return finder.found;
}

std::uint32_t microseconds(Nanoseconds time) {
  return static_cast<std::uint32_t>(time / 1us);
}

}  // namespace

tcp_info info_of(VirtualHost& host, const TcpSocket& socket) {
  tcp_info out{};
  out.tcpi_state = socket.is_listening ? TCP_LISTEN : TCP_CLOSE;
  const auto info = find(host, socket);
  if (!info) return out;
  const std::uint32_t mss = std::max(info->mss, 1u);
  out.tcpi_state = number_of(info->state);
  out.tcpi_rto = microseconds(info->rto);
  out.tcpi_rtt = microseconds(info->srtt);
  out.tcpi_snd_mss = info->mss;
  out.tcpi_snd_cwnd = info->cwnd / mss;
  out.tcpi_snd_ssthresh = info->ssthresh == UINT32_MAX ? INT32_MAX : info->ssthresh / mss;
  out.tcpi_unacked = (info->in_flight + mss - 1) / mss;
  out.tcpi_total_retrans = info->retransmits;
  return out;
}

}  // namespace byway::packetdrill
