// What is left of an exchange when it has ended: where it went, how it ended, how much passed, and when it
// was where.
#pragma once

#include <cstdint>

#include "dataplane/clock.h"
#include "l7/response_flag.h"

namespace byway::l7 {

/// Fixed size, no pointers: it may be copied into a ring. Times are Instant::never() for points that the
/// exchange did not reach.
struct ExchangeRecord {
  std::uint64_t generation = 0;  ///< of the set it was routed by
  std::uint64_t rule_id = 0;     ///< shm::Rule::id; 0: no rule
  std::uint64_t backend_id = 0;  ///< shm::Backend::id; 0: none chosen
  std::uint64_t endpoint_id = 0;
  std::uint64_t request_content_bytes = 0;
  std::uint64_t response_content_bytes = 0;
  Instant received = Instant::never();          ///< request head complete
  Instant connected = Instant::never();         ///< connection to the endpoint there, new or reused
  Instant request_sent = Instant::never();      ///< request head handed to that connection
  Instant response_started = Instant::never();  ///< response head complete
  Instant ended = Instant::never();             ///< last byte handed to the client's connection, or given up
  std::uint16_t status = 0;                     ///< as sent to the client; 0: none
  ResponseFlag flag = ResponseFlag::none;
  std::uint8_t tries = 0;  ///< connections on which the request was, or was to be, sent
  bool is_reused = false;  ///< the last of them had been kept
};

/// Takes records one by one, for logs and spans.
class RecordSink {
 public:
  virtual void on_record(const ExchangeRecord& record) = 0;

 protected:
  ~RecordSink() = default;
};

}  // namespace byway::l7
