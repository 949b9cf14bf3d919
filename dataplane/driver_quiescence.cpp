#include "dataplane/driver_quiescence.h"

#include <dlfcn.h>
#include <rte_interrupts.h>

#include <mutex>  // tidy: allow(mutex) never taken by a worker
#include <vector>

#include "dataplane/assert.h"

namespace byway {

namespace {

/// The ports that are open. Two threads look at it, neither of them a worker's: the main thread, and DPDK's
/// interrupt thread when a peer has gone.
struct OpenPorts {
  std::mutex mutex;  // tidy: allow(mutex) never taken by a worker
  std::vector<const Port*> ports;
};

OpenPorts& open_ports() {
  static OpenPorts all;
  return all;
}

void wait_for_workers() {
  OpenPorts& all = open_ports();
  const std::scoped_lock lock(all.mutex);  // tidy: allow(mutex) never taken by a worker
  for (const Port* port : all.ports) port->wait_until_quiescent();
}

}  // namespace

void remember_port(const Port& port) {
  OpenPorts& all = open_ports();
  const std::scoped_lock lock(all.mutex);  // tidy: allow(mutex) start-up only
  all.ports.push_back(&port);
}

void forget_port(const Port& port) {
  OpenPorts& all = open_ports();
  const std::scoped_lock lock(all.mutex);  // tidy: allow(mutex) end only
  std::erase(all.ports, &port);
}

}  // namespace byway

/// Takes the place of DPDK's function of this name for everything in the process (driver_quiescence.h).
extern "C" [[gnu::visibility("default")]] int rte_intr_callback_unregister(const rte_intr_handle* handle,
                                                                           rte_intr_callback_fn callback,
                                                                           void* argument) {
  using Unregister = int (*)(const rte_intr_handle*, rte_intr_callback_fn, void*);
  static const auto unregister =
      reinterpret_cast<Unregister>(::dlsym(RTLD_NEXT, "rte_intr_callback_unregister"));
  BYWAY_ASSERT(unregister != nullptr);
  const int result = unregister(handle, callback, argument);
  byway::wait_for_workers();
  return result;
}
