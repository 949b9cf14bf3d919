#include "dataplane/tcp/listener.h"

namespace byway::tcp {

Listener* ListenerTable::add(const net::SocketAddress& local, Acceptor& acceptor) {
  if (Listener* present = find_exact(local)) {
    present->acceptor = &acceptor;
    return present;
  }
  Listener* listener = slab_.acquire();
  if (listener == nullptr) return nullptr;
  listener->local = local;
  listener->acceptor = &acceptor;
  Listener*& head = heads_[local.tcp_port % buckets];
  listener->next = head;
  head = listener;
  return listener;
}

Listener* ListenerTable::find_exact(const net::SocketAddress& local) const {
  for (Listener* at = heads_[local.tcp_port % buckets]; at != nullptr; at = at->next) {
    if (at->local == local) return at;
  }
  return nullptr;
}

Listener* ListenerTable::find(const net::SocketAddress& target) const {
  if (Listener* exact = find_exact(target)) return exact;
  return find_exact({net::IpAddress{}, target.tcp_port});
}

void ListenerTable::remove(Listener& listener) {
  Listener** link = &heads_[listener.local.tcp_port % buckets];
  while (*link != &listener) {
    BYWAY_ASSERT(*link != nullptr);
    link = &(*link)->next;
  }
  *link = listener.next;
  slab_.release(&listener);
}

}  // namespace byway::tcp
