#include "tests/unit/tls/handshake/records.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <catch2/catch_test_macros.hpp>
#include <vector>

namespace byway::tls::test {
namespace {

constexpr std::size_t tag_bytes = 16;
constexpr std::size_t explicit_nonce_bytes = 8;
constexpr std::uint8_t content_application_data = 23;

const char* name_of(Hash hash) {
  return hash == Hash::sha256 ? "SHA256" : "SHA384";
}
std::size_t key_bytes(Aead aead) {
  return aead == Aead::aes_128_gcm ? 16 : 32;
}

std::string derive(const char* algorithm, std::vector<OSSL_PARAM> parameters, std::size_t size) {
  EVP_KDF* kdf = EVP_KDF_fetch(nullptr, algorithm, nullptr);
  EVP_KDF_CTX* context = EVP_KDF_CTX_new(kdf);
  parameters.push_back(OSSL_PARAM_construct_end());
  std::string out(size, '\0');
  REQUIRE(EVP_KDF_derive(context, reinterpret_cast<unsigned char*>(out.data()), size, parameters.data()) ==
          1);
  EVP_KDF_CTX_free(context);
  EVP_KDF_free(kdf);
  return out;
}

OSSL_PARAM octets(const char* name, std::string& value) {
  return OSSL_PARAM_construct_octet_string(name, value.data(), value.size());
}

/// RFC 8446 7.1 with an empty context.
std::string expand_label(Hash hash, std::string secret, const std::string& label, std::size_t size) {
  const std::string full = "tls13 " + label;
  std::string info{'\0', static_cast<char>(size), static_cast<char>(full.size())};
  info += full + '\0';
  std::string digest = name_of(hash);
  int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
  return derive("HKDF",
                {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
                 OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode), octets(OSSL_KDF_PARAM_KEY, secret),
                 octets(OSSL_KDF_PARAM_INFO, info)},
                size);
}

/// RFC 5246 6.3.
std::string key_block(Hash hash, std::string master, const Random& client, const Random& server,
                      std::size_t size) {
  std::string seed = "key expansion";
  seed.append(server.begin(), server.end());
  seed.append(client.begin(), client.end());
  std::string digest = name_of(hash);
  return derive("TLS1-PRF",
                {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
                 octets(OSSL_KDF_PARAM_SECRET, master), octets(OSSL_KDF_PARAM_SEED, seed)},
                size);
}

std::string text_of(const Secret& secret) {
  return {secret.bytes().begin(), secret.bytes().end()};
}

const unsigned char* raw(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* raw(std::string& text) {
  return reinterpret_cast<unsigned char*>(text.data());
}

const EVP_CIPHER* cipher_of(Aead aead) {
  switch (aead) {
    case Aead::aes_128_gcm:
      return EVP_aes_128_gcm();
    case Aead::aes_256_gcm:
      return EVP_aes_256_gcm();
    case Aead::chacha20_poly1305:
      return EVP_chacha20_poly1305();
  }
  return nullptr;
}

}  // namespace

RecordKeys RecordKeys::sending(const TrafficSecrets& secrets) {
  return {secrets, true};
}
RecordKeys RecordKeys::receiving(const TrafficSecrets& secrets) {
  return {secrets, false};
}

RecordKeys::RecordKeys(const TrafficSecrets& secrets, bool is_sending)
    : version_(secrets.version),
      aead_(parameters_of(secrets.suite).aead),
      sequence_(is_sending ? secrets.send_sequence : secrets.receive_sequence) {
  const Hash hash = parameters_of(secrets.suite).hash;
  const std::size_t size = key_bytes(aead_);
  if (version_ == ProtocolVersion::tls13) {
    const std::string secret = text_of(is_sending ? secrets.send_secret : secrets.receive_secret);
    key_ = expand_label(hash, secret, "key", size);
    iv_ = expand_label(hash, secret, "iv", 12);
    return;
  }
  // RFC 7905 2: ChaCha20-Poly1305 has a whole nonce, AES-GCM (RFC 5288 3) its first four bytes.
  const std::size_t iv_size = aead_ == Aead::chacha20_poly1305 ? 12 : 4;
  const std::string block = key_block(hash, text_of(secrets.master_secret), secrets.client_random,
                                      secrets.server_random, 2 * (size + iv_size));
  const bool is_client_direction = is_sending == (secrets.role == Role::client);
  key_ = block.substr(is_client_direction ? 0 : size, size);
  iv_ = block.substr(2 * size + (is_client_direction ? 0 : iv_size), iv_size);
}

std::string RecordKeys::nonce() const {
  std::string number(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) number[i] = static_cast<char>(sequence_ >> (56 - 8 * i));
  if (iv_.size() == 4) return iv_ + number;
  std::string nonce = iv_;
  for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<char>(nonce[4 + i] ^ number[i]);
  return nonce;
}

std::string RecordKeys::additional(std::uint8_t type, std::size_t plain, std::size_t wire) const {
  const std::size_t length = version_ == ProtocolVersion::tls13 ? wire : plain;
  std::string text;
  if (version_ == ProtocolVersion::tls12) {
    for (std::size_t i = 0; i < 8; ++i) text += static_cast<char>(sequence_ >> (56 - 8 * i));
  }
  text += static_cast<char>(type);
  text += {'\x03', '\x03', static_cast<char>(length >> 8), static_cast<char>(length)};
  return text;
}

std::string RecordKeys::seal(std::uint8_t type, std::string_view content) {
  const bool is_tls13 = version_ == ProtocolVersion::tls13;
  std::string plain(content);
  if (is_tls13) plain += static_cast<char>(type);
  const std::string full_nonce = nonce();
  const std::string prefix = iv_.size() == 4 ? full_nonce.substr(4) : "";
  const std::size_t wire = prefix.size() + plain.size() + tag_bytes;
  const std::uint8_t outer = is_tls13 ? content_application_data : type;
  const std::string aad = additional(outer, plain.size(), wire);
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  std::string out(plain.size(), '\0');
  std::string tag(tag_bytes, '\0');
  int size = 0;
  EVP_EncryptInit_ex(context, cipher_of(aead_), nullptr, raw(key_), raw(full_nonce));
  EVP_EncryptUpdate(context, nullptr, &size, raw(aad), static_cast<int>(aad.size()));
  EVP_EncryptUpdate(context, raw(out), &size, raw(plain), static_cast<int>(plain.size()));
  EVP_EncryptFinal_ex(context, raw(tag), &size);
  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, tag_bytes, tag.data());
  EVP_CIPHER_CTX_free(context);
  ++sequence_;
  std::string record{static_cast<char>(outer), '\x03', '\x03', static_cast<char>(wire >> 8),
                     static_cast<char>(wire)};
  return record + prefix + out + tag;
}

