#include <catch2/catch_test_macros.hpp>
#include <string>
#include <vector>

#include "control/shm/blob_writer.h"
#include "control/shm/dump.h"
#include "control/shm/host_pattern.h"

namespace byway::shm {
namespace {

HostPattern pattern(std::string_view text) {
  auto parsed = parse_host_pattern(text);
  REQUIRE(parsed.has_value());
  return *std::move(parsed);
}

TEST_CASE("an IPv4 address is kept in its mapped form") {
  const IpAddress address = IpAddress::from_ipv4(0x0a000102);
  CHECK(address.is_ipv4());
  CHECK(address.ipv4() == 0x0a000102);
  CHECK(to_text(address) == "10.0.1.2");
  CHECK_FALSE(IpAddress{}.is_ipv4());
  CHECK(IpAddress{}.is_none());
  IpAddress ipv6{};
  ipv6.bytes[0] = 0x20;
  ipv6.bytes[1] = 0x01;
  ipv6.bytes[15] = 1;
  CHECK_FALSE(ipv6.is_ipv4());
  CHECK(to_text(ipv6) == "2001::1");
}

TEST_CASE("an address block holds what agrees in its prefix") {
  const Cidr block{IpAddress::from_ipv4(0x0a020000), 96 + 15};
  CHECK(block.contains(IpAddress::from_ipv4(0x0a020000)));
  CHECK(block.contains(IpAddress::from_ipv4(0x0a03ffff)));
  CHECK_FALSE(block.contains(IpAddress::from_ipv4(0x0a01ffff)));
  CHECK_FALSE(block.contains(IpAddress::from_ipv4(0x0a040000)));
  const Cidr one{IpAddress::from_ipv4(0x0a010203), 128};
  CHECK(one.contains(IpAddress::from_ipv4(0x0a010203)));
  CHECK_FALSE(one.contains(IpAddress::from_ipv4(0x0a010202)));
  // Nor does that of all IPv6 addresses hold an IPv4 one, though it is kept among them.
  CHECK_FALSE(Cidr{{}, 0}.contains(IpAddress::from_ipv4(0xffffffff)));
  CHECK(Cidr{{}, 0}.contains(IpAddress{{0x20, 0x01}}));
  CHECK(Cidr{IpAddress::from_ipv4(0), 96}.contains(IpAddress::from_ipv4(0xffffffff)));
  // An IPv4 block holds no IPv6 address with the same last bits.
  IpAddress ipv6{};
  ipv6.bytes[12] = 10;
  ipv6.bytes[13] = 2;
  CHECK_FALSE(block.contains(ipv6));
}

TEST_CASE("stable ids do not change between releases") {
  // XXH3-64 with seed 0; agent and data plane of different builds must agree.
  CHECK(stable_id("") == 0x2d06800538d394c2ULL);
  CHECK(stable_id("ns/name:80") == stable_id(std::string("ns/name:80")));
  CHECK(stable_id("ns/name:80") != stable_id("ns/name:81"));
}

TEST_CASE("host patterns are RFC 1123 names, in lower case, with a wildcard at most in front") {
  CHECK(pattern("").kind == HostKind::any);
  CHECK(pattern("A.Com") == HostPattern{HostKind::exact, "a.com"});
  CHECK(pattern("*.A.com") == HostPattern{HostKind::wildcard, ".a.com"});
  CHECK(pattern("localhost") == HostPattern{HostKind::exact, "localhost"});
  for (const char* bad : {"*", "*.", ".", ".a.com", "a.com.", "a..com", "a.*.com", "*a.com", "-a.com",
                          "a-.com", "a_b.com", "a.com:80", "*.*.com", "a b", "[::1]"}) {
    INFO(bad);
    CHECK_FALSE(parse_host_pattern(bad).has_value());
  }
}

TEST_CASE("a label has at most 63 bytes, a hostname at most 253") {
  const std::string label(63, 'a');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'a');
  CHECK(longest.size() == hostname_bytes_max);
  CHECK(parse_host_pattern(longest).has_value());
  CHECK_FALSE(parse_host_pattern(longest + "a").has_value());
  CHECK_FALSE(parse_host_pattern(label + "a.com").has_value());
}

TEST_CASE("listener and route hostnames intersect where some host fits both") {
  const auto meet = [](std::string_view listener, std::string_view route) {
    return intersects(pattern(listener), pattern(route));
  };
  CHECK(meet("", "a.com"));
  CHECK(meet("a.com", ""));
  CHECK(meet("test.a.com", "*.a.com"));
  CHECK(meet("test.a.com", "test.a.com"));
  CHECK(meet("*.a.com", "*.a.com"));
  CHECK(meet("*.a.com", "test.a.com"));
  CHECK(meet("*.a.com", "foo.test.a.com"));
  CHECK(meet("*.a.com", "*.b.a.com"));
  CHECK(meet("*.b.a.com", "*.a.com"));
  CHECK_FALSE(meet("*.a.com", "a.com"));
  CHECK_FALSE(meet("*.a.com", "test.a.net"));
  CHECK_FALSE(meet("*.a.com", "*.xa.com"));
  CHECK_FALSE(meet("a.com", "b.com"));
  CHECK_FALSE(meet("a.com", "*.a.com"));
}

TEST_CASE("every key of a hash table is found, no other is") {
  std::vector<std::string> names;
  for (int i = 0; i < 20'000; ++i) names.push_back("key" + std::to_string(i));
  std::vector<HashKey> keys;
  for (std::size_t i = 0; i < names.size(); ++i)
    keys.push_back({static_cast<std::uint32_t>(i % 7), names[i]});
  const HashSlots built = build_hash_slots(keys);
  const HashTableView table{built.slots, built.seed};
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto same = [&](std::uint32_t index) {
      return keys[index].owner == keys[i].owner && keys[index].key == names[i];
    };
    REQUIRE(table.find(keys[i].owner, names[i], same) == i);
    const auto other = [&](std::uint32_t index) {
      return keys[index].owner == 7 && keys[index].key == names[i];
    };
    REQUIRE(table.find(7, names[i], other) == no_index);
  }
  CHECK(HashTableView{}.find(0, "x", [](std::uint32_t) { return true; }) == no_index);
}

}  // namespace
}  // namespace byway::shm
