// AEADs: known answers, wrong tags, pieces, edge lengths against libcrypto, and the cache of expanded keys.
#include <catch2/generators/catch_generators_all.hpp>
#include <cstring>

#include "tests/unit/tls/record_bench.h"
#include "tls/aead.h"

namespace byway::tls {
namespace {

using test::bytes_of;
using test::hex_to_bytes;
using test::pattern;

struct Vector {
  const char* source;
  Aead aead;
  const char* key;
  const char* nonce;
  const char* aad;
  const char* plain;
  const char* sealed;
  const char* tag;
};

// The GCM specification (McGrew and Viega, appendix B) with nonces of 96 bits, and RFC 8439 2.8.2.
constexpr std::array<Vector, 9> vectors = {{
    {"GCM 1", Aead::aes_128_gcm, "00000000000000000000000000000000", "000000000000000000000000", "", "", "",
     "58e2fccefa7e3061367f1d57a4e7455a"},
    {"GCM 2", Aead::aes_128_gcm, "00000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "0388dace60b6a392f328c2b971b2fe78",
     "ab6e47d42cec13bdf53a67b21257bddf"},
    {"GCM 3", Aead::aes_128_gcm, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
     "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985",
     "4d5c2af327cd64a62cf35abd2ba6fab4"},
    {"GCM 4", Aead::aes_128_gcm, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
     "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {"GCM 13", Aead::aes_256_gcm, "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"GCM 14", Aead::aes_256_gcm, "0000000000000000000000000000000000000000000000000000000000000000",
     "000000000000000000000000", "", "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18",
     "d0d1c8a799996bf0265b98b5d48ab919"},
    {"GCM 15", Aead::aes_256_gcm, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
     "b094dac5d93471bdec1a502270e3cc6c"},
    {"GCM 16", Aead::aes_256_gcm, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
    {"RFC 8439 2.8.2", Aead::chacha20_poly1305,
     "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", "070000004041424344454647",
     "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c6173"
     "73206f66202739393a204966204920636f756c64206f6666657220796f75206f"
     "6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"
     "637265656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d6"
     "3dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b36"
     "92ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
     "3ff4def08e4b7a9de576d26586cec64b6116",
     "1ae10b594f09e26a7e902ecbd0600691"},
}};

Nonce nonce_of(std::string_view bytes) {
  Nonce nonce{};
  REQUIRE(bytes.size() == nonce.size());
  std::memcpy(nonce.data(), bytes.data(), nonce.size());
  return nonce;
}

std::uint8_t* data_of(std::string& text) {
  return reinterpret_cast<std::uint8_t*>(text.data());
}

constexpr std::string_view guard = "guard band";

/// Seals in pieces of `piece` bytes (0: whole) between guard bands; returns ciphertext and tag.
std::string seal(AeadEngine& engine, AeadKey& key, const Nonce& nonce, std::string_view aad,
                 std::string_view plain, std::size_t piece) {
  std::string out = std::string(guard) + std::string(plain.size(), '?') + std::string(guard);
  std::string tag = std::string(16, '?') + std::string(guard);
  std::uint8_t* to = data_of(out) + guard.size();
  if (piece == 0) {
    engine.seal(key, nonce, bytes_of(aad), bytes_of(plain).data(), to, plain.size(), data_of(tag));
  } else {
    engine.begin(key, AeadDirection::seal, nonce, bytes_of(aad));
    for (std::size_t at = 0; at < plain.size(); at += piece) {
      engine.update(bytes_of(plain).data() + at, to + at, std::min(piece, plain.size() - at));
    }
    engine.finish_seal(data_of(tag));
  }
  CHECK(out.starts_with(guard));
  CHECK(out.ends_with(guard));
  CHECK(tag.ends_with(guard));
  return out.substr(guard.size(), plain.size()) + tag.substr(0, 16);
}

/// Opens where it lies; the plaintext, or nothing if the tag is wrong.
std::optional<std::string> open(AeadEngine& engine, AeadKey& key, const Nonce& nonce, std::string_view aad,
                                std::string_view sealed, std::size_t piece) {
  std::string text(sealed.substr(0, sealed.size() - 16));
  const std::string tag(sealed.substr(text.size()));
  bool is_genuine = false;
  if (piece == 0) {
    is_genuine = engine.open(key, nonce, bytes_of(aad), data_of(text), data_of(text), text.size(),
                             bytes_of(tag).data());
  } else {
    engine.begin(key, AeadDirection::open, nonce, bytes_of(aad));
    for (std::size_t at = 0; at < text.size(); at += piece) {
      engine.update(data_of(text) + at, data_of(text) + at, std::min(piece, text.size() - at));
    }
    is_genuine = engine.finish_open(bytes_of(tag).data());
  }
  if (!is_genuine) return std::nullopt;
  return text;
}

/// libcrypto by itself.
std::string reference(Aead aead, std::string_view key, const Nonce& nonce, std::string_view aad,
                      std::string_view plain) {
  const EVP_CIPHER* cipher = aead == Aead::aes_128_gcm   ? EVP_aes_128_gcm()
                             : aead == Aead::aes_256_gcm ? EVP_aes_256_gcm()
                                                         : EVP_chacha20_poly1305();
  std::string out(plain.size() + 16, '\0');
  EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
  int length = 0;
  REQUIRE(EVP_EncryptInit_ex(context, cipher, nullptr, bytes_of(key).data(), nonce.data()) == 1);
  REQUIRE(EVP_EncryptUpdate(context, nullptr, &length, bytes_of(aad).data(), static_cast<int>(aad.size())) ==
          1);
  REQUIRE(EVP_EncryptUpdate(context, data_of(out), &length, bytes_of(plain).data(),
                            static_cast<int>(plain.size())) == 1);
  REQUIRE(EVP_EncryptFinal_ex(context, data_of(out) + plain.size(), &length) == 1);
  REQUIRE(EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, data_of(out) + plain.size()) == 1);
  EVP_CIPHER_CTX_free(context);
  return out;
}

TEST_CASE("libcrypto is always there, and ipsec-mb where it was built in and the CPU has AES") {
  CHECK(AeadEngine::create(AeadBackend::libcrypto, 2) != nullptr);
#ifdef BYWAY_HAS_IPSEC_MB
  if (__builtin_cpu_supports("aes")) {
    CHECK(AeadEngine::create(AeadBackend::ipsec_mb, 2) != nullptr);
    CHECK(AeadEngine::create_best()->backend() == AeadBackend::ipsec_mb);
  }
#else
  CHECK(AeadEngine::create(AeadBackend::ipsec_mb, 2) == nullptr);
  CHECK(AeadEngine::create_best()->backend() == AeadBackend::libcrypto);
#endif
}

TEST_CASE("known answers, whole and in pieces of any size") {
  const AeadBackend backend = GENERATE(from_range(test::backends()));
  const auto engine = AeadEngine::create(backend, 2);
  for (const Vector& vector : vectors) {
    INFO(name_of(backend) << " " << vector.source);
    AeadKey key;
    engine->set_key(key, vector.aead, bytes_of(hex_to_bytes(vector.key)));
    const Nonce nonce = nonce_of(hex_to_bytes(vector.nonce));
    const std::string aad = hex_to_bytes(vector.aad);
    const std::string plain = hex_to_bytes(vector.plain);
    const std::string sealed = hex_to_bytes(vector.sealed) + hex_to_bytes(vector.tag);
    for (const std::size_t piece : {0, 1, 3, 13, 16, 17, 48, 64, 100}) {
      INFO("pieces of " << piece);
      CHECK(seal(*engine, key, nonce, aad, plain, piece) == sealed);
      CHECK(open(*engine, key, nonce, aad, sealed, piece) == plain);
    }
    engine->forget(key);
  }
}

TEST_CASE("a bit of tag, ciphertext, associated data or nonce that is wrong is a wrong message") {
  const AeadBackend backend = GENERATE(from_range(test::backends()));
  const auto engine = AeadEngine::create(backend, 2);
  for (const Aead aead : {Aead::aes_128_gcm, Aead::aes_256_gcm, Aead::chacha20_poly1305}) {
    AeadKey key;
    engine->set_key(key, aead, bytes_of(pattern(key_bytes_of(aead))));
    const Nonce nonce = nonce_of("twelve bytes");
    const std::string aad = "thirteen byte";
    const std::string sealed = seal(*engine, key, nonce, aad, "a short message", 0);
    for (const std::size_t piece : {0, 7}) {
      REQUIRE(open(*engine, key, nonce, aad, sealed, piece) == "a short message");
      for (std::size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
        std::string bad = sealed;
        bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ 1 << bit % 8);
        CHECK(open(*engine, key, nonce, aad, bad, piece) == std::nullopt);
      }
      for (std::size_t byte = 0; byte < aad.size(); ++byte) {
        std::string bad = aad;
        bad[byte] = static_cast<char>(bad[byte] ^ 0x80);
        CHECK(open(*engine, key, nonce, bad, sealed, piece) == std::nullopt);
      }
      for (std::size_t byte = 0; byte < nonce.size(); ++byte) {
        Nonce bad = nonce;
        bad[byte] ^= 1;
        CHECK(open(*engine, key, bad, aad, sealed, piece) == std::nullopt);
      }
      CHECK(open(*engine, key, nonce, aad.substr(0, 12), sealed, piece) == std::nullopt);
      // Cut tags: the bytes before them are taken for a part of it.
      for (std::size_t cut = 1; cut <= 15; ++cut) {
        CHECK(open(*engine, key, nonce, aad, sealed.substr(0, sealed.size() - cut), piece) == std::nullopt);
      }
      // Tags that some comparisons would let pass: nothing, all ones, the right one turned over.
      const std::string body = sealed.substr(0, sealed.size() - 16);
      CHECK(open(*engine, key, nonce, aad, body + std::string(16, '\0'), piece) == std::nullopt);
      CHECK(open(*engine, key, nonce, aad, body + std::string(16, '\xff'), piece) == std::nullopt);
      CHECK(open(*engine, key, nonce, aad, body + std::string(sealed.rbegin(), sealed.rbegin() + 16),
                 piece) == std::nullopt);
    }
    engine->forget(key);
  }
}

TEST_CASE("all lengths around blocks and vector widths are as libcrypto has them, in any pieces") {
  const AeadBackend backend = GENERATE(from_range(test::backends()));
  const auto engine = AeadEngine::create(backend, 2);
  std::vector<std::size_t> lengths;
  for (std::size_t i = 0; i <= 600; ++i) lengths.push_back(i);
  for (const std::size_t around : {768, 1'024, 1'400, 2'048, 4'096, 8'192, 16'384}) {
    for (std::size_t i = around - 17; i <= around + 17; ++i) lengths.push_back(i);
  }
  for (const Aead aead : {Aead::aes_128_gcm, Aead::aes_256_gcm, Aead::chacha20_poly1305}) {
    const std::string raw = pattern(key_bytes_of(aead), 9);
    AeadKey key;
    engine->set_key(key, aead, bytes_of(raw));
    std::size_t mismatches = 0;
    for (const std::size_t length : lengths) {
      const std::string plain = pattern(length, static_cast<unsigned>(length));
      const Nonce nonce = nonce_of(pattern(12, static_cast<unsigned>(length)));
      const std::string aad = pattern(length % 2 == 0 ? 5 : 13);
      const std::string expected = reference(aead, raw, nonce, aad, plain);
      // A piece size that differs with each length, and ends on and off blocks.
      const std::size_t piece = 1 + (length * 7) % 301 + (length % 5 == 0 ? 1'024 : 0);
      for (const std::size_t size : {std::size_t{0}, piece}) {
        const bool is_good = seal(*engine, key, nonce, aad, plain, size) == expected &&
                             open(*engine, key, nonce, aad, expected, size) == plain;
        if (!is_good) {
          UNSCOPED_INFO(name_of(backend) << " length " << length << " pieces of " << size);
          ++mismatches;
        }
      }
    }
    CHECK(mismatches == 0);
    engine->forget(key);
  }
}

TEST_CASE("the least recently used key is expanded again, and no other") {
  const AeadBackend backend = GENERATE(from_range(test::backends()));
  const auto engine = AeadEngine::create(backend, 3);
  std::array<AeadKey, 4> keys;
  const Nonce nonce{};
  const auto use = [&](std::size_t i) {
    const std::string raw = pattern(16, static_cast<unsigned>(i));
    CHECK(seal(*engine, keys[i], nonce, "", "text", 0) ==
          reference(Aead::aes_128_gcm, raw, nonce, "", "text"));
  };
  for (std::size_t i = 0; i < keys.size(); ++i) {
    engine->set_key(keys[i], Aead::aes_128_gcm, bytes_of(pattern(16, static_cast<unsigned>(i))));
  }
  use(0);
  use(1);
  use(2);
  CHECK(engine->expansions() == 3);
  use(0);
  use(2);
  CHECK(engine->expansions() == 3);
  use(3);  // in the place of 1
  CHECK(engine->expansions() == 4);
  use(0);
  use(2);
  CHECK(engine->expansions() == 4);
  use(1);  // in the place of 3
  CHECK(engine->expansions() == 5);
  use(0);
  engine->forget(keys[0]);  // the last one used: its place is free, and nobody else loses one
  use(3);
  CHECK(engine->expansions() == 6);
  use(1);
  use(2);
  CHECK(engine->expansions() == 6);
  for (AeadKey& key : keys) engine->forget(key);
}

TEST_CASE("a key that was replaced or forgotten is never used again") {
  const AeadBackend backend = GENERATE(from_range(test::backends()));
  const auto engine = AeadEngine::create(backend, 2);
  const Nonce nonce{};
  AeadKey key;
  for (unsigned seed = 0; seed < 5; ++seed) {
    for (const Aead aead : {Aead::aes_128_gcm, Aead::chacha20_poly1305, Aead::aes_256_gcm}) {
      const std::string raw = pattern(key_bytes_of(aead), seed);
      engine->set_key(key, aead, bytes_of(raw));
      CHECK(seal(*engine, key, nonce, "", "text", 0) == reference(aead, raw, nonce, "", "text"));
    }
  }
  engine->forget(key);
  CHECK_FALSE(key.is_set());
  CHECK(test::text_of(key.bytes()) == std::string(key.bytes().size(), '\0'));
}

}  // namespace
}  // namespace byway::tls
