// Records out: what is owed, then content, sealed into new buffers on its only way through the cache.
#include <algorithm>
#include <cstring>

#include "dataplane/assert.h"
#include "tls/record.h"

namespace byway::tls {

namespace {

/// Content that lies in one piece.
struct Piece {
  std::span<const std::uint8_t> bytes;
  [[nodiscard]] const std::uint8_t* contiguous(Bytes) const { return bytes.data(); }
  void copy_to(std::span<std::uint8_t> out) const { std::copy_n(bytes.begin(), out.size(), out.begin()); }
  template <typename Take>
  void each(Bytes size, Take&& take) const {
    take(bytes.data(), size);
  }
};

/// Content at the front of a rope.
struct Front {
  const Rope& rope;
  /// nullptr: the first `size` bytes are not in one slice.
  [[nodiscard]] const std::uint8_t* contiguous(Bytes size) const {
    return size > 0 && rope.front().size() >= size ? rope.front().data() : nullptr;
  }
  void copy_to(std::span<std::uint8_t> out) const { rope.copy_to(0, out); }
  template <typename Take>
  void each(Bytes size, Take&& take) const {
    for (auto slice = rope.begin(); size > 0; ++slice) {
      const Bytes part = std::min(size, slice->size());
      take(slice->data(), part);
      size -= part;
    }
  }
};

std::uint8_t* writable(const Slice& slice) {
  return const_cast<std::uint8_t*>(slice.data());
}

/// Writes to the new buffers of one record, front to back.
class Output {
 public:
  explicit Output(const Rope& rope) : at_(rope.begin()) {}
  /// The next bytes that lie together, at most `wanted`.
  [[nodiscard]] std::span<std::uint8_t> next(Bytes wanted) {
    if (used_ == at_->size()) {
      ++at_;
      used_ = 0;
    }
    const Bytes size = std::min(wanted, at_->size() - used_);
    const std::span<std::uint8_t> out(writable(*at_) + used_, size);
    used_ += size;
    return out;
  }
  void put(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
      const auto out = next(static_cast<Bytes>(bytes.size()));
      std::memcpy(out.data(), bytes.data(), out.size());
      bytes = bytes.subspan(out.size());
    }
  }

 private:
  Rope::Iterator at_;
  Bytes used_ = 0;
};

}  // namespace

Bytes RecordLayer::record_bytes(Bytes content) const {
  return record_header_bytes + (has_explicit_nonce() ? explicit_nonce_bytes : 0) + content +
         (is_tls13() ? 1 : 0) + Bytes{aead_tag_bytes};
}

Bytes RecordLayer::seal(Rope& plain, Rope& out, Bytes out_max) {
  BYWAY_ASSERT(is_started_);
  const Bytes out_before = out.size();
  const Bytes overhead = record_bytes(0);
  Bytes taken = 0;
  for (;;) {
    if (owed_ != 0 && !flush_owed(out)) {
      count(RecordCounter::seal_no_memory);
      return taken;
    }
    if (plain.empty() || is_write_closed_) return taken;
    const Bytes room = out_max - std::min(out_max, out.size() - out_before);
    const Bytes record_max = first_records_left_ > 0 ? first_record_content_bytes : record_content_bytes_max;
    const Bytes wanted = std::min(plain.size(), record_max);
    const Bytes size = std::min(wanted, room - std::min(room, overhead));
    if (size < std::min(wanted, record_cut_bytes_min)) return taken;
    if (!seal_record(ContentType::application_data, plain, size, out)) {
      if (!is_write_closed_) count(RecordCounter::seal_no_memory);
      return taken;
    }
    plain.consume(size);
    taken += size;
    count(RecordCounter::plain_bytes_out, size);
    if (first_records_left_ > 0) --first_records_left_;
    if (is_tls13() && send_.sequence >= records_per_key_max(parameters().aead)) {
      update_keys(false);
      count(RecordCounter::key_updates_by_limit);
    }
  }
}

/// False: no memory; what is left stays owed.
bool RecordLayer::flush_owed(Rope& out) {
  if ((owed_ & (owes_key_update | owes_key_update_request)) != 0 && !send_key_update(out)) {
    return false;
  }
  if ((owed_ & owes_no_renegotiation) != 0) {
    constexpr std::array<std::uint8_t, 2> warning = {
        static_cast<std::uint8_t>(AlertLevel::warning),
        static_cast<std::uint8_t>(AlertDescription::no_renegotiation)};
    if (!seal_bytes(ContentType::alert, warning, out)) return false;
    owed_ &= static_cast<std::uint8_t>(~owes_no_renegotiation);
  }
  if ((owed_ & owes_alert) != 0) {
    const bool is_fatal = error_ != AlertDescription::close_notify;
    const std::array<std::uint8_t, 2> alert = {
        static_cast<std::uint8_t>(is_fatal ? AlertLevel::fatal : AlertLevel::warning),
        static_cast<std::uint8_t>(error_)};
    if (!seal_bytes(ContentType::alert, alert, out)) return false;
    owed_ &= static_cast<std::uint8_t>(~owes_alert);
    count(is_fatal ? RecordCounter::alerts_out : RecordCounter::close_notify_out);
  }
  return true;
}

/// RFC 8446 4.6.3: the message is the last under the old key.
bool RecordLayer::send_key_update(Rope& out) {
  const bool ask_peer = (owed_ & owes_key_update_request) != 0;
  const std::array<std::uint8_t, 5> message = {static_cast<std::uint8_t>(HandshakeType::key_update), 0, 0, 1,
                                               ask_peer ? update_requested : update_not_requested};
  if (!seal_bytes(ContentType::handshake, message, out)) return false;
  owed_ &= static_cast<std::uint8_t>(~(owes_key_update | owes_key_update_request));
  advance(send_);
  count(RecordCounter::key_updates_out);
  return true;
}

