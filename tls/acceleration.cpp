#include "tls/acceleration.h"

// EC_KEY and its kin are marked as old in OpenSSL 3, but what replaces them decodes, fetches and copies a key
// for each operation: 100 us around 30 us of arithmetic.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdh.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <psa/crypto.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "tls/mbedtls_portable.h"

namespace byway::tls {
namespace {

std::atomic<bool> is_on{true};

constexpr std::size_t field_bytes = 32;                   // of both curves
constexpr std::size_t point_bytes = 1 + 2 * field_bytes;  // SEC 1 2.3.3, not compressed
constexpr std::size_t signature_bytes = 2 * field_bytes;

struct Free {
  void operator()(BIGNUM* number) const { BN_clear_free(number); }
  void operator()(EC_POINT* point) const { EC_POINT_clear_free(point); }
  void operator()(EC_KEY* key) const { EC_KEY_free(key); }
  void operator()(ECDSA_SIG* signature) const { ECDSA_SIG_free(signature); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
template <typename T>
using Handle = std::unique_ptr<T, Free>;

using Input = std::span<const std::uint8_t>;

/// A key object with the curve in it, one a thread: the curve alone takes longer to make than a signature.
class CurveKey {
 public:
  [[nodiscard]] EC_KEY* get() { return key_.get(); }
  [[nodiscard]] const EC_GROUP* group() const { return EC_KEY_get0_group(key_.get()); }
  [[nodiscard]] bool set_private(Input bytes) {
    const Handle<BIGNUM> number(BN_secure_new());
    return key_ != nullptr && number != nullptr && bytes.size() == field_bytes &&
           BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), number.get()) != nullptr &&
           EC_KEY_set_private_key(key_.get(), number.get()) == 1;
  }
  /// The key's bytes do not outlive the operation.
  void forget() {
    if (key_ != nullptr) EC_KEY_set_private_key(key_.get(), nullptr);
    ERR_clear_error();
  }
  /// A point that is on the curve and not at infinity, or nullptr.
  [[nodiscard]] Handle<EC_POINT> read_point(Input bytes) const {
    if (key_ == nullptr || bytes.size() != point_bytes) return nullptr;
    Handle<EC_POINT> point(EC_POINT_new(group()));
    if (point != nullptr &&
        EC_POINT_oct2point(group(), point.get(), bytes.data(), bytes.size(), nullptr) != 1) {
      point.reset();
    }
    return point;
  }

 private:
  Handle<EC_KEY> key_{EC_KEY_new_by_curve_name(NID_X9_62_prime256v1)};
};

/// For one operation.
class BorrowedKey {
 public:
  ~BorrowedKey() { key().forget(); }
  CurveKey* operator->() { return &key(); }

