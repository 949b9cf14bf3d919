// Authenticated encryption of records: AES-128-GCM, AES-256-GCM (RFC 5288, RFC 8446) and ChaCha20-Poly1305
// (RFC 8439, RFC 7905), with tags of 16 bytes.
//
//   AeadKey      the raw key, 48 bytes in a connection
//   AeadEngine   one a worker: does the work; expanded keys are in its cache, and scratch memory is shared
//
// An expanded key of AES-GCM takes a kilobyte (round keys, powers of the hash key), so that connections keep
// raw ones and the engine expands what is used, and remembers it until others were used more recently. A
// connection that has been idle pays for one expansion (benchmarks/tls/record).
//
// Two implementations do the work: libipsec-mb, whose code fits the CPU (VAES and AVX-512, AVX2, SSE), and
// libcrypto, where that is not built in or finds no AES instructions. Both take pieces of any length, so that
// a record may be spread over buffers. Tags are compared in constant time. No heap after create().
//
// Thread: an engine, its keys and their connections belong to one worker.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "dataplane/assert.h"
#include "tls/aead_cache.h"
#include "tls/key_schedule.h"
#include "tls/traffic_secrets.h"

namespace byway::tls {

using Nonce = std::array<std::uint8_t, aead_nonce_bytes>;

/// A key as a connection keeps it. Wiped at its end, which AeadEngine::forget must come before.
class AeadKey {
 public:
  AeadKey() = default;
  ~AeadKey() { wipe(bytes_); }
  AeadKey(const AeadKey&) = delete;
  AeadKey& operator=(const AeadKey&) = delete;

  [[nodiscard]] Aead aead() const { return aead_; }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return {bytes_.data(), key_bytes_of(aead_)}; }
  [[nodiscard]] bool is_set() const { return id_ != 0; }

 private:
  friend class AeadEngine;
  std::uint64_t id_ = 0;    ///< Of the cache; 0: no key.
  std::uint32_t slot_ = 0;  ///< Where its expanded form was last.
  Aead aead_ = Aead::aes_128_gcm;
  std::array<std::uint8_t, aead_key_bytes_max> bytes_{};
};

enum class AeadDirection : std::uint8_t { seal, open };

enum class AeadBackend : std::uint8_t { ipsec_mb, libcrypto };
[[nodiscard]] std::string_view name_of(AeadBackend backend);

/// 512 connections that are busy at the same time: 1 MiB, half of a second-level cache.
inline constexpr std::uint32_t expanded_keys_default = 1024;

class AeadEngine {
 public:
  /// nullptr: this build has not got it, or the CPU lacks what it needs, or its self-test failed. Start-up
  /// only. `expanded_keys`: asserted at least 2, for both directions of one connection.
  [[nodiscard]] static std::unique_ptr<AeadEngine> create(AeadBackend backend, std::uint32_t expanded_keys);
  /// The faster one that there is. libcrypto is always.
  [[nodiscard]] static std::unique_ptr<AeadEngine> create_best(
      std::uint32_t expanded_keys = expanded_keys_default);

  virtual ~AeadEngine() = default;
  AeadEngine(const AeadEngine&) = delete;
  AeadEngine& operator=(const AeadEngine&) = delete;

  [[nodiscard]] AeadBackend backend() const { return backend_; }
  /// "ipsec-mb (AVX512, VAES)": for logs and benchmarks.
  [[nodiscard]] virtual std::string_view description() const = 0;

  /// Makes `key` that of `bytes` (asserted: key_bytes_of(aead)). What it was before is forgotten.
  void set_key(AeadKey& key, Aead aead, std::span<const std::uint8_t> bytes);
  /// Wipes the key, and what was expanded of it.
  void forget(AeadKey& key);

  /// A whole message. `out` may be `in`; else they do not overlap.
  virtual void seal(AeadKey& key, const Nonce& nonce, std::span<const std::uint8_t> aad,
                    const std::uint8_t* in, std::uint8_t* out, std::size_t size, std::uint8_t* tag) = 0;
  /// False: the tag is wrong. What is in `out` then must not be used.
  [[nodiscard]] virtual bool open(AeadKey& key, const Nonce& nonce, std::span<const std::uint8_t> aad,
                                  const std::uint8_t* in, std::uint8_t* out, std::size_t size,
                                  const std::uint8_t* tag) = 0;

  /// A message in pieces: begin, then update for each, then one of the two ends. `nonce` and `aad` are read
  /// in begin. One message at a time.
  virtual void begin(AeadKey& key, AeadDirection direction, const Nonce& nonce,
                     std::span<const std::uint8_t> aad) = 0;
  virtual void update(const std::uint8_t* in, std::uint8_t* out, std::size_t size) = 0;
  virtual void finish_seal(std::uint8_t* tag) = 0;
  [[nodiscard]] virtual bool finish_open(const std::uint8_t* tag) = 0;

  /// Keys expanded since the start.
  [[nodiscard]] std::uint64_t expansions() const { return expansions_; }

 protected:
  AeadEngine(AeadBackend backend, std::uint32_t expanded_keys) : cache_(expanded_keys), backend_(backend) {}

  /// The place of the key's expanded form; expands it if it has none.
  [[nodiscard]] std::uint32_t expanded(AeadKey& key) {
    BYWAY_ASSERT(key.is_set());
    if (cache_.find(key.id_, key.slot_)) [[likely]]
      return key.slot_;
    return expand_again(key);
  }
  /// Puts the expanded form of `key` into `slot`, over what is there.
  virtual void expand(const AeadKey& key, std::uint32_t slot) = 0;
  virtual void wipe_expanded(std::uint32_t slot) = 0;

 private:
  std::uint32_t expand_again(AeadKey& key);

  KeyCache cache_;
  std::uint64_t expansions_ = 0;
  AeadBackend backend_;
};

/// What create() chooses from.
[[nodiscard]] std::unique_ptr<AeadEngine> create_libcrypto_engine(std::uint32_t expanded_keys);
[[nodiscard]] std::unique_ptr<AeadEngine> create_ipsec_mb_engine(std::uint32_t expanded_keys);

}  // namespace byway::tls
