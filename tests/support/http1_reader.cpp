// Reads request streams as the gateway does, for comparison with other parsers: see llhttp_oracle.js for what
// goes in and comes out ("error" is the name of the refusal,
// "last_first" where the last message begins, "rest" how many bytes are waiting for more).
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

#include "l7/http1/body.h"
#include "l7/http1/parse.h"

namespace {

using byway::l7::RequestHead;
using namespace byway::l7::http1;

std::string hex(std::string_view text) {
  static constexpr std::string_view digits = "0123456789abcdef";
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    result += digits[byte >> 4];
    result += digits[byte & 15];
  }
  return result;
}

std::string describe(const char* base, const RequestHead& head) {
  std::string line = "{\"method\":\"" + std::string(head.method_text.in(base)) + "\",\"target\":\"" +
                     hex(head.target.in(base)) + "\",\"fields\":[";
  for (std::size_t i = 0; i < head.field_count; ++i) {
    line += i == 0 ? "[\"" : ",[\"";
    line += hex(head.fields[i].name.in(base)) + "\",\"" + hex(head.fields[i].value.in(base)) + "\"]";
  }
  return line + (head.upgrade ? "],\"upgrade\":true,\"body\":\"" : "],\"upgrade\":false,\"body\":\"");
}

// Reads one message off the front of `wire`; false when none follows it.
bool read_message(std::string_view& wire, std::string& line, Refusal& refusal) {
  RequestParser parser;
  RequestHead head;
  const ParseResult result = parser.parse(wire.data(), wire.size(), head);
  refusal = parser.refusal();
  if (result != ParseResult::complete) return false;
  if (line.back() == '}') line += ',';
  line += describe(wire.data(), head);
  wire.remove_prefix(head.bytes);
  BodyReader body(head);
  while (!body.is_complete() && !wire.empty()) {
    const BodyStep step = body.next(wire.data(), wire.size());
    line += hex(wire.substr(step.framing, step.payload));
    wire.remove_prefix(step.framing + step.payload);
    if (step.result == BodyResult::error) break;
  }
  line += body.is_complete() ? "\",\"complete\":true}" : "\",\"complete\":false}";
  refusal = body.refusal();
  if (body.is_complete() && !head.keep_alive) wire = {};  // the connection closes: the rest is never read
  return body.is_complete() && head.keep_alive;
}

std::string read_stream(std::string_view wire) {
  std::string line = "{\"messages\":[";
  Refusal refusal = Refusal::none;
  const std::size_t size = wire.size();
  std::size_t last_first = 0;
  while (read_message(wire, line, refusal)) last_first = size - wire.size();
  line += "],\"last_first\":" + std::to_string(last_first) + ",\"rest\":" + std::to_string(wire.size()) +
          ",\"error\":";
  return line + (refusal == Refusal::none ? "null}" : "\"" + std::string(name_of(refusal)) + "\"}");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: http1_reader CASES\n";
    return 2;
  }
  std::ifstream file(argv[1], std::ios::binary);
  const std::string input{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  for (std::size_t at = 0; at + sizeof(std::uint32_t) <= input.size();) {
    std::uint32_t size = 0;
    std::memcpy(&size, input.data() + at, sizeof size);
    std::cout << read_stream(std::string_view(input).substr(at + sizeof size, size)) << "\n";
    at += sizeof size + size;
  }
  return 0;
}
