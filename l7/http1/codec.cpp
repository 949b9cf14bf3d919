#include "l7/http1/codec.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace byway::l7::http1 {

Received Codec::receive_content(Bytes count_max, Rope& out) {
  const Bytes size_before = out.size();
  while (!reader_.is_complete()) {
    const Bytes wanted = count_max - (out.size() - size_before);
    if (wanted == 0) return Received::more;
    if (stream_->readable().empty()) {
      if (!stream_->peer_finished()) return Received::more;
      return reader_.on_close() == BodyResult::complete ? Received::complete : Received::truncated;
    }
    if (const std::uint64_t left = reader_.length_left(); left > 0) {
      // The content of most messages: nothing but bytes to be counted.
      const auto count =
          static_cast<Bytes>(std::min<std::uint64_t>({left, wanted, stream_->readable().size()}));
      const Bytes taken = stream_->take(count, out);
      reader_.take_length(taken);
      if (taken < count) return Received::no_memory;
      continue;
    }
    // One slice at a time, and no more of it than is wanted: payload is never above that then.
    const std::string_view text = stream_->readable().front().text().substr(0, wanted);
    const BodyReader before = reader_;
    BodyStep step = reader_.next(text.data(), text.size());
    if (step.framing > 0 && step.payload > 0) {
      // First the framing alone, so that a shortage of nodes for the payload can be undone.
      reader_ = before;
      step = reader_.next(text.data(), step.framing);
    }
    if (step.payload > 0) {
      const auto payload = static_cast<Bytes>(step.payload);
      if (stream_->take(payload, out) < payload) {
        reader_ = before;  // of one slice, all or nothing is taken
        return Received::no_memory;
      }
    } else {
      stream_->discard(static_cast<Bytes>(step.framing));
    }
    if (step.result == BodyResult::error) return Received::invalid;
  }
  return Received::complete;
}

bool Codec::send_content(Rope& content, Memory memory) {
  BYWAY_ASSERT(!content.empty());
  if (sending_ == BodyKind::chunked) {
    // Head and end of the chunk share one buffer.
    std::array<char, chunk_head_bytes_max + chunk_end.size()> framing;
    const WriteResult head = write_chunk_head(framing, content.size());
    BYWAY_ASSERT(head.fits);
    std::memcpy(framing.data() + head.bytes, chunk_end.data(), chunk_end.size());
    const auto head_size = static_cast<Bytes>(head.bytes);
    const auto size = static_cast<Bytes>(head.bytes + chunk_end.size());
    Buffer* buffer = memory.buffers.allocate(size);
    if (buffer == nullptr) return false;
    std::memcpy(buffer->memory, framing.data(), size);
    Slice first = Slice::adopt(buffer, buffer->memory, size);
    Slice last = first.share(head_size, static_cast<Bytes>(chunk_end.size()));
    first.remove_back(static_cast<Bytes>(chunk_end.size()));
    if (!content.prepend(std::move(first))) return false;
    if (!content.append(std::move(last))) {
      content.consume(head_size);
      return false;
    }
  }
  if (content.size() <= copied_content_bytes_max && content.slice_count() == 1 &&
      unsent_.extend_back(content.front().bytes())) {
    content.clear();
  } else {
    unsent_.append(std::move(content));
  }
  return true;
}

Bytes Codec::copy_rest_of(Codec& from) {
  const std::uint64_t left = from.reader_.length_left();
  const Rope& readable = from.stream_->readable();
  const bool is_short = left > 0 && left <= copied_content_bytes_max && readable.size() >= left;
  if (!is_short || sending_ == BodyKind::chunked) return 0;
  const auto count = static_cast<Bytes>(left);
  const Slice& front = readable.front();
  if (front.size() < count || room() < count || !unsent_.extend_back(front.bytes().first(count))) return 0;
  from.stream_->discard(count);
  from.reader_.take_length(count);
  return count;
}

bool Codec::finish_content(Memory memory) {
  return sending_ != BodyKind::chunked || send_bytes(last_chunk, memory);
}

bool Codec::flush() {
  if (!unsent_.empty()) stream_->write(unsent_);
  is_blocked_ = !unsent_.empty();
  return !is_blocked_;
}

}  // namespace byway::l7::http1
