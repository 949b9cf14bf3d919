// A reader of HTTP/1.1 messages for the ends of the simulation: short, slow and nothing in common with the
// one that it checks. It takes only what the simulation's own ends and the gateway may write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/sim/http_exchange.h"

namespace byway::sim {

struct HttpHead {
  std::string start_line;
  std::vector<std::pair<std::string, std::string>> fields;  ///< names in lower case
  /// The first value of that name, or null.
  [[nodiscard]] const std::string* find(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name, std::string_view value) const;
  /// Octets in all padding fields.
  [[nodiscard]] std::uint64_t padding_octets() const;
};

class HttpReader {
 public:
  enum class Event : std::uint8_t {
    nothing,  ///< more has to come
    head,     ///< head(); expect() must follow
    content,  ///< content()
    end,      ///< of the message; a head may follow
    bad,
  };

  void feed(std::string_view bytes) { buffer_ += bytes; }
  /// Goes on by one step.
  [[nodiscard]] Event next();
  /// How the content behind the head ends; `length` for Framing::length.
  void expect(Framing framing, std::uint64_t length);
  /// As the head's fields say; what they do not say is `otherwise`.
  void expect_by_head(Framing otherwise);
  /// The peer has finished: `end` of content that lasts until then, `nothing` between messages, else `bad`.
  [[nodiscard]] Event on_finish();

  [[nodiscard]] const HttpHead& head() const { return head_; }
  [[nodiscard]] std::string_view content() const { return content_; }
  /// Content of this message so far, before content().
  [[nodiscard]] std::uint64_t content_offset() const { return content_offset_; }
  [[nodiscard]] bool is_within_message() const { return state_ != State::head || at_ < buffer_.size(); }

 private:
  enum class State : std::uint8_t {
    head,
    length,
    chunk_size,
    chunk,
    chunk_end,
    last_line,
    until_close,
    none
  };

  [[nodiscard]] Event read_head();
  [[nodiscard]] Event take(std::uint64_t size_max);
  [[nodiscard]] Event end();
  [[nodiscard]] bool take_line(std::string& line);

  State state_ = State::head;
  std::string buffer_;
  std::size_t at_ = 0;
  std::uint64_t left_ = 0;
  std::uint64_t content_offset_ = 0;
  HttpHead head_;
  std::string content_;
};

}  // namespace byway::sim
