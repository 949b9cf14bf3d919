// The scoreboard against a plain vector of its entries: whatever is done to it, both say the same.
#include <catch2/catch_test_macros.hpp>
#include <random>
#include <vector>

#include "dataplane/tcp/sent_segments.h"

using namespace byway;
using namespace byway::tcp;
using State = SentSegment::State;

namespace {

class Model {
 public:
  Model(std::uint32_t seed, Seq first, std::uint32_t blocks_max)
      : blocks(blocks_max), next_(first), random_(seed) {}
  ~Model() {
    sent.clear(blocks);
    CHECK(blocks.in_use() == 0);
  }

  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(random_() % bound); }

  bool push() {
    if (!sent.make_room(blocks)) return false;
    SentSegment segment;
    segment.first = next_;
    segment.sent_at = ++now_;
    segment.bytes = static_cast<std::uint16_t>(1 + below(1460));
    if (below(8) == 0) segment.state = static_cast<State>(below(3));  // of a connection that has moved here
    sent.push(segment);
    model.push_back(segment);
    next_ += segment.bytes;
    return true;
  }
  void pop() {
    sent.pop_front(blocks);
    model.erase(model.begin());
  }
  void trim() {
    if (model[0].bytes < 2) return;
    const auto bytes = static_cast<std::uint16_t>(1 + below(model[0].bytes - 1u));
    sent.trim_front(bytes);
    model[0].first += bytes;
    model[0].bytes = static_cast<std::uint16_t>(model[0].bytes - bytes);
  }
  SentSegments::Place place_of(std::size_t index) { return sent.find(sent.begin(), model[index].first); }
  void set_state() {
    const std::uint32_t index = below(static_cast<std::uint32_t>(model.size()));
    const auto state = static_cast<State>(below(3));
    sent.set_state(place_of(index), state);
    model[index].state = state;
  }
  void send_again() {
    const std::uint32_t index = below(static_cast<std::uint32_t>(model.size()));
    sent.set_sent_again(place_of(index), ++now_);
    model[index].sent_at = now_;
    model[index].state = State::out;
    if (model[index].transmissions < UINT8_MAX) ++model[index].transmissions;
  }
  void split() {
    const std::uint32_t index = below(static_cast<std::uint32_t>(model.size()));
    if (model[index].bytes < 2) return;
    const auto bytes = static_cast<std::uint16_t>(1 + below(model[index].bytes - 1u));
    if (!sent.split(place_of(index), bytes, blocks)) return;
    SentSegment rest = model[index];
    rest.first += bytes;
    rest.bytes = static_cast<std::uint16_t>(rest.bytes - bytes);
    model[index].bytes = bytes;
    model.insert(model.begin() + index + 1, rest);
  }

  /// All that can be asked of the scoreboard is as in the model.
  void check() const {
    Bytes sacked = 0;
    Bytes lost = 0;
    std::uint32_t sacked_count = 0;
    std::uint32_t retransmitted_out = 0;
    std::size_t first_lost = model.size();
    SentSegments::Place at = sent.begin();
    for (std::size_t i = 0; i < model.size(); ++i, ++at) {
      const SentSegment& entry = model[i];
      REQUIRE(at);
      const bool same = at->first == entry.first && at->bytes == entry.bytes && at->state == entry.state &&
                        at->sent_at == entry.sent_at && at->transmissions == entry.transmissions;
      REQUIRE(same);
      if (entry.state == State::sacked) {
        sacked += entry.bytes;
        ++sacked_count;
      }
      if (entry.state == State::lost) {
        lost += entry.bytes;
        first_lost = std::min(first_lost, i);
      }
      if (entry.state == State::out && entry.transmissions > 1) ++retransmitted_out;
    }
    REQUIRE_FALSE(at);
    REQUIRE(sent.count() == model.size());
    REQUIRE(sent.empty() == model.empty());
    REQUIRE(sent.sacked() == sacked);
    REQUIRE(sent.lost() == lost);
    REQUIRE(sent.sacked_count() == sacked_count);
    REQUIRE(sent.retransmitted_out() == retransmitted_out);
    const SentSegments::Place lost_at = sent.first_lost();
    REQUIRE(static_cast<bool>(lost_at) == (first_lost < model.size()));
    if (lost_at) REQUIRE(lost_at->first == model[first_lost].first);
    REQUIRE(static_cast<bool>(sent.last()) == !model.empty());
    if (model.empty()) return;
    REQUIRE(sent.front().first == model.front().first);
    REQUIRE(sent.back().end() == model.back().end());
    REQUIRE(sent.last()->first == model.back().first);
  }
  void check_find() {
    const std::uint32_t from = below(static_cast<std::uint32_t>(model.size()));
    const Seq wanted = model.front().first + below(model.back().end() - model.front().first + 100);
    const SentSegments::Place found = sent.find(place_of(from), wanted);
    std::size_t expected = from;
    while (expected < model.size() && model[expected].end() <= wanted) ++expected;
    REQUIRE(static_cast<bool>(found) == (expected < model.size()));
    if (found) REQUIRE(found->first == model[expected].first);
  }