std::optional<std::string> RecordKeys::open(std::string& bytes) {
  if (bytes.size() < 5) return std::nullopt;
  const std::size_t wire = static_cast<std::size_t>(static_cast<std::uint8_t>(bytes[3])) << 8 |
                           static_cast<std::uint8_t>(bytes[4]);
  const std::size_t prefix = iv_.size() == 4 ? explicit_nonce_bytes : 0;
  if (bytes.size() < 5 + wire || wire < prefix + tag_bytes) return std::nullopt;
  const std::uint8_t outer = static_cast<std::uint8_t>(bytes[0]);
  const std::string body = bytes.substr(5 + prefix, wire - prefix - tag_bytes);
  std::string tag = bytes.substr(5 + wire - tag_bytes, tag_bytes);
  const std::string full_nonce = prefix != 0 ? iv_ + bytes.substr(5, prefix) : nonce();
  bytes.erase(0, 5 + wire);
  const std::string aad = additional(outer, body.size(), wire);
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  std::string out(body.size() + 1, '\0');
  int size = 0;
  EVP_DecryptInit_ex(context, cipher_of(aead_), nullptr, raw(key_), raw(full_nonce));
  EVP_DecryptUpdate(context, nullptr, &size, raw(aad), static_cast<int>(aad.size()));
  EVP_DecryptUpdate(context, raw(out), &size, raw(body), static_cast<int>(body.size()));
  EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, tag_bytes, tag.data());
  const bool is_authentic = EVP_DecryptFinal_ex(context, raw(out) + body.size(), &size) == 1;
  EVP_CIPHER_CTX_free(context);
  ++sequence_;
  if (!is_authentic) return std::nullopt;
  out.resize(body.size());
  if (version_ == ProtocolVersion::tls13) out.pop_back();
  return out;
}

}  // namespace byway::tls::test
