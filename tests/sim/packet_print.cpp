#include "tests/sim/packet_print.h"

#include <utility>

#include "dataplane/net/address_text.h"

namespace byway::sim {

namespace {

std::string text_of(const net::SocketAddress& address) {
  return sim::text_of(address.ip) + ":" + std::to_string(address.tcp_port);
}

std::string flags_of(const tcp::SegmentView& segment) {
  std::string flags;
  for (const auto& [bit, letter] :
       {std::pair{tcp::flag::syn, 'S'}, std::pair{tcp::flag::fin, 'F'}, std::pair{tcp::flag::rst, 'R'},
        std::pair{tcp::flag::psh, 'P'}, std::pair{tcp::flag::urg, 'U'}, std::pair{tcp::flag::ece, 'E'},
        std::pair{tcp::flag::cwr, 'W'}, std::pair{tcp::flag::ack, '.'}}) {
    if (segment.has(bit)) flags += letter;
  }
  return flags;
}

std::string options_of(const tcp::Options& options, std::uint32_t ack_base) {
  std::string text;
  const auto add = [&text](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  if (options.mss != 0) add("mss " + std::to_string(options.mss));
  if (options.sack_permitted) add("sackOK");
  if (options.has_timestamps) {
    add("ts " + std::to_string(options.timestamps.value) + " " + std::to_string(options.timestamps.echo));
  }
  if (options.has_window_scale) add("wscale " + std::to_string(options.window_scale));
  for (std::size_t i = 0; i < options.sack_count; ++i) {
    add("sack {" + std::to_string(options.sack[i].first.value - ack_base) + ":" +
        std::to_string(options.sack[i].end.value - ack_base) + "}");
  }
  return text;
}

}  // namespace

std::string text_of(const net::IpAddress& address) {
  char text[net::address_text_max];
  return {text, net::write_address(address, text)};
}

std::uint32_t PacketPrinter::base(const Direction& direction, tcp::Seq first, bool is_syn) {
  std::uint32_t& base = bases_.try_emplace(direction, first.value).first->second;
  if (is_syn) base = first.value;
  return base;
}

std::string PacketPrinter::line(const Packet& packet) {
  PacketView view;
  if (!parse_packet(packet, view)) return "damaged, " + std::to_string(packet.size()) + " octets";
  tcp::SegmentView segment;
  if (tcp::parse_segment(view.tcp, segment) != tcp::ParseResult::ok) {
    return text_of(view.source) + " > " + text_of(view.target) + " bad TCP header";
  }
  const net::SocketAddress from{view.source, segment.source_port};
  const net::SocketAddress to{view.target, segment.target_port};
  const std::uint32_t seq_base = base({from, to}, segment.seq, segment.has(tcp::flag::syn));
  std::string text = text_of(from) + " > " + text_of(to) + " [" + flags_of(segment) + "] seq " +
                     std::to_string(segment.seq.value - seq_base);
  if (segment.payload_bytes > 0) {
    text += ":" + std::to_string(segment.seq.value + segment.payload_bytes - seq_base);
  }
  if (segment.has(tcp::flag::syn)) text += " (" + std::to_string(segment.seq.value) + ")";
  std::uint32_t ack_base = 0;
  if (segment.has(tcp::flag::ack)) {
    ack_base = base({to, from}, segment.ack - 1, false);
    text += " ack " + std::to_string(segment.ack.value - ack_base);
  }
  text += " win " + std::to_string(segment.window) + " len " + std::to_string(segment.payload_bytes);
  const std::string options = options_of(segment.options, ack_base);
  if (!options.empty()) text += " <" + options + ">";
  if (view.ecn == tcp::ecn::congested) text += " CE";
  return text;
}

}  // namespace byway::sim
