#include "control/shm/packet_filter.h"

#include <algorithm>
#include <optional>

namespace byway::shm {
namespace {

/// No packet is longer, so that nothing is to be found from here on; the interpreter's own special offsets
/// (negative ones) are beyond.
constexpr std::uint32_t offset_end = 65'536;
constexpr std::uint32_t shift_end = 32;

/// What an instruction does, as far as it must be checked.
enum class Kind : std::uint8_t {
  unknown,
  plain,    ///< nothing can be wrong with it
  load_at,  ///< of the packet, at k
  load,     ///< of the memory
  store,    ///< into it
  shift,    ///< by k
  divide,   ///< by k
  jump,     ///< always, by k
  branch,   ///< by jump_true or jump_false
  answer,
};

/// By operation code; the codes are class + size + mode, or class + operation + source (pcap/bpf.h).
Kind kind_of(std::uint16_t code) {
  switch (code) {
    case 0x20:  // ld  [k], 4 bytes
    case 0x28:  // ldh [k]
    case 0x30:  // ldb [k]
    case 0xb1:  // ldxb 4*([k]&0xf)
      return Kind::load_at;
    case 0x40:  // ld  [x + k]: the interpreter compares with the packet's length
    case 0x48:  // ldh [x + k]
    case 0x50:  // ldb [x + k]
    case 0x80:  // ld  #len
    case 0x81:  // ldx #len
    case 0x00:  // ld  #k
    case 0x01:  // ldx #k
    case 0x07:  // tax
    case 0x87:  // txa
    case 0x84:  // neg
    case 0x04:
    case 0x0c:  // add #k, x
    case 0x14:
    case 0x1c:  // sub
    case 0x24:
    case 0x2c:  // mul
    case 0x44:
    case 0x4c:  // or
    case 0x54:
    case 0x5c:  // and
    case 0xa4:
    case 0xac:  // xor
    case 0x3c:
    case 0x9c:  // div x, mod x: by zero the interpreter refuses the packet
    case 0x6c:
    case 0x7c:  // lsh x, rsh x: by 32 and more it answers 0
      return Kind::plain;
    case 0x34:  // div #k
    case 0x94:  // mod #k
      return Kind::divide;
    case 0x64:  // lsh #k
    case 0x74:  // rsh #k
      return Kind::shift;
    case 0x60:  // ld  M[k]
    case 0x61:  // ldx M[k]
      return Kind::load;
    case 0x02:  // st  M[k]
    case 0x03:  // stx M[k]
      return Kind::store;
    case 0x05:  // ja
      return Kind::jump;
    case 0x15:
    case 0x1d:  // jeq #k, x
    case 0x25:
    case 0x2d:  // jgt
    case 0x35:
    case 0x3d:  // jge
    case 0x45:
    case 0x4d:  // jset
      return Kind::branch;
    case 0x06:  // ret #k
    case 0x16:  // ret a
      return Kind::answer;
    default:
      return Kind::unknown;
  }
}

/// Goes through a program once, in order: since all jumps go forward, what is known when an instruction is
/// reached comes from instructions before it.
class Checker {
 public:
  explicit Checker(std::span<const FilterInstruction> program)
      : program_(program), written_(program.size(), all_words) {
    written_[0] = 0;
  }

  [[nodiscard]] std::optional<std::string> problem() {
    for (std::size_t at = 0; at < program_.size(); ++at) {
      if (const char* what = wrong_with(at); what != nullptr)
        return "instruction " + std::to_string(at) + " " + what;
    }
    return std::nullopt;
  }

 private:
  static constexpr std::uint16_t all_words = (1U << filter_memory_words) - 1;

  const char* wrong_with(std::size_t at) {
    const FilterInstruction& one = program_[at];
    std::uint16_t words = written_[at];
    switch (kind_of(one.code)) {
      case Kind::unknown:
        return "is none that the machine knows";
      case Kind::plain:
        break;
      case Kind::load_at:
        if (one.k >= offset_end) return "reads beyond every packet";
        break;
      case Kind::load:
        if (one.k >= filter_memory_words) return "reads beyond the memory";
        if ((words >> one.k & 1U) == 0) return "reads memory that nothing was written to";
        break;
      case Kind::store:
        if (one.k >= filter_memory_words) return "writes beyond the memory";
        words = static_cast<std::uint16_t>(words | 1U << one.k);
        break;
      case Kind::shift:
        if (one.k >= shift_end) return "shifts by more bits than there are";
        break;
      case Kind::divide:
        if (one.k == 0) return "divides by zero";
        break;
      case Kind::jump:
        return reach(at, one.k, words) ? nullptr : "jumps out of the program or backwards";
      case Kind::branch:
        return reach(at, one.jump_true, words) && reach(at, one.jump_false, words)
                   ? nullptr
                   : "jumps out of the program";
      case Kind::answer:
        return nullptr;
    }
    return reach(at, 0, words) ? nullptr : "is the last and gives no answer";
  }

  /// The instruction `by` behind the next one may come after `at`, which knows `words` to be written.
  bool reach(std::size_t at, std::uint32_t by, std::uint16_t words) {
    const std::size_t next = at + 1 + std::size_t{by};
    if (next >= program_.size()) return false;
    written_[next] &= words;
    return true;
  }

  std::span<const FilterInstruction> program_;
  std::vector<std::uint16_t> written_;  ///< by instruction: words written to on every way to it
};

}  // namespace

std::expected<void, std::string> check_filter(std::span<const FilterInstruction> program) {
  if (program.empty()) return std::unexpected(std::string("the filter has no instructions"));
  if (program.size() > filter_instructions_max) {
    return std::unexpected("the filter has " + std::to_string(program.size()) + " instructions, at most " +
                           std::to_string(filter_instructions_max) + " are possible");
  }
  if (auto problem = Checker(program).problem()) return std::unexpected("the filter's " + *problem);
  return {};
}

}  // namespace byway::shm
