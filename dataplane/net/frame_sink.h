// The way out of the protocols: where whole frames go.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/net/parse.h"
#include "dataplane/rope.h"

namespace byway::net {

/// Takes frames to send: the worker's transmit queues, a simulated wire, a recorder.
class FrameSink {
 public:
  /// Sends `header` (Ethernet to transport) followed by `payload`. Both are consumed at once; `payload` is
  /// the sink's from here on. False: no buffer or no room; the frame is lost as it would be on a wire, and
  /// the caller counts it.
  virtual bool transmit(LinkIndex link, std::span<const std::uint8_t> header, Rope&& payload) = 0;

 protected:
  ~FrameSink() = default;
};

}  // namespace byway::net
