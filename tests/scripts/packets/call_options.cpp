// fcntl, ioctl, getsockopt, setsockopt and what TCP_INFO says.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include <sstream>

#include "tests/scripts/packets/call_words.h"
#include "tests/scripts/packets/calls.h"

namespace byway::scripts {

namespace {

struct NamedOption {
  std::string_view name;
  int level;
  int option;
};
constexpr NamedOption known_options[] = {
    {"SO_ERROR", SOL_SOCKET, SO_ERROR},         {"SO_REUSEADDR", SOL_SOCKET, SO_REUSEADDR},
    {"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE}, {"SO_ACCEPTCONN", SOL_SOCKET, SO_ACCEPTCONN},
    {"SO_SNDBUF", SOL_SOCKET, SO_SNDBUF},       {"SO_RCVBUF", SOL_SOCKET, SO_RCVBUF},
    {"SO_LINGER", SOL_SOCKET, SO_LINGER},       {"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY},
    {"TCP_MAXSEG", IPPROTO_TCP, TCP_MAXSEG},    {"TCP_USER_TIMEOUT", IPPROTO_TCP, TCP_USER_TIMEOUT},
    {"TCP_CORK", IPPROTO_TCP, TCP_CORK},
};

constexpr std::string_view state_names[] = {"",           "ESTABLISHED", "SYN-SENT",  "SYN-RECEIVED",
                                            "FIN-WAIT-1", "FIN-WAIT-2",  "TIME-WAIT", "CLOSED",
                                            "CLOSE-WAIT", "LAST-ACK",    "LISTEN",    "CLOSING"};

std::string value_of(const tcp_info& info, const std::string& key) {
  if (key == "state") return std::string(state_names[info.tcpi_state]);
  if (key == "cwnd") return std::to_string(info.tcpi_snd_cwnd);
  if (key == "ssthresh")
    return info.tcpi_snd_ssthresh == INT32_MAX ? "none" : std::to_string(info.tcpi_snd_ssthresh);
  if (key == "rto_us") return std::to_string(info.tcpi_rto);
  if (key == "rtt_us") return std::to_string(info.tcpi_rtt);
  if (key == "mss") return std::to_string(info.tcpi_snd_mss);
  if (key == "unacked") return std::to_string(info.tcpi_unacked);
  if (key == "retransmits") return std::to_string(info.tcpi_total_retrans);
  return "there is no such value";
}

}  // namespace

/// info FD = KEY VALUE KEY VALUE ...: those that are named are shown.
std::string Calls::info(int fd, const std::string& wanted) {
  tcp_info info{};
  socklen_t length = sizeof info;
  const int result = table_.getsockopt(table_.userdata, fd, IPPROTO_TCP, TCP_INFO, &info, &length);
  if (result != 0) return result_of(result);
  std::istringstream keys(wanted);
  std::string text;
  for (std::string key, value; keys >> key >> value;) {
    text += (text.empty() ? "" : " ") + key + " " + value_of(info, key);
  }
  return text;
}

std::string Calls::options(const Words& words, const std::string& wanted) {
  void* const user = table_.userdata;
  const int fd = words.size() > 1 ? static_cast<int>(number_of(words[1]).value_or(-1)) : -1;
  const std::string& name = words[0];
  if (name == "info") return info(fd, wanted);
  if (name == "nonblock") return result_of(table_.fcntl(user, fd, F_SETFL, O_RDWR | O_NONBLOCK));
  if (name == "block") return result_of(table_.fcntl(user, fd, F_SETFL, O_RDWR));
  if (name == "inq" || name == "outq") {
    int count = 0;
    const int result =
        table_.ioctl(user, fd, name == "inq" ? std::uint64_t{FIONREAD} : std::uint64_t{TIOCOUTQ}, &count);
    return result == 0 ? std::to_string(count) : result_of(result);
  }
  if (name == "pipe") {
    int ends[2];
    return result_of(table_.pipe(user, ends));
  }
  for (const NamedOption& option : known_options) {
    if (words.size() < 3 || option.name != words[2]) continue;
    const bool is_linger = option.option == SO_LINGER && option.level == SOL_SOCKET;
    if (name == "getsockopt") {
      int value = 0;
      socklen_t length = sizeof value;
      const int result = table_.getsockopt(user, fd, option.level, option.option, &value, &length);
      if (result != 0) return result_of(result);
      const bool is_error = option.option == SO_ERROR && option.level == SOL_SOCKET;
      return is_error && value != 0 ? error_name(value) : std::to_string(value);
    }
    if (name != "setsockopt" || words.size() != 4) break;
    const int value = static_cast<int>(number_of(words[3]).value_or(0));
    const linger on_close{1, value};  // "SO_LINGER 0": close resets
    if (is_linger)
      return result_of(table_.setsockopt(user, fd, option.level, option.option, &on_close, sizeof on_close));
    return result_of(table_.setsockopt(user, fd, option.level, option.option, &value, sizeof value));
  }
  return "there is no call " + name + " of this form";
}

}  // namespace byway::scripts
