// The one-shot interfaces of libcrypto fetch and allocate on each call; its SHA-2 by itself does neither, but
// is marked as deprecated since 3.0.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tls/key_schedule.h"

#include <openssl/sha.h>

#include <algorithm>
#include <cstring>

#include "dataplane/assert.h"

namespace byway::tls {

namespace {

struct Sha256 {
  static constexpr std::size_t bytes = SHA256_DIGEST_LENGTH;
  static constexpr std::size_t block = SHA256_CBLOCK;
  SHA256_CTX state;
  void begin() { SHA256_Init(&state); }
  void add(std::span<const std::uint8_t> data) { SHA256_Update(&state, data.data(), data.size()); }
  void finish(std::uint8_t* out) { SHA256_Final(out, &state); }
};

struct Sha384 {
  static constexpr std::size_t bytes = SHA384_DIGEST_LENGTH;
  static constexpr std::size_t block = SHA512_CBLOCK;
  SHA512_CTX state;
  void begin() { SHA384_Init(&state); }
  void add(std::span<const std::uint8_t> data) { SHA384_Update(&state, data.data(), data.size()); }
  void finish(std::uint8_t* out) { SHA384_Final(out, &state); }
};

/// HMAC whose parts come one after the other. Wiped at its end.
template <typename Sha>
class Hmac {
 public:
  explicit Hmac(std::span<const std::uint8_t> key) {
    std::array<std::uint8_t, Sha::block> padded{};
    if (key.size() > padded.size()) {
      inner_.begin();
      inner_.add(key);
      inner_.finish(padded.data());
    } else {
      std::copy(key.begin(), key.end(), padded.begin());
    }
    for (std::uint8_t& byte : padded) byte ^= 0x36;
    inner_.begin();
    inner_.add(padded);
    for (std::uint8_t& byte : padded) byte ^= 0x36 ^ 0x5c;
    outer_.begin();
    outer_.add(padded);
    wipe(padded);
  }
  ~Hmac() {
    ::explicit_bzero(&inner_, sizeof(inner_));
    ::explicit_bzero(&outer_, sizeof(outer_));
  }
  Hmac(const Hmac&) = delete;
  Hmac& operator=(const Hmac&) = delete;

  void add(std::span<const std::uint8_t> data) { inner_.add(data); }
  void finish(std::uint8_t* out) {
    std::array<std::uint8_t, Sha::bytes> digest;
    inner_.finish(digest.data());
    outer_.add(digest);
    outer_.finish(out);
    wipe(digest);
  }

