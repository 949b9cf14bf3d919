// The way out of the protocols: where whole frames go.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/net/icmp.h"
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
  /// Likewise a TCP segment that the port cuts into some of `segment_bytes` of payload each. Asked for only
  /// by whoever knows that the port can (Outgoing::segment_bytes).
  virtual bool transmit_segments(LinkIndex link, std::span<const std::uint8_t> header, Rope&& payload,
                                 std::uint16_t segment_bytes) {
    static_cast<void>(link);
    static_cast<void>(header);
    static_cast<void>(segment_bytes);
    const Rope dropped = std::move(payload);
    return false;
  }
  /// A packet that waited for its next hop's address is dropped: nobody answered. The host says it in the
  /// form of the ICMP error that a router would send (host unreachable, RFC 1812 5.2.7.1). Called while
  /// timers fire.
  virtual void undeliverable(const IcmpError& error, Instant now) {
    static_cast<void>(error);
    static_cast<void>(now);
  }

  /// An IPv6 address of ours is another station's, and stays unused (RFC 4862 5.4.5: its owner is to be
  /// told).
  virtual void address_is_duplicate(LinkIndex link, const IpAddress& address) {
    static_cast<void>(link);
    static_cast<void>(address);
  }

  /// A whole frame of a shared link (Host::share_link) that is the kernel's, or also the kernel's: what the
  /// host wants of it, it has read. The frame is the sink's from here on.
  virtual void not_ours(LinkIndex link, Slice frame) {
    static_cast<void>(link);
    const Slice dropped = std::move(frame);
  }

 protected:
  ~FrameSink() = default;
};

}  // namespace byway::net
