// Keeps DPDK's memif driver from giving memory back that a worker is using.
//
// When the peer of a memif port goes away, the driver's handler runs in DPDK's interrupt thread:
//
//   marks the port as not connected -> rte_intr_callback_unregister(...) -> unmaps rings and buffers
//
// A worker that looked at the mark just before is still in the rings then, and the process dies of a
// segmentation fault (seen in DPDK 22.11 with peers that leave under load). The driver has no seam for this,
// but the call in the middle is one: driver_quiescence.cpp defines that function, which the dynamic linker
// prefers over DPDK's. It does what DPDK's does, and returns when every burst that had begun has ended; later
// ones see the mark. Drivers of network cards call it too, when they are closed: the wait is short and does
// no harm there.
#pragma once

#include "dataplane/port.h"

namespace byway {

/// From now on what a driver frees waits for the workers of `port`. Main thread.
void remember_port(const Port& port);
/// Main thread, when the port's workers have ended. A port that is not known is no error.
void forget_port(const Port& port);

}  // namespace byway
