// What a stack does when memory is short (limits.h, "Memory", rule 4).
#include "dataplane/tcp/stack.h"

namespace byway::tcp {

bool Stack::relieve(Instant now) {
  now_ = now;
  const bool is_short = pressure() != Pressure::none;
  if (is_short) {
    relieving_ = true;
  } else if (relieving_ && context_.buffers.is_relieved()) {
    end_relief();
  }
  if (!relieving_) return false;
  relief_hand_ = sockets_.visit_some(relief_hand_, relieve_places,
                                     [this, now](Socket& socket) { look_for_stuck(socket, now); });
  if (relief_hand_ < sockets_.capacity()) return true;
  relief_hand_ = 0;
  if (stuck_ != nullptr) {
    shed(*stuck_);
  } else if (!is_short) {
    end_relief();  // nobody who is left holds too much
  }
  return relieving_;
}

void Stack::end_relief() {
  relieving_ = false;
  stuck_ = nullptr;
  relief_hand_ = 0;
}

void Stack::look_for_stuck(Socket& socket, Instant now) {
  Connection& connection = socket.connection;
  connection.give_back(context_);
  if (connection.slices_held() < context_.fair_share) return;
  const Nanoseconds stuck = connection.stuck_for(now);
  if (stuck < stuck_min || (stuck_ != nullptr && stuck <= stuck_->connection.stuck_for(now))) return;
  stuck_ = &socket;
}

void Stack::shed(Socket& socket) {
  stuck_ = nullptr;
  if (socket.connection.stuck_for(now_) < stuck_min) return;  // it has moved since it was looked at
  end_now(socket, StreamEnd::no_memory);
}

}  // namespace byway::tcp
