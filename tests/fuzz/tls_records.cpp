// A peer that knows the keys, or does not, to a record layer: raw bytes, records with any content,
// KeyUpdates, memory that runs out, moves in mid-stream. What is delivered is what was sent, as far as it
// goes; what the layer says another one understands; every buffer and chain node is given back.
//
// Input: octet 0 is the suite (modulo 6) and bit 7 the role; then steps, each an octet with its kind (modulo
// 12), two octets of size, and as many octets of content (what is missing is not there).
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "tls/record.h"

namespace {

using namespace byway;
using namespace byway::tls;

constexpr std::size_t steps_max = 200;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Suite {
  ProtocolVersion version;
  CipherSuite suite;
};
constexpr std::array<Suite, 6> suites = {{
    {ProtocolVersion::tls13, CipherSuite::aes_128_gcm_sha256},
    {ProtocolVersion::tls13, CipherSuite::aes_256_gcm_sha384},
    {ProtocolVersion::tls13, CipherSuite::chacha20_poly1305_sha256},
    {ProtocolVersion::tls12, CipherSuite::ecdhe_rsa_aes_128_gcm_sha256},
    {ProtocolVersion::tls12, CipherSuite::ecdhe_ecdsa_aes_256_gcm_sha384},
    {ProtocolVersion::tls12, CipherSuite::ecdhe_rsa_chacha20_poly1305_sha256},
}};

TrafficSecrets secrets_of(Suite suite, Role role) {
  constexpr std::array<std::uint8_t, 48> client = {1};
  constexpr std::array<std::uint8_t, 48> server = {2};
  TrafficSecrets secrets;
  secrets.role = role;
  secrets.version = suite.version;
  secrets.suite = suite.suite;
  const std::size_t size = size_of(parameters_of(suite.suite).hash);
  if (suite.version == ProtocolVersion::tls13) {
    secrets.send_secret.assign(std::span(role == Role::client ? client : server).first(size));
    secrets.receive_secret.assign(std::span(role == Role::client ? server : client).first(size));
    secrets.resumption_secret.assign(std::span(client).first(size));
  } else {
    secrets.master_secret.assign(client);
  }
  return secrets;
}

/// Seals any content as the peer of the layer would, and counts along.
class Sealer {
 public:
  Sealer(AeadEngine& engine, Suite suite, Role role) : engine_(engine), suite_(suite) {
    TrafficSecrets secrets = secrets_of(suite, role);
    if (suite.version == ProtocolVersion::tls13) {
      secret_ = std::move(secrets.send_secret);
      derive_direction_keys(parameters_of(suite.suite), secret_.bytes(), keys_);
    } else {
      DirectionKeys other;
      derive_key_block(parameters_of(suite.suite), secrets.master_secret.bytes(), secrets.client_random,
                       secrets.server_random, role == Role::client ? keys_ : other,
                       role == Role::client ? other : keys_);
    }
    install();
  }
  ~Sealer() { engine_.forget(key_); }
  void update() {
    advance_traffic_secret(parameters_of(suite_.suite).hash, secret_);
    derive_direction_keys(parameters_of(suite_.suite), secret_.bytes(), keys_);
    install();
    sequence_ = 0;
  }
  std::string record(std::uint8_t type, std::string_view content, std::size_t padding) {
    const bool is_tls13 = suite_.version == ProtocolVersion::tls13;
    std::string plain(content);
    if (is_tls13) plain.append(1, static_cast<char>(type)).append(padding, '\0');
    const bool is_explicit = !is_tls13 && parameters_of(suite_.suite).aead != Aead::chacha20_poly1305;
    std::string sequence(8, '\0');
    store_be64(data_of(sequence), sequence_++);
    const std::size_t length = plain.size() + 16 + (is_explicit ? 8 : 0);
    const std::string head = {static_cast<char>(is_tls13 ? 23 : type), 3, 3};
    const std::string header = head + static_cast<char>(length >> 8) + static_cast<char>(length);
    const std::string aad =
        is_tls13 ? header
                 : sequence + head + static_cast<char>(plain.size() >> 8) + static_cast<char>(plain.size());
    Nonce nonce = keys_.nonce;
    for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] ^= static_cast<std::uint8_t>(sequence[i]);
    std::string body(plain.size() + 16, '\0');
    engine_.seal(key_, nonce, {reinterpret_cast<const std::uint8_t*>(aad.data()), aad.size()}, data_of(plain),
                 data_of(body), plain.size(), data_of(body) + plain.size());
    return header + (is_explicit ? sequence : "") + body;
  }

