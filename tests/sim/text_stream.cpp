#include "tests/sim/text_stream.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace byway::sim {

namespace {

/// How long to wait when chain nodes or buffers were out.
constexpr Nanoseconds memory_pause = 20ms;

}  // namespace

void TextStream::attach(Stream& stream) {
  release();
  stream_ = &stream;
  stream.set_handler(this);
}

Stream* TextStream::release() {
  ++epoch_;
  unwritten_.clear();
  written_ = 0;
  is_ready_ = finishes_ = aborts_ = is_finished_ = saw_finish_ = is_reading_later_ = false;
  return std::exchange(stream_, nullptr);
}

void TextStream::abort_now() {
  if (stream_ != nullptr) release()->abort();
}

void TextStream::close_now() {
  if (stream_ != nullptr) release()->close();
}

void TextStream::later(Nanoseconds pause, std::function<void()> action) {
  network_.at(network_.now() + pause, [this, epoch = epoch_, action = std::move(action)] {
    if (epoch == epoch_) action();
  });
}

// ---- Events ----------------------------------------------------------------------------------------------

void TextStream::on_connected(Stream&) {
  is_ready_ = true;
  on_ready();
  write_some();
}

void TextStream::on_writable(Stream&) {
  write_some();
}

void TextStream::on_readable(Stream&) {
  if (!is_reading_later_) read_some();
}

void TextStream::on_closed(Stream&, StreamEnd end) {
  // The end may be all that is left to hear of a stream that is read slowly.
  const bool is_finish_new = end == StreamEnd::finished && !saw_finish_;
  release();
  if (is_finish_new) return on_peer_finished();
  on_end(end);
}

// ---- Writing ---------------------------------------------------------------------------------------------

void TextStream::write(const std::string& text) {
  unwritten_ += text;
  write_some();
}

void TextStream::write_some() {
  if (stream_ == nullptr || !is_ready_) return;
  const bool had_some = written_ < unwritten_.size();
  while (written_ < unwritten_.size()) {
    const std::uint64_t size =
        std::min<std::uint64_t>(unwritten_.size() - written_, random_.between(1, pace_.write_max));
    Rope data(host_.slices);
    Slice slice = host_.heap.copy(std::string_view(unwritten_).substr(written_, size));
    if (slice.empty() || !data.append(std::move(slice))) return later(memory_pause, [this] { write_some(); });
    const Bytes taken = stream_->write(data);
    written_ += taken;
    bytes_written_ += taken;
    if (taken < size) return;  // on_writable follows
  }
  if (aborts_) {
    release()->abort();
    return on_end(StreamEnd::reset);
  }
  if (finishes_ && !is_finished_) {
    is_finished_ = true;
    stream_->finish();
  }
  if (had_some) on_written();
}

// ---- Reading ---------------------------------------------------------------------------------------------

void TextStream::read_later(Nanoseconds pause) {
  is_reading_later_ = true;
  later(pause, [this] {
    is_reading_later_ = false;
    read_some();
  });
}

void TextStream::read_some() {
  const std::uint64_t epoch = epoch_;
  while (!stream_->readable().empty()) {
    const auto size = static_cast<Bytes>(
        std::min<std::uint64_t>(stream_->readable().size(), random_.between(1, pace_.read_max)));
    std::string text(size, '\0');
    stream_->readable().copy_to(0, {reinterpret_cast<std::uint8_t*>(text.data()), size});
    stream_->discard(size);
    bytes_read_ += size;
    on_text(text);
    if (epoch != epoch_) return;
    if (pace_.read_pause.count() > 0) return read_later(random_.duration(pace_.read_pause));
  }
  if (!stream_->peer_finished() || saw_finish_) return;
  saw_finish_ = true;
  on_peer_finished();
}

}  // namespace byway::sim
