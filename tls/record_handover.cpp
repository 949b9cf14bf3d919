// Moving a record layer: writing its state, and reading it with all its numbers checked (record_handover.h).
#include "tls/record_handover.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "dataplane/assert.h"
#include "tls/record.h"

namespace byway::tls {

static_assert(std::endian::native == std::endian::little);

namespace {

[[nodiscard]] bool is_zero(std::span<const std::uint8_t> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::uint8_t byte) { return byte == 0; });
}

[[nodiscard]] bool is_suite_of(std::uint16_t suite, std::uint16_t version) {
  switch (static_cast<CipherSuite>(suite)) {
    case CipherSuite::aes_128_gcm_sha256:
    case CipherSuite::aes_256_gcm_sha384:
    case CipherSuite::chacha20_poly1305_sha256:
      return version == static_cast<std::uint16_t>(ProtocolVersion::tls13);
    case CipherSuite::ecdhe_ecdsa_aes_128_gcm_sha256:
    case CipherSuite::ecdhe_ecdsa_aes_256_gcm_sha384:
    case CipherSuite::ecdhe_rsa_aes_128_gcm_sha256:
    case CipherSuite::ecdhe_rsa_aes_256_gcm_sha384:
    case CipherSuite::ecdhe_rsa_chacha20_poly1305_sha256:
    case CipherSuite::ecdhe_ecdsa_chacha20_poly1305_sha256:
      return version == static_cast<std::uint16_t>(ProtocolVersion::tls12);
  }
  return false;
}

/// Keys only where the version has them: what is not used is zero, and what is used is not.
[[nodiscard]] bool is_direction_good(const RecordHandoverDirection& direction, ProtocolVersion version,
                                     SuiteParameters suite) {
  const auto secret = std::span(direction.secret);
  const auto key = std::span(direction.key);
  if (!is_zero(direction.unused)) return false;
  if (version == ProtocolVersion::tls13) {
    const std::size_t used = size_of(suite.hash);
    return !is_zero(secret.first(used)) && is_zero(secret.subspan(used)) && is_zero(key) &&
           is_zero(direction.nonce);
  }
  const std::size_t used = key_bytes_of(suite.aead);
  const std::size_t nonce = suite.aead == Aead::chacha20_poly1305 ? aead_nonce_bytes : 4;
  return is_zero(secret) && !is_zero(key.first(used)) && is_zero(key.subspan(used)) &&
         is_zero(std::span(direction.nonce).subspan(nonce));
}

[[nodiscard]] bool is_head_good(const RecordHandoverHead& head) {
  if (!is_suite_of(head.suite, head.version) || head.role > static_cast<std::uint8_t>(Role::server)) {
    return false;
  }
  const auto version = static_cast<ProtocolVersion>(head.version);
  const bool is_tls13 = version == ProtocolVersion::tls13;
  const SuiteParameters suite = parameters_of(static_cast<CipherSuite>(head.suite));
  constexpr std::uint8_t owed_all = 15;
  constexpr std::uint8_t owed_key_updates = 3;
  constexpr std::uint8_t owed_no_renegotiation = 4;
  constexpr std::uint8_t owed_alert = 8;
  const bool is_write_closed = (head.flags & record_handover_flag::write_closed) != 0;
  if (head.owed > owed_all || head.flags > record_handover_flag::all) return false;
  if ((head.owed & (is_tls13 ? owed_no_renegotiation : owed_key_updates)) != 0) return false;
  if ((head.owed & owed_alert) != 0 && !is_write_closed) return false;
  if (head.first_records_left > first_records || head.empty_records > empty_records_max ||
      head.warnings > warnings_max || head.renegotiations > renegotiations_max ||
      head.message_records > message_records_max || head.key_update_credit > key_updates_max ||
      head.data_records >= key_update_refill) {
    return false;
  }
  if (head.skip > std::max(ticket_message_bytes_possible, client_hello_bytes_max)) return false;
  if (!is_zero(head.unused) || head.unused_too != 0) return false;
  const std::size_t resumption = is_tls13 ? size_of(suite.hash) : 0;
  return is_direction_good(head.send, version, suite) && is_direction_good(head.receive, version, suite) &&
         is_zero(std::span(head.resumption_secret).subspan(resumption));
}

/// A head on the stack, wiped at its end.
struct WipedHead {
  RecordHandoverHead head;
  ~WipedHead() { ::explicit_bzero(&head, sizeof(head)); }
};

}  // namespace

std::string_view name_of(RecordHandoverError error) {
  switch (error) {
    case RecordHandoverError::none:
      return "none";
    case RecordHandoverError::bad_version:
      return "bad version";
    case RecordHandoverError::truncated:
      return "truncated";
    case RecordHandoverError::bad_state:
      return "bad state";
    case RecordHandoverError::no_memory:
      return "no memory";
  }
  return "unknown";
}

// ---- Out -------------------------------------------------------------------------------------------------

std::size_t RecordLayer::export_bytes() const {
  if (!is_started_ || is_failed_) return 0;
  return sizeof(RecordHandoverHead) + partial_.size() + message_.size();
}