 private:
  static std::uint8_t* data_of(std::string& text) { return reinterpret_cast<std::uint8_t*>(text.data()); }
  void install() {
    const Aead aead = parameters_of(suite_.suite).aead;
    engine_.set_key(key_, aead, std::span(keys_.key).first(key_bytes_of(aead)));
  }
  AeadEngine& engine_;
  Suite suite_;
  Secret secret_;
  DirectionKeys keys_;
  AeadKey key_;
  std::uint64_t sequence_ = 0;
};

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}
  [[nodiscard]] bool is_empty() const { return size_ == 0; }
  std::uint8_t octet() { return is_empty() ? 0 : static_cast<std::uint8_t>(take(1)[0]); }
  std::string_view take(std::size_t count) {
    count = std::min(count, size_);
    const std::string_view taken(reinterpret_cast<const char*>(data_), count);
    data_ += count;
    size_ -= count;
    return taken;
  }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
};

class World {
 public:
  World(AeadEngine& engine, Suite suite, Role role)
      : context_{engine, {slices_, heap_}, counters_.block},
        layer_(std::make_unique<RecordLayer>(context_)),
        peer_(context_),
        forger_(engine, suite, role == Role::client ? Role::server : Role::client),
        received_(slices_),
        plain_(slices_) {
    layer_->start(secrets_of(suite, role));
    peer_.start(secrets_of(suite, role == Role::client ? Role::server : Role::client));
  }

  void step(std::uint8_t kind, std::string_view content) {
    switch (kind % 12) {
      case 0:
        return deliver(content, slice_);
      case 1:
        sent_ += content;
        return deliver(forger_.record(23, content, 0), slice_);
      case 2:
        return deliver(forger_.record(22, content, 0), slice_);
      case 3:
        return deliver(forger_.record(21, content, 0), slice_);
      case 4:
        // A type of 0 is padding: the one before it counts.
        if (content.empty() || content[0] == 0) return;
        if (content[0] == 23) sent_ += content.substr(1);
        return deliver(
            forger_.record(static_cast<std::uint8_t>(content[0]), content.substr(1), content.size() % 300),
            slice_);
      case 5:
        if (layer_->version() != ProtocolVersion::tls13 || !may_update()) return;
        deliver(forger_.record(22, std::string("\x18\0\0\1", 4) + static_cast<char>(content.size() % 2), 0),
                slice_);
        return forger_.update();
      case 6:
        return say(content);
      case 7:
        slice_ = 1 + content.size();
        return;
      case 8:
        return move();
      case 9:
        if (content.empty()) {
          layer_->close();
        } else if (may_update()) {
          layer_->update_keys(content.size() % 2 == 0);
        }
        return say("");
      case 10:
        heap_.fail_after(content.size());
        open();
        say("while memory is short");
        heap_.fail_after(UINT64_MAX);
        return open();
      default:
        // Others hold what has come: none of it may change.
        is_sharing_ = !is_sharing_;
        return;
    }
  }
  void finish() {
    open();
    static_cast<void>(layer_->on_transport_end());
    require(plain_.size() <= sent_.size());
    std::string got(plain_.size(), '\0');
    plain_.copy_to(0, {reinterpret_cast<std::uint8_t*>(got.data()), got.size()});
    require(sent_.starts_with(got));
    for (const auto& [copy, slice] : kept_) {
      require(std::memcmp(copy.data(), slice.data(), copy.size()) == 0);
    }
  }

