// Any bytes as a chunked body: no cut changes content, end or verdict, and content chunked again is the same.
#include <array>
#include <cstdint>
#include <string>

#include "l7/http1/body.h"
#include "l7/http1/write.h"
#include "tests/fuzz/http1_checks.h"

namespace byway::l7::http1 {
namespace {

struct Outcome {
  BodyResult result = BodyResult::more;
  Refusal refusal = Refusal::none;
  std::size_t consumed = 0;
  std::string content;
  bool operator==(const Outcome&) const = default;
};

Outcome read(std::string_view wire, std::size_t piece) {
  BodyReader reader(BodyKind::chunked);
  Outcome outcome;
  while (outcome.consumed < wire.size() && outcome.result == BodyResult::more) {
    const std::size_t size = std::min(piece, wire.size() - outcome.consumed);
    const auto block = std::make_unique<char[]>(size);
    std::memcpy(block.get(), wire.data() + outcome.consumed, size);
    std::size_t at = 0;
    while (at < size && outcome.result == BodyResult::more) {
      const BodyStep step = reader.next(block.get() + at, size - at);
      BYWAY_ASSERT(step.framing + step.payload <= size - at);
      BYWAY_ASSERT(step.framing + step.payload > 0 || step.result != BodyResult::more);
      outcome.content.append(block.get() + at + step.framing, step.payload);
      at += step.framing + step.payload;
      outcome.result = step.result;
    }
    outcome.consumed += at;
  }
  outcome.refusal = reader.refusal();
  BYWAY_ASSERT(reader.payload_bytes() == outcome.content.size());
  BYWAY_ASSERT((outcome.result == BodyResult::error) == (outcome.refusal != Refusal::none));
  return outcome;
}

void check(std::string_view wire) {
  const Outcome whole = read(wire, wire.size() + 1);
  BYWAY_ASSERT(read(wire, 1) == whole);
  BYWAY_ASSERT(read(wire, 7) == whole);
  if (whole.result != BodyResult::complete) return;
  std::string again;
  if (!whole.content.empty()) {
    std::array<char, chunk_head_bytes_max> head;
    const WriteResult written = write_chunk_head(head, whole.content.size());
    BYWAY_ASSERT(written.fits);
    again.append(head.data(), written.bytes).append(whole.content).append(chunk_end);
  }
  again.append(last_chunk);
  const Outcome second = read(again, again.size());
  BYWAY_ASSERT(second.result == BodyResult::complete);
  BYWAY_ASSERT(second.content == whole.content);
  BYWAY_ASSERT(second.consumed == again.size());
}

}  // namespace
}  // namespace byway::l7::http1

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  byway::l7::http1::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
