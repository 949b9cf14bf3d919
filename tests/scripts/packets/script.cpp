#include "tests/scripts/packets/script.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

namespace byway::scripts {

namespace {

constexpr std::uint16_t mtu_usual = 1500;
constexpr std::uint16_t headers_v4 = 40;
constexpr std::uint16_t headers_v6 = 60;
/// Files that include each other for ever are a mistake.
constexpr int depth_max = 4;

class Reader {
 public:
  Reader(Script& script, Family family)
      : script_(script), own_mss_(mtu_usual - (family == Family::v4 ? headers_v4 : headers_v6)) {}

  /// What is wrong, or nothing.
  std::string read(const std::filesystem::path& path, int depth) {
    std::ifstream file(path);
    if (!file || depth > depth_max) return path.string() + ": cannot be read";
    std::string line;
    for (int number = 1; std::getline(file, line); ++number) {
      const std::string where = path.filename().string() + ":" + std::to_string(number);
      if (depth == 0 && script_.rule.empty() && line.starts_with("# ")) script_.rule = line.substr(2);
      line = line.substr(0, line.find('#'));
      line.erase(0, line.find_first_not_of(" \t"));
      line.erase(line.find_last_not_of(" \t") + 1);
      if (line.empty()) continue;
      if (line.starts_with("include ")) {
        if (const std::string wrong = read(path.parent_path() / line.substr(8), depth + 1); !wrong.empty()) {
          return wrong;
        }
      } else if (const std::string wrong = read_line(line, where); !wrong.empty()) {
        return where + ": " + wrong + ": " + line;
      }
    }
    return {};
  }

 private:
  std::string read_line(const std::string& line, const std::string& where) {
    std::istringstream stream(line);
    std::string word;
    stream >> word;
    if (word == "set") {
      std::string rest;
      std::getline(stream, rest);
      script_.settings += rest;
      if (const std::size_t at = rest.find("mtu="); at != std::string::npos) {
        own_mss_ = static_cast<std::uint16_t>(own_mss_ + std::stoi(rest.substr(at + 4)) - mtu_usual);
      }
      return {};
    }
    if (word == "only") {
      stream >> word;
      (word == "v4" ? script_.for_v6 : script_.for_v4) = false;
      return word == "v4" || word == "v6" ? "" : "v4 or v6 is wanted";
    }
    Step step;
    step.where = where;
    step.text = line;
    if (!read_times(word, step)) return "a line begins with a time";
    return read_step(stream, step);
  }

  static bool read_time(std::string_view word, ScriptTime& out) {
    out.is_relative = word.starts_with('+');
    if (out.is_relative) word.remove_prefix(1);
    double seconds = 0;
    std::istringstream stream{std::string(word)};
    if (!(stream >> seconds) || !stream.eof()) return false;
    out.us = std::llround(seconds * 1e6);
    return true;
  }

  static bool read_times(const std::string& word, Step& step) {
    const std::size_t dots = word.find("..");
    if (!read_time(word.substr(0, dots), step.time)) return false;
    if (dots == std::string::npos) return true;
    step.end.emplace();
    return read_time(word.substr(dots + 2), *step.end);
  }

  std::string read_step(std::istringstream& stream, Step& step) {
    std::string kind;
    std::string rest;
    stream >> kind;
    std::getline(stream, rest);
    if (kind == "<" && rest.starts_with(" icmp ")) return read_router(rest.substr(6), step);
    if (kind == "<" || kind == ">") {
      step.kind = kind == "<" ? StepKind::inject : StepKind::expect;
      std::string wrong;
      const std::vector<PacketText> packets = read_packets(rest, usual_peer_port, own_mss_, wrong);
      for (const PacketText& packet : packets) {
        step.packet = packet;
        script_.steps.push_back(step);
        step.time = {0, true};
      }
      return wrong;
    }
    if (kind == "flood") {
      step.kind = StepKind::flood;
      step.count = static_cast<std::uint16_t>(std::stoi(rest));
      script_.steps.push_back(step);
      return {};
    }
    if (kind == "forget") {
      step.kind = StepKind::forget;
      const std::size_t at = rest.find('@');
      step.packet.peer_port = at == std::string::npos
                                  ? usual_peer_port
                                  : static_cast<std::uint16_t>(std::stoi(rest.substr(at + 1)));
      script_.steps.push_back(step);
      return {};
    }
    const std::size_t equals = rest.rfind(" = ");
    if (equals == std::string::npos) return "`<`, `>`, or a call and ` = ` its result";
    step.result = rest.substr(equals + 3);
    step.words.push_back(kind);
    std::istringstream arguments(rest.substr(0, equals));
    for (std::string word; arguments >> word;) step.words.push_back(word);
    script_.steps.push_back(step);
    return {};
  }

  /// "[@PORT] too_big MTU SEQ", or another error and SEQ.
  std::string read_router(const std::string& text, Step& step) {
    static constexpr std::pair<std::string_view, RouterError> names[] = {
        {"too_big", RouterError::too_big},
        {"net_unreachable", RouterError::net_unreachable},
        {"host_unreachable", RouterError::host_unreachable},
        {"port_unreachable", RouterError::port_unreachable}};
    std::istringstream stream(text);
    std::string word;
    stream >> word;
    step.kind = StepKind::router;
    step.packet.peer_port = usual_peer_port;
    if (word.starts_with('@')) {
      step.packet.peer_port = static_cast<std::uint16_t>(std::stoi(word.substr(1)));
      stream >> word;
    }
    const auto* const name = std::find_if(std::begin(names), std::end(names),
                                          [&](const auto& entry) { return entry.first == word; });
    if (name == std::end(names))
      return "`too_big MTU`, `net_unreachable`, `host_unreachable` or `port_unreachable` is wanted";
    step.error = name->second;
    if (step.error == RouterError::too_big) stream >> step.mtu;
    if (!(stream >> step.packet.seq) || stream >> word) return "one number of a segment is wanted at the end";
    script_.steps.push_back(step);
    return {};
  }

  Script& script_;
  std::uint16_t own_mss_;
};

}  // namespace

std::optional<Script> read_script(const std::filesystem::path& path, Family family, std::string& wrong) {
  Script script;
  wrong = Reader(script, family).read(path, 0);
  if (wrong.empty() && script.rule.empty())
    wrong = path.string() + ": it begins with a comment that says its rule";
  if (!wrong.empty()) return std::nullopt;
  return script;
}

}  // namespace byway::scripts
