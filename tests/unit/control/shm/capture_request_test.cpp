#include "control/shm/capture_request.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "control/shm/messages.h"

namespace byway::shm {
namespace {

CaptureRequest example() {
  CaptureRequest request;
  request.port = "front";
  request.direction = CaptureDirection::sent;
  request.snaplen = 96;
  request.ring_bytes = capture_ring_bytes_min;
  request.frames = 10;
  request.bytes = 1'000'000;
  request.duration_ms = 30'000;
  request.filter = {{0x28, 0, 0, 12}, {0x15, 0, 1, 0x0800}, {0x06, 0, 0, 0xFFFF'FFFF}, {0x06, 0, 0, 0}};
  return request;
}

std::string problem_of(std::string_view arguments) {
  const auto request = parse_capture_request(arguments);
  return request ? "" : request.error();
}

}  // namespace

TEST_CASE("what the agent says of a capture the data plane reads", "[capture]") {
  const CaptureRequest request = GENERATE(CaptureRequest{}, example());
  const auto read = parse_capture_request(arguments_of(request));
  REQUIRE(read.has_value());
  CHECK(*read == request);
}

TEST_CASE("the longest capture fits the arguments of a command", "[capture]") {
  CaptureRequest request = example();
  request.filter.assign(filter_instructions_max - 1, {0x28, 0, 0, 12});
  request.filter.push_back({0x06, 0, 0, 1});
  request.frames = capture_frames_max;
  request.bytes = capture_bytes_max;
  request.port = std::string(capture_port_bytes_max, 'p');
  const std::string arguments = arguments_of(request);
  CHECK(arguments.size() <= command_arguments_bytes_max);
  CHECK(parse_capture_request(arguments) == request);
}

TEST_CASE("a capture out of bounds is refused with the name of what is wrong", "[capture]") {
  const auto [arguments, problem] = GENERATE(table<std::string, std::string>({
      {"snaplen=13", "snaplen: is a number from 14 to 65535"},
      {"snaplen=65536", "snaplen: is a number from 14 to 65535"},
      {"snaplen=-1", "snaplen: is a number"},
      {"snaplen=96x", "snaplen: is a number"},
      {"ring=1024", "ring: is a number from 262144"},
      {"ring=67108865", "ring: is a number from 262144 to 67108864"},
      {"ring=262145", "ring: is a power of two"},
      {"frames=0", "frames: is a number from 1"},
      {"duration-ms=86400001", "duration-ms: is a number from 1 to 86400000"},
      {"direction=up", "direction: is both, received or sent"},
      {"port=", "port: is a name"},
      {"port=" + std::string(33, 'p'), "port: is a name"},
      {"filter=", "filter: its length"},
      {"filter=0028", "filter: its length"},
      {"filter=00280000000g000c", "filter: it has other characters"},
      {"filter=002800000000000c", "the filter's instruction 0 is the last"},
      {"filter=0005000000000000", "the filter's instruction 0 jumps out of the program or backwards"},
      {"snaplen", "`snaplen`: NAME=VALUE is wanted, with the names bytes, direction"},
      {"nonsense=1", "`nonsense=1`: NAME=VALUE is wanted"},
      {"frames=1 frames=2", "frames: given twice"},
      {"frames=1  bytes=2", "``: NAME=VALUE is wanted"},
      {"frames=1 ", "a blank stands at the end"},
  }));
  CAPTURE(arguments);
  CHECK(problem_of(arguments).contains(problem));
}

}  // namespace byway::shm
