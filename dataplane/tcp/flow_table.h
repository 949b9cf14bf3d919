// From addresses and ports to sockets: open addressing with linear probing, sized at start to at most half
// full, so that it never grows and a miss ends within a cache line or two. An entry is 8 octets: the hash,
// which spares looking at sockets that do not match, and the socket's place in the slab.
//
// Looking up a burst costs little more than one lookup: hash all, prefetch all buckets, prefetch all sockets,
// then compare.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/slab.h"
#include "dataplane/tcp/flow_key.h"
#include "dataplane/tcp/socket.h"

namespace byway::tcp {

class FlowTable {
 public:
  /// `secret` keeps outsiders from choosing addresses that collide.
  FlowTable(Slab<Socket>& sockets, std::span<const std::uint8_t, 16> secret);

  [[nodiscard]] std::uint32_t hash(const FlowKey& flow) const;
  [[nodiscard]] Socket* find(const FlowKey& flow) const { return find(flow, hash(flow)); }
  [[nodiscard]] Socket* find(const FlowKey& flow, std::uint32_t hash) const;
  /// found[i] = find(flows[i]), with the memory latencies overlapped. Asserted: at most burst_max.
  void find_burst(std::span<const FlowKey> flows, std::span<Socket*> found) const;

  /// Asserted: not there yet. Sets socket.hashed.
  void insert(Socket& socket);
  void erase(Socket& socket);
  /// Changes with every insert and erase: whether results of find_burst still hold.
  [[nodiscard]] std::uint64_t version() const { return version_; }
  [[nodiscard]] std::uint32_t size() const { return size_; }
  static constexpr std::size_t entry_bytes = 8;
  static constexpr std::size_t bytes_per_socket_max = 4 * entry_bytes;  ///< A quarter full at worst.
  /// Entries of a table for so many sockets: twice as many, rounded up to a power of two.
  [[nodiscard]] static std::uint32_t entry_count(std::uint32_t sockets);

 private:
  struct Entry {
    std::uint32_t hash = 0;
    std::uint32_t place = free;
  };
  static_assert(sizeof(Entry) == entry_bytes);
  static constexpr std::uint32_t free = UINT32_MAX;
  [[nodiscard]] Socket* match(std::uint32_t at, const FlowKey& flow, std::uint32_t hash) const;

  Slab<Socket>& sockets_;
  std::array<std::uint64_t, 6> keys_;
  std::uint32_t mask_;
  std::uint32_t size_ = 0;
  std::uint64_t version_ = 0;
  std::unique_ptr<Entry[]> entries_;
};

}  // namespace byway::tcp
