#include "dataplane/net/vlan.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "tests/unit/dataplane/net/bench.h"

using namespace byway::net;

namespace {

Frame tagged(const Frame& frame, std::uint16_t vlan) {
  Frame out(frame.size() + vlan_tag_bytes);
  CHECK(write_tagged(frame, vlan, out) == out.size());
  return out;
}

}  // namespace

TEST_CASE("a tag stands between addresses and type, and taking it out gives the frame back") {
  const Frame frame = arp_frame({});
  for (const std::uint16_t vlan : {vlan_min, std::uint16_t{100}, vlan_max}) {
    Frame with_tag = tagged(frame, vlan);
    CHECK(std::equal(frame.begin(), frame.begin() + 12, with_tag.begin()));
    CHECK(load_be16(&with_tag[12]) == 0x8100);
    CHECK(load_be16(&with_tag[14]) == vlan);
    CHECK(load_be16(&with_tag[16]) == 0x0806);
    REQUIRE(has_vlan_tag(with_tag));
    CHECK(vlan_of(with_tag) == vlan);
    remove_vlan_tag(with_tag.data());
    CHECK(Frame(with_tag.begin() + vlan_tag_bytes, with_tag.end()) == frame);
  }
}

TEST_CASE("priority and drop bits are no part of a VLAN's number, and 0 is none") {
  Frame frame = tagged(arp_frame({}), 5);
  store_be16(&frame[14], 0xf005);
  CHECK(vlan_of(frame) == 5);
  store_be16(&frame[14], 0xe000);
  CHECK(vlan_of(frame) == vlan_none);
}

TEST_CASE("a tag that is cut off is none, and nothing is read past the frame") {
  const Frame frame = tagged(arp_frame({}), 5);
  for (std::size_t size = 0; size < 18; ++size) {
    CHECK_FALSE(has_vlan_tag(Frame(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size))));
  }
  CHECK(has_vlan_tag(Frame(frame.begin(), frame.begin() + 18)));
  CHECK_FALSE(has_vlan_tag(arp_frame({})));
}

TEST_CASE("a second tag, and one of a provider, is a type that nobody understands") {
  for (const std::uint16_t type : {std::uint16_t{0x8100}, std::uint16_t{0x88a8}}) {
    Frame frame = tagged(tagged(arp_frame({}), 7), 5);
    store_be16(&frame[16], type);
    remove_vlan_tag(frame.data());
    Bench bench;
    bench.receive(Frame(frame.begin() + vlan_tag_bytes, frame.end()));
    CHECK(bench.count(Counter::drop_ethernet_type) == 1);
    CHECK(bench.wire.sent.empty());
  }
}
