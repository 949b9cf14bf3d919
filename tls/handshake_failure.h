// The named reasons for which a TLS handshake fails (handshake_failure.def), and counters of handshakes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "tls/alert.h"

namespace byway::tls {

/// `none`, or one name of handshake_failure.def.
enum class HandshakeFailure : std::uint8_t {
  none,
#define BYWAY_HANDSHAKE_FAILURE(name, alert, sentence) name,
#include "tls/handshake_failure.def"
#undef BYWAY_HANDSHAKE_FAILURE
  count_
};

/// The reason's name as in handshake_failure.def, and one sentence for people.
[[nodiscard]] std::string_view name_of(HandshakeFailure failure);
[[nodiscard]] std::string_view sentence_of(HandshakeFailure failure);
/// What the peer is told; nothing where that would help nobody.
[[nodiscard]] std::optional<AlertDescription> alert_of(HandshakeFailure failure);

/// Handshakes of one worker: plain integers, one thread's.
struct HandshakeCounters {
  std::uint64_t started = 0;
  std::uint64_t done_tls12 = 0;
  std::uint64_t done_tls13 = 0;
  /// By reason; [none]: ended by its owner before it was done.
  std::array<std::uint64_t, static_cast<std::size_t>(HandshakeFailure::count_)> failed{};
  std::uint64_t in_progress = 0;

  [[nodiscard]] std::uint64_t failed_by(HandshakeFailure failure) const {
    return failed[static_cast<std::size_t>(failure)];
  }
};

}  // namespace byway::tls
