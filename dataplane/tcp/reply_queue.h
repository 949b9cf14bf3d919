// Answers that belong to no connection: resets for segments to closed TCP ports (RFC 9293 3.10.7.1).
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/tcp/flow_key.h"
#include "dataplane/tcp/limits.h"
#include "dataplane/tcp/seq.h"

namespace byway::tcp {

struct Reply {
  FlowKey flow;
  Seq seq;
  Seq ack;
  std::uint8_t flags = 0;
};

/// First in, first out, of fixed size: a full queue refuses, so that a flood costs us no more than one flush.
class ReplyQueue {
 public:
  [[nodiscard]] bool push(const Reply& reply) {
    if (count_ == loose_replies_max) return false;
    replies_[(first_ + count_++) % loose_replies_max] = reply;
    return true;
  }
  [[nodiscard]] bool pop(Reply& out) {
    if (count_ == 0) return false;
    out = replies_[first_];
    first_ = (first_ + 1) % loose_replies_max;
    --count_;
    return true;
  }
  [[nodiscard]] bool empty() const { return count_ == 0; }

 private:
  std::array<Reply, loose_replies_max> replies_;
  std::uint32_t first_ = 0;
  std::uint32_t count_ = 0;
};

}  // namespace byway::tcp
