// AEADs by libipsec-mb's direct interface: one call a message, or init, update, finalize for pieces. The
// library's functions of this CPU are taken over once; the manager is kept for its ChaCha20-Poly1305 jobs,
// which it does at once and twice as fast as piece by piece.
#include <openssl/crypto.h>

#include <vector>

// What its header wants defined for the alignment of expanded keys.
#ifndef LINUX
#define LINUX
#endif
#include <intel-ipsec-mb.h>

#include "tls/aead.h"

namespace byway::tls {

namespace {

struct FreeManager {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};
using Manager = std::unique_ptr<IMB_MGR, FreeManager>;

/// The calls of one key length.
struct Gcm {
  aes_gcm_pre_t expand;
  aes_gcm_enc_dec_t seal;
  aes_gcm_enc_dec_t open;
  aes_gcm_init_t begin;
  aes_gcm_enc_dec_update_t seal_piece;
  aes_gcm_enc_dec_update_t open_piece;
  aes_gcm_enc_dec_finalize_t seal_end;
  aes_gcm_enc_dec_finalize_t open_end;
};

std::string_view describe(const IMB_MGR& manager) {
  const bool has_vaes = (manager.features & IMB_FEATURE_VAES) != 0;
  switch (static_cast<IMB_ARCH>(manager.used_arch)) {
    case IMB_ARCH_AVX512:
      return has_vaes ? "ipsec-mb (AVX512, VAES)" : "ipsec-mb (AVX512)";
    case IMB_ARCH_AVX2:
      return "ipsec-mb (AVX2)";
    case IMB_ARCH_AVX:
      return "ipsec-mb (AVX)";
    default:
      return "ipsec-mb (SSE)";
  }
}

class IpsecMbEngine final : public AeadEngine {
 public:
  IpsecMbEngine(Manager manager, std::uint32_t expanded_keys)
      : AeadEngine(AeadBackend::ipsec_mb, expanded_keys), manager_(std::move(manager)), keys_(expanded_keys) {
    const IMB_MGR& m = *manager_;
    gcm_[0] = {m.gcm128_pre,        m.gcm128_enc,        m.gcm128_dec,          m.gcm128_init,
               m.gcm128_enc_update, m.gcm128_dec_update, m.gcm128_enc_finalize, m.gcm128_dec_finalize};
    gcm_[1] = {m.gcm256_pre,        m.gcm256_enc,        m.gcm256_dec,          m.gcm256_init,
               m.gcm256_enc_update, m.gcm256_dec_update, m.gcm256_enc_finalize, m.gcm256_dec_finalize};
  }
  ~IpsecMbEngine() override {
    for (std::uint32_t slot = 0; slot < keys_.size(); ++slot) wipe_expanded(slot);
    ::explicit_bzero(&gcm_state_, sizeof(gcm_state_));
    ::explicit_bzero(&chacha_state_, sizeof(chacha_state_));
  }

  [[nodiscard]] std::string_view description() const override { return describe(*manager_); }

  void seal(AeadKey& key, const Nonce& nonce, std::span<const std::uint8_t> aad, const std::uint8_t* in,
            std::uint8_t* out, std::size_t size, std::uint8_t* tag) override {
    if (key.aead() == Aead::chacha20_poly1305) {
      run_chacha(key, IMB_DIR_ENCRYPT, nonce, aad, in, out, size, tag);
      return;
    }
    const gcm_key_data& expanded_key = keys_[expanded(key)];
    gcm_of(key).seal(&expanded_key, &gcm_state_, out, in, size, nonce.data(), aad.data(), aad.size(), tag,
                     aead_tag_bytes);
  }
  [[nodiscard]] bool open(AeadKey& key, const Nonce& nonce, std::span<const std::uint8_t> aad,
                          const std::uint8_t* in, std::uint8_t* out, std::size_t size,
                          const std::uint8_t* tag) override {
    std::array<std::uint8_t, aead_tag_bytes> computed;
    if (key.aead() == Aead::chacha20_poly1305) {
      run_chacha(key, IMB_DIR_DECRYPT, nonce, aad, in, out, size, computed.data());
    } else {
      const gcm_key_data& expanded_key = keys_[expanded(key)];
      gcm_of(key).open(&expanded_key, &gcm_state_, out, in, size, nonce.data(), aad.data(), aad.size(),
                       computed.data(), aead_tag_bytes);
    }
    return CRYPTO_memcmp(computed.data(), tag, aead_tag_bytes) == 0;
  }

