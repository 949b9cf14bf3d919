#include "tls/aead.h"

#include <algorithm>

namespace byway::tls {

std::string_view name_of(AeadBackend backend) {
  return backend == AeadBackend::ipsec_mb ? "ipsec-mb" : "libcrypto";
}

std::unique_ptr<AeadEngine> AeadEngine::create(AeadBackend backend, std::uint32_t expanded_keys) {
  if (backend == AeadBackend::libcrypto) return create_libcrypto_engine(expanded_keys);
#ifdef BYWAY_HAS_IPSEC_MB
  return create_ipsec_mb_engine(expanded_keys);
#else
  return nullptr;
#endif
}

std::unique_ptr<AeadEngine> AeadEngine::create_best(std::uint32_t expanded_keys) {
  auto engine = create(AeadBackend::ipsec_mb, expanded_keys);
  return engine != nullptr ? std::move(engine) : create(AeadBackend::libcrypto, expanded_keys);
}

void AeadEngine::set_key(AeadKey& key, Aead aead, std::span<const std::uint8_t> bytes) {
  BYWAY_ASSERT(bytes.size() == key_bytes_of(aead));
  forget(key);
  std::copy(bytes.begin(), bytes.end(), key.bytes_.begin());
  key.aead_ = aead;
  key.id_ = cache_.next_id();
}

void AeadEngine::forget(AeadKey& key) {
  if (cache_.drop(key.id_, key.slot_)) wipe_expanded(key.slot_);
  wipe(key.bytes_);
  key.id_ = 0;
}

std::uint32_t AeadEngine::expand_again(AeadKey& key) {
  key.slot_ = cache_.place(key.id_);
  expand(key, key.slot_);
  ++expansions_;
  return key.slot_;
}

}  // namespace byway::tls
