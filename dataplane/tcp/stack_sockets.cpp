// The life of a Stack's sockets: taken from the slab, marked by what happens to their connections, told to
// their users, given back. Only settle() releases one, and it never runs inside a user's call.
#include "dataplane/tcp/stack.h"

namespace byway::tcp {

/// A socket in the flow table, or nullptr. With a full slab the oldest connection in TIME-WAIT gives way: it
/// only waits for segments that may never come, and new ones have peers that wait.
Socket* Stack::acquire_socket(const FlowKey& flow) {
  if (sockets_.is_full() && !time_wait_.empty()) {
    count(CounterIndex::time_wait_reclaimed);
    Socket& oldest = *time_wait_.front();
    oldest.connection.abort(context_, StreamEnd::finished);
    settle(oldest);
  }
  Socket* socket = sockets_.acquire(*this, flow, flows_.hash(flow), context_.memory.slices);
  if (socket == nullptr) return nullptr;
  flows_.insert(*socket);
  context_.update_fair_share(sockets_.in_use());
  context_.counters.set(CounterIndex::sockets_in_use, sockets_.in_use());
  return socket;
}

void Stack::release(Socket& socket) {
  leave_listing(socket);
  if (socket.hashed) flows_.erase(socket);
  if (dirty_.contains(socket)) dirty_.remove(socket);
  if (events_.contains(socket)) events_.remove(socket);
  wheel_.cancel(socket);
  if (stuck_ == &socket) stuck_ = nullptr;
  socket.connection.drop_buffers(context_);
  sockets_.release(&socket);
  context_.update_fair_share(sockets_.in_use());
  context_.counters.set(CounterIndex::sockets_in_use, sockets_.in_use());
}

// ---- Calls of users --------------------------------------------------------------------------------------

void Stack::on_read(Socket& socket) {
  if (socket.connection.has_signals()) mark_dirty(socket);
  if ((socket.pending & pending::closed) != 0 && socket.readable().empty()) mark_event(socket);
}

void Stack::detach(Socket& socket) {
  socket.attached = false;
  socket.handler = nullptr;
  socket.pending = 0;
}

void Stack::abort(Socket& socket) {
  if (!socket.aborted) count(CounterIndex::aborted);
  socket.aborted = true;
  detach(socket);
  socket.connection.abort(context_, StreamEnd::reset);
  mark_dirty(socket);
}

/// Ends a connection that its user has not given up. One that had ended already, with octets that are still
/// to be read, loses them, so that its user can hear of the end.
void Stack::end_now(Socket& socket, StreamEnd reason) {
  socket.connection.abort(context_, reason);
  if (socket.attached && (socket.pending & pending::closed) != 0) mark_event(socket);
  settle(socket);
}

// ---- Events ----------------------------------------------------------------------------------------------

void Stack::on_timer(Timer& timer, Instant now) {
  auto& socket = static_cast<Socket&>(timer);
  Stack& stack = socket.stack;
  stack.now_ = now;
  socket.connection.on_deadline(stack.context_, now);
  stack.settle(socket);
}

bool Stack::deliver_events(Instant now, std::uint32_t sockets_max) {
  now_ = now;
  for (std::uint32_t i = 0; i < sockets_max && !events_.empty(); ++i) {
    Socket& socket = *events_.front();
    events_.remove(socket);
    deliver(socket);
    // Whatever its user did that needs settling has made it dirty, and what is dirty is settled when it has
    // nothing more to send.
    if (!is_in_use(socket)) settle(socket);
  }
  return !events_.empty();
}

/// Tells the user of `socket` what is pending. Any call may make it let go.
void Stack::deliver(Socket& socket) {
  const auto take = [&socket](std::uint8_t bit) {
    if ((socket.pending & bit) == 0) return false;
    socket.pending = static_cast<std::uint8_t>(socket.pending & ~bit);
    return true;
  };
  if (take(pending::accept)) {
    Acceptor& acceptor = *socket.listener->acceptor;
    leave_listing(socket);
    socket.listener = nullptr;
    socket.attached = true;
    acceptor.on_accept(socket);
    if (socket.attached && socket.handler == nullptr) abort(socket);
  }
  if (socket.attached && take(pending::connected)) socket.handler->on_connected(socket);
  if (socket.attached && take(pending::readable)) socket.handler->on_readable(socket);
  if (socket.attached && take(pending::writable)) socket.handler->on_writable(socket);
  if (!socket.attached || (socket.pending & pending::closed) == 0) return;
  // After an orderly end what was received is still to be read; on_read brings the socket back here.
  const StreamEnd end = socket.connection.end_reason();
  if (end == StreamEnd::finished && !socket.readable().empty()) return;
  StreamHandler* handler = socket.handler;
  detach(socket);
  handler->on_closed(socket, end);
}

// ---- After everything that changes a connection ----------------------------------------------------------

namespace {

CounterIndex counter_of(StreamEnd end) {
  switch (end) {
    case StreamEnd::finished:
      return CounterIndex::closed_finished;
    case StreamEnd::reset:
      return CounterIndex::closed_reset;
    case StreamEnd::refused:
      return CounterIndex::closed_refused;
    case StreamEnd::timed_out:
      return CounterIndex::closed_timed_out;
    case StreamEnd::unreachable:
      return CounterIndex::closed_unreachable;
    case StreamEnd::no_memory:
      return CounterIndex::closed_no_memory;
    case StreamEnd::drained:
      return CounterIndex::closed_drained;
  }
  return CounterIndex::closed_finished;
}

}  // namespace

void Stack::collect_signals(Socket& socket) {
  const std::uint8_t signals = socket.connection.take_signals();
  if ((signals & signal::output) != 0) mark_dirty(socket);
  if ((signals & signal::ended) != 0 && !socket.aborted) count(counter_of(socket.connection.end_reason()));
  std::uint8_t events = 0;
  if ((signals & signal::established) != 0) {
    events |= socket.listener != nullptr ? pending::accept : pending::connected;
  }
  // The others stand one place to the left of where they were.
  static_assert(pending::readable == signal::readable << 1 && pending::writable == signal::writable << 1 &&
                pending::closed == signal::ended << 1);
  events = static_cast<std::uint8_t>(events |
                                     (signals & (signal::readable | signal::writable | signal::ended)) << 1);
  if (events == 0 || (!socket.attached && socket.listener == nullptr)) return;
  socket.pending = static_cast<std::uint8_t>(socket.pending | events);
  if (socket.attached || (socket.pending & pending::accept) != 0) mark_event(socket);
}

void Stack::settle(Socket& socket) {
  if (socket.connection.has_signals()) collect_signals(socket);
  if (!is_in_use(socket) && !settle_place(socket)) return;
  const Instant deadline = socket.connection.deadline();
  // A timer without a purpose runs out once and finds nothing to do: cheaper than moving it with every ACK.
  if (!deadline.is_never()) wheel_.arm(socket, deadline);
}

/// Where it stands by its state: in the flow table, in a list, or nowhere any more (false: released).
bool Stack::settle_place(Socket& socket) {
  const bool closed = socket.connection.state() == State::closed;
  if (closed && socket.hashed) flows_.erase(socket);
  update_listing(socket);
  if (!closed || socket.connection.owes_reset() || socket.attached) return true;
  release(socket);
  return false;
}

void Stack::update_listing(Socket& socket) {
  const State state = socket.connection.state();
  Listing wanted = Listing::none;
  if (state == State::time_wait && !socket.attached) {
    wanted = Listing::time_wait;
  } else if (socket.listener != nullptr && state == State::syn_received) {
    wanted = Listing::half_open;
  } else if (socket.listener != nullptr && state != State::closed) {
    wanted = Listing::unaccepted;
  }
  if (wanted == socket.listing) return;
  leave_listing(socket);
  socket.listing = wanted;
  switch (wanted) {
    case Listing::none:
      socket.listener = nullptr;  // it ended before it was accepted
      socket.pending = static_cast<std::uint8_t>(socket.pending & ~pending::accept);
      break;
    case Listing::half_open:
      socket.listener->half_open.push_back(socket);
      ++socket.listener->half_open_count;
      ++half_open_count_;
      break;
    case Listing::unaccepted:
      socket.listener->unaccepted.push_back(socket);
      ++socket.listener->unaccepted_count;
      break;
    case Listing::time_wait:
      time_wait_.push_back(socket);
      ++time_wait_count_;
      break;
  }
}

void Stack::leave_listing(Socket& socket) {
  switch (socket.listing) {
    case Listing::none:
      return;
    case Listing::half_open:
      socket.listener->half_open.remove(socket);
      --socket.listener->half_open_count;
      --half_open_count_;
      break;
    case Listing::unaccepted:
      socket.listener->unaccepted.remove(socket);
      --socket.listener->unaccepted_count;
      break;
    case Listing::time_wait:
      time_wait_.remove(socket);
      --time_wait_count_;
      break;
  }
  socket.listing = Listing::none;
}

}  // namespace byway::tcp
