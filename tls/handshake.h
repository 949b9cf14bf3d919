// A TLS handshake, either role, TLS 1.2 (RFC 5246) or 1.3 (RFC 8446), as a value: fed bytes of the peer as
// they come (any segmentation), it hands back bytes for the peer and at last the secrets that records go on
// with. mbedTLS does the work; its context lives only as long as the handshake.
//
//   Handshake handshake(context, worker);                      // server; a client names whom it means
//   switch (handshake.advance(received, to_send, now)) ...     // whenever bytes came; send what is in
//   to_send done: RecordLayer takes take_secrets(), and what is left in `received`, which is protected by
//   them failed: send what is in to_send (an alert), close; failure() says why
//
// It takes from `received` exactly the bytes of the handshake: what came behind them, in the same segment or
// not, stays in there.
//
// Times: a full handshake computes for 0.3 to several ms (docs/tls.md). `advance` can be told to stop after
// some steps, of which each does at most one of its expensive operations.
//
// Memory: buffers for the peer from `worker.memory`; mbedTLS' own from the heap, charged to `worker.account`
// and bounded by the context's limits. Owner: whoever made it, in one thread; context and worker must outlive
// it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "dataplane/rope.h"
#include "tls/alert.h"
#include "tls/certificate.h"
#include "tls/client_hello_guard.h"
#include "tls/handshake_context.h"
#include "tls/handshake_failure.h"
#include "tls/mbedtls_platform.h"
#include "tls/traffic_secrets.h"

struct mbedtls_ssl_context;

namespace byway::tls {

/// What the handshakes of one worker (or one handshake lane) share.
struct HandshakeWorker {
  Memory memory;
  MemoryAccount account;
  HandshakeCounters counters;
};

/// Whom a client means.
struct ServerTarget {
  /// Sent as SNI (RFC 6066 3); a host name, or "" to send none.
  std::string_view server_name;
  /// Whose certificate it must be; nullptr: anybody's that the context trusts. Must live until the handshake
  /// is over.
  const PeerVerifier* verifier = nullptr;
};

enum class HandshakeState : std::uint8_t {
  needs_input,   ///< Nothing to do before more bytes come.
  can_continue,  ///< `steps_max` was reached; call advance again.
  done,
  failed,
};

class Handshake {
 public:
  /// A server's. Context: of the role. Nothing is allocated before advance.
  Handshake(const HandshakeContext& context, HandshakeWorker& worker);
  /// A client's; its first advance, with nothing received, gives the ClientHello.
  Handshake(const HandshakeContext& context, HandshakeWorker& worker, const ServerTarget& target);
  ~Handshake();
  Handshake(const Handshake&) = delete;
  Handshake& operator=(const Handshake&) = delete;

  /// Takes bytes of the peer from the front of `received`, and appends bytes for it to `to_send`. `now` is
  /// what certificates are judged by. Does nothing once it is done or has failed.
  HandshakeState advance(Rope& received, Rope& to_send, UnixTime now, unsigned steps_max = UINT32_MAX);
  /// The owner gives up (timed_out, peer_closed, abandoned): nothing is sent.
  void give_up(HandshakeFailure reason);

  [[nodiscard]] HandshakeState state() const { return state_; }

  // --- When it has failed ---
  [[nodiscard]] HandshakeFailure failure() const { return failure_; }
  /// What the peer was told, as far as it was told something; what it told us.
  [[nodiscard]] std::optional<AlertDescription> alert_sent() const { return alert_sent_; }
  [[nodiscard]] std::optional<AlertDescription> alert_received() const { return alert_received_; }
  /// mbedTLS' own number of what went wrong, for the log; 0: it was not mbedTLS.
  [[nodiscard]] int library_error() const { return library_error_; }

  // --- When it is done ---
  /// Once: moved out.
  [[nodiscard]] TrafficSecrets take_secrets() { return std::move(secrets_); }
  /// Index in the context's list; nothing: no protocol was agreed.
  [[nodiscard]] std::optional<std::uint8_t> alpn() const { return alpn_; }
  /// The peer's certificates as it sent them, leaf first; verified. Empty: it had none. Until the Handshake
  /// ends.
  [[nodiscard]] std::size_t peer_chain_length() const;
  [[nodiscard]] std::optional<CertificateView> peer_certificate(std::size_t index = 0) const;

  /// Server: the name that the client asked for, as it wrote it ("" without, or where it is no host name).
  [[nodiscard]] std::string_view server_name() const { return {server_name_, server_name_size_}; }
  /// Server: the identity that was chosen; nullptr before.
  [[nodiscard]] const ServerIdentity* identity() const { return identity_; }
  /// Heap memory that it holds now.
  [[nodiscard]] std::size_t memory_used() const { return memory_used_; }

 private:
  friend struct HandshakeHooks;
  /// Packs the records of one call into few buffers.
  class Output;

  bool start();
  void run(unsigned steps_max);
  /// One step of mbedTLS and what must hold after it. False: failed, or nothing more can be done now.
  bool step();
  /// After the peer's Certificate was read and before anything is done with it.
  HandshakeFailure judge_peer(std::uint32_t flags) const;
  HandshakeFailure classify(int error) const;
  bool is_plain_alert() const;
  void finish();
  void fail(HandshakeFailure reason, int error = 0);
  void end(HandshakeState state);
  /// Frees mbedTLS' context.
  void drop_engine();

  const HandshakeContext& context_;
  HandshakeWorker& worker_;
  const PeerVerifier* verifier_ = nullptr;
  mbedtls_ssl_context* ssl_ = nullptr;
  mbedtls_x509_crt* peer_chain_ = nullptr;
  const ServerIdentity* identity_ = nullptr;
  std::size_t memory_used_ = 0;

  // Of one call of advance.
  CallScope* scope_ = nullptr;
  Rope* received_ = nullptr;
  Output* output_ = nullptr;

  ClientHelloGuard guard_;
  Bytes bytes_in_ = 0;
  int library_error_ = 0;
  HandshakeState state_ = HandshakeState::needs_input;
  HandshakeFailure failure_ = HandshakeFailure::none;
  /// Why a hook refused: mbedTLS' error then only says that one did.
  HandshakeFailure refused_by_hook_ = HandshakeFailure::none;
  std::optional<AlertDescription> alert_sent_;
  std::optional<AlertDescription> alert_received_;
  std::optional<std::uint8_t> alpn_;
  bool has_sent_alert_ = false;
  bool is_peer_judged_ = false;
  std::uint8_t server_name_size_ = 0;
  char server_name_[255]{};
  TrafficSecrets secrets_;
};

}  // namespace byway::tls