 private:
  static CurveKey& key() {
    thread_local CurveKey of_thread;
    return of_thread;
  }
};

bool is_p256(const psa_key_attributes_t* attributes) {
  return is_on.load(std::memory_order_relaxed) &&
         PSA_KEY_TYPE_ECC_GET_FAMILY(psa_get_key_type(attributes)) == PSA_ECC_FAMILY_SECP_R1 &&
         psa_get_key_bits(attributes) == 256;
}
bool is_x25519(const psa_key_attributes_t* attributes) {
  return is_on.load(std::memory_order_relaxed) &&
         PSA_KEY_TYPE_ECC_GET_FAMILY(psa_get_key_type(attributes)) == PSA_ECC_FAMILY_MONTGOMERY &&
         psa_get_key_bits(attributes) == 255;
}
bool is_key_pair(const psa_key_attributes_t* attributes) {
  return PSA_KEY_TYPE_IS_ECC_KEY_PAIR(psa_get_key_type(attributes));
}

psa_status_t sign(Input key, Input hash, std::span<std::uint8_t> signature, std::size_t* size) {
  if (signature.size() < signature_bytes) return PSA_ERROR_BUFFER_TOO_SMALL;
  BorrowedKey p256;
  if (!p256->set_private(key)) return PSA_ERROR_INSUFFICIENT_MEMORY;
  const Handle<ECDSA_SIG> made(ECDSA_do_sign(hash.data(), static_cast<int>(hash.size()), p256->get()));
  if (made == nullptr) return PSA_ERROR_GENERIC_ERROR;
  if (BN_bn2binpad(ECDSA_SIG_get0_r(made.get()), signature.data(), field_bytes) < 0 ||
      BN_bn2binpad(ECDSA_SIG_get0_s(made.get()), signature.data() + field_bytes, field_bytes) < 0) {
    return PSA_ERROR_GENERIC_ERROR;
  }
  *size = signature_bytes;
  return PSA_SUCCESS;
}

psa_status_t verify(Input key, Input hash, Input signature) {
  if (signature.size() != signature_bytes) return PSA_ERROR_INVALID_SIGNATURE;
  BorrowedKey p256;
  const Handle<EC_POINT> point = p256->read_point(key);
  if (point == nullptr || EC_KEY_set_public_key(p256->get(), point.get()) != 1)
    return PSA_ERROR_INVALID_ARGUMENT;
  const Handle<ECDSA_SIG> given(ECDSA_SIG_new());
  BIGNUM* const r = BN_bin2bn(signature.data(), field_bytes, nullptr);
  BIGNUM* const s = BN_bin2bn(signature.data() + field_bytes, field_bytes, nullptr);
  if (given == nullptr || r == nullptr || s == nullptr || ECDSA_SIG_set0(given.get(), r, s) != 1) {
    BN_free(r);
    BN_free(s);
    return PSA_ERROR_INSUFFICIENT_MEMORY;
  }
  return ECDSA_do_verify(hash.data(), static_cast<int>(hash.size()), given.get(), p256->get()) == 1
             ? PSA_SUCCESS
             : PSA_ERROR_INVALID_SIGNATURE;
}

psa_status_t agree_p256(Input key, Input peer, std::span<std::uint8_t> secret, std::size_t* size) {
  if (secret.size() < field_bytes) return PSA_ERROR_BUFFER_TOO_SMALL;
  BorrowedKey p256;
  const Handle<EC_POINT> point = p256->read_point(peer);
  if (point == nullptr) return PSA_ERROR_INVALID_ARGUMENT;
  if (!p256->set_private(key)) return PSA_ERROR_INSUFFICIENT_MEMORY;
  if (ECDH_compute_key(secret.data(), field_bytes, point.get(), p256->get(), nullptr) !=
      static_cast<int>(field_bytes)) {
    return PSA_ERROR_GENERIC_ERROR;
  }
  *size = field_bytes;
  return PSA_SUCCESS;
}

psa_status_t public_of_p256(Input key, std::span<std::uint8_t> out, std::size_t* size) {
  if (out.size() < point_bytes) return PSA_ERROR_BUFFER_TOO_SMALL;
  BorrowedKey p256;
  if (!p256->set_private(key)) return PSA_ERROR_INSUFFICIENT_MEMORY;
  const Handle<EC_POINT> point(EC_POINT_new(p256->group()));
  if (point == nullptr ||
      EC_POINT_mul(p256->group(), point.get(), EC_KEY_get0_private_key(p256->get()), nullptr, nullptr,
                   nullptr) != 1 ||
      EC_POINT_point2oct(p256->group(), point.get(), POINT_CONVERSION_UNCOMPRESSED, out.data(), out.size(),
                         nullptr) != point_bytes) {
    return PSA_ERROR_GENERIC_ERROR;
  }
  *size = point_bytes;
  return PSA_SUCCESS;
}

psa_status_t public_of_x25519(Input key, std::span<std::uint8_t> out, std::size_t* size) {
  if (out.size() < field_bytes) return PSA_ERROR_BUFFER_TOO_SMALL;
  const Handle<EVP_PKEY> own(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, key.data(), key.size()));
  *size = field_bytes;
  return own != nullptr && EVP_PKEY_get_raw_public_key(own.get(), out.data(), size) == 1
             ? PSA_SUCCESS
             : PSA_ERROR_GENERIC_ERROR;
}

/// A private key alone would have its public one computed at once, which costs as much as the agreement does.
/// So it gets one that nobody looks at.
Handle<EVP_PKEY> x25519_key(Input key) {
  static constexpr std::array<std::uint8_t, field_bytes> any_public{9};
  const std::array parameters{
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, const_cast<std::uint8_t*>(key.data()),
                                        key.size()),
      OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, const_cast<std::uint8_t*>(any_public.data()),
                                        any_public.size()),
      OSSL_PARAM_construct_end()};
  EVP_PKEY* made = nullptr;
  const Handle<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_from_name(nullptr, "X25519", nullptr));
  if (context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &made, EVP_PKEY_KEYPAIR, const_cast<OSSL_PARAM*>(parameters.data())) !=
          1) {
    return nullptr;
  }
  return Handle<EVP_PKEY>(made);
}

