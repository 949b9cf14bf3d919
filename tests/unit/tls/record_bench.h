// What tests of the record layer share: memory, two layers that talk to each other, and a forger who knows
// the keys and makes any record that he likes, by libcrypto and without our code.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <catch2/catch_test_macros.hpp>

#include "tls/record.h"

namespace byway::tls::test {

inline std::string hex_to_bytes(std::string_view hex) {
  std::string bytes;
  int high = -1;
  for (const char c : hex) {
    int digit = -1;
    if (c >= '0' && c <= '9') digit = c - '0';
    if (c >= 'a' && c <= 'f') digit = c - 'a' + 10;
    if (digit < 0) continue;
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<char>(high << 4 | digit));
      high = -1;
    }
  }
  return bytes;
}

inline std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline std::string text_of(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

inline std::string text_of(const Rope& rope) {
  std::string text(rope.size(), '\0');
  rope.copy_to(0, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  return text;
}

/// Bytes that repeat only after 251, so that a piece in the wrong place shows.
inline std::string pattern(std::size_t size, unsigned seed = 1) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 7 + seed * 31 + i / 251) % 251);
  return text;
}

/// Every backend that this build and this machine have.
inline std::vector<AeadBackend> backends() {
  std::vector<AeadBackend> found;
  for (const AeadBackend backend : {AeadBackend::ipsec_mb, AeadBackend::libcrypto}) {
    if (AeadEngine::create(backend, 2) != nullptr) found.push_back(backend);
  }
  return found;
}

struct Suite {
  ProtocolVersion version;
  CipherSuite suite;
};

inline constexpr std::array<Suite, 6> all_suites = {{
    {ProtocolVersion::tls13, CipherSuite::aes_128_gcm_sha256},
    {ProtocolVersion::tls13, CipherSuite::aes_256_gcm_sha384},
    {ProtocolVersion::tls13, CipherSuite::chacha20_poly1305_sha256},
    {ProtocolVersion::tls12, CipherSuite::ecdhe_rsa_aes_128_gcm_sha256},
    {ProtocolVersion::tls12, CipherSuite::ecdhe_ecdsa_aes_256_gcm_sha384},
    {ProtocolVersion::tls12, CipherSuite::ecdhe_rsa_chacha20_poly1305_sha256},
}};

/// One end's secrets of a connection that was never negotiated.
inline TrafficSecrets secrets_of(Suite suite, Role role, std::uint64_t client_sequence = 0,
                                 std::uint64_t server_sequence = 0) {
  TrafficSecrets secrets;
  secrets.role = role;
  secrets.version = suite.version;
  secrets.suite = suite.suite;
  const bool is_client = role == Role::client;
  if (suite.version == ProtocolVersion::tls13) {
    const std::size_t size = size_of(parameters_of(suite.suite).hash);
    const std::string client(size, '\x11');
    const std::string server(size, '\x22');
    secrets.send_secret.assign(bytes_of(is_client ? client : server));
    secrets.receive_secret.assign(bytes_of(is_client ? server : client));
    secrets.resumption_secret.assign(bytes_of(std::string(size, '\x33')));
  } else {
    secrets.master_secret.assign(bytes_of(std::string(48, '\x44')));
    secrets.client_random.fill(0x55);
    secrets.server_random.fill(0x66);
  }
  secrets.send_sequence = is_client ? client_sequence : server_sequence;
  secrets.receive_sequence = is_client ? server_sequence : client_sequence;
  return secrets;
}

/// A worker's share of memory, engine and counters.
struct Worker {
  explicit Worker(AeadBackend backend = backends().front(), Bytes buffer_bytes = 2'048,
                  std::uint32_t keys = 8)
      : heap(buffer_bytes), slices(65'536), engine(AeadEngine::create(backend, keys)) {
    REQUIRE(engine != nullptr);
    context = std::make_unique<RecordContext>(RecordContext{*engine, {slices, heap}, counters.block});
  }
  ~Worker() { CHECK(slices.in_use() == 0); }

  [[nodiscard]] std::uint64_t counted(RecordCounter counter) const { return counters.block.value(counter); }

  HeapProvider heap;
  SlicePool slices;
  std::unique_ptr<AeadEngine> engine;
  OwnCounters<RecordCounter> counters;
  std::unique_ptr<RecordContext> context;
};

/// One end: a layer, and strings instead of ropes.
struct End {
  End(Worker& its_worker, TrafficSecrets&& secrets)
      : worker(its_worker),
        layer(*its_worker.context),
        received(its_worker.slices),
        plain(its_worker.slices) {
    layer.start(std::move(secrets));
  }
  /// Not started: for import_state.
  explicit End(Worker& its_worker)
      : worker(its_worker),
        layer(*its_worker.context),
        received(its_worker.slices),
        plain(its_worker.slices) {}

  /// Seals all of `text`, which comes in slices of at most `slice` bytes, with what is owed before it.
  std::string seal(std::string_view text, std::size_t slice = 1'000'000, Bytes out_max = UINT32_MAX) {
    HeapProvider source;
    Rope in(worker.slices);
    for (std::size_t at = 0; at < text.size(); at += slice) {
      REQUIRE(in.append(source.copy(text.substr(at, slice))));
    }
    Rope out(worker.slices);
    taken = layer.seal(in, out, out_max);
    return text_of(out);
  }
  /// Receives `wire` in slices of at most `slice` bytes, all at once.
  Opened open(std::string_view wire, std::size_t slice = 1'000'000) {
    for (std::size_t at = 0; at < wire.size(); at += slice) {
      REQUIRE(received.append(network.copy(wire.substr(at, slice))));
    }
    Opened verdict = layer.open(received, plain, UINT32_MAX);
    while (verdict == Opened::paused) verdict = layer.open(received, plain, UINT32_MAX);
    return verdict;
  }
  /// What has been opened since the last time.
  std::string take() {
    std::string text = text_of(plain);
    plain.clear();
    return text;
  }
  [[nodiscard]] AlertDescription alert() const {
    REQUIRE(layer.error().has_value());
    return layer.error()->alert;
  }

  Worker& worker;
  HeapProvider network;
  RecordLayer layer;
  Rope received;
  Rope plain;
  Bytes taken = 0;
};

/// Client and server of one connection.
struct Pair {
  explicit Pair(Suite suite = all_suites[0], AeadBackend backend = backends().front(),
                std::uint64_t client_sequence = 0, std::uint64_t server_sequence = 0)
      : worker(backend),
        client(worker, secrets_of(suite, Role::client, client_sequence, server_sequence)),
        server(worker, secrets_of(suite, Role::server, client_sequence, server_sequence)) {}
  Worker worker;
  End client;
  End server;
};

/// Seals what it is told to, as the end with these secrets would.
class Forger {
 public:
  explicit Forger(Suite suite, Role role, std::uint64_t sequence = 0);
  /// A record with this content. TLS 1.3: with `padding` zeros behind its type.
  std::string record(ContentType type, std::string_view content, std::size_t padding = 0);
  /// TLS 1.3: what is encrypted, content type and padding included, as it is.
  std::string inner(std::string_view plain);
  std::uint8_t outer_type = 23;  ///< TLS 1.3
  std::uint16_t version = 0x0303;
  /// The next generation of keys (TLS 1.3).
  void update();

 private:
  std::string sealed(std::string_view header, std::string_view aad, std::string_view plain);
  Suite suite_;
  Secret secret_;
  DirectionKeys keys_;
  std::uint64_t sequence_;
};

}  // namespace byway::tls::test