  SentBlockSlab blocks;
  SentSegments sent;
  std::vector<SentSegment> model;

 private:
  Seq next_;
  Micros now_ = 0;
  std::mt19937 random_;
};

}  // namespace

TEST_CASE("the scoreboard says what a vector of its entries says, whatever is done to it") {
  for (std::uint32_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    // A few blocks only, so that they run out too; sequence numbers wrap on the way.
    Model model(seed, Seq{0xffff'8000}, seed % 3 == 0 ? 2 : 40);
    const std::uint32_t pushes = 2 + seed % 5;  // of 12: some grow, some stay small
    for (int step = 0; step < 1500; ++step) {
      const std::uint32_t what = model.below(12);
      if (what < pushes || model.model.empty()) {
        static_cast<void>(model.push());
      } else if (what < 6) {
        model.pop();
      } else if (what == 6) {
        model.trim();
      } else if (what < 9) {
        model.set_state();
      } else if (what == 9) {
        model.send_again();
      } else if (what == 10) {
        model.split();
      } else {
        model.check_find();
      }
      model.check();
    }
  }
}

TEST_CASE("room that is made and not used does not show") {
  // The first six stand inside the owner, the next 40 in a block: room for one more begins a block.
  for (const int count : {6, 46}) {
    CAPTURE(count);
    Model model(1, Seq{100}, 8);
    for (int i = 0; i < count; ++i) REQUIRE(model.push());
    REQUIRE(model.sent.make_room(model.blocks));
    model.check();
    REQUIRE(model.sent.make_room(model.blocks));
    model.check();
    while (model.model.size() > 1) {
      model.pop();
      model.check();
    }
    model.sent.set_state(model.sent.last(), State::lost);
    model.model.back().state = State::lost;
    model.check();
    REQUIRE(model.push());
    model.check();
  }
}

TEST_CASE("the scoreboard takes 4096 entries and not one more") {
  Model model(1, Seq{100}, 200);
  for (std::uint32_t i = 0; i < sent_segments_max; ++i) REQUIRE(model.push());
  CHECK_FALSE(model.push());
  CHECK_FALSE(model.sent.split(model.sent.last(), 1, model.blocks));
  model.check();
  model.pop();
  CHECK(model.push());
  CHECK_FALSE(model.push());
}

TEST_CASE("without blocks there is room for six entries, and again when they have gone") {
  Model model(1, Seq{100}, 0);
  for (std::uint32_t i = 0; i < sent_inline_entries; ++i) REQUIRE(model.push());
  CHECK_FALSE(model.push());
  CHECK_FALSE(model.sent.split(model.sent.begin(), 1, model.blocks));
  model.check();
  for (std::uint32_t i = 0; i < sent_inline_entries; ++i) model.pop();
  model.check();
  CHECK(model.push());
  model.check();
}

TEST_CASE("all blocks return, room that was not used included") {
  SentBlockSlab blocks(8);
  SentSegments sent;
  for (std::uint32_t i = 0; i < 100; ++i) {
    REQUIRE(sent.make_room(blocks));
    sent.push({Seq{i * 10}, i, 10});
  }
  CHECK(blocks.in_use() > 0);
  for (int i = 0; i < 100; ++i) sent.pop_front(blocks);
  CHECK(blocks.in_use() <= 1);  // one is kept for the next segment
  sent.clear(blocks);
  CHECK(blocks.in_use() == 0);
  for (std::uint32_t i = 0; i < 6; ++i) {
    REQUIRE(sent.make_room(blocks));
    sent.push({Seq{i * 10}, i, 10});
  }
  REQUIRE(sent.make_room(blocks));
  CHECK(blocks.in_use() == 1);
  sent.clear(blocks);
  CHECK(blocks.in_use() == 0);
}

TEST_CASE("the count of transmissions does not wrap") {
  Model model(1, Seq{100}, 1);
  REQUIRE(model.push());
  for (int i = 0; i < 300; ++i) model.sent.set_sent_again(model.sent.begin(), 5);
  CHECK(model.sent.front().was_retransmitted());
  CHECK(model.sent.retransmitted_out() == 1);
}