bool RecordLayer::send_ticket(const NewSessionTicket& ticket, Rope& out) {
  BYWAY_ASSERT(role_ == Role::server && is_tls13() && ticket.nonce.size() <= 255 && !ticket.ticket.empty());
  const std::size_t body = 4 + 4 + 1 + ticket.nonce.size() + 2 + ticket.ticket.size() + 2;
  BYWAY_ASSERT(body <= ticket_message_bytes_max);
  if (is_write_closed_ || (owed_ != 0 && !flush_owed(out))) return false;
  std::uint8_t* at = context_->scratch.data();
  const auto number = [&at](std::uint64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) *at++ = static_cast<std::uint8_t>(value >> (8 * i));
  };
  const auto vector = [&](std::span<const std::uint8_t> bytes, int length_bytes) {
    number(bytes.size(), length_bytes);
    at = std::copy(bytes.begin(), bytes.end(), at);
  };
  number(static_cast<std::uint8_t>(HandshakeType::new_session_ticket), 1);
  number(body, 3);
  number(std::min(ticket.lifetime_seconds, ticket_lifetime_seconds_max), 4);
  number(ticket.age_add, 4);
  vector(ticket.nonce, 1);
  vector(ticket.ticket, 2);
  number(0, 2);  // no extensions
  const auto message = std::span<const std::uint8_t>(context_->scratch).first(handshake_header_bytes + body);
  if (!seal_bytes(ContentType::handshake, message, out)) return false;
  count(RecordCounter::tickets_out);
  return true;
}

bool RecordLayer::seal_record(ContentType type, const Rope& content, Bytes size, Rope& out) {
  return seal_source(type, Front{content}, size, out);
}

bool RecordLayer::seal_bytes(ContentType type, std::span<const std::uint8_t> content, Rope& out) {
  return seal_source(type, Piece{content}, static_cast<Bytes>(content.size()), out);
}

template <typename Source>
bool RecordLayer::seal_source(ContentType type, const Source& source, Bytes size, Rope& out) {
  if (send_.sequence == sequence_max) {
    count(RecordCounter::sequence_exhausted);
    fail(AlertDescription::internal_error);
    owed_ = 0;  // it could not be sealed either
    return false;
  }
  Rope record(context_->memory.slices);
  if (!append_buffers(record, record_bytes(size))) return false;
  const Bytes inner = size + (is_tls13() ? 1 : 0);
  const Bytes explicit_bytes = has_explicit_nonce() ? explicit_nonce_bytes : 0;
  const Bytes length = explicit_bytes + inner + Bytes{aead_tag_bytes};
  const RecordHeader header = record_header(is_tls13() ? ContentType::application_data : type, length);
  const auto content_type = static_cast<std::uint8_t>(type);

  Nonce nonce = send_.nonce;
  std::array<std::uint8_t, 8> sequence;
  store_be64(sequence.data(), send_.sequence);
  std::array<std::uint8_t, 13> associated;
  std::size_t associated_bytes = record_header_bytes;
  // Either way the nonce ends in the sequence number: with AES-GCM in TLS 1.2 over zeros.
  for (std::size_t i = 0; i < sequence.size(); ++i) nonce[aead_nonce_bytes - 8 + i] ^= sequence[i];
  if (is_tls13()) {
    std::copy(header.begin(), header.end(), associated.begin());
  } else {
    std::copy(sequence.begin(), sequence.end(), associated.begin());
    std::copy_n(header.begin(), 3, associated.begin() + 8);
    associated[11] = static_cast<std::uint8_t>(size >> 8);
    associated[12] = static_cast<std::uint8_t>(size);
    associated_bytes = associated.size();
  }
  const auto aad = std::span<const std::uint8_t>(associated).first(associated_bytes);

  AeadEngine& aead = context_->aead;
  const std::uint64_t expansions = aead.expansions();
  Output output(record);
  output.put(header);
  if (explicit_bytes > 0) output.put(sequence);
  const bool is_one_buffer = record.slice_count() == 1;
  const std::uint8_t* contiguous = is_tls13() ? nullptr : source.contiguous(size);
  if (is_one_buffer && (contiguous != nullptr || inner <= copied_record_bytes_max)) {
    std::uint8_t* to = output.next(inner + Bytes{aead_tag_bytes}).data();
    if (contiguous == nullptr) {
      source.copy_to({to, size});
      if (is_tls13()) to[size] = content_type;
      contiguous = to;
    }
    aead.seal(send_.key, nonce, aad, contiguous, to, inner, to + inner);
  } else {
    aead.begin(send_.key, AeadDirection::seal, nonce, aad);
    const auto take = [&](const std::uint8_t* data, Bytes bytes) {
      while (bytes > 0) {
        const auto to = output.next(bytes);
        aead.update(data, to.data(), to.size());
        data += to.size();
        bytes -= static_cast<Bytes>(to.size());
      }
    };
    source.each(size, take);
    if (is_tls13()) take(&content_type, 1);
    std::array<std::uint8_t, aead_tag_bytes> tag;
    aead.finish_seal(tag.data());
    output.put(tag);
  }
  if (aead.expansions() != expansions) count(RecordCounter::keys_expanded);
  ++send_.sequence;
  count(RecordCounter::records_out);
  out.append(std::move(record));
  return true;
}

}  // namespace byway::tls
