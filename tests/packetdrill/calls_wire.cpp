// Packets in and out, the clock, and what there is none of.
#include <cstring>

#include "tests/packetdrill/machine.h"

namespace byway::packetdrill {

namespace {

std::int64_t microseconds(Instant when) {
  return when.ns / 1000;
}

int put_packet(void* userdata, const void* packet, size_t count) {
  return run_call<int>(userdata, [=](Machine& machine, Lock&) -> int {
    machine.host.on_packet({static_cast<const std::uint8_t*>(packet), count});
    return 0;
  });
}

int get_packet(void* userdata, void* packet, size_t* count, long long* time_us) {
  return run_call<int>(userdata, [=](Machine& machine, Lock& lock) -> int {
    const std::size_t room = *count;
    *count = 0;
    Departure departure;
    if (!machine.host.next_departure(lock, departure)) {
      *time_us = microseconds(machine.host.now());
      return 0;
    }
    if (departure.packet.size() > room) return -EMSGSIZE;
    std::memcpy(packet, departure.packet.data(), departure.packet.size());
    *count = departure.packet.size();
    *time_us = microseconds(departure.when);
    return 0;
  });
}

int sleep_for(void* userdata, useconds_t time_us) {
  return run_call<int>(userdata, [=](Machine& machine, Lock& lock) -> int {
    machine.host.sleep(lock, std::chrono::microseconds(time_us));
    return 0;
  });
}

/// Who asks twice with no other call between waits for the clock to move: it moves by one microsecond.
int tell_time(void* userdata, timeval* time, struct timezone*) {
  auto& machine = *static_cast<Machine*>(userdata);
  Lock lock(machine.host.mutex);
  machine.host.enter();
  if (machine.was_asked_the_time) machine.host.sleep(lock, 1us);
  machine.was_asked_the_time = true;
  const std::int64_t now = microseconds(machine.host.now());
  time->tv_sec = now / 1'000'000;
  time->tv_usec = now % 1'000'000;
  return 0;
}

int no_pipe(void*, int*) {
  errno = ENOSYS;
  return -1;
}

int no_splice(void*, int, loff_t*, int, loff_t*, size_t, unsigned int) {
  errno = ENOSYS;
  return -1;
}

}  // namespace

void register_wire_calls(Interface& table) {
  table.netdev_send = put_packet;
  table.netdev_receive = get_packet;
  table.usleep = sleep_for;
  table.gettimeofday = tell_time;
  table.pipe = no_pipe;
  table.splice = no_splice;
}

}  // namespace byway::packetdrill