  void begin(AeadKey& key, AeadDirection direction, const Nonce& nonce,
             std::span<const std::uint8_t> aad) override {
    key_ = &key;
    direction_ = direction;
    if (key.aead() == Aead::chacha20_poly1305) {
      manager_->chacha20_poly1305_init(key.bytes().data(), &chacha_state_, nonce.data(), aad.data(),
                                       aad.size());
    } else {
      expanded_ = &keys_[expanded(key)];
      gcm_of(key).begin(expanded_, &gcm_state_, nonce.data(), aad.data(), aad.size());
    }
  }
  void update(const std::uint8_t* in, std::uint8_t* out, std::size_t size) override {
    if (size == 0) return;
    const bool is_seal = direction_ == AeadDirection::seal;
    if (key_->aead() == Aead::chacha20_poly1305) {
      const auto piece =
          is_seal ? manager_->chacha20_poly1305_enc_update : manager_->chacha20_poly1305_dec_update;
      piece(key_->bytes().data(), &chacha_state_, out, in, size);
    } else {
      const Gcm& gcm = gcm_of(*key_);
      (is_seal ? gcm.seal_piece : gcm.open_piece)(expanded_, &gcm_state_, out, in, size);
    }
  }
  void finish_seal(std::uint8_t* tag) override { finish(tag); }
  [[nodiscard]] bool finish_open(const std::uint8_t* tag) override {
    std::array<std::uint8_t, aead_tag_bytes> computed;
    finish(computed.data());
    return CRYPTO_memcmp(computed.data(), tag, aead_tag_bytes) == 0;
  }

 private:
  [[nodiscard]] const Gcm& gcm_of(const AeadKey& key) const {
    return gcm_[key.aead() == Aead::aes_256_gcm ? 1 : 0];
  }
  void finish(std::uint8_t* tag) {
    if (key_->aead() == Aead::chacha20_poly1305) {
      manager_->chacha20_poly1305_finalize(&chacha_state_, tag, aead_tag_bytes);
    } else {
      const Gcm& gcm = gcm_of(*key_);
      const bool is_seal = direction_ == AeadDirection::seal;
      (is_seal ? gcm.seal_end : gcm.open_end)(expanded_, &gcm_state_, tag, aead_tag_bytes);
    }
  }
  void run_chacha(AeadKey& key, IMB_CIPHER_DIRECTION direction, const Nonce& nonce,
                  std::span<const std::uint8_t> aad, const std::uint8_t* in, std::uint8_t* out,
                  std::size_t size, std::uint8_t* tag) {
    IMB_JOB* job = IMB_GET_NEXT_JOB(manager_.get());
    const bool is_seal = direction == IMB_DIR_ENCRYPT;
    job->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    job->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
    job->cipher_direction = direction;
    job->chain_order = is_seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    job->enc_keys = job->dec_keys = key.bytes().data();
    job->key_len_in_bytes = aead_key_bytes_max;
    job->iv = nonce.data();
    job->iv_len_in_bytes = aead_nonce_bytes;
    job->u.CHACHA20_POLY1305.aad = aad.data();
    job->u.CHACHA20_POLY1305.aad_len_in_bytes = aad.size();
    job->src = in;
    job->dst = out;
    job->cipher_start_src_offset_in_bytes = 0;
    job->hash_start_src_offset_in_bytes = 0;
    job->msg_len_to_cipher_in_bytes = size;
    job->msg_len_to_hash_in_bytes = size;
    job->auth_tag_output = tag;
    job->auth_tag_output_len_in_bytes = aead_tag_bytes;
    const IMB_JOB* done = IMB_SUBMIT_JOB_NOCHECK(manager_.get());
    BYWAY_ASSERT(done == job && job->status == IMB_STATUS_COMPLETED);  // this kind never waits for others
  }

  void expand(const AeadKey& key, std::uint32_t slot) override {
    gcm_of(key).expand(key.bytes().data(), &keys_[slot]);
  }
  void wipe_expanded(std::uint32_t slot) override { ::explicit_bzero(&keys_[slot], sizeof(gcm_key_data)); }

  Manager manager_;
  std::array<Gcm, 2> gcm_;
  std::vector<gcm_key_data> keys_;
  // The message under way.
  AeadKey* key_ = nullptr;
  const gcm_key_data* expanded_ = nullptr;
  AeadDirection direction_ = AeadDirection::seal;
  gcm_context_data gcm_state_{};
  chacha20_poly1305_context_data chacha_state_{};
};

}  // namespace

std::unique_ptr<AeadEngine> create_ipsec_mb_engine(std::uint32_t expanded_keys) {
  Manager manager(alloc_mb_mgr(0));
  if (manager == nullptr) return nullptr;
  constexpr std::uint64_t needed = IMB_FEATURE_AESNI | IMB_FEATURE_PCLMULQDQ;
  if ((manager->features & needed) != needed) return nullptr;
  init_mb_mgr_auto(manager.get(), nullptr);
  if (imb_get_errno(manager.get()) != 0) return nullptr;
  // Known answers that the library checks for each architecture.
  const std::uint64_t features = manager->features;
  if ((features & IMB_FEATURE_SELF_TEST) != 0 && (features & IMB_FEATURE_SELF_TEST_PASS) == 0) return nullptr;
  return std::make_unique<IpsecMbEngine>(std::move(manager), expanded_keys);
}

}  // namespace byway::tls
