// Who is next to us on a link, and under which MAC address: the part that ARP (RFC 826) and neighbour
// discovery have in common, with the states of RFC 4861 7.3.2 in short form.
//
//   incomplete --answer--> reachable --30 s--> stale --used--> probing --answer--> reachable
//        | 3 requests           ^                ^                | 3 + 3 requests
//        v                      |                |                v
//      failed (3 s) <-----------+-- (an entry made by a request   failed
//                                    of the neighbour is stale)
//
// While a next hop is incomplete a few packets wait for it; while it is probing they go to the address that
// was known. A failed one answers "unreachable" at once, so that a connection attempt ends and a flood of
// packets to an absent host costs one request a second (RFC 1122 2.3.2.1).
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/clock.h"
#include "dataplane/net/counters.h"
#include "dataplane/net/parse.h"
#include "dataplane/rope.h"
#include "dataplane/slab.h"
#include "dataplane/timer_wheel.h"

namespace byway::net {

/// Most neighbours. A gateway talks to the hosts of its own segments and its routers; a full /22 fits. When
/// full, one that nobody used for the longest time (among some) makes room.
inline constexpr std::uint32_t neighbors_max = 1024;
/// Most packets that wait for one neighbour. RFC 1122 2.3.2.2 asks for one; but a gateway that has just
/// started opens many connections to one backend at once, and each SYN that is lost here costs its request a
/// second.
inline constexpr std::uint32_t neighbor_pending_max = 64;
/// Most packets that wait in all, 56 KB: bounds what a scan of absent hosts can hold of the worker's buffers.
inline constexpr std::uint32_t neighbor_pending_total_max = 256;
/// Bytes of Ethernet to transport header kept with a waiting packet: 14 + 60 (IPv4 at most; IPv6 takes 40) +
/// 60 (TCP).
inline constexpr std::size_t frame_header_bytes_max = 134;

/// How long an answer counts (RFC 4861 10, REACHABLE_TIME), between two requests (RETRANS_TIMER), how many of
/// them (MAX_UNICAST_SOLICIT, MAX_MULTICAST_SOLICIT), and how long a failure is remembered.
inline constexpr Nanoseconds neighbor_reachable_time = 30s;
inline constexpr Nanoseconds neighbor_retry_interval = 1s;
inline constexpr std::uint8_t neighbor_unicast_tries = 3;
inline constexpr std::uint8_t neighbor_broadcast_tries = 3;
inline constexpr Nanoseconds neighbor_failed_time = 3s;

/// What the table asks of its host.
class NeighborOutput {
 public:
  /// Sends a request for `address` to the MAC address that was known, or if that is null to everybody.
  virtual void solicit(LinkIndex link, const IpAddress& address, const MacAddress* known) = 0;
  /// Sends a packet that waited: `header` lacks only its destination MAC address.
  virtual void send_waiting(LinkIndex link, const MacAddress& to, std::span<std::uint8_t> header,
                            Rope&& payload) = 0;
  /// Tells of a packet that waited in vain; `header` begins with Ethernet, as send_waiting would get it.
  virtual void give_up(std::span<const std::uint8_t> header, Instant now) = 0;

 protected:
  ~NeighborOutput() = default;
};

enum class NeighborLookup : std::uint8_t {
  known,        ///< `mac` is set
  incomplete,   ///< not known yet: wait()
  unreachable,  ///< it did not answer
  table_full,
};

/// The neighbours of all links of one host.
class Neighbors {
 public:
  /// `key` is random: a station may choose any address of its network, and none that share a bucket.
  Neighbors(TimerWheel& wheel, Counters counters, NeighborOutput& output, std::uint64_t key,
            std::uint32_t capacity = neighbors_max);
  ~Neighbors();
  Neighbors(const Neighbors&) = delete;
  Neighbors& operator=(const Neighbors&) = delete;

  /// For a packet that is to go to `address` on `link` now; begins resolution where it is needed.
  [[nodiscard]] NeighborLookup find(LinkIndex link, const IpAddress& address, Instant now, MacAddress& mac);
  /// After find() said incomplete: keeps the packet until the answer. False (counted): the queue is full.
  [[nodiscard]] bool wait(LinkIndex link, const IpAddress& address, std::span<const std::uint8_t> header,
                          Rope&& payload);
  /// The neighbour spoke of itself: by ARP, or in a solicitation (RFC 4861 7.2.3). `solicited`: in answer to
  /// us, which proves that it hears us. Unknown neighbours are remembered only if `may_create` (it asked for
  /// us, so an answer will go there).
  void on_heard(LinkIndex link, const IpAddress& address, const MacAddress& mac, bool solicited,
                bool may_create, Instant now);
  /// The neighbour advertised itself (RFC 4861 7.2.5). `mac`: null if it did not say it. `override_known`:
  /// what it says may replace another address.
  void on_advertised(LinkIndex link, const IpAddress& address, const MacAddress* mac, bool solicited,
                     bool override_known, Instant now);

  [[nodiscard]] std::uint32_t size() const { return entries_.in_use(); }

 private:
  enum class State : std::uint8_t { incomplete, reachable, stale, probing, failed };
  /// A packet that waits.
  struct Pending {
    explicit Pending(Rope&& rope) : payload(std::move(rope)) {}
    Rope payload;
    Pending* next = nullptr;
    std::uint8_t header_bytes = 0;
    std::array<std::uint8_t, frame_header_bytes_max> header;
  };
  struct Entry : Timer {
    Entry(Neighbors& owner, LinkIndex on, const IpAddress& of)
        : Timer(&Neighbors::fire), table(owner), address(of), link(on) {}
    Neighbors& table;
    IpAddress address;
    LinkIndex link;
    State state = State::incomplete;
    std::uint8_t tries = 0;
    std::uint8_t pending_count = 0;
    MacAddress mac;
    Instant reachable_until;
    Instant last_used;
    Entry* next_in_bucket = nullptr;
    Pending* pending = nullptr;  ///< oldest first
  };

  [[nodiscard]] Entry*& bucket_of(LinkIndex link, const IpAddress& address);
  [[nodiscard]] Entry* lookup(LinkIndex link, const IpAddress& address);
  [[nodiscard]] Entry* create(LinkIndex link, const IpAddress& address, Instant now);
  [[nodiscard]] bool make_room();
  void remove(Entry& entry);
  void settle(Entry& entry, const MacAddress& mac, bool solicited, Instant now);
  void begin(Entry& entry, State state, Instant now);
  void solicit(Entry& entry, Instant now);
  void on_timer(Entry& entry, Instant now);
  void flush_pending(Entry& entry);
  void drop_pending(Entry& entry, Instant now);
  static void fire(Timer& timer, Instant now);

  TimerWheel& wheel_;
  Counters counters_;
  NeighborOutput& output_;
  std::uint64_t key_;
  std::unique_ptr<Entry*[]> buckets_;
  std::uint32_t bucket_count_;
  Entry* found_last_ = nullptr;  ///< where to look first: packets to one next hop follow each other
  std::uint32_t hand_ = 0;       ///< where the search for a place goes on
  Slab<Entry> entries_;
  Slab<Pending> pending_places_{neighbor_pending_total_max};
};

}  // namespace byway::net
