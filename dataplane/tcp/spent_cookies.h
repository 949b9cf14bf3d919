// Which SYN cookies have been used. A cookie proves that its client is there, and nothing of it is kept, so
// the same ACK would open a second connection when the first has ended: a copy on the network, or the ACK
// itself if what the client sent behind it came first (a host with several CPUs reorders its own packets).
// Nobody would be at the other end of it.
//
// A table of fixed size without chains: each cookie has one place and takes it from whoever had it. Who wants
// to use a cookie twice must have some thousand others accepted between, each from an address where he sees
// the answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "dataplane/mix.h"
#include "dataplane/tcp/seq.h"

namespace byway::tcp {

class SpentCookies {
 public:
  /// All that a worker lets in within half a cookie's life at 250 a second; 16 KiB. More of them only bring
  /// back what would be without the table.
  static constexpr std::size_t places = 4096;

  SpentCookies() : marks_(std::make_unique<std::uint32_t[]>(places)) {}

  /// `flow_hash` is keyed, so that nobody can aim at the place of another's cookie.
  [[nodiscard]] bool contains(std::uint32_t flow_hash, Seq cookie) const {
    const std::uint64_t mark = mark_of(flow_hash, cookie);
    return marks_[mark % places] == upper(mark);
  }
  void add(std::uint32_t flow_hash, Seq cookie) {
    const std::uint64_t mark = mark_of(flow_hash, cookie);
    marks_[mark % places] = upper(mark);
  }

 private:
  static std::uint64_t mark_of(std::uint32_t flow_hash, Seq cookie) {
    return mix(std::uint64_t{flow_hash} << 32 | cookie.value);
  }
  static std::uint32_t upper(std::uint64_t mark) { return static_cast<std::uint32_t>(mark >> 32); }

  std::unique_ptr<std::uint32_t[]> marks_;
};

}  // namespace byway::tcp
