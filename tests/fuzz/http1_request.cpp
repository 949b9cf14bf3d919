// Any bytes as a request head: no cut changes the verdict, and what is forwarded is read by the next hop as
// it was read here.
#include <cstdint>
#include <vector>

#include "l7/http1/write.h"
#include "tests/fuzz/http1_checks.h"

namespace byway::l7::http1 {
namespace {

// The gateway's own additions, and fields that take another form or place.
bool is_aside(const Field& field) {
  switch (field.id) {
    case FieldName::host:
    case FieldName::content_length:
    case FieldName::via:
    case FieldName::x_forwarded_for:
    case FieldName::x_forwarded_proto:
    case FieldName::expect:
      return true;
    default:
      return field.hop_by_hop;
  }
}

void check_forwarded(std::string_view text, const RequestHead& head) {
  std::vector<char> out(text.size() + 1024);
  const RequestEdits edits{.authority = head.authority.is_empty() ? "fallback" : std::string_view(),
                           .client_address = "10.0.0.1",
                           .client_scheme = "http"};
  const WriteResult result = write_request(out, text.data(), head, edits);
  BYWAY_ASSERT(result.fits);
  RequestParser parser;
  RequestHead next;
  const ParseResult parsed = parser.parse(out.data(), result.bytes, next);
  // Our own fields may be what exceeds the next hop's limits.
  const bool over_limit =
      parser.refusal() == Refusal::too_many_fields || parser.refusal() == Refusal::head_too_large;
  if (parsed == ParseResult::error && over_limit) return;
  BYWAY_ASSERT(parsed == ParseResult::complete);
  BYWAY_ASSERT(next.bytes == result.bytes);
  BYWAY_ASSERT(next.body == head.body);
  BYWAY_ASSERT(next.content_length == head.content_length);
  BYWAY_ASSERT(next.has_content_length == head.has_content_length);
  BYWAY_ASSERT(next.keep_alive);
  BYWAY_ASSERT(next.method_text.in(out.data()) == head.method_text.in(text.data()));
  BYWAY_ASSERT(next.has_query == head.has_query);
  BYWAY_ASSERT(next.query.in(out.data()) == head.query.in(text.data()));
  if (!head.path.is_empty()) BYWAY_ASSERT(next.path.in(out.data()) == head.path.in(text.data()));
  if (!head.host.is_empty()) {
    BYWAY_ASSERT(next.host.in(out.data()) == head.host.in(text.data()));
    BYWAY_ASSERT(next.tcp_port == head.tcp_port);
  }
  check_same_fields(text.data(), head, out.data(), next, is_aside);
}

void check(std::string_view text) {
  RequestParser whole_parser;
  RequestHead whole;
  const ParseResult result = parse_in_steps(whole_parser, text, text.size() + 1, whole);
  RequestParser parser;
  RequestHead stepped;
  BYWAY_ASSERT(parse_in_steps(parser, text, text.size() > 4096 ? 61 : 1, stepped) == result);
  BYWAY_ASSERT(parser.refusal() == whole_parser.refusal());
  BYWAY_ASSERT((result == ParseResult::error) == (parser.refusal() != Refusal::none));
  if (result != ParseResult::complete) return;
  check_bounds(text, whole);
  check_equal(whole, stepped);
  check_equal(whole.target, stepped.target);
  check_equal(whole.host, stepped.host);
  check_equal(whole.path, stepped.path);
  check_equal(whole.query, stepped.query);
  check_forwarded(text, whole);
}

}  // namespace
}  // namespace byway::l7::http1

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  byway::l7::http1::check({reinterpret_cast<const char*>(data), size});
  return 0;
}
