#include "control/shm/memfd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstring>

#include "control/shm/endpoints_builder.h"
#include "control/shm/policy_builder.h"
#include "control/shm/snapshot.h"
#include "tests/unit/control/shm/tampered.h"

namespace byway::shm {
namespace {

OwnedFd sealed(const std::expected<BlobBytes, BuildError>& blob) {
  REQUIRE(blob.has_value());
  auto fd = make_sealed_memfd("test", *blob);
  REQUIRE(fd.has_value());
  return *std::move(fd);
}

PolicySpec policy_with_backends() {
  PolicySpec policy;
  policy.listeners.push_back({.name = "ns/g/l", .tcp_port = 80});
  RouteSpec route{.route_namespace = "ns", .route_name = "r", .listeners = {0}};
  route.rules.push_back({.backends = {{.backend = "ns/known:80"}, {.backend = "ns/missing:80"}}});
  policy.routes.push_back(route);
  return policy;
}

std::vector<BackendSpec> one_backend() {
  return {{.name = "ns/known:80",
           .endpoints = {{.address = IpAddress::from_ipv4(0x0a000001), .tcp_port = 8080}}}};
}

TEST_CASE("a sealed memfd cannot be written, grown, shrunk or unsealed") {
  const OwnedFd fd = sealed(build_secrets());
  const char byte = 0;
  CHECK(::pwrite(fd.get(), &byte, 1, 0) == -1);
  CHECK(errno == EPERM);
  CHECK(::ftruncate(fd.get(), 0) == -1);
  CHECK(::ftruncate(fd.get(), 1 << 20) == -1);
  CHECK(::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE) == -1);
  CHECK(::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0) == MAP_FAILED);
}

TEST_CASE("a memfd that lacks one seal is refused") {
  const auto blob = build_secrets();
  REQUIRE(blob.has_value());
  constexpr int all = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL;
  for (int seals : {0, all & ~F_SEAL_WRITE, all & ~F_SEAL_GROW, all & ~F_SEAL_SHRINK, all & ~F_SEAL_SEAL}) {
    const OwnedFd fd{::memfd_create("test", MFD_ALLOW_SEALING)};
    REQUIRE(::write(fd.get(), blob->data(), blob->size()) == static_cast<ssize_t>(blob->size()));
    REQUIRE(::fcntl(fd.get(), F_ADD_SEALS, seals) == 0);
    CHECK(test::reason_of(MappedBlob::map(fd.get())) == VerifyReason::not_sealed);
  }
}

TEST_CASE("what is no memfd is refused") {
  const OwnedFd null{::open("/dev/null", O_RDONLY)};
  CHECK(test::reason_of(MappedBlob::map(null.get())) == VerifyReason::not_sealed);
  CHECK(test::reason_of(MappedBlob::map(-1)) == VerifyReason::not_sealed);
}

TEST_CASE("an empty memfd is too small") {
  const auto fd = make_sealed_memfd("test", {});
  REQUIRE(fd.has_value());
  CHECK(test::reason_of(MappedBlob::map(fd->get())) == VerifyReason::too_small);
}

TEST_CASE("a mapping outlives its descriptor and moves") {
  OwnedFd fd = sealed(build_secrets());
  auto mapped = MappedBlob::map(fd.get());
  REQUIRE(mapped.has_value());
  fd = OwnedFd{};
  MappedBlob moved = *std::move(mapped);
  MappedBlob assigned;
  assigned = std::move(moved);
  CHECK(verify_secrets(assigned.bytes()).has_value());
}

TEST_CASE("a snapshot joins the policy's backends with the endpoints") {
  const OwnedFd policy = sealed(build_policy(policy_with_backends()));
  const OwnedFd endpoints = sealed(build_endpoints(one_backend()));
  const OwnedFd secrets = sealed(build_secrets());
  auto opened = Snapshot::open(policy.get(), endpoints.get(), secrets.get(), 7, 3);
  REQUIRE(opened.has_value());
  const Snapshot snapshot = *std::move(opened);
  CHECK(snapshot.generation() == 7);
  CHECK(snapshot.revision() == 3);
  const PolicyView& view = snapshot.policy();
  const auto refs = view.backend_refs(view.rules()[0]);
  REQUIRE(refs.size() == 2);
  CHECK(snapshot.backend_of(refs[0].backend_index) == 0);
  REQUIRE(snapshot.endpoints_of(refs[0].backend_index).size() == 1);
  CHECK(snapshot.endpoints_of(refs[0].backend_index)[0].address.ipv4() == 0x0a000001);
  CHECK(snapshot.backend_of(refs[1].backend_index) == no_index);
  CHECK(snapshot.endpoints_of(refs[1].backend_index).empty());
}

TEST_CASE("a set is refused with the blob that is at fault") {
  const OwnedFd policy = sealed(build_policy(policy_with_backends()));
  const OwnedFd endpoints = sealed(build_endpoints(one_backend()));
  const OwnedFd secrets = sealed(build_secrets());
  const auto refused_blob = [](const std::expected<Snapshot, SnapshotError>& result) {
    REQUIRE_FALSE(result.has_value());
    CHECK(result.error().error.reason == VerifyReason::bad_kind);
    return result.error().blob;
  };
  CHECK(refused_blob(Snapshot::open(endpoints.get(), endpoints.get(), secrets.get(), 1, 1)) ==
        BlobKind::policy);
  CHECK(refused_blob(Snapshot::open(policy.get(), policy.get(), secrets.get(), 1, 1)) == BlobKind::endpoints);
  CHECK(refused_blob(Snapshot::open(policy.get(), endpoints.get(), endpoints.get(), 1, 1)) ==
        BlobKind::secrets);
}

}  // namespace
}  // namespace byway::shm
