// HKDF-Expand-Label and the PRF of TLS 1.2, against published values and against libcrypto's own.
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "tests/unit/tls/record_bench.h"
#include "tls/key_schedule.h"

namespace byway::tls {
namespace {

using test::bytes_of;
using test::hex_to_bytes;
using test::pattern;
using test::text_of;

std::string digest_name(Hash hash) {
  return hash == Hash::sha256 ? "SHA256" : "SHA384";
}

std::string derive(const char* kdf, std::vector<OSSL_PARAM> params, std::size_t size) {
  EVP_KDF* algorithm = EVP_KDF_fetch(nullptr, kdf, nullptr);
  EVP_KDF_CTX* context = EVP_KDF_CTX_new(algorithm);
  std::string out(size, '\0');
  params.push_back(OSSL_PARAM_construct_end());
  REQUIRE(EVP_KDF_derive(context, reinterpret_cast<unsigned char*>(out.data()), size, params.data()) == 1);
  EVP_KDF_CTX_free(context);
  EVP_KDF_free(algorithm);
  return out;
}

OSSL_PARAM octets(const char* name, std::string& value) {
  return OSSL_PARAM_construct_octet_string(name, value.data(), value.size());
}

std::string expand(Hash hash, std::string_view secret, std::string_view label, std::string_view context,
                   std::size_t size) {
  std::string out(size, '\0');
  hkdf_expand_label(hash, bytes_of(secret), label, bytes_of(context),
                    {reinterpret_cast<std::uint8_t*>(out.data()), size});
  return out;
}

std::string prf(Hash hash, std::string_view secret, std::string_view label, std::string_view seed,
                std::size_t size) {
  std::string out(size, '\0');
  tls12_prf(hash, bytes_of(secret), label, bytes_of(seed),
            {reinterpret_cast<std::uint8_t*>(out.data()), size});
  return out;
}

TEST_CASE("HMAC gives the values of RFC 4231, with keys below and above the block") {
  std::string out(48, '\0');
  const auto run = [&](Hash hash, std::string_view key, std::string_view first, std::string_view second) {
    const std::span to(reinterpret_cast<std::uint8_t*>(out.data()), size_of(hash));
    hmac(hash, bytes_of(key), bytes_of(first), bytes_of(second), to);
    return out.substr(0, size_of(hash));
  };
  CHECK(run(Hash::sha256, "Jefe", "what do ya want ", "for nothing?") ==
        hex_to_bytes("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
  CHECK(run(Hash::sha384, "Jefe", "what do ya want for nothing?", "") ==
        hex_to_bytes("af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
                     "8e2240ca5e69e2c78b3239ecfab21649"));
  CHECK(run(Hash::sha256, std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - ",
            "Hash Key First") ==
        hex_to_bytes("60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"));
}

TEST_CASE("HKDF-Expand-Label is that of libcrypto for every length, label and context that TLS has") {
  for (const Hash hash : {Hash::sha256, Hash::sha384}) {
    for (const std::string label : {"key", "iv", "traffic upd", "resumption", "c ap traffic"}) {
      for (const std::size_t context_size : {0, 1, 2, 32, 48, 255}) {
        const std::size_t size = label == "iv" ? 12 : size_of(hash);
        std::string secret = pattern(size_of(hash));
        const std::string context = pattern(context_size);
        std::string info = std::string(1, '\0') + static_cast<char>(size) +
                           static_cast<char>(6 + label.size()) + "tls13 " + label +
                           static_cast<char>(context_size) + context;
        std::string digest = digest_name(hash);
        std::string mode = "EXPAND_ONLY";
        CHECK(expand(hash, secret, label, context, size) ==
              derive("HKDF",
                     {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
                      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, mode.data(), 0),
                      octets(OSSL_KDF_PARAM_KEY, secret), octets(OSSL_KDF_PARAM_INFO, info)},
                     size));
      }
    }
  }
}

TEST_CASE("the PRF of TLS 1.2 is that of libcrypto for every length of a key block") {
  for (const Hash hash : {Hash::sha256, Hash::sha384}) {
    for (const std::size_t size : {1, 12, 31, 32, 33, 40, 47, 48, 49, 72, 88, 96, 97, 200}) {
      std::string secret = pattern(48);
      std::string seed = "key expansion" + pattern(64, 3);
      std::string digest = digest_name(hash);
      CHECK(prf(hash, secret, "key expansion", pattern(64, 3), size) ==
            derive("TLS1-PRF",
                   {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
                    octets(OSSL_KDF_PARAM_SECRET, secret), octets(OSSL_KDF_PARAM_SEED, seed)},
                   size));
    }
  }
}

TEST_CASE("the key block is client key, server key, client nonce, server nonce") {
  Random client_random;
  Random server_random;
  client_random.fill(1);
  server_random.fill(2);
  const std::string master = pattern(48);
  const std::string seed = std::string(32, 2) + std::string(32, 1);  // the server's random first
  const auto check = [&](CipherSuite suite, Hash hash, std::size_t key, std::size_t nonce) {
    const std::string block = prf(hash, master, "key expansion", seed, 2 * (key + nonce));
    DirectionKeys client;
    DirectionKeys server;
    derive_key_block(parameters_of(suite), bytes_of(master), client_random, server_random, client, server);
    CHECK(text_of(std::span(client.key).first(key)) == block.substr(0, key));
    CHECK(text_of(std::span(server.key).first(key)) == block.substr(key, key));
    CHECK(text_of(std::span(client.nonce).first(nonce)) == block.substr(2 * key, nonce));
    CHECK(text_of(std::span(server.nonce).first(nonce)) == block.substr(2 * key + nonce, nonce));
    CHECK(text_of(std::span(client.nonce).subspan(nonce)) == std::string(12 - nonce, '\0'));
  };
  check(CipherSuite::ecdhe_rsa_aes_128_gcm_sha256, Hash::sha256, 16, 4);
  check(CipherSuite::ecdhe_rsa_aes_256_gcm_sha384, Hash::sha384, 32, 4);
  check(CipherSuite::ecdhe_rsa_chacha20_poly1305_sha256, Hash::sha256, 32, 12);
}

}  // namespace
}  // namespace byway::tls
