// The text of a Date field: when a response came into being (RFC 9110 6.6.1). Who passes on a response
// without one adds it, so the proxy needs the time of day, but no more often than it changes.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace byway::l7::http1 {

/// IMF-fixdate, RFC 9110 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT".
inline constexpr std::size_t date_bytes = 29;

/// Owner: a worker's context. Formats once a second, however many responses there are.
class DateText {
 public:
  /// The text for a time in seconds since 1970-01-01 UTC, valid until the next call. Empty for 0: the time of
  /// day is not known.
  [[nodiscard]] std::string_view at(std::int64_t unix_seconds) {
    if (unix_seconds != seconds_) format(unix_seconds);
    return {text_.data(), seconds_ == 0 ? 0 : text_.size()};
  }

 private:
  void format(std::int64_t unix_seconds);

  std::int64_t seconds_ = 0;
  std::array<char, date_bytes> text_{};
};

}  // namespace byway::l7::http1
