// Records of one call of Handshake::advance, packed into few buffers: a flight is six or seven small records,
// and a buffer each would waste most of it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "dataplane/rope.h"
#include "tls/handshake.h"

namespace byway::tls {

class Handshake::Output {
 public:
  Output(const Memory& memory, Rope& to_send) : memory_(memory), to_send_(to_send) {}
  ~Output() {
    if (buffer_ != nullptr) static_cast<void>(Slice::adopt(buffer_, buffer_->memory, 0));
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  /// False: no memory; what was appended of `bytes` must not be sent.
  [[nodiscard]] bool append(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
      if (buffer_ == nullptr) {
        buffer_ = memory_.buffers.allocate(std::min(memory_.buffers.buffer_bytes_max(), buffer_bytes));
        if (buffer_ == nullptr) return false;
      }
      const std::size_t count = std::min<std::size_t>(bytes.size(), buffer_->capacity - used_);
      std::copy_n(bytes.begin(), count, buffer_->memory + used_);
      used_ += static_cast<Bytes>(count);
      bytes = bytes.subspan(count);
      if (used_ == buffer_->capacity && !flush()) return false;
    }
    return true;
  }

  /// Moves what was appended to the rope. False: no chain node.
  [[nodiscard]] bool flush() {
    if (buffer_ == nullptr) return true;
    Slice slice = Slice::adopt(buffer_, buffer_->memory, used_);
    buffer_ = nullptr;
    used_ = 0;
    return to_send_.append(std::move(slice));
  }

 private:
  /// A server's flight with one certificate has some 1.2 KB; what providers give is mostly 2 KB anyway.
  static constexpr Bytes buffer_bytes = 2'048;

  Memory memory_;
  Rope& to_send_;
  Buffer* buffer_ = nullptr;
  Bytes used_ = 0;
};

}  // namespace byway::tls
