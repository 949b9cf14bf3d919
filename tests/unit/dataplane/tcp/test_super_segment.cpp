#include <catch2/catch_test_macros.hpp>
#include <functional>
#include <memory>
#include <string>

#include "dataplane/tcp/super_segment.h"

using namespace byway;
using namespace byway::tcp;

namespace {

constexpr Bytes mss = 1000;
constexpr std::uint32_t no_bound = 1000;

struct Bench {
  HeapProvider heap;
  SlicePool slices{256};

  HeaderFields fields(Seq seq) const {
    HeaderFields header;
    header.source_port = 80;
    header.target_port = 40'000;
    header.seq = seq;
    header.ack = Seq{77};
    header.window = 500;
    header.flags = flag::ack;
    header.options.has_timestamps = true;
    header.options.timestamps = {10, 20};
    return header;
  }
  SegmentOut segment(const HeaderFields& header, Bytes bytes, std::uint32_t pieces = 1) {
    SegmentOut out(slices);
    out.local = net::IpAddress::from_v4({0x0a000001});
    out.remote = net::IpAddress::from_v4({0x0a000002});
    out.header_bytes = write_header(header, out.header);
    out.ecn = header.ecn;
    for (std::uint32_t i = 0; i < pieces; ++i) {
      CHECK(out.payload.append(heap.copy(std::string(bytes / pieces, static_cast<char>('a' + i)))));
    }
    return out;
  }
  SegmentOut at(Seq seq, Bytes bytes = mss) { return segment(fields(seq), bytes); }
};

SegmentView view_of(const SegmentOut& out) {
  SegmentView view;
  CHECK(parse_segment(out.header_span(), view) == ParseResult::ok);
  return view;
}

}  // namespace

TEST_CASE("segments that follow one another join, across the wrap, and a shorter one ends it") {
  Bench bench;
  const Seq start{0xffff'ff00};
  SegmentOut first = bench.at(start);
  SuperSegment whole(first, no_bound);
  CHECK(whole.part_bytes() == 0);  // one segment is no work for the port
  SegmentOut second = bench.at(start + mss);
  REQUIRE(whole.takes(second));
  whole.join(second);
  CHECK(second.payload.empty());
  HeaderFields last = bench.fields(start + 2 * mss);
  last.flags = flag::ack | flag::psh | flag::fin;
  SegmentOut third = bench.segment(last, 300);
  REQUIRE(whole.takes(third));
  whole.join(third);
  CHECK(whole.parts() == 3);
  CHECK(whole.part_bytes() == mss);
  CHECK(first.payload.size() == 2 * mss + 300);
  CHECK(view_of(first).seq == start);
  CHECK(view_of(first).flags == last.flags);
  CHECK_FALSE(whole.takes(bench.at(start + 2 * mss + 301)));
}

TEST_CASE("a segment that would stand differently on the wire does not join") {
  Bench bench;
  SegmentOut first = bench.at(Seq{1});
  const SuperSegment whole(first, no_bound);
  CHECK(whole.takes(bench.at(Seq{1} + mss)));
  CHECK_FALSE(whole.takes(bench.at(Seq{1} + mss + 1)));       // a hole
  CHECK_FALSE(whole.takes(bench.at(Seq{1})));                 // again
  CHECK_FALSE(whole.takes(bench.at(Seq{1} + mss, mss + 1)));  // the port would cut it
  CHECK_FALSE(whole.takes(bench.at(Seq{1} + mss, 0)));
  const std::pair<const char*, std::function<void(HeaderFields&)>> differences[] = {
      {"port", [](HeaderFields& header) { header.target_port = 40'001; }},
      {"ack", [](HeaderFields& header) { header.ack = Seq{78}; }},
      {"window", [](HeaderFields& header) { header.window = 501; }},
      {"timestamp", [](HeaderFields& header) { header.options.timestamps.value = 11; }},
      {"fewer options", [](HeaderFields& header) { header.options.has_timestamps = false; }},
      {"CWR", [](HeaderFields& header) { header.flags |= flag::cwr; }},
      {"RST", [](HeaderFields& header) { header.flags |= flag::rst; }},
      {"ECN", [](HeaderFields& header) { header.ecn = ecn::capable; }},
  };
  for (const auto& [what, change] : differences) {
    CAPTURE(what);
    HeaderFields header = bench.fields(Seq{1} + mss);
    change(header);
    CHECK_FALSE(whole.takes(bench.segment(header, mss)));
  }
  SegmentOut elsewhere = bench.at(Seq{1} + mss);
  elsewhere.remote = net::IpAddress::from_v4({0x0a000003});
  CHECK_FALSE(whole.takes(elsewhere));
}

TEST_CASE(
    "nothing joins a segment with PSH, FIN, CWR or less than the others, since the port copies its header") {
  Bench bench;
  for (const std::uint8_t flags : {flag::psh, flag::fin, flag::cwr, flag::ece}) {
    HeaderFields header = bench.fields(Seq{1});
    header.flags |= flags;
    SegmentOut first = bench.segment(header, mss);
    CHECK_FALSE(SuperSegment(first, no_bound).takes(bench.at(Seq{1} + mss)));
  }
  SegmentOut first = bench.at(Seq{1});
  SuperSegment whole(first, no_bound);
  SegmentOut shorter = bench.at(Seq{1} + mss, mss - 1);
  REQUIRE(whole.takes(shorter));
  whole.join(shorter);
  CHECK_FALSE(whole.takes(bench.at(Seq{1} + 2 * mss - 1, mss)));
}

TEST_CASE("a joined segment keeps the bounds of parts, of the port's pieces, and of IP's length") {
  Bench bench;
  const auto parts_that_join = [&](Bytes bytes, std::uint32_t pieces, std::uint32_t pieces_max) {
    SegmentOut first = bench.segment(bench.fields(Seq{1}), bytes, pieces);
    SuperSegment whole(first, pieces_max);
    for (;;) {
      SegmentOut next = bench.segment(bench.fields(Seq{1} + first.payload.size()), bytes, pieces);
      if (!whole.takes(next)) break;
      whole.join(next);
    }
    return whole.parts();
  };
  CHECK(parts_that_join(mss, 1, no_bound) == super_segment_parts_max);
  CHECK(parts_that_join(mss, 4, 15) == 3);
  CHECK(parts_that_join(8000, 1, no_bound) == super_segment_bytes_max / 8000);
}
