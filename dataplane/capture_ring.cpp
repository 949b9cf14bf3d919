#include "dataplane/capture_ring.h"

#include <cstring>

namespace byway {

bool CaptureRing::push(const CapturedFrame& frame) {
  const auto kept = static_cast<std::uint32_t>(frame.bytes.size());
  const std::uint64_t bytes = record_bytes(kept);
  std::uint64_t at = written_.load(std::memory_order_relaxed);
  const std::uint64_t to_end = ring_.size() - (at & (ring_.size() - 1));
  const std::uint64_t skipped = to_end < bytes ? to_end : 0;
  if (at + skipped + bytes - read_seen_ > ring_.size()) {
    // Acquire: the reader has copied what lies before, it may be overwritten.
    read_seen_ = read_.load(std::memory_order_acquire);
    if (at + skipped + bytes - read_seen_ > ring_.size()) return false;
  }
  if (skipped != 0) {
    std::memcpy(place(at), &skip_mark, sizeof skip_mark);
    at += skipped;
  }
  const Head head{kept, frame.wire_bytes, frame.time.ns, frame.link, frame.is_sent, {}};
  std::memcpy(place(at), &head, sizeof head);
  if (kept != 0) std::memcpy(place(at) + sizeof head, frame.bytes.data(), kept);
  written_.store(at + bytes, std::memory_order_release);
  return true;
}

std::optional<CapturedFrame> CaptureRing::front() {
  std::uint64_t at = read_.load(std::memory_order_relaxed);
  if (at == written_.load(std::memory_order_acquire)) return std::nullopt;
  Head head;
  std::memcpy(&head.bytes, place(at), sizeof head.bytes);
  if (head.bytes == skip_mark) {
    at += ring_.size() - (at & (ring_.size() - 1));
    read_.store(at, std::memory_order_release);
  }
  std::memcpy(&head, place(at), sizeof head);
  return CapturedFrame{Instant{head.time_ns},
                       head.wire_bytes,
                       head.link,
                       head.is_sent != 0,
                       {place(at) + sizeof head, head.bytes}};
}

void CaptureRing::pop() {
  const std::uint64_t at = read_.load(std::memory_order_relaxed);
  std::uint32_t kept = 0;
  std::memcpy(&kept, place(at), sizeof kept);
  read_.store(at + record_bytes(kept), std::memory_order_release);
}

}  // namespace byway