 private:
  void deliver(std::string_view wire, std::size_t slice) {
    for (std::size_t at = 0; at < wire.size(); at += slice) {
      const std::string_view piece = wire.substr(at, slice);
      Slice bytes = heap_.copy(piece);
      if (is_sharing_) kept_.emplace_back(piece, bytes.share());
      require(received_.append(std::move(bytes)));
    }
    open();
  }
  void open() {
    Opened verdict = Opened::paused;
    while (verdict == Opened::paused || verdict == Opened::ticket) {
      verdict = layer_->open(received_, plain_, UINT32_MAX);
      if (verdict == Opened::ticket) require(!layer_->ticket().ticket.empty());
    }
    require(verdict == Opened::no_memory || received_.empty());
    require((verdict == Opened::failed) == layer_->error().has_value());
    if (verdict == Opened::failed) require(layer_->holds_no_buffers());
  }
  /// The layer says something; a layer at the other end understands it.
  void say(std::string_view text) {
    const bool may_speak = !layer_->is_write_closed();
    HeapProvider source;
    Rope in(slices_);
    Rope out(slices_);
    if (!text.empty()) require(in.append(source.copy(text)));
    const Bytes taken = layer_->seal(in, out, UINT32_MAX);
    require(may_speak || taken == 0);
    Rope heard(slices_);
    const Opened verdict = peer_.open(out, heard, UINT32_MAX);
    if (verdict == Opened::failed) require(peer_.error()->is_peers && layer_->error().has_value());
    if (verdict == Opened::no_memory) {
      heap_.fail_after(UINT64_MAX);
      static_cast<void>(peer_.open(out, heard, UINT32_MAX));
    }
    require(heard.size() == taken);
    std::string got(taken, '\0');
    heard.copy_to(0, {reinterpret_cast<std::uint8_t*>(got.data()), got.size()});
    require(got == text.substr(0, taken));
  }
  /// More KeyUpdates than the peer takes without data would end the connection for a good reason.
  bool may_update() { return ++updates_ < key_updates_max - 1; }
  void move() {
    std::string state(layer_->export_bytes(), '\0');
    require(state.size() <= record_handover_bytes_max);
    if (state.empty()) return require(layer_->error().has_value());
    const std::span bytes(reinterpret_cast<std::uint8_t*>(state.data()), state.size());
    require(layer_->export_state(bytes) == state.size());
    layer_ = std::make_unique<RecordLayer>(context_);
    require(layer_->import_state(bytes) == RecordHandoverError::none);
  }

  HeapProvider heap_{2'048};
  SlicePool slices_{65'536};
  OwnCounters<RecordCounter> counters_;
  RecordContext context_;
  std::unique_ptr<RecordLayer> layer_;
  RecordLayer peer_;
  Sealer forger_;
  Rope received_;
  Rope plain_;
  std::vector<std::pair<std::string, Slice>> kept_;
  std::string sent_;
  std::size_t slice_ = 1'448;
  bool is_sharing_ = false;
  std::uint32_t updates_ = 0;
};

/// Bytes that nobody has written as a state: refused, or a layer that works and can be written again.
void import(AeadEngine& engine, std::string_view bytes) {
  HeapProvider heap(2'048);
  SlicePool slices(4'096);
  OwnCounters<RecordCounter> counters;
  RecordContext context{engine, {slices, heap}, counters.block};
  RecordLayer layer(context);
  const std::span state(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (layer.import_state(state) != RecordHandoverError::none) {
    require(layer.export_bytes() == 0 && layer.holds_no_buffers());
    return;
  }
  std::string again(layer.export_bytes(), '\0');
  require(layer.export_state({reinterpret_cast<std::uint8_t*>(again.data()), again.size()}) == bytes.size());
  require(again == bytes);
  Rope received(slices);
  Rope plain(slices);
  for (int i = 0; i < 8; ++i) static_cast<void>(layer.open(received, plain, UINT32_MAX));
  Rope in(slices);
  Rope out(slices);
  require(in.append(heap.copy("something")));
  static_cast<void>(layer.seal(in, out, UINT32_MAX));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::unique_ptr<AeadEngine> best = AeadEngine::create_best(3);
  static const std::unique_ptr<AeadEngine> plain = AeadEngine::create(AeadBackend::libcrypto, 3);
  Input input(data, size);
  const std::uint8_t first = input.octet();
  AeadEngine& engine = (first & 0x40) != 0 ? *plain : *best;
  if (first == 0xff) {
    import(engine, input.take(SIZE_MAX));
    return 0;
  }
  World world(engine, suites[(first & 0x3f) % suites.size()],
              (first & 0x80) != 0 ? Role::server : Role::client);
  for (std::size_t i = 0; i < steps_max && !input.is_empty(); ++i) {
    const std::uint8_t kind = input.octet();
    const std::size_t count = static_cast<std::size_t>(input.octet() & 0x3f) << 8 | input.octet();
    world.step(kind, input.take(count));
  }
  world.finish();
  return 0;
}
