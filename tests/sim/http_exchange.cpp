#include "tests/sim/http_exchange.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "tests/sim/tcp_endpoint.h"

namespace byway::sim {

namespace {

/// Longest value of one padding field: some lines fill a segment, some span several.
constexpr std::uint32_t padding_value_max = 4000;

std::string padding(std::uint32_t octets) {
  std::string out;
  for (; octets > 0; octets -= std::min(octets, padding_value_max)) {
    const std::uint32_t size = std::min(octets, padding_value_max);
    out += "X-Padding: " + std::string(size, static_cast<char>('a' + size % 26)) + "\r\n";
  }
  return out;
}

std::string framing_field(Framing framing, std::uint64_t length) {
  if (framing == Framing::chunked) return "Transfer-Encoding: chunked\r\n";
  if (framing == Framing::length) return "Content-Length: " + std::to_string(length) + "\r\n";
  return {};
}

std::string content(std::uint64_t key, std::uint32_t size, Framing framing, Random& random) {
  std::string bytes(size, '\0');
  for (std::uint32_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(stream_byte(key, i));
  if (framing != Framing::chunked) return bytes;
  std::string out;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t piece = std::min<std::size_t>(
        bytes.size() - at, random.chance(0.2) ? random.between(1, 20) : random.between(1, 20'000));
    std::array<char, 20> head;
    const int head_size = std::snprintf(head.data(), head.size(), "%zx\r\n", piece);
    out.append(head.data(), static_cast<std::size_t>(head_size));
    out.append(bytes, at, piece);
    out += "\r\n";
    at += piece;
  }
  return out + "0\r\n\r\n";
}

std::string_view reason_of(std::uint16_t status) {
  return status == 204 ? "No Content" : status == 304 ? "Not Modified" : status == 200 ? "OK" : "Whatever";
}

}  // namespace

std::string request_head(const HttpExchange& x) {
  std::string out(x.method);
  out += " /x/" + std::to_string(x.id) + (x.is_http10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
  out += "Host: " + std::string(x.host) + "\r\n";
  out += padding(x.request_padding);
  out += framing_field(x.request_framing, x.request_bytes);
  if (x.expects_continue) out += "Expect: 100-continue\r\n";
  if (x.is_http10 && !x.asks_close) out += "Connection: keep-alive\r\n";
  if (!x.is_http10 && x.asks_close) out += "Connection: close\r\n";
  return out + "\r\n";
}

std::string request_content(const HttpExchange& x, Random& random) {
  if (x.request_framing == Framing::none) return {};
  return content(x.request_key(), x.request_bytes, x.request_framing, random);
}

std::string response_text(const HttpExchange& x, Random& random) {
  if (x.fault == ServerFault::babbles)
    return "HTTP/1.1 two hundred\r\nX-Id: " + std::to_string(x.id) + "\r\n\r\n";
  std::string out;
  for (std::uint8_t i = 0; i < x.interim_count; ++i) out += "HTTP/1.1 103 Early Hints\r\nX-Hint: 1\r\n\r\n";
  out += "HTTP/1.1 " + std::to_string(x.status) + " " + std::string(reason_of(x.status)) + "\r\n";
  out += "X-Id: " + std::to_string(x.id) + "\r\n";
  out += padding(x.response_padding);
  if (x.status != 204) out += framing_field(x.response_framing, x.response_bytes);
  if (x.says_close) out += "Connection: close\r\n";
  out += "\r\n";
  const Framing framing = x.response_framing_sent();
  if (framing != Framing::none) out += content(x.response_key(), x.response_bytes, framing, random);
  return out;
}

bool is_content(std::uint64_t key, std::uint64_t offset, std::string_view bytes) {
  for (const char byte : bytes) {
    if (static_cast<std::uint8_t>(byte) != stream_byte(key, offset++)) return false;
  }
  return true;
}

std::string_view name_of(Outcome outcome) {
  constexpr std::array<std::string_view, 6> names{"pending", "whole",      "local",
                                                  "broken",  "unanswered", "aborted"};
  return names[static_cast<std::size_t>(outcome)];
}

std::string describe(const HttpExchange& x) {
  constexpr std::array<std::string_view, 4> framings{"none", "length", "chunked", "until_close"};
  constexpr std::array<std::string_view, 6> faults{"none",        "ends_within",   "resets_within",
                                                   "ends_behind", "never_answers", "babbles"};
  std::string out = "exchange " + std::to_string(x.id) + ": ";
  out += std::string(x.method) + " " + std::string(x.host) + (x.is_http10 ? " 1.0" : " 1.1");
  if (x.asks_close) out += " asks close";
  if (x.expects_continue) out += x.is_content_withheld ? " expects 100, withholds" : " expects 100";
  out += " content " + std::string(framings[static_cast<std::size_t>(x.request_framing)]) + " " +
         std::to_string(x.request_bytes) + " padding " + std::to_string(x.request_padding);
  out += "; " + std::to_string(x.status) + " " +
         std::string(framings[static_cast<std::size_t>(x.response_framing)]) + " " +
         std::to_string(x.response_bytes) + " padding " + std::to_string(x.response_padding);
  if (x.answers_early) out += " early";
  if (x.says_close) out += " says close";
  out += " fault " + std::string(faults[static_cast<std::size_t>(x.fault)]);
  out += "; " + std::string(name_of(x.outcome)) + " " + std::to_string(x.seen_status) + " " +
         std::string(l7::letters_of(x.flag)) + ", sent " + std::to_string(x.sends) + ", delivered " +
         std::to_string(x.deliveries);
  return out;
}

}  // namespace byway::sim
