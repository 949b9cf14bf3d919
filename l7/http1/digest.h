// What the fields of a complete head mean together: framing (RFC 9112 6.3), persistence (9.3), Host (3.2),
// Expect (RFC 9110 10.1.1), and which fields are hop-by-hop (RFC 9110 7.6.1).
//
// Everything that two readers could take differently is refused, not repaired.
#pragma once

#include "l7/http1/refusal.h"
#include "l7/message.h"

namespace byway::l7::http1 {

/// What must be known of the request to read its response.
struct ResponseContext {
  Method request_method = Method::get;
  /// The request carried Upgrade to this upstream: 101 is a possible answer.
  bool upgrade_requested = false;
};

/// Both take a head whose start line and fields have been read, and set the rest of it.
[[nodiscard]] Refusal digest_request(const char* base, RequestHead& head);
[[nodiscard]] Refusal digest_response(const char* base, const ResponseContext& context, ResponseHead& head);

}  // namespace byway::l7::http1
