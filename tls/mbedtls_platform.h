// What mbedTLS takes from the process: memory, time, random bytes and PSA's table of keys.
//
// mbedTLS calls hooks without a context of ours. So whoever calls into it says first for whom: a CallScope
// names the account that memory is charged to and the time that certificates are judged by. Without a scope
// (start-up, reading certificates in the main thread) memory is the process's own and the time is 0.
//
// A scope belongs to its thread; scopes of one thread do not nest.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace byway::tls {

/// Seconds since 1970-01-01 UTC, handed in by the caller.
struct UnixTime {
  std::int64_t seconds = 0;
};

/// Heap memory of the handshakes of one worker. Written by its thread; must outlive what was charged to it.
struct MemoryAccount {
  /// No limit of its own unless the worker sets one: each handshake is bounded already.
  std::size_t bytes_max = SIZE_MAX;
  /// Atomic for the one block in a million that mbedTLS keeps beyond a handshake and frees in another thread.
  std::atomic<std::size_t> in_use = 0;
  std::size_t peak = 0;
  /// Allocations refused because this account or a handshake was at its limit.
  std::uint64_t refused = 0;
};

/// One call into mbedTLS.
class CallScope {
 public:
  /// `used` is how much of `account` the caller's object holds, kept up to date; at most `used_max`.
  CallScope(MemoryAccount& account, std::size_t& used, std::size_t used_max, UnixTime now);
  ~CallScope();
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;

  /// An allocation was refused since the scope began: what failed, failed for that.
  [[nodiscard]] bool is_out_of_memory() const { return refused_; }

 private:
  friend void* counted_calloc(std::size_t count, std::size_t size);
  friend void counted_free(void* memory);
  friend std::int64_t scope_seconds();

  MemoryAccount& account_;
  std::size_t& used_;
  std::size_t used_max_;
  UnixTime now_;
  bool refused_ = false;
};

/// Keys that PSA holds at once for one handshake: its key share, both directions of handshake and application
/// keys, a secret under derivation, and the peer's public key.
constexpr std::size_t psa_keys_per_handshake = 8;

/// Sets mbedTLS up, once a process and before its first use; further calls do nothing. PSA's table of keys
/// grows on the heap for good, so room for `handshakes_max` handshakes at once (all workers together) is made
/// here and not charged to whoever comes first. False: the library did not start.
[[nodiscard]] bool start_mbedtls(std::size_t handshakes_max = 256);

/// fill_random as mbedTLS calls it.
int random_for_mbedtls(void* context, unsigned char* out, std::size_t size);

/// calloc and free as mbedTLS gets them, for objects of ours that live with its own.
[[nodiscard]] void* counted_calloc(std::size_t count, std::size_t size);
void counted_free(void* memory);

}  // namespace byway::tls
