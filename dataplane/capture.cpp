#include "dataplane/capture.h"

#include <pcap/bpf.h>

#include <algorithm>
#include <cstddef>

namespace byway {

static_assert(sizeof(bpf_insn) == sizeof(shm::FilterInstruction) &&
              offsetof(bpf_insn, code) == offsetof(shm::FilterInstruction, code) &&
              offsetof(bpf_insn, jt) == offsetof(shm::FilterInstruction, jump_true) &&
              offsetof(bpf_insn, jf) == offsetof(shm::FilterInstruction, jump_false) &&
              offsetof(bpf_insn, k) == offsetof(shm::FilterInstruction, k));
static_assert(BPF_MEMWORDS == shm::filter_memory_words);

bool matches(std::span<const shm::FilterInstruction> program, std::span<const std::byte> bytes,
             std::uint32_t wire_bytes) {
  if (program.empty()) return true;
  // libpcap's interpreter: a function of its arguments that compares each load with the length.
  return bpf_filter(reinterpret_cast<const bpf_insn*>(program.data()),
                    reinterpret_cast<const u_char*>(bytes.data()), wire_bytes,
                    static_cast<u_int>(bytes.size())) != 0;
}

CaptureOutcome Capture::take(CapturedFrame frame) {
  CaptureCounts& counts = counts_[frame.link];
  ++counts.seen;
  if (!matches(request_.filter, frame.bytes, frame.wire_bytes)) return CaptureOutcome::passed_over;
  ++counts.matched;
  frame.bytes = frame.bytes.first(std::min<std::size_t>(frame.bytes.size(), request_.snaplen));
  if (ring_.push(frame)) return CaptureOutcome::kept;
  ++counts.dropped;
  return CaptureOutcome::dropped;
}

}  // namespace byway
