// Answers that belong to no connection: resets for segments to closed TCP ports (RFC 9293 3.10.7.1), and
// SYN-ACKs with a cookie.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/assert.h"
#include "dataplane/tcp/flow_key.h"
#include "dataplane/tcp/limits.h"
#include "dataplane/tcp/segment.h"

namespace byway::tcp {

struct Reply {
  FlowKey flow;
  HeaderFields header;  ///< Without TCP ports: they are those of the flow.
};

/// First in, first out, of fixed size: a full queue refuses, so that a flood costs us no more than one flush.
class ReplyQueue {
 public:
  [[nodiscard]] bool push(const Reply& reply) {
    if (count_ == loose_replies_max) return false;
    replies_[(first_ + count_++) % loose_replies_max] = reply;
    return true;
  }
  [[nodiscard]] bool empty() const { return count_ == 0; }
  /// The oldest. Both asserted: not empty.
  [[nodiscard]] const Reply& front() const {
    BYWAY_ASSERT(count_ > 0);
    return replies_[first_];
  }
  void pop() {
    BYWAY_ASSERT(count_ > 0);
    first_ = (first_ + 1) % loose_replies_max;
    --count_;
  }

 private:
  std::array<Reply, loose_replies_max> replies_;
  std::uint32_t first_ = 0;
  std::uint32_t count_ = 0;
};

}  // namespace byway::tcp
