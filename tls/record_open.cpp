// Records in: gathering them out of slices, decrypting them in place or into new buffers.
#include <algorithm>
#include <cstring>

#include "dataplane/assert.h"
#include "tls/record.h"

namespace byway::tls {

namespace {

/// Sequence number and fixed nonce to the nonce of one record (RFC 8446 5.3, RFC 7905 section 2).
Nonce mixed_nonce(Nonce nonce, std::uint64_t sequence) {
  std::uint8_t* tail = nonce.data() + aead_nonce_bytes - sizeof(sequence);
  store_be64(tail, load_be64(tail) ^ sequence);
  return nonce;
}

/// Goes over the bytes of a rope from an offset on, slice by slice.
class Walk {
 public:
  Walk(const Rope& rope, Bytes offset) : at_(rope.begin()), offset_(offset) { skip_spent(rope); }
  [[nodiscard]] const std::uint8_t* data() const { return at_->data() + offset_; }
  [[nodiscard]] Bytes size() const { return at_->size() - offset_; }
  [[nodiscard]] const Slice& slice() const { return *at_; }
  [[nodiscard]] Bytes offset() const { return offset_; }
  [[nodiscard]] Rope::Iterator place() const { return at_; }
  /// Asserted by the caller: count <= size(), and more to come unless nothing is read afterwards.
  void advance(const Rope& rope, Bytes count) {
    offset_ += count;
    skip_spent(rope);
  }

