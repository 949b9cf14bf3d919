// Feeds a parser in every way that must not matter: whole, byte by byte, in pieces cut anywhere, the bytes
// moved to another address each time. Each block has exactly the size of what has arrived, so that the
// address sanitizer sees one byte too far.
#pragma once

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "l7/http1/parse.h"

namespace byway::l7::http1 {

/// The bytes as they have arrived, alone in a heap block.
class Arrived {
 public:
  explicit Arrived(std::string_view text)
      : bytes_(std::make_unique<char[]>(text.size())), size_(text.size()) {
    text.copy(bytes_.get(), text.size());
  }
  [[nodiscard]] const char* data() const { return bytes_.get(); }
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

struct RequestOutcome {
  ParseResult result = ParseResult::incomplete;
  Refusal refusal = Refusal::none;
  RequestHead head;
  std::size_t seen = 0;  ///< how many bytes had arrived when the verdict fell
};

struct ResponseOutcome {
  ParseResult result = ParseResult::incomplete;
  Refusal refusal = Refusal::none;
  ResponseHead head;
  std::size_t seen = 0;
};

/// Feeds `text` to `parser` in steps of `step(arrived)` bytes until a verdict.
template <typename Outcome, typename Parser, typename Step>
Outcome feed(Parser parser, std::string_view text, Step step) {
  Outcome outcome;
  while (outcome.seen < text.size() && outcome.result == ParseResult::incomplete) {
    outcome.seen += std::min<std::size_t>(step(outcome.seen), text.size() - outcome.seen);
    const Arrived arrived(text.substr(0, outcome.seen));
    outcome.result = parser.parse(arrived.data(), arrived.size(), outcome.head);
  }
  outcome.refusal = parser.refusal();
  return outcome;
}

inline std::string describe(std::string_view base, const MessageHead& head) {
  std::string text =
      "bytes " + std::to_string(head.bytes) + " body " + std::to_string(static_cast<int>(head.body)) +
      " length " + std::to_string(head.content_length) + (head.has_content_length ? "!" : "") + " version " +
      std::to_string(static_cast<int>(head.version)) + (head.keep_alive ? " keep-alive" : " close") +
      (head.upgrade ? " upgrade" : "") + " present " + std::to_string(head.present) + " repeated " +
      std::to_string(head.repeated) + "\n";
  for (std::size_t i = 0; i < head.field_count; ++i) {
    const Field& field = head.fields[i];
    text.append(field.name.in(base.data())).append("=").append(field.value.in(base.data()));
    text += "|" + std::to_string(static_cast<int>(field.id)) + (field.hop_by_hop ? "|hop" : "") +
            (field.verbatim ? "|verbatim" : "") + "\n";
  }
  return text;
}

/// Everything a head says, as text, to compare two of them.
inline std::string describe(std::string_view base, const RequestHead& head) {
  std::string text = describe(base, static_cast<const MessageHead&>(head));
  for (const Token token :
       {head.method_text, head.target, head.authority, head.host, head.path, head.query}) {
    text.append(std::to_string(token.offset)).append(":").append(token.in(base.data())).append("\n");
  }
  text += std::to_string(static_cast<int>(head.method)) + " " +
          std::to_string(static_cast<int>(head.target_form)) + " " +
          std::to_string(static_cast<int>(head.scheme)) + " " + std::to_string(head.tcp_port) +
          (head.expect_continue ? " expect" : "") + (head.has_query ? " query" : "");
  return text;
}

inline std::string describe(std::string_view base, const ResponseHead& head) {
  return describe(base, static_cast<const MessageHead&>(head)) + std::to_string(head.status) + " " +
         std::string(head.reason.in(base.data()));
}

/// One byte at a time, but for the long middle of messages that reach for a limit (each step copies all so
/// far).
inline std::size_t smallest_step(std::size_t at, std::size_t size) {
  constexpr std::size_t near = 60;
  const auto is_near = [at](std::size_t limit) { return at + near > limit && at < limit + near; };
  const bool is_near_limit = is_near(start_line_bytes_max) || is_near(head_bytes_max) || is_near(size);
  return at < 1500 || is_near_limit ? 1 : 53;
}

template <typename Outcome, typename Parser>
Outcome parse_in_all_ways(const Parser& parser, std::string_view text) {
  const Outcome whole = feed<Outcome>(parser, text, [&](std::size_t) { return text.size(); });
  const Outcome single =
      feed<Outcome>(parser, text, [&](std::size_t at) { return smallest_step(at, text.size()); });
  const Outcome pieces = feed<Outcome>(parser, text, [](std::size_t at) { return at * 7 % 83 + 1; });
  CHECK(single.result == whole.result);
  CHECK(single.refusal == whole.refusal);
  CHECK(pieces.result == whole.result);
  CHECK(pieces.refusal == whole.refusal);
  if (whole.result == ParseResult::complete && single.result == ParseResult::complete) {
    CHECK(describe(text, single.head) == describe(text, whole.head));
    CHECK(describe(text, pieces.head) == describe(text, whole.head));
    if (text.size() < 1500) CHECK(single.seen == whole.head.bytes);
  }
  return whole;
}

inline RequestOutcome parse_request(std::string_view text) {
  return parse_in_all_ways<RequestOutcome>(RequestParser(), text);
}

inline ResponseOutcome parse_response(std::string_view text, ResponseContext context = {}) {
  return parse_in_all_ways<ResponseOutcome>(ResponseParser(context), text);
}

}  // namespace byway::l7::http1