std::size_t RecordLayer::export_state(std::span<std::uint8_t> out) const {
  const std::size_t bytes = export_bytes();
  if (bytes == 0 || out.size() < bytes) return 0;
  WipedHead written;
  export_head(written.head);
  std::memcpy(out.data(), &written.head, sizeof(written.head));
  std::uint8_t* at = out.data() + sizeof(written.head);
  partial_.copy_to(0, {at, partial_.size()});
  message_.copy_to(0, {at + partial_.size(), message_.size()});
  count(RecordCounter::moved_out);
  return bytes;
}

void RecordLayer::export_head(RecordHandoverHead& head) const {
  head.total_bytes = static_cast<std::uint32_t>(export_bytes());
  head.version = static_cast<std::uint16_t>(version_);
  head.suite = static_cast<std::uint16_t>(suite_);
  head.role = static_cast<std::uint8_t>(role_);
  head.owed = owed_;
  const auto set = [&head](std::uint8_t flag, bool on) { head.flags |= on ? flag : 0; };
  set(record_handover_flag::peer_closed, is_peer_closed_);
  set(record_handover_flag::write_closed, is_write_closed_);
  set(record_handover_flag::asked_peer, has_asked_peer_);
  head.first_records_left = first_records_left_;
  head.empty_records = empty_records_;
  head.warnings = warnings_;
  head.renegotiations = renegotiations_;
  head.message_records = message_records_;
  head.key_update_credit = key_update_credit_;
  head.data_records = data_records_;
  head.skip = skip_;
  head.partial_bytes = partial_.size();
  head.message_bytes = message_.size();
  const auto put = [this](RecordHandoverDirection& to, const Direction& from) {
    to.sequence = from.sequence;
    if (is_tls13()) {
      std::copy(from.secret.bytes().begin(), from.secret.bytes().end(), to.secret.begin());
    } else {
      std::copy(from.key.bytes().begin(), from.key.bytes().end(), to.key.begin());
      to.nonce = from.nonce;
    }
  };
  put(head.send, send_);
  put(head.receive, receive_);
  const auto resumption = resumption_secret_.bytes();
  std::copy(resumption.begin(), resumption.end(), head.resumption_secret.begin());
}

// ---- In --------------------------------------------------------------------------------------------------

RecordHandoverError RecordLayer::import_state(std::span<const std::uint8_t> bytes) {
  BYWAY_ASSERT(!is_started_);
  const auto refused = [this](RecordHandoverError error) {
    partial_.clear();
    message_.clear();
    count(RecordCounter::moves_refused);
    return error;
  };
  std::uint32_t magic = 0;
  if (bytes.size() < sizeof(magic)) return refused(RecordHandoverError::truncated);
  std::memcpy(&magic, bytes.data(), sizeof(magic));
  if (magic != record_handover_magic) return refused(RecordHandoverError::bad_version);
  WipedHead read;
  RecordHandoverHead& head = read.head;
  if (bytes.size() < sizeof(head)) return refused(RecordHandoverError::truncated);
  std::memcpy(&head, bytes.data(), sizeof(head));
  const auto octets = bytes.subspan(sizeof(head));
  if (head.partial_bytes > record_bytes_max || head.message_bytes > message_bytes_max ||
      head.total_bytes != bytes.size() || octets.size() != head.partial_bytes + head.message_bytes) {
    return refused(RecordHandoverError::truncated);
  }
  if (!is_head_good(head)) return refused(RecordHandoverError::bad_state);
  BufferProvider& buffers = context_->memory.buffers;
  if (!partial_.append_copy(octets.first(head.partial_bytes), buffers) ||
      !message_.append_copy(octets.subspan(head.partial_bytes), buffers)) {
    return refused(RecordHandoverError::no_memory);
  }
  import_head(head);
  count(RecordCounter::moved_in);
  return RecordHandoverError::none;
}

void RecordLayer::import_head(const RecordHandoverHead& head) {
  version_ = static_cast<ProtocolVersion>(head.version);
  suite_ = static_cast<CipherSuite>(head.suite);
  role_ = static_cast<Role>(head.role);
  owed_ = head.owed;
  is_peer_closed_ = (head.flags & record_handover_flag::peer_closed) != 0;
  is_write_closed_ = (head.flags & record_handover_flag::write_closed) != 0;
  has_asked_peer_ = (head.flags & record_handover_flag::asked_peer) != 0;
  first_records_left_ = head.first_records_left;
  empty_records_ = head.empty_records;
  warnings_ = head.warnings;
  renegotiations_ = head.renegotiations;
  message_records_ = head.message_records;
  key_update_credit_ = head.key_update_credit;
  data_records_ = head.data_records;
  skip_ = head.skip;
  const auto take = [this](Direction& to, const RecordHandoverDirection& from) {
    DirectionKeys keys;
    if (is_tls13()) {
      to.secret.assign(std::span(from.secret).first(size_of(parameters().hash)));
      derive_direction_keys(parameters(), to.secret.bytes(), keys);
    } else {
      keys.key = from.key;
      keys.nonce = from.nonce;
    }
    install(to, keys);
    to.sequence = from.sequence;
  };
  take(send_, head.send);
  take(receive_, head.receive);
  if (!is_zero(head.resumption_secret)) {  // a handshake without tickets has none
    resumption_secret_.assign(std::span(head.resumption_secret).first(size_of(parameters().hash)));
  }
  is_started_ = true;
}

}  // namespace byway::tls
