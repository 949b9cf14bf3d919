// Any bytes as a response head; the first byte chooses the request that it answers.
#include <cstdint>
#include <vector>

#include "l7/http1/write.h"
#include "tests/fuzz/http1_checks.h"

namespace byway::l7::http1 {
namespace {

bool is_aside(const Field& field) {
  return field.hop_by_hop || field.id == FieldName::via || field.id == FieldName::host ||
         field.id == FieldName::content_length;
}

void check_forwarded(std::string_view text, const ResponseHead& head, ResponseContext context,
                     Version client) {
  std::vector<char> out(text.size() + 1024);
  const WriteResult result = write_response(out, text.data(), head, {.client = client});
  BYWAY_ASSERT(result.fits);
  ResponseParser parser(context);
  ResponseHead next;
  const ParseResult parsed = parser.parse(out.data(), result.bytes, next);
  const bool over_limit =
      parser.refusal() == Refusal::too_many_fields || parser.refusal() == Refusal::head_too_large;
  if (parsed == ParseResult::error && over_limit) return;
  BYWAY_ASSERT(parsed == ParseResult::complete);
  BYWAY_ASSERT(next.bytes == result.bytes);
  BYWAY_ASSERT(next.status == head.status);
  BYWAY_ASSERT(next.reason.in(out.data()) == head.reason.in(text.data()));
  const BodyFraming framing = framing_for(head, client);
  BYWAY_ASSERT(next.body == framing.kind);
  BYWAY_ASSERT(next.has_content_length == framing.declares_length);
  if (framing.declares_length) BYWAY_ASSERT(next.content_length == head.content_length);
  BYWAY_ASSERT(next.keep_alive == (framing.kind != BodyKind::until_close));
  check_same_fields(text.data(), head, out.data(), next, is_aside);
}

void check(unsigned choice, std::string_view text) {
  const ResponseContext context{.request_method = (choice & 1) != 0 ? Method::head : Method::get,
                                .upgrade_requested = (choice & 2) != 0};
  ResponseParser whole_parser(context);
  ResponseHead whole;
  const ParseResult result = parse_in_steps(whole_parser, text, text.size() + 1, whole);
  ResponseParser parser(context);
  ResponseHead stepped;
  BYWAY_ASSERT(parse_in_steps(parser, text, text.size() > 4096 ? 61 : 1, stepped) == result);
  BYWAY_ASSERT(parser.refusal() == whole_parser.refusal());
  if (result != ParseResult::complete) return;
  check_bounds(text, whole);
  check_equal(whole, stepped);
  BYWAY_ASSERT(whole.status == stepped.status);
  check_equal(whole.reason, stepped.reason);
  check_forwarded(text, whole, context, (choice & 4) != 0 ? Version::http10 : Version::http11);
}

}  // namespace
}  // namespace byway::l7::http1

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  byway::l7::http1::check(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  return 0;
}
