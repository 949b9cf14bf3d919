#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "control/shm/endpoints_builder.h"
#include "tests/unit/control/shm/tampered.h"

namespace byway::shm {
namespace {

using Blob = test::Tampered<EndpointsRoot>;
using R = VerifyReason;

Blob endpoints_blob() {
  std::vector<BackendSpec> backends;
  for (const char* name : {"ns/one:80", "ns/two:80"}) {
    backends.push_back({.name = name,
                        .endpoints = {{.address = IpAddress::from_ipv4(0x0a000001), .tcp_port = 8080},
                                      {.address = IpAddress::from_ipv4(0x0a000002), .tcp_port = 8080}}});
  }
  auto blob = build_endpoints(backends);
  REQUIRE(blob.has_value());
  return Blob{*std::move(blob)};
}

template <class Change>
VerifyReason reason_after(Change change) {
  Blob blob = endpoints_blob();
  change(blob);
  return test::reason_of(verify_endpoints(blob.sealed()));
}

TEST_CASE("a built endpoints blob and a secrets blob are accepted") {
  CHECK(verify_endpoints(endpoints_blob().bytes()).has_value());
  CHECK(verify_endpoints(*build_endpoints({})).has_value());
  CHECK(verify_secrets(*build_secrets()).has_value());
}

TEST_CASE("each field of the header is checked") {
  CHECK(reason_after([](Blob& b) { b.header().magic ^= 1; }) == R::bad_magic);
  CHECK(reason_after([](Blob& b) { ++b.header().layout_version; }) == R::bad_version);
  CHECK(reason_after([](Blob& b) { b.header().kind = BlobKind::policy; }) == R::bad_kind);
  CHECK(reason_after([](Blob& b) { b.header().size_bytes += 8; }) == R::bad_size);
}

TEST_CASE("a flipped bit anywhere behind the checksum is noticed") {
  const Blob original = endpoints_blob();
  Blob blob = original;
  for (std::size_t at = 0; at < blob.bytes().size(); ++at) {
    blob.bytes()[at] ^= std::byte{1};
    INFO("byte " << at);
    REQUIRE_FALSE(verify_endpoints(blob.bytes()).has_value());
    blob.bytes()[at] ^= std::byte{1};
  }
}

TEST_CASE("a blob cut short or too long is refused") {
  Blob original = endpoints_blob();
  const BlobBytes whole = original.bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const BlobBytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(test::reason_of(verify_endpoints(part)) ==
          (size < sizeof(BlobHeader) + sizeof(EndpointsRoot) ? R::too_small : R::bad_size));
  }
  CHECK(reason_after([](Blob& b) {
          b.bytes().resize(b.bytes().size() + 8);
          b.header().size_bytes += 8;
        }) == R::bad_table);
}

TEST_CASE("a blob on an odd address is refused") {
  BlobBytes shifted = endpoints_blob().bytes();
  shifted.insert(shifted.begin(), std::byte{0});
  CHECK(test::reason_of(verify_endpoints(std::span(shifted).subspan(1))) == R::misaligned);
}

TEST_CASE("tables lie in their canonical places") {
  CHECK(reason_after([](Blob& b) { b.root().backends.offset += 8; }) == R::bad_table);
  CHECK(reason_after([](Blob& b) { b.root().backends.count += 1; }) == R::bad_table);
  CHECK(reason_after([](Blob& b) { b.root().endpoints.count = 0x4000'0000; }) == R::bad_table);
  CHECK(reason_after([](Blob& b) { b.root().strings.count += 8; }) == R::bad_reserved);
  CHECK(reason_after([](Blob& b) { b.root().endpoints.count -= 1; }) == R::bad_table);
  // The names take 18 bytes, so six zeros follow.
  CHECK(reason_after([](Blob& b) {
          b.bytes()[b.root().strings.offset + b.root().strings.count] = std::byte{1};
        }) == R::bad_reserved);
}

TEST_CASE("each field of a backend is checked") {
  const auto backend = [](auto change) {
    return reason_after([&](Blob& b) { change(b.at(b.root().backends, 1)); });
  };
  CHECK(backend([](Backend& b) { b.id ^= 1; }) == R::bad_value);
  CHECK(backend([](Backend& b) { b.name.size = 0; }) == R::bad_string);
  CHECK(backend([](Backend& b) { b.name.offset = 0; }) == R::bad_string);
  CHECK(backend([](Backend& b) { b.name.offset = 0xffff'fff8; }) == R::bad_string);
  CHECK(backend([](Backend& b) { b.name.size = 0xffff'ffff; }) == R::bad_string);
  CHECK(backend([](Backend& b) { b.balance = static_cast<BalancePolicy>(0); }) == R::bad_enum);
  CHECK(backend([](Backend& b) { b.balance = static_cast<BalancePolicy>(3); }) == R::bad_enum);
  CHECK(backend([](Backend& b) { b.reserved = 1; }) == R::bad_reserved);
  CHECK(backend([](Backend& b) { b.endpoints.end = 5; }) == R::bad_range);
  CHECK(backend([](Backend& b) { b.endpoints = {3, 2}; }) == R::bad_range);
  CHECK(backend([](Backend& b) { b.endpoints.first = 1; }) == R::bad_range);
  CHECK(backend([](Backend& b) { b.endpoints.end = 3; }) == R::bad_range);
  CHECK(reason_after([](Blob& b) { b.at(b.root().backends, 1) = b.at(b.root().backends, 0); }) ==
        R::bad_order);
}

TEST_CASE("each field of an endpoint is checked") {
  const auto endpoint = [](auto change) {
    return reason_after([&](Blob& b) { change(b.at(b.root().endpoints, 1)); });
  };
  CHECK(endpoint([](Endpoint& e) { e.address = {}; }) == R::bad_value);
  CHECK(endpoint([](Endpoint& e) { e.tcp_port = 0; }) == R::bad_value);
  CHECK(endpoint([](Endpoint& e) { e.weight = 0; }) == R::bad_value);
  CHECK(endpoint([](Endpoint& e) { e.weight = weight_max + 1; }) == R::bad_value);
  CHECK(endpoint([](Endpoint& e) { e.id ^= 1; }) == R::bad_value);
  CHECK(endpoint([](Endpoint& e) { ++e.tcp_port; }) == R::bad_value);
  CHECK(endpoint([](Endpoint& e) { e.flags = 1; }) == R::bad_reserved);
  CHECK(reason_after([](Blob& b) { std::swap(b.at(b.root().endpoints, 0), b.at(b.root().endpoints, 1)); }) ==
        R::bad_order);
}

TEST_CASE("secrets are refused until something can use them") {
  test::Tampered<SecretsRoot> blob{*build_secrets()};
  blob.bytes().resize(blob.bytes().size() + sizeof(Secret));
  blob.header().size_bytes = blob.bytes().size();
  blob.root().secrets.count = 1;
  CHECK(test::reason_of(verify_secrets(blob.sealed())) == R::bad_table);
}

TEST_CASE("every reason has a name") {
  for (auto i = 0; i <= static_cast<int>(R::cannot_map); ++i) {
    CHECK(name_of(static_cast<VerifyReason>(i)) != "unknown");
  }
}

}  // namespace
}  // namespace byway::shm
