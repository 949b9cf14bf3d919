// Elliptic curves by libcrypto and by mbedTLS are the same functions: known answers, each other's signatures
// and secrets, and the same refusals.
#include <psa/crypto.h>

#include <array>
#include <catch2/generators/catch_generators.hpp>

#include "tests/unit/tls/handshake/bench.h"
#include "tls/acceleration.h"

namespace byway::tls::test {
namespace {

using Octets = std::vector<std::uint8_t>;

Octets octets(std::string_view hex) {
  Octets out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    out.push_back(static_cast<std::uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

/// On or off for one test.
class Acceleration {
 public:
  explicit Acceleration(bool is_on) : before_(set_acceleration(is_on)) {}
  ~Acceleration() { set_acceleration(before_); }
  Acceleration(const Acceleration&) = delete;
  Acceleration& operator=(const Acceleration&) = delete;

 private:
  bool before_;
};

enum class Curve : std::uint8_t { p256, p384, x25519 };

psa_key_type_t family_of(Curve curve) {
  return curve == Curve::x25519 ? PSA_ECC_FAMILY_MONTGOMERY : PSA_ECC_FAMILY_SECP_R1;
}

/// A key in PSA, gone when it ends.
class Key {
 public:
  Key(psa_key_type_t type, psa_algorithm_t algorithm, const Octets& bytes) {
    REQUIRE(start_mbedtls());
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, type);
    psa_set_key_algorithm(&attributes, algorithm);
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_DERIVE | PSA_KEY_USAGE_SIGN_HASH |
                                             PSA_KEY_USAGE_VERIFY_HASH | PSA_KEY_USAGE_EXPORT);
    status_ = psa_import_key(&attributes, bytes.data(), bytes.size(), &id_);
  }
  ~Key() { psa_destroy_key(id_); }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;
  [[nodiscard]] psa_key_id_t id() const { return id_; }
  [[nodiscard]] psa_status_t status() const { return status_; }

 private:
  psa_key_id_t id_ = 0;
  psa_status_t status_ = PSA_SUCCESS;
};

Octets random_private(Curve curve) {
  psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
  psa_set_key_type(&attributes, PSA_KEY_TYPE_ECC_KEY_PAIR(family_of(curve)));
  psa_set_key_bits(&attributes, curve == Curve::p256 ? 256 : curve == Curve::p384 ? 384 : 255);
  psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_EXPORT);
  REQUIRE(start_mbedtls());
  psa_key_id_t id = 0;
  REQUIRE(psa_generate_key(&attributes, &id) == PSA_SUCCESS);
  Octets bytes(64);
  std::size_t size = 0;
  REQUIRE(psa_export_key(id, bytes.data(), bytes.size(), &size) == PSA_SUCCESS);
  bytes.resize(size);
  psa_destroy_key(id);
  return bytes;
}

Octets public_of(Curve curve, const Octets& key) {
  const Key pair(PSA_KEY_TYPE_ECC_KEY_PAIR(family_of(curve)), PSA_ALG_ECDH, key);
  REQUIRE(pair.status() == PSA_SUCCESS);
  Octets bytes(128);
  std::size_t size = 0;
  REQUIRE(psa_export_public_key(pair.id(), bytes.data(), bytes.size(), &size) == PSA_SUCCESS);
  bytes.resize(size);
  return bytes;
}

/// The secret; empty when the peer's share is refused.
Octets agree(Curve curve, const Octets& key, const Octets& peer) {
  const Key pair(PSA_KEY_TYPE_ECC_KEY_PAIR(family_of(curve)), PSA_ALG_ECDH, key);
  REQUIRE(pair.status() == PSA_SUCCESS);
  Octets bytes(64);
  std::size_t size = 0;
  if (psa_raw_key_agreement(PSA_ALG_ECDH, pair.id(), peer.data(), peer.size(), bytes.data(), bytes.size(),
                            &size) != PSA_SUCCESS) {
    return {};
  }
  bytes.resize(size);
  return bytes;
}

constexpr psa_algorithm_t ecdsa = PSA_ALG_ECDSA(PSA_ALG_SHA_256);

Octets sign(Curve curve, const Octets& key, const Octets& hash) {
  const Key pair(PSA_KEY_TYPE_ECC_KEY_PAIR(family_of(curve)), ecdsa, key);
  Octets bytes(128);
  std::size_t size = 0;
  REQUIRE(psa_sign_hash(pair.id(), ecdsa, hash.data(), hash.size(), bytes.data(), bytes.size(), &size) ==
          PSA_SUCCESS);
  bytes.resize(size);
  return bytes;
}

bool verify(Curve curve, const Octets& public_key, const Octets& hash, const Octets& signature) {
  const Key key(PSA_KEY_TYPE_ECC_PUBLIC_KEY(family_of(curve)), ecdsa, public_key);
  REQUIRE(key.status() == PSA_SUCCESS);
  return psa_verify_hash(key.id(), ecdsa, hash.data(), hash.size(), signature.data(), signature.size()) ==
         PSA_SUCCESS;
}

const Octets sample_hash = octets("af2bdbe1aa9b6ec1e2ade1d694f41fc71a831d0268e9891562113d8a62add1bf");
// RFC 6979 A.2.5.
const Octets sample_private = octets("c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721");
const Octets sample_public = octets(
    "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
    "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299");
const Octets sample_signature = octets(
    "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
    "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
/// The order of P-256's base point.
const Octets order = octets("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");

TEST_CASE("X25519 gives the answers of RFC 7748 6.1") {
  const Acceleration acceleration(GENERATE(true, false));
  const Octets bob = octets("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  CHECK(public_of(Curve::x25519, bob) ==
        octets("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
  CHECK(
      agree(Curve::x25519, bob, octets("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")) ==
      octets("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"));
}

TEST_CASE("P-256 gives the answers of NIST's ECDH vectors and of RFC 6979") {
  const Acceleration acceleration(GENERATE(true, false));
  const Octets key = octets("7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534");
  CHECK(public_of(Curve::p256, key) ==
        octets("04ead218590119e8876b29146ff89ca61770c4edbbf97d38ce385ed281d8a6b230"
               "28af61281fd35e2fa7002523acc85a429cb06ee6648325389f59edfce1405141"));
  CHECK(agree(Curve::p256, key,
              octets("04700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287"
                     "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac")) ==
        octets("46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b"));
  CHECK(public_of(Curve::p256, sample_private) == sample_public);
  CHECK(verify(Curve::p256, sample_public, sample_hash, sample_signature));
}

TEST_CASE("libcrypto and mbedTLS come to the same secrets and accept each other's signatures") {
  const auto curve = GENERATE(Curve::p256, Curve::p384, Curve::x25519);
  for (int round = 0; round < 8; ++round) {
    const Octets a = random_private(curve);
    const Octets b = random_private(curve);
    Octets public_a[2];
    Octets public_b[2];
    Octets secret[2];
    for (const bool is_on : {false, true}) {
      const Acceleration acceleration(is_on);
      public_a[is_on] = public_of(curve, a);
      public_b[is_on] = public_of(curve, b);
      secret[is_on] = agree(curve, a, public_b[is_on]);
      CHECK(agree(curve, b, public_a[is_on]) == secret[is_on]);
      CHECK_FALSE(secret[is_on].empty());
    }
    CHECK(public_a[0] == public_a[1]);
    CHECK(public_b[0] == public_b[1]);
    CHECK(secret[0] == secret[1]);
    if (curve == Curve::x25519) continue;
    for (const bool signs : {false, true}) {
      Octets signature;
      {
        const Acceleration acceleration(signs);
        signature = sign(curve, a, sample_hash);
      }
      const Acceleration acceleration(!signs);
      CHECK(verify(curve, public_a[0], sample_hash, signature));
      CHECK_FALSE(verify(curve, public_b[0], sample_hash, signature));
    }
  }
}

TEST_CASE("a changed signature, hash or key is refused, and so are numbers that no signature has") {
  const Acceleration acceleration(GENERATE(true, false));
  for (std::size_t at = 0; at < sample_signature.size(); ++at) {
    Octets changed = sample_signature;
    changed[at] ^= 1;
    CHECK_FALSE(verify(Curve::p256, sample_public, sample_hash, changed));
  }
  Octets hash = sample_hash;
  hash[31] ^= 1;
  CHECK_FALSE(verify(Curve::p256, sample_public, hash, sample_signature));
  const auto half = [](const Octets& whole, std::size_t first) {
    return Octets(whole.begin() + static_cast<std::ptrdiff_t>(first),
                  whole.begin() + static_cast<std::ptrdiff_t>(first) + 32);
  };
  const Octets zero(32, 0);
  const Octets all_ones(32, 0xff);
  const auto joined = [](Octets r, const Octets& s) {
    r.insert(r.end(), s.begin(), s.end());
    return r;
  };
  const Octets r = half(sample_signature, 0);
  const Octets s = half(sample_signature, 32);
  for (const Octets& bad : {zero, order, all_ones}) {
    CHECK_FALSE(verify(Curve::p256, sample_public, sample_hash, joined(bad, s)));
    CHECK_FALSE(verify(Curve::p256, sample_public, sample_hash, joined(r, bad)));
    CHECK_FALSE(verify(Curve::p256, sample_public, sample_hash, joined(bad, bad)));
  }
  CHECK_FALSE(verify(Curve::p256, sample_public, sample_hash, r));
  CHECK_FALSE(verify(Curve::p256, sample_public, sample_hash, {}));
  CHECK_FALSE(verify(Curve::p256, sample_public, sample_hash, joined(sample_signature, {0})));
}

TEST_CASE("shares that are no point, or would make the secret a known one, are refused") {
  const Acceleration acceleration(GENERATE(true, false));
  const Octets key = sample_private;
  Octets off_curve = sample_public;
  off_curve[64] ^= 1;
  CHECK(agree(Curve::p256, key, off_curve).empty());
  CHECK(agree(Curve::p256, key, Octets{0}).empty());
  CHECK(agree(Curve::p256, key, Octets(65, 0)).empty());
  CHECK(agree(Curve::p256, key, {}).empty());
  Octets long_x = sample_public;
  std::fill(long_x.begin() + 1, long_x.begin() + 33, std::uint8_t{0xff});
  CHECK(agree(Curve::p256, key, long_x).empty());
  CHECK(agree(Curve::p256, key, Octets(sample_public.begin(), sample_public.end() - 1)).empty());

  const Octets other = random_private(Curve::x25519);
  // Points of order 1, 2, 4 and 8 (RFC 7748 6.1: check for the all-zero output).
  for (const char* low : {"0000000000000000000000000000000000000000000000000000000000000000",
                          "0100000000000000000000000000000000000000000000000000000000000000",
                          "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
                          "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
                          "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
                          "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"}) {
    CAPTURE(low);
    CHECK(agree(Curve::x25519, other, octets(low)).empty());
  }
  CHECK(agree(Curve::x25519, other, Octets(31, 9)).empty());
  CHECK(agree(Curve::x25519, other, Octets(33, 9)).empty());
}

TEST_CASE("a handshake between an end with acceleration and one without is like any other") {
  const bool client_has = GENERATE(true, false);
  const ContextPointer server_context = make(server_options());
  const ContextPointer client_context = make(client_options());
  End client(*client_context, target());
  End server(*server_context);
  std::string flight;
  for (int number = 0; number < 4; ++number) {
    const bool is_client = number % 2 == 0;
    const Acceleration acceleration(is_client == client_has);
    flight = (is_client ? client : server).exchange(flight);
  }
  CHECK(client->state() == HandshakeState::done);
  CHECK(server->state() == HandshakeState::done);
}

}  // namespace
}  // namespace byway::tls::test
