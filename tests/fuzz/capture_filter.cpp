// Any bytes as a filter and a packet: a program that check_filter lets through ends, and reads nothing beyond
// the packet. And any bytes as the arguments of a capture: refused, or a request that is said again in the
// same words.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "control/shm/capture_request.h"
#include "dataplane/capture.h"

namespace {

using namespace byway;  // a program, not a header

void run_program(const std::uint8_t* data, std::size_t size) {
  const std::size_t instructions = std::min<std::size_t>(data[0], size / sizeof(shm::FilterInstruction));
  ++data;
  --size;
  shm::FilterProgram program(std::min(instructions, size / sizeof(shm::FilterInstruction)));
  const std::size_t program_bytes = program.size() * sizeof(shm::FilterInstruction);
  if (program_bytes != 0) std::memcpy(program.data(), data, program_bytes);
  // Most codes are none: by their lowest byte they become ones that are, so that programs get far.
  for (shm::FilterInstruction& one : program) one.code &= 0xFF;
  if (!shm::check_filter(program)) return;
  // An exact-size copy, so that the address sanitizer sees one byte too far.
  const auto packet = std::make_unique<std::byte[]>(size - program_bytes);
  if (size != program_bytes) std::memcpy(packet.get(), data + program_bytes, size - program_bytes);
  static_cast<void>(matches(program, {packet.get(), size - program_bytes}, 1'500));
}

void read_request(const std::uint8_t* data, std::size_t size) {
  const std::string arguments(reinterpret_cast<const char*>(data), size);
  const auto request = shm::parse_capture_request(arguments);
  if (!request) return;
  if (!request->filter.empty() && !shm::check_filter(request->filter)) std::abort();
  if (shm::parse_capture_request(shm::arguments_of(*request)) != *request) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  if (data[0] % 2 == 0) {
    run_program(data + 1, size - 1);
  } else {
    read_request(data + 1, size - 1);
  }
  return 0;
}
