#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <random>
#include <string>
#include <thread>

#include "dataplane/capture_ring.h"

using namespace byway;

namespace {

constexpr std::size_t ring_bytes = 256 * 1024;

CapturedFrame frame_of(const std::string& text, std::int64_t time = 1) {
  return {Instant{time}, static_cast<std::uint32_t>(text.size()), 3, true, std::as_bytes(std::span(text))};
}

std::string text_of(const CapturedFrame& frame) {
  return {reinterpret_cast<const char*>(frame.bytes.data()), frame.bytes.size()};
}

}  // namespace

TEST_CASE("a frame comes out of the ring as it went in") {
  CaptureRing ring(ring_bytes);
  CHECK_FALSE(ring.front());
  const std::string text = "frame";
  CapturedFrame sent = frame_of(text, 7);
  sent.wire_bytes = 1500;
  REQUIRE(ring.push(sent));
  const auto frame = ring.front();
  REQUIRE(frame);
  CHECK(text_of(*frame) == "frame");
  CHECK((frame->time == Instant{7} && frame->wire_bytes == 1500 && frame->link == 3 && frame->is_sent));
  ring.pop();
  CHECK_FALSE(ring.front());
}

TEST_CASE("frames of all sizes pass in order through many turns of the ring") {
  CaptureRing ring(ring_bytes);
  std::mt19937 random(5);
  std::uint64_t bytes = 0;
  for (int round = 0; round < 3'000; ++round) {
    std::vector<std::string> sent;
    for (std::uint32_t count = 0; count < 1 + random() % 3; ++count) {
      // Some as long as a frame can be: the end of the ring is met in every way.
      const std::size_t size = random() % 8 == 0 ? random() % 65'536 : random() % 1'600;
      sent.emplace_back(size, static_cast<char>('a' + round % 26));
      bytes += size;
      REQUIRE(ring.push(frame_of(sent.back(), round)));
    }
    for (const std::string& text : sent) {
      const auto frame = ring.front();
      REQUIRE(frame);
      REQUIRE(text_of(*frame) == text);
      ring.pop();
    }
  }
  CHECK(bytes > 20 * ring_bytes);
}

TEST_CASE("a full ring takes no more and loses nothing of what it has") {
  CaptureRing ring(ring_bytes);
  int taken = 0;
  while (ring.push(frame_of(std::string(1'000, static_cast<char>('a' + taken % 26))))) ++taken;
  // 1,000 octets and their head.
  CHECK(taken == static_cast<int>(ring_bytes / 1'024));
  for (int read = 0; read < taken; ++read) {
    REQUIRE(text_of(ring.front().value()) == std::string(1'000, static_cast<char>('a' + read % 26)));
    ring.pop();
    if (read == 0) REQUIRE(ring.push(frame_of("again")));
  }
  CHECK(text_of(ring.front().value()) == "again");
}

TEST_CASE("a writer and a reader work at the same time") {
  CaptureRing ring(ring_bytes);
  constexpr std::int64_t frames = 200'000;
  std::jthread writer([&ring] {
    std::string text;
    for (std::int64_t number = 0; number < frames; ++number) {
      text.assign(static_cast<std::size_t>(number % 1'999), static_cast<char>(number));
      while (!ring.push(frame_of(text, number))) std::this_thread::yield();
    }
  });
  std::int64_t wrong = 0;
  for (std::int64_t number = 0; number < frames;) {
    const auto frame = ring.front();
    if (!frame) {
      std::this_thread::yield();
      continue;
    }
    const bool is_right = frame->time.ns == number &&
                          frame->bytes.size() == static_cast<std::size_t>(number % 1'999) &&
                          (frame->bytes.empty() || frame->bytes.back() == static_cast<std::byte>(number));
    wrong += is_right ? 0 : 1;
    ring.pop();
    ++number;
  }
  CHECK(wrong == 0);
}
