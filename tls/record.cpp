// The record layer's life: its keys, its ends. What comes in: record_open.cpp, record_messages.cpp; what goes
// out: record_seal.cpp.
#include "tls/record.h"

#include <algorithm>

#include "dataplane/assert.h"

namespace byway::tls {

RecordLayer::RecordLayer(RecordContext& context)
    : context_(&context), partial_(context.memory.slices), message_(context.memory.slices) {
  BYWAY_ASSERT(context.memory.buffers.buffer_bytes_max() >= buffer_bytes_min);
}

RecordLayer::~RecordLayer() {
  context_->aead.forget(send_.key);
  context_->aead.forget(receive_.key);
  wipe(send_.nonce);
  wipe(receive_.nonce);
}

void RecordLayer::start(TrafficSecrets&& secrets) {
  BYWAY_ASSERT(!is_started_);
  TrafficSecrets taken = std::move(secrets);
  version_ = taken.version;
  suite_ = taken.suite;
  role_ = taken.role;
  const bool is_suite_of_13 = static_cast<std::uint16_t>(suite_) >> 8 == 0x13;
  BYWAY_ASSERT(is_suite_of_13 == is_tls13());
  if (is_tls13()) {
    const std::size_t bytes = size_of(parameters().hash);
    BYWAY_ASSERT(taken.send_secret.size() == bytes && taken.receive_secret.size() == bytes);
    DirectionKeys keys;
    derive_direction_keys(parameters(), taken.send_secret.bytes(), keys);
    install(send_, keys);
    derive_direction_keys(parameters(), taken.receive_secret.bytes(), keys);
    install(receive_, keys);
    send_.secret = std::move(taken.send_secret);
    receive_.secret = std::move(taken.receive_secret);
    resumption_secret_ = std::move(taken.resumption_secret);
  } else {
    BYWAY_ASSERT(taken.master_secret.size() == Secret::bytes_max);
    DirectionKeys client;
    DirectionKeys server;
    derive_key_block(parameters(), taken.master_secret.bytes(), taken.client_random, taken.server_random,
                     client, server);
    install(send_, role_ == Role::client ? client : server);
    install(receive_, role_ == Role::client ? server : client);
  }
  send_.sequence = taken.send_sequence;
  receive_.sequence = taken.receive_sequence;
  is_started_ = true;
}

void RecordLayer::install(Direction& direction, const DirectionKeys& keys) {
  const Aead aead = parameters().aead;
  context_->aead.set_key(direction.key, aead, std::span(keys.key).first(key_bytes_of(aead)));
  direction.nonce = keys.nonce;
}

/// RFC 8446 7.2: the next generation of keys, whose records begin at 0.
void RecordLayer::advance(Direction& direction) {
  advance_traffic_secret(parameters().hash, direction.secret);
  DirectionKeys keys;
  derive_direction_keys(parameters(), direction.secret.bytes(), keys);
  install(direction, keys);
  direction.sequence = 0;
}

void RecordLayer::resumption_psk(std::span<const std::uint8_t> nonce, Secret& psk) const {
  BYWAY_ASSERT(is_tls13() && !resumption_secret_.empty());
  derive_resumption_psk(parameters().hash, resumption_secret_.bytes(), nonce, psk);
}

Opened RecordLayer::refuse(AlertDescription alert, RecordCounter counter) {
  count(counter);
  fail(alert);
  return Opened::failed;
}

void RecordLayer::fail(AlertDescription alert) {
  if (is_failed_) return;
  // After our own close_notify nothing may be said any more, not even this.
  const bool may_say = !is_write_closed_ || (owed_ & owes_alert) != 0;
  is_failed_ = true;
  is_write_closed_ = true;
  error_ = alert;
  owed_ = may_say ? owes_alert : 0;
  partial_.clear();
  message_.clear();
}

void RecordLayer::close() {
  if (is_write_closed_) return;
  is_write_closed_ = true;
  owed_ |= owes_alert;
}

bool RecordLayer::update_keys(bool ask_peer) {
  if (!is_tls13() || is_write_closed_) return false;
  owed_ |= ask_peer ? owes_key_update_request : owes_key_update;
  return true;
}

std::optional<RecordError> RecordLayer::error() const {
  if (!is_failed_) return std::nullopt;
  return RecordError{error_, is_error_peers_};
}

TransportEnd RecordLayer::on_transport_end() {
  if (is_peer_closed_) return TransportEnd::clean;
  if (is_failed_) return TransportEnd::truncated;  // counted by its reason
  count(RecordCounter::truncated);
  if (!holds_no_buffers()) count(RecordCounter::truncated_in_record);
  return TransportEnd::truncated;
}

}  // namespace byway::tls