 private:
  Sha inner_;
  Sha outer_;
};

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// P_hash of RFC 5246 section 5; its seed is label + seed.
template <typename Sha>
void p_hash(std::span<const std::uint8_t> secret, std::span<const std::uint8_t> label,
            std::span<const std::uint8_t> seed, std::span<std::uint8_t> out) {
  std::array<std::uint8_t, Sha::bytes> a;
  Hmac<Sha> first(secret);
  first.add(label);
  first.add(seed);
  first.finish(a.data());
  std::array<std::uint8_t, Sha::bytes> piece;
  while (!out.empty()) {
    Hmac<Sha> next(secret);
    next.add(a);
    next.add(label);
    next.add(seed);
    next.finish(piece.data());
    const std::size_t taken = std::min(out.size(), piece.size());
    std::memcpy(out.data(), piece.data(), taken);
    out = out.subspan(taken);
    Hmac<Sha> again(secret);
    again.add(a);
    again.finish(a.data());
  }
  wipe(a);
  wipe(piece);
}

}  // namespace

void hmac(Hash hash, std::span<const std::uint8_t> key, std::span<const std::uint8_t> first,
          std::span<const std::uint8_t> second, std::span<std::uint8_t> out) {
  BYWAY_ASSERT(out.size() == size_of(hash));
  const auto run = [&](auto& mac) {
    mac.add(first);
    mac.add(second);
    mac.finish(out.data());
  };
  if (hash == Hash::sha256) {
    Hmac<Sha256> mac(key);
    run(mac);
  } else {
    Hmac<Sha384> mac(key);
    run(mac);
  }
}

void hkdf_expand_label(Hash hash, std::span<const std::uint8_t> secret, std::string_view label,
                       std::span<const std::uint8_t> context, std::span<std::uint8_t> out) {
  constexpr std::string_view prefix = "tls13 ";
  constexpr std::size_t label_bytes_max = 32;
  constexpr std::size_t context_bytes_max = 255;
  BYWAY_ASSERT(label.size() <= label_bytes_max && context.size() <= context_bytes_max);
  BYWAY_ASSERT(out.size() <= size_of(hash));
  // HkdfLabel, and the counter of HKDF-Expand, which never gets beyond its first block.
  std::array<std::uint8_t, 2 + 1 + prefix.size() + label_bytes_max + 1 + context_bytes_max + 1> info;
  std::size_t at = 0;
  const auto put = [&](std::span<const std::uint8_t> bytes) {
    if (!bytes.empty()) std::memcpy(info.data() + at, bytes.data(), bytes.size());
    at += bytes.size();
  };
  info[at++] = 0;
  info[at++] = static_cast<std::uint8_t>(out.size());
  info[at++] = static_cast<std::uint8_t>(prefix.size() + label.size());
  put(bytes_of(prefix));
  put(bytes_of(label));
  info[at++] = static_cast<std::uint8_t>(context.size());
  put(context);
  info[at++] = 1;
  std::array<std::uint8_t, Secret::bytes_max> block;
  hmac(hash, secret, std::span(info).first(at), {}, std::span(block).first(size_of(hash)));
  std::memcpy(out.data(), block.data(), out.size());
  wipe(block);
}

void derive_direction_keys(SuiteParameters suite, std::span<const std::uint8_t> secret, DirectionKeys& out) {
  hkdf_expand_label(suite.hash, secret, "key", {}, std::span(out.key).first(key_bytes_of(suite.aead)));
  hkdf_expand_label(suite.hash, secret, "iv", {}, out.nonce);
}

void advance_traffic_secret(Hash hash, Secret& secret) {
  std::array<std::uint8_t, Secret::bytes_max> next;
  const auto used = std::span(next).first(size_of(hash));
  hkdf_expand_label(hash, secret.bytes(), "traffic upd", {}, used);
  secret.assign(used);
  wipe(next);
}

void derive_resumption_psk(Hash hash, std::span<const std::uint8_t> resumption_secret,
                           std::span<const std::uint8_t> nonce, Secret& out) {
  std::array<std::uint8_t, Secret::bytes_max> psk;
  const auto used = std::span(psk).first(size_of(hash));
  hkdf_expand_label(hash, resumption_secret, "resumption", nonce, used);
  out.assign(used);
  wipe(psk);
}

void tls12_prf(Hash hash, std::span<const std::uint8_t> secret, std::string_view label,
               std::span<const std::uint8_t> seed, std::span<std::uint8_t> out) {
  if (hash == Hash::sha256) {
    p_hash<Sha256>(secret, bytes_of(label), seed, out);
  } else {
    p_hash<Sha384>(secret, bytes_of(label), seed, out);
  }
}

void derive_key_block(SuiteParameters suite, std::span<const std::uint8_t> master_secret,
                      const Random& client_random, const Random& server_random, DirectionKeys& client,
                      DirectionKeys& server) {
  const std::size_t key = key_bytes_of(suite.aead);
  // RFC 5288 section 3: a salt of four bytes. RFC 7905 section 2: all twelve.
  const std::size_t nonce = suite.aead == Aead::chacha20_poly1305 ? aead_nonce_bytes : 4;
  std::array<std::uint8_t, 2 * sizeof(Random)> seed;
  std::memcpy(seed.data(), server_random.data(), server_random.size());
  std::memcpy(seed.data() + server_random.size(), client_random.data(), client_random.size());
  std::array<std::uint8_t, 2 * (aead_key_bytes_max + aead_nonce_bytes)> block;
  tls12_prf(suite.hash, master_secret, "key expansion", seed, std::span(block).first(2 * (key + nonce)));
  const std::uint8_t* at = block.data();
  const auto take = [&](std::uint8_t* to, std::size_t count) {
    std::memcpy(to, at, count);
    at += count;
  };
  take(client.key.data(), key);
  take(server.key.data(), key);
  take(client.nonce.data(), nonce);
  take(server.nonce.data(), nonce);
  wipe(block);
}

}  // namespace byway::tls
