// What sealing and opening TLS 1.3 records costs: the record layer on ropes of 2 KiB buffers, as workers have
// them, with each backend that there is, and beside it what `openssl speed -evp` does: OpenSSL's EVP over
// contiguous memory with objects that are made once, one nonce and associated data a record, as libssl calls
// it. They take turns, 20 ms each; the table has the smallest, the middle and the largest of all rounds.
//
//   record [--rounds 30] [--milliseconds 20]
#include <openssl/evp.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <vector>

#include "benchmarks/lib/arguments.h"
#include "benchmarks/lib/machine.h"
#include "benchmarks/lib/ticks.h"
#include "tls/record.h"

namespace {

using namespace byway;
using namespace byway::benchmark;
using namespace byway::tls;

/// Content that is sealed before it is opened: more than a first-level cache, less than a second-level one.
constexpr std::size_t batch_bytes = 256 * 1024;
/// Records of a batch at most: each takes a buffer of 2 KiB, and a worker's are still in the cache when they
/// come again.
constexpr std::size_t batch_records_max = 256;
[[nodiscard]] std::size_t batch_records(std::size_t size) {
  return std::clamp<std::size_t>(batch_bytes / size, 1, batch_records_max);
}
/// A segment's payload: what received content lies in.
constexpr Bytes segment_bytes = 1'448;

struct Kind {
  const char* name;
  CipherSuite suite;
  const EVP_CIPHER* (*evp)();
};
constexpr std::array<Kind, 3> kinds = {
    {{"AES-128-GCM", CipherSuite::aes_128_gcm_sha256, EVP_aes_128_gcm},
     {"AES-256-GCM", CipherSuite::aes_256_gcm_sha384, EVP_aes_256_gcm},
     {"ChaCha20-Poly1305", CipherSuite::chacha20_poly1305_sha256, EVP_chacha20_poly1305}}};

TrafficSecrets secrets_of(CipherSuite suite, Role role) {
  constexpr std::array<std::uint8_t, 48> client = {1};
  constexpr std::array<std::uint8_t, 48> server = {2};
  TrafficSecrets secrets;
  secrets.role = role;
  secrets.suite = suite;
  const std::size_t size = size_of(parameters_of(suite).hash);
  secrets.send_secret.assign(std::span(role == Role::client ? client : server).first(size));
  secrets.receive_secret.assign(std::span(role == Role::client ? server : client).first(size));
  return secrets;
}

/// Nanoseconds of thread time for sealing and for opening, and how many records that were.
struct Times {
  std::uint64_t seal = 0;
  std::uint64_t open = 0;
  std::uint64_t records = 0;
};

class Contender {
 public:
  virtual ~Contender() = default;
  /// Seals a batch and opens it, and adds to `times`.
  virtual void batch(Times& times) = 0;
};

class Layers final : public Contender {
 public:
  Layers(AeadBackend backend, CipherSuite suite, Bytes size, bool is_cold)
      : buffers_(4'096),
        slices_(65'536),
        engine_(AeadEngine::create(backend, 2)),
        context_{*engine_, {slices_, buffers_}, counters_.block},
        client_(context_),
        server_(context_),
        cold_(context_),
        content_(size, 0x5a),
        plain_(slices_),
        wire_(slices_),
        opened_(slices_),
        is_cold_(is_cold) {
    client_.start(secrets_of(suite, Role::client));
    server_.start(secrets_of(suite, Role::server));
    cold_.start(secrets_of(suite, Role::client));
    Times warm_up;
    for (int i = 0; i < 20; ++i) batch(warm_up);
  }

  void batch(Times& times) override {
    const std::size_t records = batch_records(content_.size());
    std::uint64_t began = thread_ns();
    for (std::size_t i = 0; i < records; ++i) {
      for (std::size_t at = 0; at < content_.size(); at += segment_bytes) {
        const auto size = static_cast<Bytes>(std::min<std::size_t>(content_.size() - at, segment_bytes));
        BYWAY_ASSERT(plain_.append(Slice::adopt(nullptr, content_.data() + at, size)));
      }
      if (is_cold_) displace();
      BYWAY_ASSERT(client_.seal(plain_, wire_, UINT32_MAX) == content_.size());
    }
    std::uint64_t ended = thread_ns();
    times.seal += ended - began;
    began = ended;
    Opened verdict = Opened::paused;
    while (verdict == Opened::paused) verdict = server_.open(wire_, opened_, UINT32_MAX);
    BYWAY_ASSERT(verdict == Opened::starved && opened_.size() == records * content_.size());
    times.open += thread_ns() - began;
    times.records += records;
    opened_.clear();
  }
  [[nodiscard]] std::string_view description() const { return engine_->description(); }

 private:
  /// Puts other keys into the engine's two places, so that the client's must be expanded again: once for
  /// itself each.
  void displace() {
    Rope in(slices_);
    Rope out(slices_);
    BYWAY_ASSERT(in.append(Slice::adopt(nullptr, content_.data(), 1)));
    BYWAY_ASSERT(cold_.seal(in, out, UINT32_MAX) == 1);
  }

  BlockProvider buffers_;
  SlicePool slices_;
  std::unique_ptr<AeadEngine> engine_;
  OwnCounters<RecordCounter> counters_;
  RecordContext context_;
  RecordLayer client_;
  RecordLayer server_;
  RecordLayer cold_;
  std::vector<std::uint8_t> content_;
  Rope plain_;
  Rope wire_;
  Rope opened_;
  bool is_cold_;
};

class Evp final : public Contender {
 public:
  Evp(const EVP_CIPHER* cipher, std::size_t size)
      : seal_(EVP_CIPHER_CTX_new()),
        open_(EVP_CIPHER_CTX_new()),
        content_(size + 1, 0x5a),
        records_(batch_records(size)),
        wire_(records_ * (size + 22)) {
    std::array<std::uint8_t, 32> key = {7};
    BYWAY_ASSERT(EVP_EncryptInit_ex(seal_, cipher, nullptr, key.data(), nullptr) == 1);
    BYWAY_ASSERT(EVP_DecryptInit_ex(open_, cipher, nullptr, key.data(), nullptr) == 1);
  }
  ~Evp() override {
    EVP_CIPHER_CTX_free(seal_);
    EVP_CIPHER_CTX_free(open_);
  }
  Evp(const Evp&) = delete;
  Evp& operator=(const Evp&) = delete;

  void batch(Times& times) override {
    const std::size_t stride = content_.size() + 21;
    const auto size = static_cast<int>(content_.size());
    std::array<std::uint8_t, 12> nonce{};
    std::array<std::uint8_t, 5> header = {23, 3, 3, 0, 0};
    int length = 0;
    bool is_good = true;
    std::uint64_t began = thread_ns();
    for (std::size_t i = 0; i < records_; ++i) {
      store_be64(nonce.data() + 4, i);
      std::uint8_t* record = wire_.data() + i * stride;
      std::memcpy(record, header.data(), header.size());
      is_good = is_good && EVP_EncryptInit_ex(seal_, nullptr, nullptr, nullptr, nonce.data()) == 1;
      is_good = is_good && EVP_EncryptUpdate(seal_, nullptr, &length, record, 5) == 1;
      is_good = is_good && EVP_EncryptUpdate(seal_, record + 5, &length, content_.data(), size) == 1;
      is_good = is_good && EVP_EncryptFinal_ex(seal_, record + 5 + size, &length) == 1;
      is_good = is_good && EVP_CIPHER_CTX_ctrl(seal_, EVP_CTRL_AEAD_GET_TAG, 16, record + 5 + size) == 1;
    }
    const std::uint64_t sealed = thread_ns();
    for (std::size_t i = 0; i < records_; ++i) {
      store_be64(nonce.data() + 4, i);
      std::uint8_t* record = wire_.data() + i * stride;
      is_good = is_good && EVP_DecryptInit_ex(open_, nullptr, nullptr, nullptr, nonce.data()) == 1;
      is_good = is_good && EVP_DecryptUpdate(open_, nullptr, &length, record, 5) == 1;
      is_good = is_good && EVP_DecryptUpdate(open_, record + 5, &length, record + 5, size) == 1;
      is_good = is_good && EVP_CIPHER_CTX_ctrl(open_, EVP_CTRL_AEAD_SET_TAG, 16, record + 5 + size) == 1;
      is_good = is_good && EVP_DecryptFinal_ex(open_, record + 5, &length) == 1;
    }
    times.open += thread_ns() - sealed;
    times.seal += sealed - began;
    times.records += records_;
    BYWAY_ASSERT(is_good);
  }

 private:
  EVP_CIPHER_CTX* seal_;
  EVP_CIPHER_CTX* open_;
  std::vector<std::uint8_t> content_;
  std::size_t records_;
  std::vector<std::uint8_t> wire_;
};

struct Row {
  std::string name;
  std::unique_ptr<Contender> contender;
  std::vector<double> seal_ns;  ///< A record, each round.
  std::vector<double> open_ns;
};

std::string spread(std::vector<double> values, int digits) {
  std::sort(values.begin(), values.end());
  return fmt::format("{:.{}f} / **{:.{}f}** / {:.{}f}", values.front(), digits, values[values.size() / 2],
                     digits, values.back(), digits);
}

std::vector<double> per_second(const std::vector<double>& ns, std::size_t size) {
  std::vector<double> values;
  for (const double one : ns) values.push_back(static_cast<double>(size) / one);
  return values;
}

/// By how much OpenSSL takes longer, in each round.
std::vector<double> ratios(const std::vector<double>& reference, const std::vector<double>& ns) {
  std::vector<double> values;
  for (std::size_t i = 0; i < ns.size(); ++i) values.push_back(reference[i] / ns[i]);
  return values;
}

std::string load_average() {
  std::array<double, 3> loads{};
  if (getloadavg(loads.data(), 3) != 3) return "unknown";
  return fmt::format("{:.1f}", loads[0]);
}

void compare(const Kind& kind, std::size_t size, std::uint32_t rounds, std::uint64_t round_ns) {
  std::vector<Row> rows;
  rows.push_back({"OpenSSL EVP", std::make_unique<Evp>(kind.evp(), size), {}, {}});
  for (const AeadBackend backend : {AeadBackend::ipsec_mb, AeadBackend::libcrypto}) {
    if (AeadEngine::create(backend, 2) == nullptr) continue;
    for (const bool is_cold : {false, true}) {
      const bool has_keys =
          backend == AeadBackend::libcrypto || std::string_view(kind.name).starts_with("AES");
      if (is_cold && (size != 1'400 || !has_keys)) continue;
      auto layers = std::make_unique<Layers>(backend, kind.suite, static_cast<Bytes>(size), is_cold);
      const std::string name = fmt::format("records, {}{}", layers->description(),
                                           is_cold ? ", and a byte of another connection before each" : "");
      rows.push_back({name, std::move(layers), {}, {}});
    }
  }
  for (std::uint32_t round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      Row& row = rows[(i + round) % rows.size()];
      Times times;
      while (times.seal + times.open < round_ns) row.contender->batch(times);
      row.seal_ns.push_back(static_cast<double>(times.seal) / static_cast<double>(times.records));
      row.open_ns.push_back(static_cast<double>(times.open) / static_cast<double>(times.records));
    }
  }
  for (const Row& row : rows) {
    fmt::print("| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", kind.name, size, row.name,
               spread(per_second(row.seal_ns, size), 2), spread(per_second(row.open_ns, size), 2),
               spread(row.seal_ns, 0), spread(row.open_ns, 0),
               spread(ratios(rows[0].seal_ns, row.seal_ns), 1),
               spread(ratios(rows[0].open_ns, row.open_ns), 1));
    std::fflush(stdout);
  }
}

/// What an expanded key costs that is not there.
void expansions() {
  for (const AeadBackend backend : {AeadBackend::ipsec_mb, AeadBackend::libcrypto}) {
    const auto engine = AeadEngine::create(backend, 2);
    if (engine == nullptr) continue;
    for (const Aead aead : {Aead::aes_128_gcm, Aead::aes_256_gcm}) {
      std::array<AeadKey, 3> keys;
      const std::array<std::uint8_t, 32> bytes{};
      for (AeadKey& key : keys) engine->set_key(key, aead, std::span(bytes).first(key_bytes_of(aead)));
      const Nonce nonce{};
      std::array<std::uint8_t, 32> text{};
      constexpr int repeats = 100'000;
      // Two keys have places and stay; of three in turns each finds its own taken.
      const auto run = [&](int in_turns) {
        const std::uint64_t began = thread_ns();
        for (int i = 0; i < repeats; ++i) {
          engine->seal(keys[static_cast<std::size_t>(i % in_turns)], nonce, {}, text.data(), text.data(), 16,
                       text.data() + 16);
        }
        return static_cast<double>(thread_ns() - began) / repeats;
      };
      std::vector<double> costs;
      for (int round = 0; round < 9; ++round) costs.push_back(run(3) - run(2));
      fmt::print("Expanding a key of {}, {}: {} ns\n",
                 aead == Aead::aes_128_gcm ? "AES-128-GCM" : "AES-256-GCM", engine->description(),
                 spread(costs, 0));
      for (AeadKey& key : keys) engine->forget(key);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Arguments arguments(argc, argv, {"--rounds", "--milliseconds"});
  const std::uint32_t rounds = std::max(1u, arguments.count("--rounds", 30));
  const std::uint64_t round_ns = std::uint64_t{arguments.count("--milliseconds", 20)} * 1'000'000;
  fmt::print("Load average before: {}\n\n", load_average());
  fmt::print(
      "| AEAD | octets | by | seal GB/s | open GB/s | seal ns | open ns | seal, to EVP | open, to EVP |\n"
      "|---|---|---|---|---|---|---|---|---|\n");
  for (const Kind& kind : kinds) {
    for (const std::size_t size : {64, 1'400, 16'384}) compare(kind, size, rounds, round_ns);
  }
  fmt::print("\n");
  expansions();
  fmt::print("\nLoad average after: {}\n", load_average());
  return 0;
}
