#include "tests/unit/tls/record_bench.h"

#include <algorithm>

namespace byway::tls::test {

namespace {

std::string number(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text.push_back(static_cast<char>(value >> (8 * i)));
  return text;
}

const EVP_CIPHER* cipher_of(Aead aead) {
  switch (aead) {
    case Aead::aes_128_gcm:
      return EVP_aes_128_gcm();
    case Aead::aes_256_gcm:
      return EVP_aes_256_gcm();
    case Aead::chacha20_poly1305:
      break;
  }
  return EVP_chacha20_poly1305();
}

}  // namespace

Forger::Forger(Suite suite, Role role, std::uint64_t sequence) : suite_(suite), sequence_(sequence) {
  TrafficSecrets secrets = secrets_of(suite, role);
  if (suite.version == ProtocolVersion::tls13) {
    secret_ = std::move(secrets.send_secret);
    derive_direction_keys(parameters_of(suite.suite), secret_.bytes(), keys_);
  } else {
    DirectionKeys other;
    const bool is_client = role == Role::client;
    derive_key_block(parameters_of(suite.suite), secrets.master_secret.bytes(), secrets.client_random,
                     secrets.server_random, is_client ? keys_ : other, is_client ? other : keys_);
  }
}

void Forger::update() {
  advance_traffic_secret(parameters_of(suite_.suite).hash, secret_);
  derive_direction_keys(parameters_of(suite_.suite), secret_.bytes(), keys_);
  sequence_ = 0;
}

std::string Forger::record(ContentType type, std::string_view content, std::size_t padding) {
  if (suite_.version == ProtocolVersion::tls13) {
    return inner(std::string(content) + static_cast<char>(type) + std::string(padding, '\0'));
  }
  const bool is_gcm = parameters_of(suite_.suite).aead != Aead::chacha20_poly1305;
  const std::string head = std::string(1, static_cast<char>(type)) + number(version, 2);
  const std::string aad = number(sequence_, 8) + head + number(content.size(), 2);
  return sealed(head + number(content.size() + 16 + (is_gcm ? 8 : 0), 2), aad, content);
}

std::string Forger::inner(std::string_view plain) {
  const std::string header =
      std::string(1, static_cast<char>(outer_type)) + number(version, 2) + number(plain.size() + 16, 2);
  return sealed(header, header, plain);
}

std::string Forger::sealed(std::string_view header, std::string_view aad, std::string_view plain) {
  const Aead aead = parameters_of(suite_.suite).aead;
  auto nonce = keys_.nonce;
  std::string out(header);
  const bool is_explicit = suite_.version == ProtocolVersion::tls12 && aead != Aead::chacha20_poly1305;
  // Any explicit nonce will do that does not come twice: not the sequence number, so that nobody relies on
  // it.
  const std::string counter = number(is_explicit ? sequence_ ^ 0xA5A5'0000'0000'0000u : sequence_, 8);
  for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] ^= static_cast<std::uint8_t>(counter[i]);
  if (is_explicit) out += counter;
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  std::string body(plain.size() + 16, '\0');
  auto* to = reinterpret_cast<std::uint8_t*>(body.data());
  int length = 0;
  REQUIRE(EVP_EncryptInit_ex(context, cipher_of(aead), nullptr, keys_.key.data(), nonce.data()) == 1);
  REQUIRE(EVP_EncryptUpdate(context, nullptr, &length, bytes_of(aad).data(), static_cast<int>(aad.size())) ==
          1);
  if (!plain.empty()) {
    REQUIRE(EVP_EncryptUpdate(context, to, &length, bytes_of(plain).data(), static_cast<int>(plain.size())) ==
            1);
  }
  REQUIRE(EVP_EncryptFinal_ex(context, to + plain.size(), &length) == 1);
  REQUIRE(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, to + plain.size()) == 1);
  EVP_CIPHER_CTX_free(context);
  ++sequence_;
  return out + body;
}

}  // namespace byway::tls::test
