#include "control/shm/capture_request.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <iterator>
#include <optional>

#include "control/shm/command_words.h"

namespace byway::shm {
namespace {

/// Hexadecimal digits of an instruction: code (4), jumps (2 and 2), k (8).
constexpr std::size_t instruction_digits = 16;

constexpr std::string_view direction_names[] = {"both", "received", "sent"};

void add_hex(std::string& out, std::uint64_t value, int digits) {
  constexpr std::string_view hex = "0123456789abcdef";
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) out += hex[value >> shift & 0xF];
}

std::optional<FilterInstruction> parse_instruction(std::string_view digits) {
  std::uint64_t value = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, value, 16);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return FilterInstruction{static_cast<std::uint16_t>(value >> 48), static_cast<std::uint8_t>(value >> 40),
                           static_cast<std::uint8_t>(value >> 32), static_cast<std::uint32_t>(value)};
}

std::expected<FilterProgram, std::string> parse_program(std::string_view digits) {
  if (digits.empty() || digits.size() % instruction_digits != 0 ||
      digits.size() / instruction_digits > filter_instructions_max) {
    return std::unexpected(std::string("filter: its length is not one of a program"));
  }
  FilterProgram program;
  for (; !digits.empty(); digits.remove_prefix(instruction_digits)) {
    const auto one = parse_instruction(digits.substr(0, instruction_digits));
    if (!one) return std::unexpected(std::string("filter: it has other characters than hexadecimal digits"));
    program.push_back(*one);
  }
  if (auto good = check_filter(program); !good) return std::unexpected(good.error());
  return program;
}

/// Reads one argument into `request`.
std::expected<void, std::string> take(const CommandWord& word, CaptureRequest& request) {
  const auto number = [&](auto& into, std::uint64_t least,
                          std::uint64_t most) -> std::expected<void, std::string> {
    const auto value = number_of(word, least, most);
    if (!value) return std::unexpected(value.error());
    into = static_cast<std::remove_reference_t<decltype(into)>>(*value);
    return {};
  };
  if (word.name == "snaplen") return number(request.snaplen, capture_snaplen_min, capture_snaplen_max);
  if (word.name == "ring") {
    if (auto good = number(request.ring_bytes, capture_ring_bytes_min, capture_ring_bytes_max); !good)
      return good;
    if (!std::has_single_bit(request.ring_bytes))
      return std::unexpected(std::string("ring: is a power of two"));
    return {};
  }
  if (word.name == "frames") return number(request.frames, 1, capture_frames_max);
  if (word.name == "bytes") return number(request.bytes, 1, capture_bytes_max);
  if (word.name == "duration-ms") return number(request.duration_ms, 1, capture_duration_ms_max);
  if (word.name == "port") {
    if (word.value.empty() || word.value.size() > capture_port_bytes_max)
      return std::unexpected(std::string("port: is a name of at most 32 characters"));
    request.port = word.value;
    return {};
  }
  if (word.name == "direction") {
    const auto found = std::ranges::find(direction_names, word.value);
    if (found == std::end(direction_names))
      return std::unexpected(std::string("direction: is both, received or sent"));
    request.direction = static_cast<CaptureDirection>(found - std::begin(direction_names));
    return {};
  }
  auto program = parse_program(word.value);
  if (!program) return std::unexpected(program.error());
  request.filter = std::move(*program);
  return {};
}

}  // namespace

std::string arguments_of(const CaptureRequest& request) {
  std::string text =
      "direction=" + std::string(direction_names[static_cast<std::size_t>(request.direction)]) +
      " snaplen=" + std::to_string(request.snaplen) + " ring=" + std::to_string(request.ring_bytes);
  if (!request.port.empty()) text += " port=" + request.port;
  if (request.frames != 0) text += " frames=" + std::to_string(request.frames);
  if (request.bytes != 0) text += " bytes=" + std::to_string(request.bytes);
  if (request.duration_ms != 0) text += " duration-ms=" + std::to_string(request.duration_ms);
  if (request.filter.empty()) return text;
  text += " filter=";
  for (const FilterInstruction& one : request.filter) {
    add_hex(text, one.code, 4);
    add_hex(text, one.jump_true, 2);
    add_hex(text, one.jump_false, 2);
    add_hex(text, one.k, 8);
  }
  return text;
}

std::expected<CaptureRequest, std::string> parse_capture_request(std::string_view arguments) {
  constexpr std::string_view names[] = {"bytes",  "direction", "duration-ms", "filter",
                                        "frames", "port",      "ring",        "snaplen"};
  const auto words = parse_words(arguments, names);
  if (!words) return std::unexpected(words.error());
  CaptureRequest request;
  for (const CommandWord& word : *words) {
    if (auto good = take(word, request); !good) return std::unexpected(good.error());
  }
  return request;
}

}  // namespace byway::shm
