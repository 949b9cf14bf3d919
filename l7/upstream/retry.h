// Whether a request may be sent a second time (RFC 9110 9.2.2, RFC 9112 9.3.1).
//
// A kept connection may be closed by its endpoint at the very moment when a request is sent on it. Such a
// request is sent again, once, on a fresh connection, if that cannot do harm: the endpoint cannot have seen
// any of it, or seeing it twice makes no difference. A fresh connection that breaks is no such race.
#pragma once

#include "dataplane/rope.h"
#include "l7/message.h"

namespace byway::l7::upstream {

/// Most request content that is kept for sending it again; beyond, the request loses its second chance.
/// Covers calls of APIs; at most 45 full segments a request.
inline constexpr Bytes replay_bytes_max = 64 * 1024;

struct BrokenTry {
  Method method = Method::other;
  bool is_first = true;           ///< no other try came before
  bool was_reused = false;        ///< the connection had been kept
  bool has_answer = false;        ///< some byte of a response had come
  bool is_unsent = false;         ///< no byte of the request has left our send queue
  bool holds_all_taken = false;   ///< everything that was taken from the client so far is still held
  bool is_content_whole = false;  ///< and that is the whole request
};

[[nodiscard]] inline bool may_retry(const BrokenTry& broken) {
  if (!broken.is_first || !broken.was_reused || broken.has_answer || !broken.holds_all_taken) return false;
  return broken.is_unsent || (is_idempotent(broken.method) && broken.is_content_whole);
}

}  // namespace byway::l7::upstream
