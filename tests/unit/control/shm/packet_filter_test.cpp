#include "control/shm/packet_filter.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

namespace byway::shm {
namespace {

// Instructions that the cases need; each by what an assembler would call it.
FilterInstruction load_half(std::uint32_t offset) {
  return {0x28, 0, 0, offset};
}
FilterInstruction jump_equal(std::uint32_t value, std::uint8_t yes, std::uint8_t no) {
  return {0x15, yes, no, value};
}
FilterInstruction jump(std::uint32_t by) {
  return {0x05, 0, 0, by};
}
FilterInstruction answer(std::uint32_t bytes) {
  return {0x06, 0, 0, bytes};
}
FilterInstruction load_memory(std::uint32_t word) {
  return {0x60, 0, 0, word};
}
FilterInstruction store(std::uint32_t word) {
  return {0x02, 0, 0, word};
}

std::string problem_of(const FilterProgram& program) {
  const auto checked = check_filter(program);
  return checked ? "" : checked.error();
}

}  // namespace

TEST_CASE("a program that looks for IPv4 is good", "[filter]") {
  CHECK(problem_of({load_half(12), jump_equal(0x0800, 0, 1), answer(96), answer(0)}).empty());
}

TEST_CASE("a program is neither empty nor longer than a packet may wait for", "[filter]") {
  CHECK(problem_of({}) == "the filter has no instructions");
  FilterProgram program(filter_instructions_max - 1, load_half(0));
  program.push_back(answer(1));
  CHECK(problem_of(program).empty());
  program.insert(program.begin(), load_half(0));
  CHECK(problem_of(program).contains("513 instructions, at most 512"));
}

TEST_CASE("no program runs on beyond its end", "[filter]") {
  CHECK(problem_of({load_half(12)}) == "the filter's instruction 0 is the last and gives no answer");
  CHECK(problem_of({jump_equal(1, 0, 1), answer(1)}) ==
        "the filter's instruction 0 jumps out of the program");
  CHECK(problem_of({jump_equal(1, 1, 0), answer(1)}) ==
        "the filter's instruction 0 jumps out of the program");
  CHECK(problem_of({jump_equal(1, 0, 0), answer(1)}).empty());
}

TEST_CASE("no jump goes backwards, so that every program ends", "[filter]") {
  const std::uint32_t by = GENERATE(std::uint32_t{1}, UINT32_MAX, UINT32_MAX - 1, 0x8000'0000U);
  CHECK(problem_of({load_half(0), jump(by), answer(1)}) ==
        "the filter's instruction 1 jumps out of the program or backwards");
  CHECK(problem_of({load_half(0), jump(0), answer(1)}).empty());
}

TEST_CASE("an instruction that the machine does not know is refused", "[filter]") {
  // Of 65,536 codes those of the classic machine: 7 loads into A, 2 of them immediate or of memory; 4 into X;
  // 2 stores; 21 of arithmetic; 9 jumps; 2 answers; 2 between the registers.
  int known = 0;
  for (std::uint32_t code = 0; code <= UINT16_MAX; ++code) {
    const FilterProgram program{store(0), {static_cast<std::uint16_t>(code), 0, 0, 1}, answer(1), answer(0)};
    const std::string problem = problem_of(program);
    if (!problem.contains("none that the machine knows")) ++known;
  }
  CHECK(known == 9 + 4 + 2 + 21 + 9 + 2 + 2);
}

TEST_CASE("what is read lies in the packet or in memory that was written", "[filter]") {
  CHECK(problem_of({load_half(65'535), answer(1)}).empty());
  CHECK(problem_of({load_half(65'536), answer(1)}).contains("reads beyond every packet"));
  // libpcap's interpreter takes negative offsets for questions to the kernel.
  CHECK(problem_of({load_half(UINT32_MAX - 4'095), answer(1)}).contains("reads beyond every packet"));
  CHECK(problem_of({store(15), load_memory(15), answer(1)}).empty());
  CHECK(problem_of({store(16), answer(1)}).contains("writes beyond the memory"));
  CHECK(problem_of({load_memory(16), answer(1)}).contains("reads beyond the memory"));
  CHECK(problem_of({store(3), load_memory(4), answer(1)}).contains("nothing was written to"));
}

TEST_CASE("memory counts as written only if it is on every way", "[filter]") {
  // The branch leads past the store, or through it.
  CHECK(
      problem_of({jump_equal(1, 1, 0), store(0), load_memory(0), answer(1)}).contains("instruction 2 reads"));
  CHECK(problem_of({jump_equal(1, 1, 0), store(0), store(0), load_memory(0), answer(1)}).empty());
}

TEST_CASE("nothing is divided by zero or shifted out of a word", "[filter]") {
  for (const std::uint16_t code : {std::uint16_t{0x34}, std::uint16_t{0x94}}) {
    CHECK(problem_of({{code, 0, 0, 0}, answer(1)}).contains("divides by zero"));
    CHECK(problem_of({{code, 0, 0, 1}, answer(1)}).empty());
  }
  for (const std::uint16_t code : {std::uint16_t{0x64}, std::uint16_t{0x74}}) {
    CHECK(problem_of({{code, 0, 0, 32}, answer(1)}).contains("shifts"));
    CHECK(problem_of({{code, 0, 0, 31}, answer(1)}).empty());
  }
}

}  // namespace byway::shm
