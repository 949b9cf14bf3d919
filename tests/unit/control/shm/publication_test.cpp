#include "control/shm/publication.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <vector>

namespace byway::shm {
namespace {

/// Says in `alive` whether its set is still there.
class Witness : public SetAttachment {
 public:
  explicit Witness(bool& alive) : alive_(alive) { alive_ = true; }
  ~Witness() override { alive_ = false; }

 private:
  bool& alive_;
};

struct Fixture {
  PublishResult publish(std::uint64_t generation, std::uint64_t now_ns = 0) {
    OwnedSet set{
        generation, 100 + generation, nullptr, {}, std::make_unique<Witness>(alive[generation % 32])};
    return publication.publish(set, now_ns);
  }

  bool alive[32] = {};
  ControlRegion region = *create_control_page(2, 1);
  Publication publication{*region.page};
};

}  // namespace

TEST_CASE("a worker runs nothing until the first set and takes up each newer one at its next round",
          "[publication]") {
  Fixture fixture;
  WorkerPolicy worker(fixture.publication, 0);
  CHECK_FALSE(worker.refresh(1));
  CHECK(worker.current() == nullptr);
  REQUIRE(fixture.publish(5) == PublishResult::published);
  CHECK(worker.current() == nullptr);
  CHECK(worker.refresh(2));
  REQUIRE(worker.current() != nullptr);
  CHECK(worker.current()->generation == 5);
  CHECK(worker.current()->revision == 105);
  CHECK_FALSE(worker.refresh(3));
  CHECK(fixture.publication.progress(0).running == 5);
  CHECK(fixture.publication.progress(0).applied_at_ns == 2);
  CHECK(fixture.publication.progress(1).running == worker_absent);
}

TEST_CASE("a generation that is not greater than the newest is refused and changes nothing",
          "[publication]") {
  Fixture fixture;
  REQUIRE(fixture.publish(5) == PublishResult::published);
  CHECK(fixture.publish(5) == PublishResult::stale_generation);
  CHECK(fixture.publish(4) == PublishResult::stale_generation);
  CHECK(fixture.publish(0) == PublishResult::stale_generation);
  CHECK(fixture.publish(generation_max + 1) == PublishResult::stale_generation);
  CHECK(fixture.publication.newest_generation() == 5);
  CHECK(fixture.publish(generation_max) == PublishResult::published);
}

TEST_CASE("a set is applied when each worker that is present runs it or a newer one", "[publication]") {
  Fixture fixture;
  WorkerPolicy first(fixture.publication, 0);
  WorkerPolicy second(fixture.publication, 1);
  REQUIRE(fixture.publish(1) == PublishResult::published);
  first.refresh(0);
  CHECK_FALSE(fixture.publication.is_applied(1));
  REQUIRE(fixture.publish(2) == PublishResult::published);
  second.refresh(0);
  CHECK(fixture.publication.is_applied(1));
  CHECK_FALSE(fixture.publication.is_applied(2));
  first.leave();
  CHECK(fixture.publication.is_applied(2));
}

TEST_CASE("a set is freed when every worker runs a newer one and nobody pins it", "[publication]") {
  Fixture fixture;
  WorkerPolicy first(fixture.publication, 0);
  WorkerPolicy second(fixture.publication, 1);
  REQUIRE(fixture.publish(1) == PublishResult::published);
  first.refresh(0);
  second.refresh(0);
  GenerationPin pin = first.pin();
  REQUIRE(fixture.publish(2) == PublishResult::published);
  second.refresh(0);
  fixture.publication.reclaim(0);
  CHECK(fixture.alive[1]);  // the first worker runs it
  first.refresh(0);
  fixture.publication.reclaim(0);
  CHECK(fixture.alive[1]);  // an exchange pins it
  CHECK(first.pinned(pin).generation == 1);
  CHECK(first.current()->generation == 2);
  first.unpin(pin);
  CHECK_FALSE(pin.is_held());
  CHECK(fixture.publication.reclaim(0) == 1);
  CHECK_FALSE(fixture.alive[1]);
  CHECK(fixture.alive[2]);
}

TEST_CASE("a set that a worker may be about to take up is not freed", "[publication]") {
  Fixture fixture;
  WorkerPolicy worker(fixture.publication, 0);
  REQUIRE(fixture.publish(1) == PublishResult::published);
  worker.refresh(0);
  REQUIRE(fixture.publish(2) == PublishResult::published);
  REQUIRE(fixture.publish(3) == PublishResult::published);
  // The worker runs 1: it may have loaded the word of 2 just now. Nobody runs or pins 2, yet it must stay.
  CHECK(fixture.publication.reclaim(0) == 0);
  CHECK(fixture.alive[2]);
  worker.refresh(0);
  CHECK(fixture.publication.reclaim(0) == 2);
}

TEST_CASE("the ninth live set is refused until a straggler gives its pin back", "[publication]") {
  Fixture fixture;
  WorkerPolicy worker(fixture.publication, 0);
  std::vector<GenerationPin> pins;
  for (std::uint64_t generation = 1; generation <= live_generations_max; ++generation) {
    REQUIRE(fixture.publish(generation, generation) == PublishResult::published);
    worker.refresh(0);
    pins.push_back(worker.pin());
  }
  CHECK(fixture.publication.live_count() == live_generations_max);
  CHECK(fixture.publish(9, 10) == PublishResult::stragglers);
  CHECK(fixture.publication.newest_generation() == 8);

  // Nothing is overdue within the grace; after it the workers are told which exchanges must go.
  CHECK_FALSE(worker.must_unpin(pins[0]));
  CHECK(fixture.publish(9, straggler_grace_ns + 4) == PublishResult::stragglers);
  CHECK(worker.straggler_generation() == 2);  // superseded at 3; the next one at 4
  CHECK(worker.must_unpin(pins[0]));
  CHECK(worker.must_unpin(pins[1]));
  CHECK_FALSE(worker.must_unpin(pins[2]));

  worker.unpin(pins[3]);  // any place will do, not only the oldest
  CHECK(fixture.publish(9, straggler_grace_ns + 4) == PublishResult::published);
  worker.refresh(0);
  CHECK(worker.current()->generation == 9);
  CHECK(worker.pinned(pins[0]).generation == 1);
}

TEST_CASE("a worker that leaves holds nothing back", "[publication]") {
  Fixture fixture;
  WorkerPolicy worker(fixture.publication, 0);
  REQUIRE(fixture.publish(1) == PublishResult::published);
  worker.refresh(0);
  [[maybe_unused]] const GenerationPin pin = worker.pin();
  worker.leave();
  REQUIRE(fixture.publish(2) == PublishResult::published);
  CHECK(fixture.publication.reclaim(0) == 1);
  CHECK(fixture.publication.progress(0).running == worker_absent);
}

TEST_CASE("whoever gets a region's descriptor can read it, but not write, resize or unseal it",
          "[publication]") {
  Fixture fixture;
  const int fd = fixture.region.memory.fd.get();
  CHECK_FALSE(map_peer_region(fd, sizeof(ControlPage), true).has_value());
  const auto peer = map_peer_region(fd, sizeof(ControlPage), false);
  REQUIRE(peer.has_value());
  const auto page = open_control_page(peer->bytes());
  REQUIRE(page.has_value());
  REQUIRE(fixture.publish(3) == PublishResult::published);
  CHECK(GenerationWord((*page)->publication.published.load()).generation() == 3);

  CHECK(::pwrite(fd, "x", 1, 0) == -1);
  CHECK(::ftruncate(fd, 1) == -1);
  CHECK(::ftruncate(fd, 1 << 20) == -1);
  CHECK(::fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == -1);
  void* const unprotected = const_cast<std::byte*>(peer->bytes().data());
  CHECK(::mprotect(unprotected, sizeof(ControlPage), PROT_READ | PROT_WRITE) == -1);
  CHECK_FALSE(map_peer_region(fd, sizeof(ControlPage) - 1, false).has_value());
}

TEST_CASE("the page of cursors can be written by its peer, but not shrunk under the data plane",
          "[publication]") {
  const auto page = create_shared_page("test", 4096);
  REQUIRE(page.has_value());
  const auto peer = map_peer_region(page->fd.get(), 4096, true);
  REQUIRE(peer.has_value());
  peer->writable_bytes()[5] = std::byte{7};
  CHECK(page->mapping.bytes()[5] == std::byte{7});
  CHECK(::ftruncate(page->fd.get(), 0) == -1);
}

TEST_CASE("a peer's memory that could shrink is not mapped", "[publication]") {
  const OwnedFd open_file(::memfd_create("open", MFD_ALLOW_SEALING));
  REQUIRE(::ftruncate(open_file.get(), 4096) == 0);
  CHECK_FALSE(map_peer_region(open_file.get(), 4096, false).has_value());
  REQUIRE(::fcntl(open_file.get(), F_ADD_SEALS, F_SEAL_SHRINK) == 0);
  CHECK(map_peer_region(open_file.get(), 4096, false).has_value());
}

}  // namespace byway::shm
