#include "tests/scripts/packets/packet_text.h"

#include <algorithm>
#include <charconv>
#include <sstream>

namespace byway::scripts {

namespace {

/// As tcpdump shows them.
constexpr std::string_view flag_letters = "FSRP.UEW";
constexpr std::string_view ecn_names[] = {"", "ect1", "ect0", "ce"};
constexpr std::uint16_t usual_window = 65'535;

bool read_number(std::string_view text, std::int64_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

bool read_flags(std::string_view word, PacketText& out) {
  if (word == "-") return true;
  for (const char letter : word) {
    if (letter == 'p') {
      out.any_push = true;
      continue;
    }
    const std::size_t bit = flag_letters.find(letter);
    if (bit == std::string_view::npos) return false;
    out.flags = static_cast<std::uint8_t>(out.flags | 1u << bit);
  }
  return true;
}

std::vector<std::string> words_of(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

bool read_raw(std::string_view digits, std::vector<std::uint8_t>& out) {
  if (digits.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    std::uint8_t octet = 0;
    if (std::from_chars(digits.data() + i, digits.data() + i + 2, octet, 16).ec != std::errc{}) return false;
    out.push_back(octet);
  }
  return true;
}

/// "mss 1460", "TS 5 0", "sack 1:2 5:6" and so on. Numbers stay relative.
bool read_option(std::string_view text, std::uint16_t own_mss, PacketText& out) {
  const std::vector<std::string> words = words_of(text);
  if (words.empty()) return false;
  static constexpr std::pair<std::string_view, OptionKind> names[] = {{"eol", OptionKind::end},
                                                                      {"nop", OptionKind::no_operation},
                                                                      {"mss", OptionKind::mss},
                                                                      {"wscale", OptionKind::window_scale},
                                                                      {"sackOK", OptionKind::sack_permitted},
                                                                      {"sack", OptionKind::sack},
                                                                      {"TS", OptionKind::timestamps},
                                                                      {"raw", OptionKind::raw}};
  const auto* const name = std::find_if(std::begin(names), std::end(names),
                                        [&](const auto& entry) { return entry.first == words[0]; });
  if (name == std::end(names)) return false;
  Option option{name->second, {}, {}};
  if (option.kind == OptionKind::raw) {
    if (words.size() != 2 || !read_raw(words[1], option.bytes)) return false;
    out.options.push_back(option);
    return true;
  }
  for (std::size_t i = 1; i < words.size(); ++i) {
    std::int64_t first = 0;
    std::int64_t second = 0;
    const std::size_t colon = words[i].find(':');
    if (words[i] == "*" && option.kind == OptionKind::timestamps && i == 1) {
      out.any_timestamp = true;
    } else if (words[i] == "own" && option.kind == OptionKind::mss) {
      first = own_mss;
    } else if (!read_number(words[i].substr(0, colon), first)) {
      return false;
    }
    option.numbers.push_back(static_cast<std::uint32_t>(first));
    if (colon == std::string::npos) continue;
    if (!read_number(words[i].substr(colon + 1), second)) return false;
    option.numbers.push_back(static_cast<std::uint32_t>(second));
  }
  const std::size_t count = option.numbers.size();
  const bool fits = option.kind == OptionKind::sack         ? count > 0 && count % 2 == 0
                    : option.kind == OptionKind::timestamps ? count == 2
                    : option.kind == OptionKind::mss || option.kind == OptionKind::window_scale ? count == 1
                                                                                                : count == 0;
  if (fits) out.options.push_back(option);
  return fits;
}

bool read_options(std::string_view text, std::uint16_t own_mss, PacketText& out) {
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    if (!read_option(text.substr(0, comma), own_mss, out)) return false;
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
  }
  return true;
}

/// "SEQ", "SEQ:END" or "SEQ:END/SIZE".
bool read_range(std::string_view word, PacketText& out, std::int64_t& size) {
  const std::size_t slash = word.find('/');
  if (slash != std::string_view::npos && (!read_number(word.substr(slash + 1), size) || size <= 0))
    return false;
  word = word.substr(0, slash);
  const std::size_t colon = word.find(':');
  if (!read_number(word.substr(0, colon), out.seq)) return false;
  out.end = out.seq;
  return colon == std::string_view::npos ||
         (read_number(word.substr(colon + 1), out.end) && out.end > out.seq);
}

/// An option with its numbers as they are on the wire, or the other way round.
enum class Direction : std::uint8_t { to_wire, to_text };

Option shifted(Option option, const Flow& flow, Sender sender, Direction direction) {
  const std::uint32_t sign = direction == Direction::to_wire ? 1u : ~0u;
  if (option.kind == OptionKind::sack) {  // of what the other side has sent
    const std::uint32_t start = flow.start_of(sender == Sender::peer ? Sender::own : Sender::peer);
    for (std::uint32_t& number : option.numbers) number += sign * start;
  }
  if (option.kind == OptionKind::timestamps) {  // our own clock is relative, the peer's is as written
    if (sender == Sender::own) option.numbers[0] += sign * flow.clock_start;
    if (sender == Sender::peer && option.numbers[1] != 0) option.numbers[1] += sign * flow.clock_start;
  }
  return option;
}

void write_option(std::ostream& out, const Option& option) {
  static constexpr std::string_view names[] = {"eol", "nop", "mss", "wscale", "sackOK", "sack", "TS", "raw"};
  out << names[static_cast<std::size_t>(option.kind)];
  for (std::size_t i = 0; i < option.numbers.size(); ++i) {
    out << (option.kind == OptionKind::sack && i % 2 == 1 ? ":" : " ")
        << static_cast<std::int32_t>(option.numbers[i]);
  }
}

bool same_options(const PacketText& text, const std::vector<Option>& found, const Flow& flow) {
  std::vector<Option> wanted;
  for (const Option& option : text.options) {
    if (option.kind == OptionKind::no_operation || option.kind == OptionKind::end) continue;
    wanted.push_back(shifted(option, flow, Sender::own, Direction::to_wire));
  }
  if (wanted.size() != found.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (text.any_timestamp && wanted[i].kind == OptionKind::timestamps && found[i].kind == wanted[i].kind) {
      wanted[i].numbers[0] = found[i].numbers[0];
    }
  }
  return wanted == found;
}

}  // namespace

std::uint8_t octet_of(Sender sender, std::uint64_t offset) {
  return static_cast<std::uint8_t>(offset * 7 + (offset >> 8) * 13 + (sender == Sender::peer ? 101 : 11));
}

std::vector<PacketText> read_packets(std::string_view text, std::uint16_t usual_port, std::uint16_t own_mss,
                                     std::string& wrong) {
  PacketText packet;
  packet.peer_port = usual_port;
  wrong = "not a packet";
  const std::size_t angle = text.find('<');
  if (angle != std::string_view::npos) {
    const std::size_t close = text.find('>', angle);
    if (close == std::string_view::npos) return {};
    wrong = "not options";
    if (!read_options(text.substr(angle + 1, close - angle - 1), own_mss, packet)) return {};
    wrong = "words behind the options";
    if (!words_of(text.substr(close + 1)).empty()) return {};
    text = text.substr(0, angle);
  }
  std::vector<std::string> words = words_of(text);
  std::size_t at = 0;
  std::int64_t number = 0;
  if (at < words.size() && words[at][0] == '@') {
    if (!read_number(std::string_view(words[at++]).substr(1), number)) return {};
    packet.peer_port = static_cast<std::uint16_t>(number);
  }
  for (std::uint8_t ecn = 1; ecn < 4; ++ecn) {
    if (at < words.size() && words[at] == ecn_names[ecn]) {
      packet.ecn = ecn;
      ++at;
      break;
    }
  }
  std::int64_t size = 0;
  wrong = "FLAGS and SEQ are wanted";
  if (at + 2 > words.size() || !read_flags(words[at], packet) || !read_range(words[at + 1], packet, size)) {
    return {};
  }
  wrong = "`ack N` and `win N` are what may follow";
  for (at += 2; at < words.size(); at += 2) {
    if (at + 1 == words.size() || !read_number(words[at + 1], number)) return {};
    if (words[at] == "ack") {
      packet.ack = number;
    } else if (words[at] == "win") {
      packet.window = static_cast<std::uint16_t>(number);
    } else {
      return {};
    }
  }
  wrong = "`ack N` goes with the flag \".\"";
  if (packet.ack.has_value() != ((packet.flags & flag_ack) != 0)) return {};
  wrong.clear();
  if (size == 0) return {packet};
  std::vector<PacketText> all;
  for (std::int64_t seq = packet.seq; seq < packet.end; seq += size) {
    PacketText piece = packet;
    piece.seq = seq;
    piece.end = std::min(packet.end, seq + size);
    if (piece.end != packet.end) piece.flags &= flag_ack;
    all.push_back(piece);
  }
  return all;
}

Packet make(const PacketText& text, const Flow& flow) {
  Packet packet;
  packet.source_port = flow.peer_port;
  packet.target_port = flow.own_port;
  packet.seq = flow.peer_start + static_cast<std::uint32_t>(text.seq);
  packet.ack = text.ack ? flow.own_start + static_cast<std::uint32_t>(*text.ack) : 0;
  packet.window = text.window.value_or(usual_window);
  packet.flags = text.flags;
  packet.ecn = text.ecn;
  for (const Option& option : text.options) {
    packet.options.push_back(shifted(option, flow, Sender::peer, Direction::to_wire));
  }
  const std::int64_t first = text.seq + ((text.flags & flag_syn) != 0 ? 1 : 0);
  for (std::int64_t i = 0; i < text.end - text.seq; ++i) {
    packet.payload.push_back(octet_of(Sender::peer, static_cast<std::uint64_t>(first + i - 1)));
  }
  return packet;
}

std::string difference(const PacketText& text, const Packet& packet, const Flow& flow) {
  const auto is = [](bool same, const char* what) { return same ? std::string() : std::string(what) + " "; };
  const auto length = static_cast<std::size_t>(text.end - text.seq);
  std::string all = is(packet.target_port == text.peer_port && packet.source_port == flow.own_port, "ports");
  const auto flags = static_cast<std::uint8_t>(text.any_push ? packet.flags & ~flag_psh : packet.flags);
  all += is(flags == text.flags, "flags");
  all += is(packet.ecn == text.ecn, "ECN");
  all += is(packet.seq == flow.own_start + static_cast<std::uint32_t>(text.seq), "seq");
  all += is(packet.payload.size() == length, "length");
  all += is(!text.ack || packet.ack == flow.peer_start + static_cast<std::uint32_t>(*text.ack), "ack");
  all += is(!text.window || packet.window == *text.window, "window");
  all += is(same_options(text, packet.options, flow), "options");
  for (std::size_t i = 0; all.empty() && i < length; ++i) {
    const auto offset = static_cast<std::uint64_t>(text.seq - 1) + i;
    if (packet.payload[i] != octet_of(Sender::own, offset))
      all = "octet " + std::to_string(offset) + " of the stream";
  }
  return all;
}

std::string write(const Packet& packet, const Flow& flow, Sender sender) {
  std::ostringstream out;
  const std::uint32_t other = flow.start_of(sender == Sender::peer ? Sender::own : Sender::peer);
  const auto seq = static_cast<std::int32_t>(packet.seq - flow.start_of(sender));
  out << '@' << flow.peer_port << ' ' << ecn_names[packet.ecn] << (packet.ecn != 0 ? " " : "");
  for (std::size_t bit = 0; bit < flag_letters.size(); ++bit) {
    if ((packet.flags >> bit & 1) != 0) out << flag_letters[bit];
  }
  out << (packet.flags == 0 ? "- " : " ") << seq;
  if (!packet.payload.empty()) out << ':' << seq + static_cast<std::int64_t>(packet.payload.size());
  if ((packet.flags & flag_ack) != 0) out << " ack " << static_cast<std::int32_t>(packet.ack - other);
  out << " win " << packet.window;
  if (packet.options.empty()) return out.str();
  out << " <";
  for (std::size_t i = 0; i < packet.options.size(); ++i) {
    if (i > 0) out << ", ";
    write_option(out, shifted(packet.options[i], flow, sender, Direction::to_text));
  }
  out << '>';
  return out.str();
}

}  // namespace byway::scripts