psa_status_t agree_x25519(Input key, Input peer, std::span<std::uint8_t> secret, std::size_t* size) {
  if (peer.size() != field_bytes || key.size() != field_bytes) return PSA_ERROR_INVALID_ARGUMENT;
  if (secret.size() < field_bytes) return PSA_ERROR_BUFFER_TOO_SMALL;
  const Handle<EVP_PKEY> own = x25519_key(key);
  const Handle<EVP_PKEY> theirs(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, peer.data(), peer.size()));
  if (own == nullptr || theirs == nullptr) return PSA_ERROR_INSUFFICIENT_MEMORY;
  const Handle<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new(own.get(), nullptr));
  *size = field_bytes;
  // RFC 7748 6.1, RFC 8446 7.4.2: a share of low order gives zeros, which libcrypto refuses.
  const bool is_good = context != nullptr && EVP_PKEY_derive_init(context.get()) == 1 &&
                       EVP_PKEY_derive_set_peer_ex(context.get(), theirs.get(), 0) == 1 &&
                       EVP_PKEY_derive(context.get(), secret.data(), size) == 1;
  ERR_clear_error();
  return is_good ? PSA_SUCCESS : PSA_ERROR_INVALID_ARGUMENT;
}

}  // namespace

bool has_acceleration() {
  return true;
}
bool set_acceleration(bool on) {
  return is_on.exchange(on);
}

}  // namespace byway::tls

// What mbedTLS calls (mbedtls_portable.h).
extern "C" {

psa_status_t mbedtls_psa_ecdsa_sign_hash(const psa_key_attributes_t* attributes, const std::uint8_t* key,
                                         std::size_t key_size, psa_algorithm_t algorithm,
                                         const std::uint8_t* hash, std::size_t hash_size,
                                         std::uint8_t* signature, std::size_t signature_size,
                                         std::size_t* signature_length) {
  if (byway::tls::is_p256(attributes) && PSA_ALG_IS_RANDOMIZED_ECDSA(algorithm)) {
    return byway::tls::sign({key, key_size}, {hash, hash_size}, {signature, signature_size},
                            signature_length);
  }
  return mbedtls_psa_ecdsa_sign_hash_portable(attributes, key, key_size, algorithm, hash, hash_size,
                                              signature, signature_size, signature_length);
}

psa_status_t mbedtls_psa_ecdsa_verify_hash(const psa_key_attributes_t* attributes, const std::uint8_t* key,
                                           std::size_t key_size, psa_algorithm_t algorithm,
                                           const std::uint8_t* hash, std::size_t hash_size,
                                           const std::uint8_t* signature, std::size_t signature_size) {
  // Of a key pair only the private half is here.
  if (byway::tls::is_p256(attributes) && !byway::tls::is_key_pair(attributes)) {
    return byway::tls::verify({key, key_size}, {hash, hash_size}, {signature, signature_size});
  }
  return mbedtls_psa_ecdsa_verify_hash_portable(attributes, key, key_size, algorithm, hash, hash_size,
                                                signature, signature_size);
}

psa_status_t mbedtls_psa_key_agreement_ecdh(const psa_key_attributes_t* attributes, const std::uint8_t* key,
                                            std::size_t key_size, psa_algorithm_t algorithm,
                                            const std::uint8_t* peer, std::size_t peer_size,
                                            std::uint8_t* secret, std::size_t secret_size,
                                            std::size_t* secret_length) {
  if (PSA_ALG_IS_ECDH(algorithm) && byway::tls::is_key_pair(attributes)) {
    if (byway::tls::is_p256(attributes)) {
      return byway::tls::agree_p256({key, key_size}, {peer, peer_size}, {secret, secret_size}, secret_length);
    }
    if (byway::tls::is_x25519(attributes)) {
      return byway::tls::agree_x25519({key, key_size}, {peer, peer_size}, {secret, secret_size},
                                      secret_length);
    }
  }
  return mbedtls_psa_key_agreement_ecdh_portable(attributes, key, key_size, algorithm, peer, peer_size,
                                                 secret, secret_size, secret_length);
}

psa_status_t mbedtls_psa_ecp_export_public_key(const psa_key_attributes_t* attributes,
                                               const std::uint8_t* key, std::size_t key_size,
                                               std::uint8_t* out, std::size_t out_size,
                                               std::size_t* out_length) {
  if (byway::tls::is_key_pair(attributes)) {
    if (byway::tls::is_p256(attributes))
      return byway::tls::public_of_p256({key, key_size}, {out, out_size}, out_length);
    if (byway::tls::is_x25519(attributes)) {
      return byway::tls::public_of_x25519({key, key_size}, {out, out_size}, out_length);
    }
  }
  return mbedtls_psa_ecp_export_public_key_portable(attributes, key, key_size, out, out_size, out_length);
}

}  // extern "C"
