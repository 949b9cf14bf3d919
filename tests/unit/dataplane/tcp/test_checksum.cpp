#include <array>
#include <catch2/catch_test_macros.hpp>
#include <random>
#include <vector>

#include "dataplane/net/checksum.h"

using namespace byway::net;

namespace {

/// RFC 1071 read literally: big-endian words, added one by one, carries folded at the end.
std::uint16_t plain_checksum(const std::vector<std::uint8_t>& bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum += static_cast<std::uint64_t>(bytes[i]) << 8 | (i + 1 < bytes.size() ? bytes[i + 1] : 0u);
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

std::vector<std::uint8_t> random_bytes(std::mt19937& random, std::size_t size) {
  std::vector<std::uint8_t> bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

}  // namespace

TEST_CASE("the checksum of RFC 1071's example") {
  const std::vector<std::uint8_t> bytes = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  CHECK(checksum(bytes) == static_cast<std::uint16_t>(~0xddf2));
}

TEST_CASE("every length up to beyond the vector path agrees with the plain sum") {
  std::mt19937 random(1);
  for (std::size_t size = 0; size < 1600; ++size) {
    const auto bytes = random_bytes(random, size);
    REQUIRE(checksum(bytes) == plain_checksum(bytes));
  }
  CHECK(checksum(std::vector<std::uint8_t>(65'535, 0xff)) ==
        plain_checksum(std::vector<std::uint8_t>(65'535, 0xff)));
}

TEST_CASE("no carry is lost in words of ones and zeros") {
  std::mt19937 random(4);
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::uint8_t> bytes;
    for (std::size_t words = random() % 40; words > 0; --words)
      bytes.insert(bytes.end(), 8, random() % 4 == 0 ? 0x00 : 0xff);
    for (std::size_t i = random() % 3; i > 0 && !bytes.empty(); --i) bytes[random() % bytes.size()] ^= 1;
    REQUIRE(checksum(bytes) == plain_checksum(bytes));
  }
}

TEST_CASE("a message in pieces of any length has the checksum of the whole") {
  std::mt19937 random(2);
  for (int round = 0; round < 500; ++round) {
    const auto bytes = random_bytes(random, random() % 3000);
    Checksum sum;
    std::size_t at = 0;
    while (at < bytes.size()) {
      const std::size_t size = std::min<std::size_t>(bytes.size() - at, random() % 400);
      sum.add(std::span(bytes).subspan(at, size));
      at += size;
    }
    REQUIRE(sum.value() == plain_checksum(bytes));
  }
}

TEST_CASE("where a message lies, and where it is cut, does not matter, nor do the bytes around it") {
  std::mt19937 random(5);
  for (int round = 0; round < 4000; ++round) {
    const auto around = random_bytes(random, 64 + random() % 1200);
    const std::size_t from = random() % 64;
    const std::size_t size = random() % (around.size() - from + 1);
    const std::span message = std::span(around).subspan(from, size);
    const std::uint16_t plain = plain_checksum({message.begin(), message.end()});
    REQUIRE(checksum(message) == plain);
    Checksum sum;
    for (std::size_t at = 0; at < size;) {
      const std::size_t piece =
          std::min<std::size_t>(size - at, random() % 2 == 0 ? random() % 9 : random() % 300);
      sum.add(message.subspan(at, piece));
      at += piece;
    }
    REQUIRE(sum.value() == plain);
  }
}

TEST_CASE("a sum folds to its 16-bit words, and to zero only when it is zero") {
  std::mt19937_64 random(6);
  for (int round = 0; round < 10'000; ++round) {
    std::uint64_t sum = random() >> random() % 64;
    if (random() % 4 == 0) sum |= ~std::uint64_t{0} << random() % 64;
    const std::uint64_t plain = sum % 0xffff;
    REQUIRE(fold_sum(sum) == (plain == 0 && sum != 0 ? 0xffff : plain));
  }
  CHECK(fold_sum(0) == 0);
  CHECK(fold_sum(~std::uint64_t{0}) == 0xffff);
}

TEST_CASE("a message that carries its checksum is valid, and not after a flipped bit") {
  std::mt19937 random(3);
  auto bytes = random_bytes(random, 100);
  bytes[10] = bytes[11] = 0;
  const std::uint16_t value = checksum(bytes);
  bytes[10] = static_cast<std::uint8_t>(value >> 8);
  bytes[11] = static_cast<std::uint8_t>(value);
  CHECK(checksum(bytes) == 0);
  bytes[50] ^= 4;
  CHECK(checksum(bytes) != 0);
}

TEST_CASE("the pseudo-header is added for IPv4 as RFC 9293 3.1 and for IPv6 as RFC 8200 8.1 say") {
  const auto source4 = IpAddress::from_v4({0xc0a80001});
  const auto target4 = IpAddress::from_v4({0xc0a800c7});
  const std::vector<std::uint8_t> segment = {1, 2, 3, 4, 5};
  std::vector<std::uint8_t> whole = {0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7, 0, 6, 0, 5};
  whole.insert(whole.end(), segment.begin(), segment.end());
  Checksum sum4;
  sum4.add_pseudo_header(source4, target4, 6, 5);
  sum4.add(segment);
  CHECK(sum4.value() == plain_checksum(whole));

  IpAddress source6{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  IpAddress target6{{0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}};
  std::vector<std::uint8_t> whole6;
  for (const auto byte : source6.bytes) whole6.push_back(byte);
  for (const auto byte : target6.bytes) whole6.push_back(byte);
  for (const std::uint8_t byte : std::array<std::uint8_t, 8>{0, 1, 0x11, 0x70, 0, 0, 0, 6})
    whole6.push_back(byte);  // 70,000 octets
  for (const auto byte : segment) whole6.push_back(byte);
  Checksum sum6;
  sum6.add_pseudo_header(source6, target6, 6, 70'000);
  sum6.add(segment);
  CHECK(sum6.value() == plain_checksum(whole6));
}
