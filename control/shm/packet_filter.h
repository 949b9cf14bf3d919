// Programs of the classic BPF machine (McCanne and Jacobson 1993), as libpcap's compiler makes them from
// "host 10.0.0.1 and port 80". The agent compiles, the data plane runs them in its workers; check_filter()
// stands between the two, because a program that comes over a socket may be anything: after it, running one
// ends after at most as many steps as it has instructions, reads the packet alone, and hits no instruction
// that an interpreter does not know.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <vector>

namespace byway::shm {

/// Instructions of a program: what 10 hosts with 10 ports need. A packet that passes through all of them
/// takes a microsecond.
inline constexpr std::size_t filter_instructions_max = 512;
/// Words of the machine's memory.
inline constexpr std::uint32_t filter_memory_words = 16;

/// Laid out as libpcap's struct bpf_insn.
struct FilterInstruction {
  std::uint16_t code = 0;
  std::uint8_t jump_true = 0;
  std::uint8_t jump_false = 0;
  std::uint32_t k = 0;
  bool operator==(const FilterInstruction&) const = default;
};
static_assert(sizeof(FilterInstruction) == 8);

/// Empty: every packet.
using FilterProgram = std::vector<FilterInstruction>;

/// Error: which instruction is wrong and why. Stricter than libpcap's bpf_validate, which lets unconditional
/// jumps go backwards (for `protochain`) and memory be read that nothing was written to.
[[nodiscard]] std::expected<void, std::string> check_filter(std::span<const FilterInstruction> program);

}  // namespace byway::shm
