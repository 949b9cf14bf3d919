#include "control/api/capture_filter.h"

#include <fmt/format.h>
#include <pcap/pcap.h>

#include <algorithm>
#include <memory>

namespace byway::control::api {

namespace {

/// What a matching program answers; any number but 0 would do.
constexpr int snaplen = 262'144;

struct CloseHandle {
  void operator()(pcap_t* handle) const { pcap_close(handle); }
};

}  // namespace

std::expected<shm::FilterProgram, std::string> compile_filter(const std::string& expression) {
  if (expression.size() > filter_text_bytes_max)
    return std::unexpected(fmt::format("has more than {} characters", filter_text_bytes_max));
  if (std::ranges::any_of(expression, [](char c) { return c < ' ' || c > '~'; }))
    return std::unexpected("has characters that no filter has");
  // No device is opened: the handle only says what the packets are.
  const std::unique_ptr<pcap_t, CloseHandle> handle(pcap_open_dead(DLT_EN10MB, snaplen));
  if (!handle) return std::unexpected("libpcap does not start");
  bpf_program compiled{};
  constexpr int optimize = 1;
  if (pcap_compile(handle.get(), &compiled, expression.c_str(), optimize, PCAP_NETMASK_UNKNOWN) != 0)
    return std::unexpected(pcap_geterr(handle.get()));
  shm::FilterProgram program;
  for (u_int i = 0; i < compiled.bf_len; ++i) {
    const bpf_insn& one = compiled.bf_insns[i];
    program.push_back({one.code, one.jt, one.jf, one.k});
  }
  pcap_freecode(&compiled);
  // What the data plane would refuse (`protochain` jumps backwards) is better said here.
  if (auto good = shm::check_filter(program); !good) return std::unexpected(good.error());
  return program;
}

}  // namespace byway::control::api
