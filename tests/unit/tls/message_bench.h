// One record layer, somebody who forges what it hears, and a peer that hears what it says; and the messages
// that come after a handshake, written out.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "tests/unit/tls/record_bench.h"

namespace byway::tls::test {

inline constexpr Suite tls13 = all_suites[0];
inline constexpr Suite tls12 = all_suites[3];

struct MessageBench {
  explicit MessageBench(Suite suite = tls13, Role role = Role::server)
      : end(worker, secrets_of(suite, role)),
        forger(suite, role == Role::server ? Role::client : Role::server),
        peer(worker, secrets_of(suite, role == Role::server ? Role::client : Role::server)) {}
  Opened alert(int level, int description) {
    const char bytes[] = {static_cast<char>(level), static_cast<char>(description)};
    return end.open(forger.record(ContentType::alert, {bytes, 2}));
  }
  Opened message(std::string_view bytes) { return end.open(forger.record(ContentType::handshake, bytes)); }
  Opened data(std::string_view bytes = "x") {
    return end.open(forger.record(ContentType::application_data, bytes));
  }
  void refused_as(AlertDescription alert, RecordCounter counter) {
    CHECK(end.alert() == alert);
    CHECK(worker.counted(counter) == 1);
  }
  Worker worker;
  End end;
  Forger forger;
  End peer;  ///< Hears what `end` says.
};

inline std::string handshake(HandshakeType type, std::string_view body, std::size_t length = SIZE_MAX) {
  if (length == SIZE_MAX) length = body.size();
  std::string message(1, static_cast<char>(type));
  message.push_back(static_cast<char>(length >> 16));
  message.push_back(static_cast<char>(length >> 8));
  message.push_back(static_cast<char>(length));
  return message.append(body);
}

inline std::string vector(std::string_view bytes, int length_bytes) {
  std::string text;
  for (int i = length_bytes - 1; i >= 0; --i) text.push_back(static_cast<char>(bytes.size() >> (8 * i)));
  return text.append(bytes);
}

inline std::string ticket_message(std::string_view ticket, std::string_view nonce = "n",
                                  std::string_view extensions = "") {
  return handshake(
      HandshakeType::new_session_ticket,
      std::string("\0\1\2\3", 4) + "\4\5\6\7" + vector(nonce, 1) + vector(ticket, 2) + vector(extensions, 2));
}

}  // namespace byway::tls::test
