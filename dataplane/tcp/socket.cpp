#include "dataplane/tcp/socket.h"

#include "dataplane/tcp/stack.h"

namespace byway::tcp {

Socket::Socket(Stack& owner, const FlowKey& key, std::uint32_t key_hash, SlicePool& pool)
    : Timer(&Stack::on_timer), hash(key_hash), flow(key), connection(pool), stack(owner) {}

Bytes Socket::take(Bytes count, Rope& target) {
  const Bytes moved = connection.take(stack.context_, count, target, stack.now_);
  stack.on_read(*this);
  return moved;
}

void Socket::discard(Bytes count) {
  connection.discard(stack.context_, count, stack.now_);
  stack.on_read(*this);
}

bool Socket::is_receive_full() const {
  return connection.is_receive_full(stack.context_);
}

bool Socket::coalesce(Bytes count) {
  return connection.coalesce(stack.context_, count);
}

Bytes Socket::writable() const {
  return connection.writable(stack.context_);
}

Bytes Socket::write(Rope& data) {
  const Bytes taken = connection.write(stack.context_, data, stack.now_);
  stack.mark_dirty(*this);
  return taken;
}

void Socket::finish() {
  connection.finish();
  stack.mark_dirty(*this);
}

void Socket::close() {
  stack.detach(*this);
  connection.release_user(stack.context_, stack.now_);
  stack.mark_dirty(*this);
}

void Socket::abort() {
  stack.abort(*this);
}

}  // namespace byway::tcp
