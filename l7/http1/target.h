// Request targets and authorities (RFC 9112 3.2, RFC 3986 3.2).
#pragma once

#include <cstdint>

#include "l7/http1/refusal.h"
#include "l7/message.h"

namespace byway::l7::http1 {

/// Reads head.target (already set, as head.method is): sets target_form, scheme, path, query, has_query, and
/// for the absolute form authority, host and tcp_port; the other forms leave these three empty. base[0,
/// arrived) may be read.
[[nodiscard]] Refusal read_target(const char* base, std::uint32_t arrived, RequestHead& head);

/// Reads `text` as `host[":"port]` and sets authority, host and tcp_port of `head`; false if it is malformed.
/// Narrower than RFC 3986, where readers differ: no userinfo, no percent-encoding or sub-delims in names, no
/// zone or future form of IP literals, no empty host, no empty port, no port 0. `arrived` as above.
[[nodiscard]] bool read_authority(const char* base, std::uint32_t arrived, Token text, RequestHead& head);

}  // namespace byway::l7::http1
