// Protected records, sealed and opened by OpenSSL's libcrypto with keys that are derived here from
// TrafficSecrets: a second opinion on what a handshake hands over, independent of tls/record. One direction
// each.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tls/traffic_secrets.h"

namespace byway::tls::test {

class RecordKeys {
 public:
  /// Of what `secrets.role` sends, or receives.
  static RecordKeys sending(const TrafficSecrets& secrets);
  static RecordKeys receiving(const TrafficSecrets& secrets);

  /// A whole record with this content.
  [[nodiscard]] std::string seal(std::uint8_t type, std::string_view content);
  /// The content of the first record in `bytes`, which is taken off; nothing when it is not authentic or not
  /// whole.
  [[nodiscard]] std::optional<std::string> open(std::string& bytes);

 private:
  RecordKeys(const TrafficSecrets& secrets, bool is_sending);
  [[nodiscard]] std::string nonce() const;
  [[nodiscard]] std::string additional(std::uint8_t type, std::size_t plain, std::size_t wire) const;

  ProtocolVersion version_;
  Aead aead_;
  std::string key_;
  std::string iv_;
  std::uint64_t sequence_;
};

}  // namespace byway::tls::test
