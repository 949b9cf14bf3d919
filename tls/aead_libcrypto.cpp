// AEADs by libcrypto's EVP: three contexts for each expanded key, made at start, one for each algorithm,
// since a context that changes its algorithm allocates.
#include <openssl/err.h>
#include <openssl/evp.h>

#include <vector>

#include "tls/aead.h"

namespace byway::tls {

namespace {

struct FreeCipher {
  void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
};
struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER, FreeCipher>;
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

constexpr std::size_t algorithms = 3;

class LibcryptoEngine final : public AeadEngine {
 public:
  explicit LibcryptoEngine(std::uint32_t expanded_keys)
      : AeadEngine(AeadBackend::libcrypto, expanded_keys), contexts_(expanded_keys) {
    constexpr std::array<const char*, algorithms> names = {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"};
    constexpr std::array<std::uint8_t, aead_key_bytes_max> no_key{};
    for (std::size_t i = 0; i < algorithms; ++i) {
      ciphers_[i].reset(EVP_CIPHER_fetch(nullptr, names[i], nullptr));
      BYWAY_ASSERT(ciphers_[i] != nullptr);
      for (auto& slot : contexts_) {
        slot[i].reset(EVP_CIPHER_CTX_new());
        BYWAY_ASSERT(slot[i] != nullptr);
        BYWAY_ASSERT(
            EVP_CipherInit_ex(slot[i].get(), ciphers_[i].get(), nullptr, no_key.data(), nullptr, 1) == 1);
      }
    }
  }

  [[nodiscard]] std::string_view description() const override { return "libcrypto (EVP)"; }

  void seal(AeadKey& key, const Nonce& nonce, std::span<const std::uint8_t> aad, const std::uint8_t* in,
            std::uint8_t* out, std::size_t size, std::uint8_t* tag) override {
    begin(key, AeadDirection::seal, nonce, aad);
    update(in, out, size);
    finish_seal(tag);
  }
  [[nodiscard]] bool open(AeadKey& key, const Nonce& nonce, std::span<const std::uint8_t> aad,
                          const std::uint8_t* in, std::uint8_t* out, std::size_t size,
                          const std::uint8_t* tag) override {
    begin(key, AeadDirection::open, nonce, aad);
    update(in, out, size);
    return finish_open(tag);
  }

  void begin(AeadKey& key, AeadDirection direction, const Nonce& nonce,
             std::span<const std::uint8_t> aad) override {
    current_ = contexts_[expanded(key)][static_cast<std::size_t>(key.aead())].get();
    int length = 0;
    const int encrypt = direction == AeadDirection::seal ? 1 : 0;
    BYWAY_ASSERT(EVP_CipherInit_ex(current_, nullptr, nullptr, nullptr, nonce.data(), encrypt) == 1);
    BYWAY_ASSERT(EVP_CipherUpdate(current_, nullptr, &length, aad.data(), static_cast<int>(aad.size())) == 1);
  }
  void update(const std::uint8_t* in, std::uint8_t* out, std::size_t size) override {
    if (size == 0) return;
    int length = 0;
    BYWAY_ASSERT(EVP_CipherUpdate(current_, out, &length, in, static_cast<int>(size)) == 1);
  }
  void finish_seal(std::uint8_t* tag) override {
    int length = 0;
    std::array<std::uint8_t, 16> rest;  // stays empty: these ciphers keep nothing back
    BYWAY_ASSERT(EVP_CipherFinal_ex(current_, rest.data(), &length) == 1);
    BYWAY_ASSERT(EVP_CIPHER_CTX_ctrl(current_, EVP_CTRL_AEAD_GET_TAG, aead_tag_bytes, tag) == 1);
  }
  /// libcrypto compares by CRYPTO_memcmp.
  [[nodiscard]] bool finish_open(const std::uint8_t* tag) override {
    int length = 0;
    std::array<std::uint8_t, 16> rest;
    BYWAY_ASSERT(EVP_CIPHER_CTX_ctrl(current_, EVP_CTRL_AEAD_SET_TAG, aead_tag_bytes,
                                     const_cast<std::uint8_t*>(tag)) == 1);
    if (EVP_CipherFinal_ex(current_, rest.data(), &length) == 1) return true;
    ERR_clear_error();  // else the next one who asks this thread for errors finds it
    return false;
  }

 private:
  void expand(const AeadKey& key, std::uint32_t slot) override {
    rekey(key.aead(), slot, key.bytes().data());
  }
  /// No call of libcrypto wipes a context and keeps it: another key over the old one does.
  void wipe_expanded(std::uint32_t slot) override {
    constexpr std::array<std::uint8_t, aead_key_bytes_max> no_key{};
    for (std::size_t i = 0; i < algorithms; ++i) rekey(static_cast<Aead>(i), slot, no_key.data());
  }
  void rekey(Aead aead, std::uint32_t slot, const std::uint8_t* key) {
    EVP_CIPHER_CTX* context = contexts_[slot][static_cast<std::size_t>(aead)].get();
    BYWAY_ASSERT(EVP_CipherInit_ex(context, nullptr, nullptr, key, nullptr, -1) == 1);
  }

  std::array<Cipher, algorithms> ciphers_;
  std::vector<std::array<Context, algorithms>> contexts_;
  EVP_CIPHER_CTX* current_ = nullptr;
};

}  // namespace

std::unique_ptr<AeadEngine> create_libcrypto_engine(std::uint32_t expanded_keys) {
  return std::make_unique<LibcryptoEngine>(expanded_keys);
}

}  // namespace byway::tls