 private:
  void skip_spent(const Rope& rope) {
    while (at_ != rope.end() && offset_ >= at_->size()) {
      offset_ -= at_->size();
      ++at_;
    }
  }
  Rope::Iterator at_;
  Bytes offset_;
};

/// Slices one behind the other with the same owner, from `at` on. A rope may have many of one buffer; who has
/// more than this is copied, which is always right.
std::uint32_t run_of(const Buffer* owner, Rope::Iterator& at, Rope::Iterator end) {
  constexpr std::uint32_t longest = 8;
  std::uint32_t count = 0;
  while (at != end && at->owner() == owner && count < longest) {
    ++count;
    ++at;
  }
  return count;
}

/// The position behind the last byte of `content` that is not 0, or 0: where TLS 1.3 keeps its content type,
/// in front of the padding (RFC 8446 5.4). Takes as long as the padding is, and a little for each slice.
Bytes end_of_content(const Rope& content) {
  Bytes end = 0;
  Bytes offset = 0;
  for (const Slice& slice : content) {
    const std::uint8_t* data = slice.data();
    Bytes size = slice.size();
    constexpr Bytes step = sizeof(std::uint64_t);
    while (size >= step && load_be64(data + size - step) == 0) size -= step;
    while (size > 0 && data[size - 1] == 0) --size;
    if (size > 0) end = offset + size;
    offset += slice.size();
  }
  return end;
}

}  // namespace

Opened RecordLayer::open(Rope& received, Rope& plain, Bytes plain_max) {
  BYWAY_ASSERT(is_started_);
  Given given;
  for (std::uint32_t records = 0;; ++records) {
    if (is_failed_ || is_peer_closed_) {
      if (is_peer_closed_) count(RecordCounter::dropped_after_close, received.size());
      received.clear();
      return is_failed_ ? Opened::failed : Opened::closed;
    }
    if (!message_.empty()) {
      const Opened verdict = read_messages();
      if (is_failed_) continue;
      if (verdict != Opened::starved) return verdict;
    }
    if (received.empty() && partial_.empty()) return Opened::starved;
    if (plain.size() >= plain_max) return Opened::full;
    if (records == records_per_open_max) return Opened::paused;
    RecordHeader header;
    Opened verdict = Opened::starved;
    Rope* source = gather(received, header, verdict);
    if (source != nullptr) {
      const Bytes body = record_header_bytes + (has_explicit_nonce() ? explicit_nonce_bytes : 0);
      const Bytes content = record_header_bytes + length_of(header) - body - Bytes{aead_tag_bytes};
      const Incoming record{source, source == &received ? nullptr : &received, header, body, content};
      verdict = open_record(record, plain, given);
      if (verdict == Opened::starved) continue;
    }
    if (!is_failed_) return verdict;
  }
}

/// The rope whose front is a whole record; nullptr with a verdict if there is none. What has come of it is
/// kept then.
Rope* RecordLayer::gather(Rope& received, RecordHeader& header, Opened& verdict) {
  verdict = Opened::no_memory;
  const bool is_direct = partial_.empty();
  if (!is_direct && partial_.size() < record_header_bytes && !keep_partial(received, record_header_bytes)) {
    return nullptr;
  }
  Rope& source = is_direct ? received : partial_;
  if (source.size() >= record_header_bytes) {
    source.copy_to(0, header);
    if (!check_header(header)) {
      verdict = Opened::failed;
      return nullptr;
    }
    const Bytes wanted = record_header_bytes + length_of(header);
    if (!is_direct && !keep_partial(received, wanted)) return nullptr;
    if (source.size() >= wanted) return &source;
  }
  if (is_direct) partial_.append(std::move(received));
  verdict = Opened::starved;
  return nullptr;
}

/// Moves bytes to partial_ until it has `wanted`. False: no memory; more may come in later.
bool RecordLayer::keep_partial(Rope& received, Bytes wanted) {
  if (partial_.size() >= wanted) return true;
  const Bytes missing = std::min(wanted - partial_.size(), received.size());
  const bool is_sparse = partial_.slice_count() > record_slices_max &&
                         partial_.size() < partial_.slice_count() * sparse_slice_bytes;
  if ((!is_sparse || copy_together()) && received.move_front(missing, partial_) == missing) return true;
  count(RecordCounter::open_no_memory);
  return false;
}

/// Makes partial_ dense. False: no memory.
bool RecordLayer::copy_together() {
  Rope dense(context_->memory.slices);
  if (!dense.append_copy(partial_, context_->memory.buffers)) return false;
  partial_ = std::move(dense);
  count(RecordCounter::sparse_copies);
  return true;
}

/// Appends new buffers of `size` bytes in all, whose content is ours to write. False: no memory.
bool RecordLayer::append_buffers(Rope& rope, Bytes size) const {
  BufferProvider& buffers = context_->memory.buffers;
  while (size > 0) {
    const Bytes part = std::min(size, buffers.buffer_bytes_max());
    Buffer* buffer = buffers.allocate(part);
    if (buffer == nullptr || !rope.append(Slice::adopt(buffer, buffer->memory, part))) return false;
    size -= part;
  }
  return true;
}

/// What can be said before the rest of a record has come. False: refused.
bool RecordLayer::check_header(const RecordHeader& header) {
  const auto type = static_cast<ContentType>(header[0]);
  const Bytes length = length_of(header);
  // RFC 8446 5: change_cipher_spec is let through before the peer's Finished, never behind it.
  const bool is_type_good = is_tls13() ? type == ContentType::application_data
                                       : type >= ContentType::alert && type <= ContentType::application_data;
  if (!is_type_good) {
    refuse(AlertDescription::unexpected_message, RecordCounter::bad_record_type);
    return false;
  }
  // RFC 8446 5.1: in TLS 1.3 the version is ignored; it is authenticated as it came.
  if (!is_tls13() && version_of(header) != legacy_version) {
    refuse(AlertDescription::protocol_version, RecordCounter::bad_record_version);
    return false;
  }
  const Bytes overhead = aead_tag_bytes + (has_explicit_nonce() ? explicit_nonce_bytes : 0);
  if (length < overhead) {
    refuse(AlertDescription::bad_record_mac, RecordCounter::bad_record_mac);
    return false;
  }
  // What has been encrypted is known by now, so that nothing needs to be decrypted that is too long.
  const Bytes content_max = record_content_bytes_max + (is_tls13() ? 1 : 0);
  if (length - overhead > content_max) {
    refuse(AlertDescription::record_overflow, RecordCounter::record_overflow);
    return false;
  }
  if (receive_.sequence == sequence_max) {
    refuse(AlertDescription::internal_error, RecordCounter::sequence_exhausted);
    return false;
  }
  return true;
}

Opened RecordLayer::open_record(const Incoming& record, Rope& plain, Given& given) {
  Rope opened(context_->memory.slices);
  bool no_memory = false;
  const bool is_genuine = decrypt(record, opened, given, no_memory);
  if (no_memory) {
    count(RecordCounter::open_no_memory);
    return Opened::no_memory;
  }
  if (!is_genuine) return refuse(AlertDescription::bad_record_mac, RecordCounter::bad_record_mac);
  record.source->consume(record_header_bytes + length_of(record.header));
  ++receive_.sequence;
  count(RecordCounter::records_in);
  auto type = static_cast<ContentType>(record.header[0]);
  if (is_tls13()) {
    const Bytes end = end_of_content(opened);
    if (end == 0) return refuse(AlertDescription::unexpected_message, RecordCounter::no_content_type);
    std::uint8_t inner = 0;
    opened.copy_to(end - 1, {&inner, 1});
    opened.truncate(end - 1);
    type = static_cast<ContentType>(inner);
    // The peer's key nears its limit, and the peer does not care: we ask once a key.
    const std::uint64_t asking_at = records_per_key_max(parameters().aead) + records_before_asking;
    if (receive_.sequence >= asking_at && !has_asked_peer_ && update_keys(true)) {
      has_asked_peer_ = true;
      count(RecordCounter::key_updates_by_limit);
    }
  }
  return on_content(type, std::move(opened), plain, given);
}

/// Decrypts into `opened`. On no_memory nothing has changed; else false says that the tag is wrong.
bool RecordLayer::decrypt(const Incoming& record, Rope& opened, const Given& given, bool& no_memory) {
  no_memory = !place(record, opened, given);
  if (no_memory) return false;
  Rope& source = *record.source;
  AeadEngine& aead = context_->aead;
  const std::uint64_t expansions = aead.expansions();

  Nonce nonce = receive_.nonce;
  std::array<std::uint8_t, 13> associated;
  std::size_t associated_bytes = record_header_bytes;
  if (is_tls13()) {
    std::copy(record.header.begin(), record.header.end(), associated.begin());
    nonce = mixed_nonce(nonce, receive_.sequence);
  } else {
    // RFC 5246 6.2.3.3: sequence number, type, version, length of the content.
    store_be64(associated.data(), receive_.sequence);
    std::copy_n(record.header.begin(), 3, associated.begin() + 8);
    associated[11] = static_cast<std::uint8_t>(record.content >> 8);
    associated[12] = static_cast<std::uint8_t>(record.content);
    associated_bytes = associated.size();
    if (has_explicit_nonce()) {
      source.copy_to(record_header_bytes, std::span(nonce).last(explicit_nonce_bytes));
    } else {
      nonce = mixed_nonce(nonce, receive_.sequence);
    }
  }
  const auto aad = std::span<const std::uint8_t>(associated).first(associated_bytes);

  std::array<std::uint8_t, aead_tag_bytes> tag;
  source.copy_to(record.body + record.content, tag);
  bool is_genuine = false;
  if (opened.slice_count() == 1 && source.front().size() >= record.body + record.content) {
    auto* to = const_cast<std::uint8_t*>(opened.front().data());
    is_genuine = aead.open(receive_.key, nonce, aad, source.front().data() + record.body, to, record.content,
                           tag.data());
  } else {
    aead.begin(receive_.key, AeadDirection::open, nonce, aad);
    Walk from(source, record.body);
    Walk to(opened, 0);
    for (Bytes left = record.content; left > 0;) {
      const Bytes size = std::min({left, from.size(), to.size()});
      aead.update(from.data(), const_cast<std::uint8_t*>(to.data()), size);
      left -= size;
      from.advance(source, size);
      to.advance(opened, size);
    }
    is_genuine = aead.finish_open(tag.data());
  }
  if (aead.expansions() != expansions) count(RecordCounter::keys_expanded);
  return is_genuine;
}

/// Fills `opened` with slices for the content: the received bytes themselves where only the ropes at hand
/// hold them, new buffers for the rest. False: no memory.
bool RecordLayer::place(const Incoming& record, Rope& opened, const Given& given) const {
  Walk walk(*record.source, record.body);
  const Buffer* owner = nullptr;
  bool is_ours = false;
  Bytes moved = 0;
  for (Bytes left = record.content; left > 0;) {
    const Bytes size = std::min(left, walk.size());
    const Slice& slice = walk.slice();
    if (slice.owner() != owner || owner == nullptr) {
      std::uint32_t holders = given.owner == slice.owner() ? given.slices : 0;
      // Slices of the header may be of the same buffer as the first one of the content.
      for (auto header = record.source->begin(); owner == nullptr && header != walk.place(); ++header) {
        if (header->owner() == slice.owner()) ++holders;
      }
      owner = slice.owner();
      Rope::Iterator at = walk.place();
      holders += run_of(owner, at, record.source->end());
      if (at == record.source->end() && record.behind != nullptr) {
        Rope::Iterator next = record.behind->begin();
        holders += run_of(owner, next, record.behind->end());
      }
      is_ours = owner != nullptr && owner->references == holders;
    }
    if (opened.slice_count() >= record_slices_max) {
      opened.clear();
      if (!append_buffers(opened, record.content)) return false;
      moved = record.content;
      break;
    }
    if (!(is_ours ? opened.append(slice.share(walk.offset(), size)) : append_buffers(opened, size)))
      return false;
    if (!is_ours) moved += size;
    left -= size;
    walk.advance(*record.source, size);
  }
  if (moved > 0) count(RecordCounter::bytes_moved, moved);
  return true;
}

Opened RecordLayer::on_content(ContentType type, Rope&& content, Rope& plain, Given& given) {
  if (type != ContentType::application_data && content.empty()) {
    // RFC 8446 5.4, RFC 5246 6.2.1. Of other types it does not matter which rule they break.
    return refuse(AlertDescription::unexpected_message, RecordCounter::empty_fragment);
  }
  switch (type) {
    case ContentType::application_data:
      if (!message_.empty() || skip_ > 0) {
        return refuse(AlertDescription::unexpected_message, RecordCounter::interleaved);
      }
      if (content.empty()) {
        if (empty_records_ == empty_records_max) {
          return refuse(AlertDescription::unexpected_message, RecordCounter::too_many_empty);
        }
        ++empty_records_;
        return Opened::starved;
      }
      empty_records_ = 0;
      warnings_ = 0;
      if (key_update_credit_ < key_updates_max && ++data_records_ == key_update_refill) {
        ++key_update_credit_;
        data_records_ = 0;
      }
      count(RecordCounter::plain_bytes_in, content.size());
      for (const Slice& slice : content) {
        given = {slice.owner(), slice.owner() == given.owner ? given.slices + 1 : 1};
      }
      plain.append(std::move(content));
      return Opened::starved;
    case ContentType::alert:
      return on_alert(content);
    case ContentType::handshake:
      if (message_records_ == message_records_max) {
        return refuse(AlertDescription::unexpected_message, RecordCounter::too_many_fragments);
      }
      ++message_records_;
      message_.append(std::move(content));
      return read_messages();
    default:
      return refuse(AlertDescription::unexpected_message, RecordCounter::bad_record_type);
  }
}

}  // namespace byway::tls
