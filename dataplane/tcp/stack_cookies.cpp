// What a stack does with SYNs when too many connections are half-open (RFC 4987): it keeps those that there
// are, and answers the others by cookies (syn_cookie.h).
#include "dataplane/tcp/stack.h"

namespace byway::tcp {

/// The second condition keeps a flood at several listeners, or at one of a small stack, from taking all
/// sockets: half of what connections leave free is for those whose peers have proven to be there.
bool Stack::is_backlog_full(const Listener& listener) const {
  const std::uint32_t free = sockets_.capacity() - sockets_.in_use() + time_wait_count_;
  return listener.half_open_count >= half_open_max || half_open_count_ >= free;
}

/// The SYN-ACK is that of a connection which is forgotten at once.
void Stack::answer_with_cookie(Listener& listener, const SegmentView& segment, const FlowKey& flow,
                               Instant now) {
  if (sockets_.is_full() && time_wait_.empty() && listener.half_open.empty()) {
    count(CounterIndex::drop_no_socket);  // the client would be promised what it cannot have
    return;
  }
  const SegmentView syn = SynCookies::keepable(segment);
  Opening opening = passive_opening_for(flow, now);
  opening.iss = cookies_.number(flow, syn, now);
  Connection forgotten(context_.memory.slices);
  forgotten.open_passive(opening, syn, now);
  Reply answer{flow, {}};
  Rope none(context_.memory.slices);
  BYWAY_ASSERT(forgotten.next_segment(context_, answer.header, none, now) && none.empty());
  if (syn.options.has_timestamps) {
    std::uint32_t& value = answer.header.options.timestamps.value;
    value = SynCookies::stamp(value, syn);
  }
  if (!replies_.push(answer)) {
    count(CounterIndex::drop_reply_queue_full);
    return;
  }
  listener.cookies_until = now + cookie_life_max;
  count(CounterIndex::cookies_sent);
}

/// False: `segment` is not the ACK of a cookie. Also while draining: its client has been answered before.
bool Stack::accept_cookie(Listener& listener, Incoming& incoming, const SegmentView& segment,
                          const FlowKey& flow, Instant now) {
  if (now >= listener.cookies_until || (segment.flags & (flag::ack | flag::syn)) != flag::ack) return false;
  const std::optional<SegmentView> syn = cookies_.syn_of(flow, segment, now);
  if (!syn) {
    count(CounterIndex::cookies_bad);
    return false;
  }
  const Seq cookie = segment.ack - 1;
  if (spent_cookies_.contains(flows_.hash(flow), cookie)) {
    count(CounterIndex::cookies_spent);
    return false;
  }
  // From here on the client is told nothing: it sends again what it has to say, until the cookie is too old.
  if (pressure() == Pressure::critical) {
    count(CounterIndex::drop_pressure);
    return true;
  }
  if (listener.unaccepted_count >= unaccepted_max) {
    count(CounterIndex::drop_accept_full);
    return true;
  }
  if (sockets_.is_full() && time_wait_.empty() && !listener.half_open.empty()) {
    // Who has answered goes before those who have not; the one that has waited for longest is the most likely
    // to be none. Without a reset, whose address may be that of a bystander.
    count(CounterIndex::half_open_recycled);
    release(*listener.half_open.front());
  }
  Socket* socket = acquire_socket(flow);
  if (socket == nullptr) {
    count(CounterIndex::drop_no_socket);
    return true;
  }
  count(CounterIndex::passive_opens);
  count(CounterIndex::cookies_accepted);
  spent_cookies_.add(flows_.hash(flow), cookie);
  Opening opening = passive_opening_for(flow, now);
  opening.iss = cookie;
  socket->listener = &listener;
  socket->connection.open_from_cookie(context_, opening, *syn, now);
  dispatch(incoming, segment, flow, socket, now);
  return true;
}

/// A client that resets instead, or whose ACK was overtaken by its reset, wants no connection any more.
void Stack::spend_cookie_of_reset(const SegmentView& reset, const FlowKey& flow, Instant now) {
  if (!reset.has(flag::ack)) return;
  const Listener* listener = listeners_.find({flow.local, flow.local_port});
  if (listener == nullptr || now >= listener->cookies_until || !cookies_.syn_of(flow, reset, now)) return;
  spent_cookies_.add(flows_.hash(flow), reset.ack - 1);
}

}  // namespace byway::tcp
