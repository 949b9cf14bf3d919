// What all exchanges of one worker share: the seams below, time, policy, tables. Everything is sized at
// start; nothing here is touched by another thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>

#include "control/shm/endpoint_stats.h"
#include "control/shm/publication.h"
#include "dataplane/clock.h"
#include "dataplane/slab.h"
#include "dataplane/stream.h"
#include "dataplane/timer_wheel.h"
#include "l7/http1/date.h"
#include "l7/http1/head_reader.h"
#include "l7/http1/write.h"
#include "l7/limits.h"
#include "l7/message.h"
#include "l7/random.h"
#include "l7/telemetry/record.h"
#include "l7/telemetry/telemetry.h"
#include "l7/upstream/balance.h"
#include "l7/upstream/pool.h"

namespace byway::l7 {

class Exchange;
namespace http1 {
class ClientCodec;
class ServerCodec;
}  // namespace http1

/// Longest head that is written: what was received, the gateway's own fields, and the edits of the policy. A
/// longer one is not sent (431): servers refuse 8 to 64 KiB already.
inline constexpr std::size_t generated_head_bytes_max = 96 * 1024;
static_assert(generated_head_bytes_max > head_bytes_max);

/// Where a head that lies in several slices is put together. As much as the parser needs to see to refuse it:
/// the longest head, an empty line before it, and one byte.
inline constexpr std::size_t gathered_head_bytes = head_bytes_max + 3;

/// Edits that may act on one request: the rule's and the backend reference's.
inline constexpr std::size_t request_edits_max = 2 * std::size_t{shm::header_edits_max};

/// Room to read and write one head. Nothing in it outlives an event, so a worker needs it once, and an
/// exchange that waits holds none of it.
struct HeadScratch {
  std::unique_ptr<char[]> gathered = std::make_unique<char[]>(gathered_head_bytes);
  std::unique_ptr<char[]> generated = std::make_unique<char[]>(generated_head_bytes_max);
  std::unique_ptr<http1::FieldEdit[]> edits = std::make_unique<http1::FieldEdit[]>(request_edits_max);
  RequestHead request;
  ResponseHead response;
};

struct WorkerContext {
  Connector& connector;
  TimerWheel& timers;
  Memory memory;
  Telemetry telemetry;
  shm::SlotTable slots;
  shm::EndpointStatsTable endpoint_stats;
  RecordSink* records;  ///< may be null: nobody wants single records
  std::span<const net::IpAddress> node_addresses;
  Random random;
  /// Seconds since 1970, kept by another thread; null: the time of day is not known.
  const std::atomic<std::int64_t>* wall_seconds;
  http1::HeldHeads held_heads;

  Instant now{};                      ///< of this round
  const shm::LiveSet* set = nullptr;  ///< what requests are routed by; null before the first
  bool is_draining = false;

  upstream::Pool pool;
  upstream::Balancer balancer;
  HeadScratch scratch{};
  Slab<http1::ServerCodec>* downstreams = nullptr;
  Slab<http1::ClientCodec>* upstreams = nullptr;
  Slab<Exchange>* exchanges = nullptr;
  http1::DateText date_text{};

  /// For the Date field of a response that begins now.
  [[nodiscard]] std::string_view date() {
    return date_text.at(wall_seconds != nullptr ? wall_seconds->load(std::memory_order_relaxed) : 0);
  }
};

}  // namespace byway::l7
