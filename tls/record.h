// The record layer of TLS 1.3 (RFC 8446 sections 4.6, 5, 6, 7.2) and TLS 1.2 with AEAD suites (RFC 5246
// section 6 and 7.2, RFC 5288, RFC 7905), from the end of the handshake on, for both roles.
//
// A value without I/O and without time: open() takes what a transport has received and gives content, seal()
// takes content and gives what the transport is to send. What the protocol wants said (answers to KeyUpdate,
// alerts) is owed, and comes out of the next seal().
//
//   RecordContext   one a worker: AEAD engine, memory, counters, scratch
//   RecordLayer     one a connection; idle it holds no buffer
//
// Buffers: open() decrypts in place wherever nobody but the ropes that it was given holds a received buffer,
// so the bytes of `received` must not be read by others who hold no reference. seal() writes new buffers and
// leaves its input's bytes alone.
//
// Errors: what a peer may not do ends the connection: open() returns failed, error() says why, the alert is
// owed. Exhausted memory is no error: nothing is lost, and the same call goes on later.
//
// Owner: the TLS session. Thread: the worker's. Neither copies nor moves: it holds keys.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/rope.h"
#include "tls/aead.h"
#include "tls/alert.h"
#include "tls/record_counters.h"
#include "tls/record_handover.h"
#include "tls/record_limits.h"
#include "tls/record_wire.h"
#include "tls/traffic_secrets.h"

namespace byway::tls {

/// What all record layers of a worker share. Outlives them.
struct RecordContext {
  AeadEngine& aead;
  Memory memory;  ///< Asserted by RecordLayer: buffers of at least buffer_bytes_min.
  RecordCounters counters;
  /// One whole handshake message, while it is read or written.
  std::array<std::uint8_t, handshake_header_bytes + ticket_message_bytes_max> scratch{};
  Bytes scratch_used = 0;  ///< Of a ticket that open() has told of.
};

/// What a call of open() came to.
enum class Opened : std::uint8_t {
  starved,    ///< All was taken; what is missing of a record has not come yet.
  full,       ///< `plain` has reached its bound, and more may be there.
  paused,     ///< As many records as one call takes (records_per_open_max): call again, others first.
  no_memory,  ///< A record waits for buffers or chain nodes: call again later.
  ticket,     ///< A NewSessionTicket: see ticket(), then call again.
  closed,     ///< The peer's close_notify. What comes behind it is dropped.
  failed,     ///< The connection is over: error() says why.
};

/// A NewSessionTicket (RFC 8446 4.6.1). As received: its spans are valid until the next call of any
/// record layer of the worker.
struct NewSessionTicket {
  std::uint32_t lifetime_seconds = 0;  ///< At most ticket_lifetime_seconds_max.
  std::uint32_t age_add = 0;
  std::span<const std::uint8_t> nonce;   ///< At most 255 bytes.
  std::span<const std::uint8_t> ticket;  ///< At least 1 byte.
  /// max_early_data_size, 0 without one. A ticket of ours has none: 0-RTT is off.
  std::uint32_t early_data_bytes = 0;
};

/// Why a connection is over.
struct RecordError {
  AlertDescription alert = AlertDescription::close_notify;
  bool is_peers = false;  ///< The peer sent it; else we found it, and owe it to the peer.
};

/// How the transport's end fits the protocol (RFC 8446 6.1): without a close_notify the peer may have wanted
/// to say more.
enum class TransportEnd : std::uint8_t { clean, truncated };

class RecordLayer {
 public:
  explicit RecordLayer(RecordContext& context);
  ~RecordLayer();
  RecordLayer(const RecordLayer&) = delete;
  RecordLayer& operator=(const RecordLayer&) = delete;

  /// Goes on where a handshake ended. Once; `secrets` are wiped. Asserted: secrets of the suite's length, a
  /// suite of the version.
  void start(TrafficSecrets&& secrets);
  /// Goes on where another record layer was. Once; then as start(). On an error the layer is as new.
  [[nodiscard]] RecordHandoverError import_state(std::span<const std::uint8_t> bytes);

  // --- Receiving ---

