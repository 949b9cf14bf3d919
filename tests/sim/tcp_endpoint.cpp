#include "tests/sim/tcp_endpoint.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace byway::sim {

namespace {

/// Bytes 8 x `word` to 8 x `word` + 7, the first in the lowest place.
std::uint64_t stream_word(std::uint64_t key, std::uint64_t word) {
  std::uint64_t z = key + word * 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  return z ^ (z >> 27);
}

}  // namespace

std::uint8_t stream_byte(std::uint64_t key, std::uint64_t offset) {
  return static_cast<std::uint8_t>(stream_word(key, offset / 8) >> 8 * (offset % 8));
}

void write_stream(std::uint64_t key, std::uint64_t offset, std::span<std::uint8_t> out) {
  std::uint64_t word = stream_word(key, offset / 8) >> 8 * (offset % 8);
  for (std::uint8_t& byte : out) {
    byte = static_cast<std::uint8_t>(word);
    word >>= 8;
    if (++offset % 8 == 0) word = stream_word(key, offset / 8);
  }
}

void Endpoint::start(Stream& stream) {
  has_started_ = true;
  stream_ = &stream;
  flow_ = {stream.local_address().ip, stream.remote_address().ip, stream.local_address().tcp_port,
           stream.remote_address().tcp_port};
  stream.set_handler(this);
}

void Endpoint::on_connected(Stream& stream) {
  stream_ = &stream;
  write_some();
}

void Endpoint::on_writable(Stream&) {
  write_some();
}

void Endpoint::on_readable(Stream&) {
  if (!reading_later_) read_some();
}

void Endpoint::on_closed(Stream&, StreamEnd end) {
  if (over_) fail("closed twice");
  if (end == StreamEnd::finished) {
    if (received_ != plan_.bytes_to_expect) fail("ended before all was read");
    saw_finish_ = true;
  }
  over_ = true;
  stream_ = nullptr;
  end_ = end;
}

void Endpoint::move() {
  Stream* moved = stream_ == nullptr ? nullptr : host_.move(*stream_, *this);
  if (moved == nullptr) return;
  stream_ = moved;
  // What the stack before would have told of.
  write_some();
  if (!reading_later_) read_some();
}

void Endpoint::write_some() {
  while (stream_ != nullptr && sent_ < plan_.bytes_to_send) {
    const std::uint64_t size = std::min(plan_.bytes_to_send - sent_,
                                        random_.between(1, std::max<std::uint64_t>(plan_.write_max, 1)));
    std::vector<std::uint8_t> bytes(size);
    write_stream(plan_.key, sent_, bytes);
    Rope data(host_.slices);
    Slice slice = host_.copy(bytes);
    if (slice.empty() || !data.append(std::move(slice))) {  // out of memory: again a little later
      network_.at(network_.now() + 20ms, [this] { write_some(); });
      return;
    }
    const Bytes taken = stream_->write(data);
    sent_ += taken;
    if (taken < size) return;  // on_writable follows
  }
  if (stream_ == nullptr || finished_) return;
  if (plan_.lets_go) {
    over_ = saw_finish_ = true;
    std::exchange(stream_, nullptr)->close();
  } else if (plan_.finish_before_reading || saw_finish_) {
    finished_ = true;
    stream_->finish();
  }
}

void Endpoint::read_later(Nanoseconds pause) {
  reading_later_ = true;
  network_.at(network_.now() + pause, [this] {
    reading_later_ = false;
    read_some();
  });
}

void Endpoint::check(const Slice& slice) {
  std::vector<std::uint8_t> expected(slice.bytes().size());
  write_stream(plan_.peer_key, received_, expected);
  if (!std::equal(expected.begin(), expected.end(), slice.bytes().begin())) fail("wrong byte");
  received_ += expected.size();
}

void Endpoint::read_some() {
  while (stream_ != nullptr && !stream_->readable().empty()) {
    const auto size = static_cast<Bytes>(
        std::min<std::uint64_t>(stream_->readable().size(), random_.between(1, plan_.read_max)));
    Rope taken(host_.slices);
    if (stream_->take(size, taken) == 0) {
      read_later(20ms);
      return;
    }
    for (const Slice& slice : taken) check(slice);
    if (received_ > plan_.bytes_to_expect) fail("more bytes than were sent");
    if (received_ >= plan_.abort_after) {
      aborted_ = over_ = true;
      std::exchange(stream_, nullptr)->abort();
      return;
    }
    if (received_ >= plan_.pause_at) {
      plan_.pause_at = UINT64_MAX;
      read_later(plan_.long_pause);
      return;
    }
    if (plan_.read_pause.count() > 0) {
      read_later(random_.duration(plan_.read_pause));
      return;
    }
  }
  if (stream_ == nullptr || !stream_->peer_finished() || saw_finish_) return;
  saw_finish_ = true;
  if (received_ != plan_.bytes_to_expect) fail("the end came too early");
  write_some();
}

void Endpoint::fail(const std::string& what) {
  if (error_.empty()) error_ = what + " at byte " + std::to_string(received_);
}

}  // namespace byway::sim
