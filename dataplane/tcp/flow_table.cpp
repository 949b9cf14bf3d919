#include "dataplane/tcp/flow_table.h"

#include <bit>
#include <cstring>

#include "dataplane/tcp/limits.h"
#include "dataplane/tcp/siphash.h"

namespace byway::tcp {

namespace {

std::uint64_t load64(const std::uint8_t* at) {
  std::uint64_t value = 0;
  std::memcpy(&value, at, 8);
  return value;
}

/// Both halves of the 128-bit product, folded (as wyhash and others do).
std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{a} * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

std::uint32_t FlowTable::entry_count(std::uint32_t sockets) {
  return std::bit_ceil(std::max(sockets, 8u) * 2u);
}

FlowTable::FlowTable(Slab<Socket>& sockets, std::span<const std::uint8_t, 16> secret)
    : sockets_(sockets),
      mask_(entry_count(sockets.capacity()) - 1),
      entries_(std::make_unique<Entry[]>(std::size_t{mask_} + 1)) {
  const SipHash derive(secret);
  for (std::size_t i = 0; i < keys_.size(); ++i) {
    const std::array<std::uint8_t, 9> label = {
        'f', 'l', 'o', 'w', ' ', 'k', 'e', 'y', static_cast<std::uint8_t>(i)};
    keys_[i] = derive(label);
  }
}

std::uint32_t FlowTable::hash(const FlowKey& flow) const {
  const std::uint8_t* local = flow.local.bytes.data();
  const std::uint8_t* remote = flow.remote.bytes.data();
  const std::uint64_t ports = std::uint64_t{flow.local_port} << 16 | flow.remote_port;
  const std::uint64_t a = mix(load64(local) ^ keys_[0], load64(local + 8) ^ keys_[1]);
  const std::uint64_t b = mix(load64(remote) ^ keys_[2], load64(remote + 8) ^ keys_[3]);
  const std::uint64_t all = mix(a ^ ports ^ keys_[4], b ^ keys_[5]);
  return static_cast<std::uint32_t>(all ^ all >> 32);
}

Socket* FlowTable::match(std::uint32_t at, const FlowKey& flow, std::uint32_t hash) const {
  for (; entries_[at].place != free; at = (at + 1) & mask_) {
    if (entries_[at].hash != hash) continue;
    Socket* socket = sockets_.at(entries_[at].place);
    if (socket->flow == flow) return socket;
  }
  return nullptr;
}

Socket* FlowTable::find(const FlowKey& flow, std::uint32_t hash) const {
  return match(hash & mask_, flow, hash);
}

void FlowTable::find_burst(std::span<const FlowKey> flows, std::span<Socket*> found) const {
  BYWAY_ASSERT(flows.size() <= burst_max && found.size() >= flows.size());
  std::array<std::uint32_t, burst_max> hashes;
  for (std::size_t i = 0; i < flows.size(); ++i) {
    hashes[i] = hash(flows[i]);
    __builtin_prefetch(&entries_[hashes[i] & mask_]);
  }
  for (std::size_t i = 0; i < flows.size(); ++i) {
    const Entry& entry = entries_[hashes[i] & mask_];
    if (entry.hash != hashes[i] || entry.place == free) continue;  // rare: found without help below
    const auto* lines = reinterpret_cast<const std::uint8_t*>(sockets_.at(entry.place));
    for (std::size_t line = 0; line < socket_hot_bytes; line += 64) __builtin_prefetch(lines + line);
  }
  for (std::size_t i = 0; i < flows.size(); ++i) found[i] = find(flows[i], hashes[i]);
}

void FlowTable::insert(Socket& socket) {
  BYWAY_ASSERT(!socket.hashed && size_ <= mask_ / 2);
  std::uint32_t at = socket.hash & mask_;
  while (entries_[at].place != free) at = (at + 1) & mask_;
  entries_[at] = {socket.hash, sockets_.handle(&socket).index};
  socket.hashed = true;
  ++size_;
  ++version_;
}

/// Closes the gap by moving later entries of the same run forward (Knuth, The Art of Computer Programming 3,
/// 6.4, algorithm R), so that there are no tombstones to clean up.
void FlowTable::erase(Socket& socket) {
  BYWAY_ASSERT(socket.hashed);
  const std::uint32_t place = sockets_.handle(&socket).index;
  std::uint32_t gap = socket.hash & mask_;
  while (entries_[gap].place != place) gap = (gap + 1) & mask_;
  for (std::uint32_t at = (gap + 1) & mask_; entries_[at].place != free; at = (at + 1) & mask_) {
    const std::uint32_t home = entries_[at].hash & mask_;
    if (((at - home) & mask_) < ((at - gap) & mask_)) continue;  // its home lies behind the gap
    entries_[gap] = entries_[at];
    gap = at;
  }
  entries_[gap] = {};
  socket.hashed = false;
  --size_;
  ++version_;
}

}  // namespace byway::tcp
