#include <catch2/catch_test_macros.hpp>
#include <random>
#include <string>

#include "dataplane/rope.h"

using namespace byway;

namespace {

std::string text_of(const Rope& rope) {
  std::string text;
  for (const Slice& slice : rope) text += slice.text();
  return text;
}

}  // namespace

TEST_CASE("a slice gives its buffer back with the last reference") {
  HeapProvider heap;
  {
    Slice whole = heap.copy("hello");
    Slice part = whole.share(1, 3);
    CHECK(part.text() == "ell");
    whole = Slice();
    CHECK(heap.live() == 1);
    CHECK(part.text() == "ell");
  }
  CHECK(heap.live() == 0);
}

TEST_CASE("a rope keeps bytes in order through append, prepend, move, share, consume and truncate") {
  HeapProvider heap;
  SlicePool pool(64);
  Rope rope(pool);
  REQUIRE(rope.append(heap.copy("cd")));
  REQUIRE(rope.append(heap.copy("efg")));
  REQUIRE(rope.prepend(heap.copy("ab")));
  CHECK(text_of(rope) == "abcdefg");

  Rope copy(pool);
  REQUIRE(rope.share(1, 4, copy));
  CHECK(text_of(copy) == "bcde");

  Rope front(pool);
  CHECK(rope.move_front(3, front) == 3);
  CHECK(text_of(front) == "abc");
  CHECK(text_of(rope) == "defg");
  rope.consume(2);
  rope.truncate(1);
  CHECK(text_of(rope) == "f");
  front.append(std::move(rope));
  CHECK(text_of(front) == "abcf");
  CHECK(rope.empty());
  CHECK(text_of(copy) == "bcde");
}

TEST_CASE("extend_back copies behind the last slice, while its buffer has room and nobody else sees it") {
  HeapProvider heap;
  SlicePool pool(8);
  Rope rope(pool);
  const auto bytes = [](std::string_view text) {
    return std::span{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
  };
  CHECK_FALSE(rope.extend_back(bytes("x")));
  Slice slice = heap.copy("head....");
  slice.remove_back(4);
  REQUIRE(rope.append(std::move(slice)));
  REQUIRE(rope.extend_back(bytes("abc")));
  CHECK(text_of(rope) == "headabc");
  CHECK(rope.size() == 7);
  CHECK_FALSE(rope.extend_back(bytes("de")));
  CHECK(text_of(rope) == "headabc");
  {
    Rope copy(pool);
    REQUIRE(rope.share(0, 2, copy));
    CHECK_FALSE(rope.extend_back(bytes("d")));
  }
  rope.consume(5);
  REQUIRE(rope.extend_back(bytes("d")));
  CHECK(text_of(rope) == "bcd");
  CHECK(rope.slice_count() == 1);
}

TEST_CASE("append_copy copies into as many buffers as it needs, or changes nothing") {
  HeapProvider heap(4);
  HeapProvider large;
  SlicePool pool(7);
  Rope rope(pool);
  REQUIRE(rope.append(large.copy("ab")));
  const std::string_view text = "0123456789";
  const std::span bytes{reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
  REQUIRE(rope.append_copy(bytes, heap));
  CHECK(text_of(rope) == "ab0123456789");
  CHECK(rope.slice_count() == 4);
  Rope copy(pool);
  REQUIRE(copy.append_copy(rope, large));
  CHECK(text_of(copy) == "ab0123456789");
  CHECK(copy.slice_count() == 1);
  heap.fail_after(1);
  CHECK_FALSE(copy.append_copy(bytes, heap));
  CHECK(text_of(copy) == "ab0123456789");
  heap.fail_after(UINT64_MAX);
  CHECK_FALSE(copy.append_copy(rope, heap));  // no chain node is left for the last piece
  CHECK(text_of(copy) == "ab0123456789");
}

TEST_CASE("coalesce_front copies only what spans slices and keeps the bytes") {
  HeapProvider heap;
  SlicePool pool(8);
  Rope rope(pool);
  REQUIRE(rope.append(heap.copy("abc")));
  REQUIRE(rope.append(heap.copy("def")));
  const auto* before = rope.front().data();
  REQUIRE(rope.coalesce_front(3, heap));
  CHECK(rope.front().data() == before);
  REQUIRE(rope.coalesce_front(5, heap));
  CHECK(rope.front().text() == "abcde");
  CHECK(text_of(rope) == "abcdef");
  heap.fail_after(0);
  CHECK_FALSE(rope.coalesce_front(6, heap));
  CHECK(text_of(rope) == "abcdef");
  heap.fail_after(UINT64_MAX);
}

TEST_CASE("an exhausted pool is reported and leaves every rope whole") {
  HeapProvider heap;
  SlicePool pool(2);
  Rope rope(pool);
  REQUIRE(rope.append(heap.copy("abc")));
  REQUIRE(rope.append(heap.copy("def")));
  Slice extra = heap.copy("x");
  CHECK_FALSE(rope.append(std::move(extra)));
  CHECK(extra.text() == "x");  // NOLINT(bugprone-use-after-move): the contract under test
  CHECK_FALSE(rope.prepend(std::move(extra)));
  Rope other(pool);
  CHECK_FALSE(rope.share(0, 6, other));
  CHECK(other.empty());
  CHECK(rope.move_front(2, other) == 0);  // the cut needs a node
  CHECK(text_of(rope) == "abcdef");
  CHECK(rope.move_front(3, other) == 3);  // no cut, no node
  CHECK(text_of(other) == "abc");
}

TEST_CASE("random rope operations agree with std::string and return every buffer and node") {
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    HeapProvider heap;
    SlicePool pool(400);
    {
      Rope a(pool);
      Rope b(pool);
      std::string sa;
      std::string sb;
      for (int step = 0; step < 200; ++step) {
        const auto pick = [&](Bytes most) { return static_cast<Bytes>(random() % (most + 1)); };
        switch (random() % 8) {
          case 0:
          case 1: {
            std::string text(random() % 20, static_cast<char>('a' + random() % 26));
            if (a.append(heap.copy(text))) sa += text;
            break;
          }
          case 2: {
            const Bytes moved = a.move_front(pick(a.size()), b);
            sb += sa.substr(0, moved);
            sa.erase(0, moved);
            break;
          }
          case 3: {
            const Bytes count = pick(b.size());
            b.consume(count);
            sb.erase(0, count);
            break;
          }
          case 4: {
            const Bytes offset = pick(a.size());
            const Bytes count = pick(a.size() - offset);
            if (a.share(offset, count, b)) sb += sa.substr(offset, count);
            break;
          }
          case 5:
            if (!a.empty() && a.coalesce_front(1 + pick(a.size() - 1), heap)) CHECK(text_of(a) == sa);
            break;
          case 6: {
            const Bytes count = pick(a.size());
            a.truncate(count);
            sa.resize(count);
            break;
          }
          default:
            if (random() % 8 == 0) {
              a.append(std::move(b));
              sa += std::exchange(sb, {});
            }
        }
        REQUIRE(text_of(a) == sa);
        REQUIRE(text_of(b) == sb);
        REQUIRE(a.size() == sa.size());
        REQUIRE(b.size() == sb.size());
        std::string copied(sa.size(), ' ');
        a.copy_to(0, {reinterpret_cast<std::uint8_t*>(copied.data()), copied.size()});
        REQUIRE(copied == sa);
      }
    }
    CHECK(pool.in_use() == 0);
    CHECK(heap.live() == 0);
  }
}
