// What one packetdrill_interface_init makes: a host and the descriptors of the program that runs on it. The
// calls are in calls_*.cpp, one file a subject; each registers its functions in the table.
#pragma once

#include <cerrno>
#include <map>
#include <memory>

#include "tests/packetdrill/epoll_set.h"
#include "tests/packetdrill/interface.h"
#include "tests/packetdrill/tcp_socket.h"
#include "tests/packetdrill/virtual_host.h"

namespace byway::packetdrill {

/// What a descriptor stands for: one of both.
struct Descriptor {
  std::shared_ptr<TcpSocket> tcp;
  std::shared_ptr<EpollSet> epoll;
};

struct Machine {
  explicit Machine(const HostOptions& options) : host(options) {}

  /// nullptr: no such socket.
  [[nodiscard]] std::shared_ptr<TcpSocket> socket_of(int fd) const;
  /// The lowest that is free, as a kernel does it, from behind the three standard ones on.
  [[nodiscard]] int add(Descriptor descriptor);

  VirtualHost host;
  std::map<int, Descriptor> descriptors;
  bool was_asked_the_time = false;  ///< By the last call of all.
};

/// Runs `body(machine, lock)` as one call: under the lock, and with all that follows from it done before it
/// ends. A negative result is an error number.
template <typename Result, typename Body>
Result run_call(void* userdata, Body&& body) {
  auto& machine = *static_cast<Machine*>(userdata);
  std::int64_t result = 0;
  {
    Lock lock(machine.host.mutex);
    machine.host.enter();
    machine.was_asked_the_time = false;
    result = body(machine, lock);
    machine.host.settle(lock);
  }
  if (result >= 0) return static_cast<Result>(result);
  errno = static_cast<int>(-result);
  return -1;
}

void register_opening_calls(Interface& table);  ///< calls_opening.cpp
void register_data_calls(Interface& table);     ///< calls_data.cpp
void register_option_calls(Interface& table);   ///< calls_options.cpp
void register_waiting_calls(Interface& table);  ///< calls_waiting.cpp
void register_wire_calls(Interface& table);     ///< calls_wire.cpp

}  // namespace byway::packetdrill
