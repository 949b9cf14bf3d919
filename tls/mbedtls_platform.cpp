#include "tls/mbedtls_platform.h"

#include <mbedtls/platform.h>
#include <mbedtls/platform_time.h>
#include <psa/crypto.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <new>
#include <vector>

#include "dataplane/assert.h"
#include "tls/random.h"

namespace byway::tls {
namespace {

thread_local CallScope* current = nullptr;

/// In front of each block: who pays for it. As large as the strictest alignment, so that what follows keeps
/// it.
struct alignas(std::max_align_t) BlockHead {
  MemoryAccount* account;
  std::size_t size;
};

/// Grows PSA's table by holding that many keys for a moment.
bool make_room_for_keys(std::size_t count) {
  std::vector<psa_key_id_t> keys;
  keys.reserve(count);
  psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
  psa_set_key_type(&attributes, PSA_KEY_TYPE_RAW_DATA);
  const std::array<std::uint8_t, 1> nothing{};
  while (keys.size() < count) {
    psa_key_id_t key = 0;
    if (psa_import_key(&attributes, nothing.data(), nothing.size(), &key) != PSA_SUCCESS) break;
    keys.push_back(key);
  }
  for (const psa_key_id_t key : keys) psa_destroy_key(key);
  return keys.size() == count;
}

}  // namespace

CallScope::CallScope(MemoryAccount& account, std::size_t& used, std::size_t used_max, UnixTime now)
    : account_(account), used_(used), used_max_(used_max), now_(now) {
  BYWAY_ASSERT(current == nullptr);
  current = this;
}

CallScope::~CallScope() {
  current = nullptr;
}

void* counted_calloc(std::size_t count, std::size_t size) {
  std::size_t bytes = 0;
  if (__builtin_mul_overflow(count, size, &bytes) ||
      __builtin_add_overflow(bytes, sizeof(BlockHead), &bytes)) {
    return nullptr;
  }
  CallScope* const scope = current;
  if (scope != nullptr) {
    MemoryAccount& account = scope->account_;
    const std::size_t in_use = account.in_use.load(std::memory_order_relaxed);
    if (bytes > account.bytes_max - std::min(in_use, account.bytes_max) ||
        bytes > scope->used_max_ - std::min(scope->used_, scope->used_max_)) {
      ++account.refused;
      scope->refused_ = true;
      return nullptr;
    }
  }
  void* memory =
      std::calloc(1, bytes);  // tidy: allow(malloc) handshakes only, counted and bounded per worker
  if (memory == nullptr) {
    if (scope != nullptr) scope->refused_ = true;
    return nullptr;
  }
  auto* head = ::new (memory) BlockHead{scope != nullptr ? &scope->account_ : nullptr, bytes};
  if (scope != nullptr) {
    scope->used_ += bytes;
    const std::size_t in_use = scope->account_.in_use.load(std::memory_order_relaxed) + bytes;
    scope->account_.in_use.store(in_use, std::memory_order_relaxed);
    scope->account_.peak = std::max(scope->account_.peak, in_use);
  }
  return head + 1;
}

void counted_free(void* memory) {
  if (memory == nullptr) return;
  BlockHead* const head = static_cast<BlockHead*>(memory) - 1;
  if (MemoryAccount* const account = head->account; account != nullptr) {
    if (current != nullptr && &current->account_ == account) {
      account->in_use.store(account->in_use.load(std::memory_order_relaxed) - head->size,
                            std::memory_order_relaxed);
      current->used_ -= std::min(head->size, current->used_);
    } else {
      account->in_use.fetch_sub(head->size, std::memory_order_relaxed);
    }
  }
  std::free(head);  // tidy: allow(malloc) handshakes only
}

std::int64_t scope_seconds() {
  return current != nullptr ? current->now_.seconds : 0;
}

namespace {

mbedtls_time_t time_of_scope(mbedtls_time_t* out) {
  const auto seconds = static_cast<mbedtls_time_t>(scope_seconds());
  if (out != nullptr) *out = seconds;
  return seconds;
}

}  // namespace

int random_for_mbedtls(void* /*context*/, unsigned char* out, std::size_t size) {
  fill_random({out, size});
  return 0;
}

bool start_mbedtls(std::size_t handshakes_max) {
  static const bool started = [handshakes_max] {
    return mbedtls_platform_set_calloc_free(counted_calloc, counted_free) == 0 &&
           mbedtls_platform_set_time(time_of_scope) == 0 && psa_crypto_init() == PSA_SUCCESS &&
           make_room_for_keys(handshakes_max * psa_keys_per_handshake);
  }();
  return started;
}

}  // namespace byway::tls

// Hooks that mbedTLS names (MBEDTLS_PLATFORM_MS_TIME_ALT, MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG).
extern "C" mbedtls_ms_time_t mbedtls_ms_time() {
  return byway::tls::scope_seconds() * 1000;
}

extern "C" psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t* /*context*/,
                                                        std::uint8_t* output, std::size_t output_size,
                                                        std::size_t* output_length) {
  byway::tls::fill_random({output, output_size});
  *output_length = output_size;
  return PSA_SUCCESS;
}
