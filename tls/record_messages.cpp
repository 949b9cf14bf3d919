// What comes in records besides application data: alerts, KeyUpdate, NewSessionTicket, wishes to renegotiate.
#include <algorithm>

#include "dataplane/assert.h"
#include "tls/record.h"

namespace byway::tls {

namespace {

/// Reads the body of a NewSessionTicket (RFC 8446 4.6.1). False: it cannot be read.
bool read_ticket(std::span<const std::uint8_t> body, NewSessionTicket& out) {
  MessageReader reader(body);
  out.lifetime_seconds = std::min(reader.number(4), ticket_lifetime_seconds_max);
  out.age_add = reader.number(4);
  out.nonce = reader.vector(1);
  out.ticket = reader.vector(2);
  MessageReader extensions(reader.vector(2));
  if (reader.is_bad() || !reader.is_empty() || out.ticket.empty()) return false;
  out.early_data_bytes = 0;
  bool has_early_data = false;
  while (!extensions.is_empty()) {
    const std::uint32_t type = extensions.number(2);
    MessageReader extension(extensions.vector(2));
    if (extensions.is_bad()) return false;
    if (type != extension_early_data) continue;  // what we do not know is ignored
    out.early_data_bytes = extension.number(4);
    if (has_early_data || extension.is_bad() || !extension.is_empty()) return false;
    has_early_data = true;
  }
  return true;
}

}  // namespace

Opened RecordLayer::on_alert(const Rope& content) {
  // RFC 8446 5.1: neither split nor joined. TLS 1.2 would allow it, and nobody does it.
  if (content.size() != 2) return refuse(AlertDescription::decode_error, RecordCounter::bad_message);
  std::array<std::uint8_t, 2> alert;
  content.copy_to(0, alert);
  const auto level = static_cast<AlertLevel>(alert[0]);
  const auto description = static_cast<AlertDescription>(alert[1]);
  if (description == AlertDescription::close_notify) {
    count(RecordCounter::close_notify_in);
    is_peer_closed_ = true;
    partial_.clear();
    message_.clear();
    return Opened::starved;
  }
  // RFC 8446 6: the level says nothing in TLS 1.3, all that are not about closing are fatal.
  const bool is_warning =
      is_tls13() ? description == AlertDescription::user_canceled : level == AlertLevel::warning;
  if (is_warning) {
    count(RecordCounter::warnings_in);
    if (warnings_ == warnings_max) {
      return refuse(AlertDescription::unexpected_message, RecordCounter::too_many_warnings);
    }
    ++warnings_;
    return Opened::starved;
  }
  if (!is_tls13() && level != AlertLevel::fatal) {
    return refuse(AlertDescription::illegal_parameter, RecordCounter::bad_message);
  }
  count(RecordCounter::alerts_in);
  fail(description);
  is_error_peers_ = true;
  owed_ = 0;  // a fatal alert is not answered
  return Opened::failed;
}

Opened RecordLayer::read_messages() {
  for (;;) {
    const Bytes skipped = std::min(skip_, message_.size());
    message_.consume(skipped);
    skip_ -= skipped;
    if (message_.empty() && skip_ == 0) message_records_ = 0;
    if (message_.size() < handshake_header_bytes) return Opened::starved;
    std::array<std::uint8_t, handshake_header_bytes> header;
    message_.copy_to(0, header);
    const Bytes length = static_cast<Bytes>(header[1]) << 16 | static_cast<Bytes>(header[2]) << 8 | header[3];
    const Bytes before = message_.size();
    const Opened verdict = on_message(static_cast<HandshakeType>(header[0]), length);
    // The next message has records of its own, this one's last among them.
    if (message_.size() != before) message_records_ = message_.empty() && skip_ == 0 ? 0 : 1;
    if (verdict != Opened::starved || message_.size() == before) return verdict;
  }
}

/// Takes the message that message_ begins with, if it is whole. Which may come, and how long they may be, is
/// told by their heads.
Opened RecordLayer::on_message(HandshakeType type, Bytes length) {
  const bool is_whole = message_.size() >= handshake_header_bytes + length;
  if (is_tls13() && type == HandshakeType::key_update) {
    if (length != 1) return refuse(AlertDescription::decode_error, RecordCounter::bad_message);
    return is_whole ? on_key_update() : Opened::starved;
  }
  if (is_tls13() && type == HandshakeType::new_session_ticket && role_ == Role::client) {
    if (length > ticket_message_bytes_possible) {
      return refuse(AlertDescription::decode_error, RecordCounter::bad_message);
    }
    if (length <= ticket_message_bytes_max) return is_whole ? on_ticket(length) : Opened::starved;
    count(RecordCounter::tickets_too_long);
    message_.consume(handshake_header_bytes);
    skip_ = length;
    return Opened::starved;
  }
  const HandshakeType renegotiation =
      role_ == Role::client ? HandshakeType::hello_request : HandshakeType::client_hello;
  if (is_tls13() || type != renegotiation) {
    return refuse(AlertDescription::unexpected_message, RecordCounter::unexpected_message);
  }
  const Bytes length_max = role_ == Role::client ? 0 : client_hello_bytes_max;
  if (length > length_max) return refuse(AlertDescription::decode_error, RecordCounter::bad_message);
  if (renegotiations_ == renegotiations_max) {
    return refuse(AlertDescription::handshake_failure, RecordCounter::renegotiations_refused);
  }
  ++renegotiations_;
  count(RecordCounter::renegotiations_refused);
  owed_ |= is_write_closed_ ? 0 : owes_no_renegotiation;
  message_.consume(handshake_header_bytes);
  skip_ = length;
  return Opened::starved;
}

Opened RecordLayer::on_key_update() {
  std::uint8_t request = 0;
  message_.copy_to(handshake_header_bytes, {&request, 1});
  if (request != update_requested && request != update_not_requested) {
    return refuse(AlertDescription::illegal_parameter, RecordCounter::bad_message);
  }
  message_.consume(handshake_header_bytes + 1);
  // RFC 8446 5.1: what stands behind it in its record would be under the old key.
  if (!message_.empty()) {
    return refuse(AlertDescription::unexpected_message, RecordCounter::key_update_not_last);
  }
  if (key_update_credit_ == 0) {
    return refuse(AlertDescription::unexpected_message, RecordCounter::too_many_key_updates);
  }
  --key_update_credit_;
  count(RecordCounter::key_updates_in);
  advance(receive_);
  has_asked_peer_ = false;
  // One answer for any number of requests until it has gone out (RFC 8446 4.6.3).
  if (request == update_requested) update_keys(false);
  return Opened::starved;
}

Opened RecordLayer::on_ticket(Bytes length) {
  const auto body = std::span(context_->scratch).first(length);
  message_.consume(handshake_header_bytes);
  message_.copy_to(0, body);
  message_.consume(length);
  NewSessionTicket ticket;
  if (!read_ticket(body, ticket)) return refuse(AlertDescription::decode_error, RecordCounter::bad_message);
  count(RecordCounter::tickets_in);
  context_->scratch_used = length;
  return Opened::ticket;
}

NewSessionTicket RecordLayer::ticket() const {
  NewSessionTicket ticket;
  BYWAY_ASSERT(read_ticket(std::span(context_->scratch).first(context_->scratch_used), ticket));
  return ticket;
}

}  // namespace byway::tls
