#include "tests/packetdrill/host_options.h"

#include <charconv>

namespace byway::packetdrill {

namespace {

bool set_option(std::string_view name, std::uint32_t value, HostOptions& out) {
  tcp::KeepAlive& keepalive = out.stack.keepalive;
  if (name == "mtu") {
    out.mtu = static_cast<std::uint16_t>(value);
  } else if (name == "receive_buffer") {
    out.stack.receive_buffer_bytes = value;
  } else if (name == "send_buffer") {
    out.stack.send_buffer_bytes = value;
  } else if (name == "ecn" && value <= static_cast<std::uint32_t>(tcp::Ecn::always)) {
    out.stack.ecn = static_cast<tcp::Ecn>(value);
  } else if (name == "pacing") {
    out.stack.pacing = value != 0;
  } else if (name == "sockets") {
    out.stack.sockets_max = value;
  } else if (name == "user_timeout") {
    out.stack.user_timeout = std::chrono::milliseconds(value);
  } else if (name == "keepalive_idle") {
    keepalive.enabled = true;
    keepalive.idle = std::chrono::milliseconds(value);
  } else if (name == "keepalive_interval") {
    keepalive.interval = std::chrono::milliseconds(value);
  } else if (name == "keepalive_probes") {
    keepalive.probes_max = static_cast<std::uint8_t>(value);
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::string read_options(std::string_view text, HostOptions& out) {
  while (true) {
    const std::size_t begin = text.find_first_not_of(" ,");
    if (begin == std::string_view::npos) return {};
    text.remove_prefix(begin);
    const std::string_view word = text.substr(0, text.find_first_of(" ,"));
    text.remove_prefix(word.size());
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) return "no value in " + std::string(word);
    const std::string_view number = word.substr(equals + 1);
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error != std::errc{} || end != number.data() + number.size())
      return "no number in " + std::string(word);
    if (!set_option(word.substr(0, equals), value, out)) return "no such option: " + std::string(word);
  }
}

}  // namespace byway::packetdrill