  /// Takes from the front of `received` and appends application data to `plain`, until that has `plain_max`
  /// bytes (one record more at most). Part of a record is taken in and kept.
  [[nodiscard]] Opened open(Rope& received, Rope& plain, Bytes plain_max);
  /// The ticket that open() told of.
  [[nodiscard]] NewSessionTicket ticket() const;
  /// The PSK of a ticket with that nonce, sent or received. Asserted: TLS 1.3, at most 255 bytes.
  void resumption_psk(std::span<const std::uint8_t> nonce, Secret& psk) const;
  /// The transport ends (FIN, reset): whether the peer has said so before. Counts; call once.
  [[nodiscard]] TransportEnd on_transport_end();

  // --- Sending ---

  /// Puts what is owed, then records with bytes from the front of `plain`, to the end of `out`, and returns
  /// how many bytes of `plain` it took: fewer than all when records would exceed `out_max` bytes, memory is
  /// out, or nothing may be sent any more. What is owed (at most three small records) ignores `out_max`.
  /// All of `out` must be sent, in order.
  Bytes seal(Rope& plain, Rope& out, Bytes out_max);
  /// Something is owed that seal() would put out.
  [[nodiscard]] bool owes_output() const { return owed_ != 0; }
  /// Bytes that a record of `content` bytes has.
  [[nodiscard]] Bytes record_bytes(Bytes content) const;
  /// Begins with short records again: for a caller who knows that the connection was silent for long.
  void restart_short_records() { first_records_left_ = first_records; }
  /// close_notify is owed, and nothing else can be sent after it. Receiving goes on (TLS 1.2: RFC 5246 7.2.1
  /// wants an answer and an end from who receives it, which the owner gives).
  void close();
  /// Ends the connection with a fatal alert, which is owed: for what a layer above finds.
  void fail(AlertDescription alert);
  /// New keys for what we send (RFC 8446 4.6.3), and for what the peer sends if asked. Owed. False: TLS 1.2,
  /// or nothing may be sent any more.
  bool update_keys(bool ask_peer);
  /// Server, TLS 1.3: puts what is owed and a NewSessionTicket to the end of `out`. False, without the
  /// ticket: no memory, or nothing may be sent. Asserted: role, version, ticket of 1 byte at least, nonce of
  /// 255 at most, all together at most ticket_message_bytes_max.
  [[nodiscard]] bool send_ticket(const NewSessionTicket& ticket, Rope& out);

  // --- State ---

  [[nodiscard]] std::optional<RecordError> error() const;
  /// The peer's close_notify has come.
  [[nodiscard]] bool peer_closed() const { return is_peer_closed_; }
  /// close() or an error: seal() takes nothing more.
  [[nodiscard]] bool is_write_closed() const { return is_write_closed_; }
  /// No part of a record or message waits for its rest.
  [[nodiscard]] bool holds_no_buffers() const { return partial_.empty() && message_.empty(); }
  [[nodiscard]] std::uint64_t send_sequence() const { return send_.sequence; }
  [[nodiscard]] std::uint64_t receive_sequence() const { return receive_.sequence; }
  [[nodiscard]] ProtocolVersion version() const { return version_; }
  [[nodiscard]] CipherSuite suite() const { return suite_; }

  /// What export_state needs; 0: this layer cannot move (not started, or failed).
  [[nodiscard]] std::size_t export_bytes() const;
  /// Writes the state, keys included: `out` is wiped by who owns it. Returns the bytes, or 0: cannot move, or
  /// too small. This layer must not be used afterwards, only destroyed: two would use the same nonces.
  [[nodiscard]] std::size_t export_state(std::span<std::uint8_t> out) const;

 private:
  struct Direction {
    AeadKey key;
    std::uint64_t sequence = 0;
    Nonce nonce{};  ///< Fixed part of TLS 1.2 with AES-GCM, else what the sequence number is added to.
    Secret secret;  ///< TLS 1.3.
  };
  /// What seal() must put out first.
  enum Owed : std::uint8_t {
    owes_key_update = 1,
    owes_key_update_request = 2,
    owes_no_renegotiation = 4,
    owes_alert = 8,  ///< close_notify, or that of error_
  };
  /// Slices that this call has given to `plain`: they hold the buffer too, and not the bytes that follow.
  struct Given {
    const Buffer* owner = nullptr;
    std::uint32_t slices = 0;
  };
  /// A record that is whole: where it lies, what its header says, and what a decryption needs.
  struct Incoming {
    Rope* source;
    const Rope* behind;  ///< What follows `source`, if that is not the received rope itself.
    RecordHeader header;
    Bytes body;     ///< Offset of the ciphertext in the record.
    Bytes content;  ///< Bytes that are encrypted.
  };

