// The phases of an exchange, in their order:
//
//   route            which listener, rule and backend                     NR, NC, DPE (limits of the
//   listener) rewrite          the head that the endpoint will see                  DPE, OM pick endpoint one
//   of the backend's, by its balancing policy        UH connect or reuse a kept connection, or a new one UO,
//   UF send             head, then content as it comes                       UC, UR, DC, DPE retry once, if
//   the connection was a stale one              (connect, send) respond          interim heads, the final
//   head, content               UPE, UC, UR, UT record           counters, histograms, the endpoint's slot
//
// route to connect happen in one event; an exchange waits only for its connection, for content and for the
// response. A phase that fails says how the exchange ends.
#pragma once

#include <cstdint>

#include "control/shm/policy_view.h"
#include "l7/message.h"
#include "l7/response_flag.h"
#include "l7/worker_context.h"

namespace byway::l7 {

class Exchange;

/// What a phase says: go on, or end with this flag and, where it differs from the flag's own, this status.
struct Outcome {
  ResponseFlag flag = ResponseFlag::none;
  std::uint16_t status = 0;
  [[nodiscard]] bool goes_on() const { return flag == ResponseFlag::none; }
};

/// A request on its way from route to pick_endpoint, all in one event.
struct Request {
  const RequestHead& head;
  const char* base;                              ///< of the head's text; not valid after rewrite
  const shm::Listener* listener = nullptr;       ///< from route on
  const shm::Rule* rule = nullptr;               ///< from route on
  const shm::BackendRef* backend_ref = nullptr;  ///< from route on
};

struct Phases {
  [[nodiscard]] static Outcome route(Exchange& exchange, Request& request);
  [[nodiscard]] static Outcome rewrite(Exchange& exchange, const Request& request);
  [[nodiscard]] static Outcome pick_endpoint(Exchange& exchange, std::uint32_t backend_index);
  [[nodiscard]] static Outcome connect_or_reuse(Exchange& exchange);
  [[nodiscard]] static Outcome connect(Exchange& exchange);
  static void send(Exchange& exchange);
  [[nodiscard]] static Outcome retry(Exchange& exchange);
  [[nodiscard]] static Outcome respond(Exchange& exchange, const ResponseHead& head, const char* base);
  static void record(Exchange& exchange);
};

/// Counts an exchange that has ended, or a request that never became one.
void account(WorkerContext& context, const ExchangeRecord& record);

}  // namespace byway::l7
