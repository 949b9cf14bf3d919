// What the data plane counts about each endpoint, as Prometheus text.
#pragma once
#include <string>

#include "control/shm/endpoint_stats.h"
#include "control/shm/endpoints_view.h"
#include "control/shm/slots.h"

namespace byway::control {

/// Endpoints that are shown, in the order of the blob, which is always the same; byway_endpoints_left_out
/// says how many there are beyond. Eight series each make 16,000, some 3 MB a scrape: what a Prometheus takes
/// from one target without complaint.
inline constexpr std::size_t endpoint_metrics_max = 2'000;

/// Families byway_endpoint_*, labelled with the backend's namespace, name and port and the endpoint's
/// address, of those endpoints that have a runtime slot. Counts begin anew when an endpoint gets another
/// slot.
std::string endpoint_metrics_text(const shm::EndpointsView& endpoints, const shm::SlotReader& slots,
                                  const shm::EndpointStatsReader& stats);

}  // namespace byway::control
