#include "tests/packetdrill/machine.h"

#include <cstdio>
#include <cstdlib>

namespace byway::packetdrill {

namespace {

constexpr int first_descriptor = 3;

void release(void* userdata) {
  auto* machine = static_cast<Machine*>(userdata);
  {
    Lock lock(machine->host.mutex);
    machine->host.end(lock);
  }
  delete machine;
}

}  // namespace

std::shared_ptr<TcpSocket> Machine::socket_of(int fd) const {
  const auto found = descriptors.find(fd);
  return found != descriptors.end() ? found->second.tcp : nullptr;
}

int Machine::add(Descriptor descriptor) {
  int fd = first_descriptor;
  while (descriptors.contains(fd)) ++fd;
  descriptors[fd] = std::move(descriptor);
  return fd;
}

}  // namespace byway::packetdrill

/// What packetdrill looks for in the shared object. `flags` may be nullptr (host_options.h); wrong ones end
/// the program, since there is no way to refuse.
extern "C" [[gnu::visibility("default")]] void packetdrill_interface_init(
    const char* flags, byway::packetdrill::Interface* table) {
  using namespace byway::packetdrill;
  HostOptions options;
  if (const std::string wrong = read_options(flags != nullptr ? flags : "", options); !wrong.empty()) {
    std::fprintf(stderr, "byway: %s\n", wrong.c_str());
    std::exit(EXIT_FAILURE);
  }
  *table = {};
  table->userdata = new Machine(options);
  table->free = release;
  register_opening_calls(*table);
  register_data_calls(*table);
  register_option_calls(*table);
  register_waiting_calls(*table);
  register_wire_calls(*table);
}
