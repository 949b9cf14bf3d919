#include "tests/sim/hostile_user.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace byway::sim {

namespace {

constexpr std::uint32_t portion = 8'000;

}  // namespace

void HostileUser::start(Stream& stream, RawPeer& peer) {
  stream_ = &stream;
  peer_ = &peer;
  local_ = stream.local_address();
  remote_ = stream.remote_address();
  stream.set_handler(this);
  network_.at(network_.now() + plan_.patience, [this] { let_go(); });
  network_.at(network_.now() + 2 * plan_.patience, [this] {
    if (stream_ != nullptr) std::exchange(stream_, nullptr)->abort();
  });
}

void HostileUser::let_go() {
  if (stream_ == nullptr) return;
  switch (plan_.end) {
    case HostileUserPlan::End::finish:
      stream_->finish();
      break;
    case HostileUserPlan::End::close:
      std::exchange(stream_, nullptr)->close();
      break;
    case HostileUserPlan::End::abort:
      std::exchange(stream_, nullptr)->abort();
      break;
  }
}

void HostileUser::on_closed(Stream&, StreamEnd) {
  stream_ = nullptr;
}

void HostileUser::write_some() {
  while (stream_ != nullptr && written_ < plan_.bytes_to_write) {
    const std::vector<std::uint8_t> bytes(std::min(portion, plan_.bytes_to_write - written_), 'x');
    Rope data(host_.slices);
    Slice slice = host_.copy(bytes);
    if (slice.empty() || !data.append(std::move(slice))) {
      network_.at(network_.now() + 50ms, [this] { write_some(); });
      return;
    }
    const Bytes taken = stream_->write(data);
    written_ += taken;
    if (taken < bytes.size()) return;
  }
}

void HostileUser::check(const Slice& slice) {
  const RawConnection* connection = peer_->find(remote_.tcp_port, local_);
  for (const std::uint8_t byte : slice.bytes()) {
    const SentStream::Verdict verdict =
        connection == nullptr ? SentStream::Verdict::never_sent : connection->sent.verdict(read_, byte);
    if (verdict == SentStream::Verdict::never_sent && error_.empty()) {
      error_ = "read an octet that was not sent, at " + std::to_string(read_);
    }
    has_read_others_ |= verdict == SentStream::Verdict::other;
    ++read_;
  }
}

void HostileUser::read_all() {
  while (plan_.reads && stream_ != nullptr && !stream_->readable().empty()) {
    Rope taken(host_.slices);
    if (stream_->take(stream_->readable().size(), taken) == 0) {
      network_.at(network_.now() + 50ms, [this] { read_all(); });
      return;
    }
    for (const Slice& slice : taken) check(slice);
  }
}

}  // namespace byway::sim