  [[nodiscard]] bool is_tls13() const { return version_ == ProtocolVersion::tls13; }
  [[nodiscard]] SuiteParameters parameters() const { return parameters_of(suite_); }
  [[nodiscard]] bool has_explicit_nonce() const {
    return !is_tls13() && parameters().aead != Aead::chacha20_poly1305;
  }
  void count(RecordCounter counter, std::uint64_t amount = 1) const {
    context_->counters.add(counter, amount);
  }
  void install(Direction& direction, const DirectionKeys& keys);
  void advance(Direction& direction);
  /// Ends the connection because of what the peer did.
  Opened refuse(AlertDescription alert, RecordCounter counter);

  // record_open.cpp
  [[nodiscard]] Rope* gather(Rope& received, RecordHeader& header, Opened& verdict);
  [[nodiscard]] bool keep_partial(Rope& received, Bytes wanted);
  [[nodiscard]] bool copy_together();
  [[nodiscard]] bool append_buffers(Rope& rope, Bytes size) const;
  [[nodiscard]] bool check_header(const RecordHeader& header);
  /// starved: the record has been taken in.
  [[nodiscard]] Opened open_record(const Incoming& record, Rope& plain, Given& given);
  [[nodiscard]] bool decrypt(const Incoming& record, Rope& opened, const Given& given, bool& no_memory);
  [[nodiscard]] bool place(const Incoming& record, Rope& opened, const Given& given) const;
  [[nodiscard]] Opened on_content(ContentType type, Rope&& content, Rope& plain, Given& given);

  // record_messages.cpp
  [[nodiscard]] Opened on_alert(const Rope& content);
  /// The messages that message_ begins with, until one is not whole (starved).
  [[nodiscard]] Opened read_messages();
  [[nodiscard]] Opened on_message(HandshakeType type, Bytes length);
  [[nodiscard]] Opened on_key_update();
  [[nodiscard]] Opened on_ticket(Bytes length);

  // record_seal.cpp
  [[nodiscard]] bool flush_owed(Rope& out);
  [[nodiscard]] bool send_key_update(Rope& out);
  /// Seals `size` bytes of `content` from its front. False: no memory, and nothing has changed.
  [[nodiscard]] bool seal_record(ContentType type, const Rope& content, Bytes size, Rope& out);
  [[nodiscard]] bool seal_bytes(ContentType type, std::span<const std::uint8_t> content, Rope& out);
  template <typename Source>
  [[nodiscard]] bool seal_source(ContentType type, const Source& source, Bytes size, Rope& out);

  // record_handover.cpp
  void export_head(RecordHandoverHead& head) const;
  void import_head(const RecordHandoverHead& head);

  RecordContext* context_;
  Direction send_;
  Direction receive_;
  Secret resumption_secret_;  ///< TLS 1.3.
  CipherSuite suite_ = CipherSuite::aes_128_gcm_sha256;
  ProtocolVersion version_ = ProtocolVersion::tls13;
  Role role_ = Role::server;

  Rope partial_;    ///< Part of a record, less than a whole one.
  Rope message_;    ///< Part of a handshake message, out of its records.
  Bytes skip_ = 0;  ///< Bytes of a message that are dropped when they come.

  std::uint8_t owed_ = 0;
  AlertDescription error_ = AlertDescription::close_notify;
  bool is_started_ = false;
  bool is_failed_ = false;
  bool is_error_peers_ = false;
  bool is_peer_closed_ = false;
  bool is_write_closed_ = false;
  bool has_asked_peer_ = false;  ///< For new keys, because its own are near their limit.
  std::uint8_t first_records_left_ = first_records;
  std::uint8_t empty_records_ = 0;
  std::uint8_t warnings_ = 0;
  std::uint8_t renegotiations_ = 0;
  std::uint8_t message_records_ = 0;
  std::uint8_t key_update_credit_ = key_updates_max;
  std::uint8_t data_records_ = 0;  ///< Since the credit last grew.
};

/// An idle TLS session is to take at most 500 B: this leaves its Stream a quarter of them.
static_assert(sizeof(RecordLayer) <= 400);

}  // namespace byway::tls
