#include "tls/handshake.h"

#include <mbedtls/ssl.h>
#include <mbedtls/x509_crt.h>

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "tls/handshake_hooks.h"
#include "tls/handshake_output.h"

namespace byway::tls {
namespace {

constexpr std::size_t sequence_bytes = 8;

// What is read out of mbedTLS beside its interface. A release that moves it must not compile.
using NativeSecrets = decltype(mbedtls_ssl_session::MBEDTLS_PRIVATE(app_secrets));
static_assert(sizeof(NativeSecrets::resumption_master_secret) >= Secret::bytes_max);
static_assert(sizeof(mbedtls_ssl_context::MBEDTLS_PRIVATE(cur_out_ctr)) == sequence_bytes);
static_assert(std::is_same_v<decltype(mbedtls_ssl_session::MBEDTLS_PRIVATE(peer_cert)), mbedtls_x509_crt*>);

std::uint64_t read_sequence(const unsigned char* bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sequence_bytes; ++i) value = value << 8 | bytes[i];
  return value;
}

bool is_all_zero(std::span<const std::uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

std::size_t index_of(HandshakeFailure failure) {
  return static_cast<std::size_t>(failure);
}

}  // namespace

Handshake::Handshake(const HandshakeContext& context, HandshakeWorker& worker)
    : context_(context), worker_(worker), guard_(context.limits().client_hello_max) {
  BYWAY_ASSERT(context.role() == Role::server);
  ++worker_.counters.started;
  ++worker_.counters.in_progress;
}

Handshake::Handshake(const HandshakeContext& context, HandshakeWorker& worker, const ServerTarget& target)
    : context_(context),
      worker_(worker),
      verifier_(target.verifier),
      guard_(context.limits().client_hello_max) {
  BYWAY_ASSERT(context.role() == Role::client);
  BYWAY_ASSERT(target.server_name.empty() || is_host_name(target.server_name));
  target.server_name.copy(server_name_, sizeof server_name_);
  server_name_size_ = static_cast<std::uint8_t>(target.server_name.size());
  ++worker_.counters.started;
  ++worker_.counters.in_progress;
}

Handshake::~Handshake() {
  if (state_ != HandshakeState::done && state_ != HandshakeState::failed)
    give_up(HandshakeFailure::abandoned);
  if (peer_chain_ != nullptr) {
    const CallScope scope(worker_.account, memory_used_, context_.limits().memory_max, UnixTime{});
    CertificateDeleter{}(peer_chain_);
  }
}

HandshakeState Handshake::advance(Rope& received, Rope& to_send, UnixTime now, unsigned steps_max) {
  if (state_ == HandshakeState::done || state_ == HandshakeState::failed) return state_;
  Output output(worker_.memory, to_send);
  CallScope scope(worker_.account, memory_used_, context_.limits().memory_max, now);
  received_ = &received;
  output_ = &output;
  scope_ = &scope;
  if (ssl_ != nullptr || start()) run(steps_max);
  // Without these bytes the peer waits for ever; that the handshake was done here does not help it.
  if (!output.flush() && state_ != HandshakeState::failed) fail(HandshakeFailure::no_memory);
  if (state_ == HandshakeState::done || state_ == HandshakeState::failed) drop_engine();
  received_ = nullptr;
  output_ = nullptr;
  scope_ = nullptr;
  return state_;
}

void Handshake::give_up(HandshakeFailure reason) {
  if (state_ == HandshakeState::done || state_ == HandshakeState::failed) return;
  failure_ = reason;
  end(HandshakeState::failed);
  const CallScope scope(worker_.account, memory_used_, context_.limits().memory_max, UnixTime{});
  drop_engine();
}

std::size_t Handshake::peer_chain_length() const {
  std::size_t count = 0;
  for (const mbedtls_x509_crt* at = peer_chain_; at != nullptr; at = at->next) ++count;
  return count;
}

std::optional<CertificateView> Handshake::peer_certificate(std::size_t index) const {
  const mbedtls_x509_crt* at = peer_chain_;
  for (; at != nullptr && index > 0; --index) at = at->next;
  return at != nullptr ? std::optional(CertificateView(*at)) : std::nullopt;
}

/// Makes mbedTLS' context. False: failed.
bool Handshake::start() {
  auto* memory = static_cast<mbedtls_ssl_context*>(counted_calloc(1, sizeof(mbedtls_ssl_context)));
  if (memory == nullptr) {
    fail(HandshakeFailure::no_memory);
    return false;
  }
  ssl_ = memory;
  mbedtls_ssl_init(ssl_);
  char name[sizeof server_name_ + 1]{};
  std::memcpy(name, server_name_, server_name_size_);
  const bool is_named = context_.role() == Role::client && server_name_size_ > 0;
  int error = mbedtls_ssl_setup(ssl_, context_.native());
  if (error == 0) error = mbedtls_ssl_set_hostname(ssl_, is_named ? name : nullptr);
  if (error != 0) {
    fail(classify(error), error);
    return false;
  }
  mbedtls_ssl_set_user_data_p(ssl_, this);
  mbedtls_ssl_set_bio(ssl_, this, HandshakeHooks::send, HandshakeHooks::receive, nullptr);
  mbedtls_ssl_set_verify(ssl_, HandshakeHooks::verify_certificate, this);
  mbedtls_ssl_set_export_keys_cb(ssl_, HandshakeHooks::export_keys, this);
  return true;
}

void Handshake::run(unsigned steps_max) {
  state_ = HandshakeState::can_continue;
  for (unsigned steps = 0; steps < steps_max && step(); ++steps) {
  }
}

bool Handshake::step() {
  const int state_before = ssl_->MBEDTLS_PRIVATE(state);
  const mbedtls_ssl_transform* keys_before = ssl_->MBEDTLS_PRIVATE(transform_in);
  const int error = mbedtls_ssl_handshake_step(ssl_);
  if (error == MBEDTLS_ERR_SSL_WANT_READ) {
    state_ = HandshakeState::needs_input;
    return false;
  }
  if (error != 0) {
    fail(classify(error), error);
    return false;
  }
  const int certificate_state =
      context_.role() == Role::server ? MBEDTLS_SSL_CLIENT_CERTIFICATE : MBEDTLS_SSL_SERVER_CERTIFICATE;
  if (state_before == certificate_state && ssl_->MBEDTLS_PRIVATE(state) != certificate_state) {
    is_peer_judged_ = true;
    const HandshakeFailure refusal = judge_peer(mbedtls_ssl_get_verify_result(ssl_));
    if (refusal != HandshakeFailure::none) {
      // To mbedTLS a signature that could not be checked for want of memory is one that is wrong.
      fail(scope_->is_out_of_memory() ? HandshakeFailure::no_memory : refusal);
      return false;
    }
  }
  // RFC 8446 5.1: no message lies across a change of keys, none of the old ones' is left when the new ones
  // are in use. mbedTLS would take the rest of a record that came in the clear for a part of what is
  // protected.
  const bool is_over = mbedtls_ssl_is_handshake_over(ssl_) != 0;
  if ((is_over || ssl_->MBEDTLS_PRIVATE(transform_in) != keys_before) &&
      mbedtls_ssl_check_pending(ssl_) != 0) {
    fail(HandshakeFailure::unexpected_message);
    return false;
  }
  if (!is_over) return true;
  finish();
  return false;
}

HandshakeFailure Handshake::judge_peer(std::uint32_t flags) const {
  const bool is_server = context_.role() == Role::server;
  const ClientCertificates wanted = is_server && identity_ != nullptr ? identity_->client_certificates
                                    : is_server                       ? ClientCertificates::none
                                                                      : ClientCertificates::required;
  if (wanted == ClientCertificates::none) return HandshakeFailure::none;
  if (flags == 0) return HandshakeFailure::none;
  if ((flags & MBEDTLS_X509_BADCERT_MISSING) != 0) {
    return wanted == ClientCertificates::optional ? HandshakeFailure::none
                                                  : HandshakeFailure::certificate_missing;
  }
  // Who is not trusted may say of itself what it likes: that comes first.
  if ((flags & MBEDTLS_X509_BADCERT_NOT_TRUSTED) != 0) {
    const mbedtls_ssl_session* const session = ssl_->MBEDTLS_PRIVATE(session_negotiate);
    const mbedtls_x509_crt* const leaf = session != nullptr ? session->MBEDTLS_PRIVATE(peer_cert) : nullptr;
    const bool is_self_signed = leaf != nullptr && leaf->next == nullptr && leaf->subject_raw.len > 0 &&
                                std::ranges::equal(std::span(leaf->issuer_raw.p, leaf->issuer_raw.len),
                                                   std::span(leaf->subject_raw.p, leaf->subject_raw.len));
    return is_self_signed ? HandshakeFailure::certificate_self_signed
                          : HandshakeFailure::certificate_unknown_ca;
  }
  constexpr std::uint32_t weak =
      MBEDTLS_X509_BADCERT_BAD_MD | MBEDTLS_X509_BADCERT_BAD_PK | MBEDTLS_X509_BADCERT_BAD_KEY;
  constexpr std::uint32_t usage =
      MBEDTLS_X509_BADCERT_KEY_USAGE | MBEDTLS_X509_BADCERT_EXT_KEY_USAGE | MBEDTLS_X509_BADCERT_NS_CERT_TYPE;
  if ((flags & weak) != 0) return HandshakeFailure::certificate_weak;
  if ((flags & MBEDTLS_X509_BADCERT_EXPIRED) != 0) return HandshakeFailure::certificate_expired;
  if ((flags & MBEDTLS_X509_BADCERT_FUTURE) != 0) return HandshakeFailure::certificate_not_yet_valid;
  if ((flags & usage) != 0) return HandshakeFailure::certificate_wrong_usage;
  if (refused_by_hook_ != HandshakeFailure::none) return refused_by_hook_;
  return HandshakeFailure::certificate_unknown_ca;
}

/// Takes out what outlives mbedTLS' context.
void Handshake::finish() {
  // Cannot be otherwise: judge_peer had its say. Asked again, since all security hangs on it.
  const bool must_judge =
      context_.role() == Role::client ||
      (identity_ != nullptr && identity_->client_certificates != ClientCertificates::none);
  if (must_judge &&
      (!is_peer_judged_ || judge_peer(mbedtls_ssl_get_verify_result(ssl_)) != HandshakeFailure::none)) {
    return fail(HandshakeFailure::internal_error);
  }
  mbedtls_ssl_session* const session = ssl_->MBEDTLS_PRIVATE(session);
  const bool is_tls13 = mbedtls_ssl_get_version_number(ssl_) == MBEDTLS_SSL_VERSION_TLS1_3;
  secrets_.role = context_.role();
  secrets_.version = is_tls13 ? ProtocolVersion::tls13 : ProtocolVersion::tls12;
  secrets_.suite = static_cast<CipherSuite>(mbedtls_ssl_get_ciphersuite_id_from_ssl(ssl_));
  secrets_.send_sequence = read_sequence(ssl_->MBEDTLS_PRIVATE(cur_out_ctr));
  secrets_.receive_sequence = read_sequence(ssl_->MBEDTLS_PRIVATE(in_ctr));
  if (is_tls13 ? secrets_.send_secret.empty() || secrets_.receive_secret.empty()
               : secrets_.master_secret.empty()) {
    return fail(HandshakeFailure::internal_error);
  }
  if (is_tls13) {
    const NativeSecrets& native = session->MBEDTLS_PRIVATE(app_secrets);
    const std::span<const std::uint8_t> resumption(native.resumption_master_secret,
                                                   size_of(parameters_of(secrets_.suite).hash));
    // A server of mbedTLS 3.6 goes on where it could not compute this one: then there is no resumption.
    if (!is_all_zero(resumption)) secrets_.resumption_secret.assign(resumption);
  }
  if (const char* protocol = mbedtls_ssl_get_alpn_protocol(ssl_); protocol != nullptr) {
    const auto at = std::ranges::find(context_.alpn(), std::string_view(protocol));
    if (at != context_.alpn().end()) alpn_ = static_cast<std::uint8_t>(at - context_.alpn().begin());
  }
  peer_chain_ = std::exchange(session->MBEDTLS_PRIVATE(peer_cert), nullptr);
  ++(is_tls13 ? worker_.counters.done_tls13 : worker_.counters.done_tls12);
  end(HandshakeState::done);
}

void Handshake::fail(HandshakeFailure reason, int error) {
  if (state_ == HandshakeState::done) {
    --(secrets_.version == ProtocolVersion::tls13 ? worker_.counters.done_tls13
                                                  : worker_.counters.done_tls12);
    ++worker_.counters.in_progress;
    secrets_ = TrafficSecrets{};
    if (peer_chain_ != nullptr) CertificateDeleter{}(std::exchange(peer_chain_, nullptr));
  }
  failure_ = reason;
  library_error_ = error;
  if (reason == HandshakeFailure::peer_alert && ssl_ != nullptr) {
    alert_received_ = static_cast<AlertDescription>(ssl_->MBEDTLS_PRIVATE(in_msg)[1]);
  }
  std::optional<AlertDescription> alert = alert_of(reason);
  if (has_sent_alert_) {
    // mbedTLS has told the peer. Protected, its alert cannot be read here, but its own note may be there.
    if (const unsigned char type = ssl_->MBEDTLS_PRIVATE(alert_type); !alert_sent_ && type != 0) {
      alert_sent_ = static_cast<AlertDescription>(type);
    }
    // How mbedTLS tells the peer that it met one link too many (see classify).
    if (error == MBEDTLS_ERR_X509_FATAL_ERROR) alert = AlertDescription::access_denied;
    if (!alert_sent_) alert_sent_ = alert;
  } else if (alert && ssl_ != nullptr && ssl_->MBEDTLS_PRIVATE(out_buf) != nullptr) {
    // TLS 1.2 has no alert for it (RFC 5246 7.4.6).
    if (reason == HandshakeFailure::certificate_missing &&
        mbedtls_ssl_get_version_number(ssl_) != MBEDTLS_SSL_VERSION_TLS1_3) {
      alert = AlertDescription::handshake_failure;
    }
    if (mbedtls_ssl_send_alert_message(ssl_, MBEDTLS_SSL_ALERT_LEVEL_FATAL,
                                       static_cast<unsigned char>(*alert)) == 0) {
      alert_sent_ = alert;
    }
  }
  end(HandshakeState::failed);
}

void Handshake::end(HandshakeState state) {
  state_ = state;
  --worker_.counters.in_progress;
  if (state == HandshakeState::failed) ++worker_.counters.failed[index_of(failure_)];
}

void Handshake::drop_engine() {
  if (ssl_ == nullptr) return;
  mbedtls_ssl_free(ssl_);
  counted_free(std::exchange(ssl_, nullptr));
}

}  // namespace byway::tls
