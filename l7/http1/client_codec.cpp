#include "l7/http1/client_codec.h"

#include "l7/exchange.h"

namespace byway::l7::http1 {

ClientCodec::ClientCodec(WorkerContext& context, std::uint64_t endpoint_id)
    : Codec(context.memory.slices, context.held_heads, nullptr),
      Timer(&ClientCodec::on_timer),
      context_(context),
      endpoint_id_(endpoint_id),
      began_(context.now) {
  context_.telemetry.count(Counter::upstream_open);
}

ClientCodec::~ClientCodec() {
  BYWAY_ASSERT(!is_pooled());
  context_.timers.cancel(*this);
  context_.telemetry.lower(Counter::upstream_open);
}

ClientCodec* ClientCodec::connect(WorkerContext& context, std::uint64_t endpoint_id,
                                  const net::SocketAddress& address, Nanoseconds timeout,
                                  Exchange& exchange) {
  if (context.upstreams->is_full() && context.pool.oldest() != nullptr) {
    static_cast<ClientCodec*>(context.pool.oldest())->close_idle(Counter::upstream_idle_evicted);
  }
  ClientCodec* codec = context.upstreams->acquire(context, endpoint_id);
  if (codec == nullptr) return nullptr;
  codec->stream_ = context.connector.connect(address, *codec);
  if (codec->stream_ == nullptr) {
    context.upstreams->release(codec);
    return nullptr;
  }
  codec->exchange_ = &exchange;
  context.telemetry.count(Counter::upstream_connects);
  context.timers.arm(*codec, context.now + timeout);
  return codec;
}

ClientCodec* ClientCodec::reuse(WorkerContext& context, std::uint64_t endpoint_id, Exchange& exchange) {
  while (upstream::IdleLinks* idle = context.pool.take(endpoint_id)) {
    auto* codec = static_cast<ClientCodec*>(idle);
    context.telemetry.lower(Counter::upstream_idle);
    // The endpoint may have closed it, or sent something, in this very round.
    if (codec->stream_->peer_finished() || !codec->stream_->readable().empty()) {
      context.telemetry.count(codec->stream_->readable().empty() ? Counter::upstream_idle_closed
                                                                 : Counter::upstream_idle_unsolicited);
      codec->stream_->close();
      context.upstreams->release(codec);
      continue;
    }
    context.timers.cancel(*codec);
    context.telemetry.count(Counter::upstream_reused);
    codec->exchange_ = &exchange;
    codec->is_reused_ = true;
    return codec;
  }
  return nullptr;
}

// ---- Events ----------------------------------------------------------------------------------------------

void ClientCodec::on_connected(Stream&) {
  is_connected_ = true;
  context_.timers.cancel(*this);
  context_.telemetry.observe(Histogram::upstream_connect_duration, context_.now - began_);
  ServerCodec& downstream = exchange_->downstream();
  exchange_->on_upstream_connected();
  downstream.after_exchange_event();
}

void ClientCodec::on_readable(Stream&) {
  if (is_pooled()) {
    if (!stream_->readable().empty()) return close_idle(Counter::upstream_idle_unsolicited);
    if (stream_->peer_finished()) close_idle(Counter::upstream_idle_closed);
    return;
  }
  ServerCodec& downstream = exchange_->downstream();
  exchange_->on_upstream_readable();
  downstream.after_exchange_event();
}

void ClientCodec::on_writable(Stream&) {
  if (is_pooled()) return;
  ServerCodec& downstream = exchange_->downstream();
  exchange_->on_upstream_writable();
  downstream.after_exchange_event();
}

void ClientCodec::on_closed(Stream&, StreamEnd end) {
  if (is_pooled()) {
    context_.pool.remove(*this);
    context_.telemetry.lower(Counter::upstream_idle);
    context_.telemetry.count(Counter::upstream_idle_closed);
    return forget();
  }
  if (!is_connected_) context_.telemetry.count(Counter::upstream_connect_failed);
  is_closed_ = true;
  ServerCodec& downstream = exchange_->downstream();
  exchange_->on_upstream_closed(end);  // abandons this object
  downstream.after_exchange_event();
}

void ClientCodec::on_timer(Timer& timer, Instant now) {
  auto& self = static_cast<ClientCodec&>(timer);
  self.context_.now = now;
  if (self.is_pooled()) return self.close_idle(Counter::upstream_idle_timeout);
  self.context_.telemetry.count(Counter::upstream_connect_timeout);
  ServerCodec& downstream = self.exchange_->downstream();
  self.exchange_->on_connect_timeout();
  downstream.after_exchange_event();
}

// ---- For the exchange ------------------------------------------------------------------------------------

void ClientCodec::send_request_head(Rope& head, const BodyFraming& framing, Method method) {
  BYWAY_ASSERT(is_connected_ && is_flushed());
  bytes_before_request_ = stream_->bytes_written();
  method_ = method;
  interim_count_ = 0;
  has_answer_ = false;
  keeps_alive_ = false;
  reader_ = BodyReader();
  begin_sending(framing);
  unsent_.append(std::move(head));
}

HeadResult ClientCodec::read_response_head(ResponseHead& head, const char*& base) {
  ResponseParser parser({.request_method = method_});
  switch (head_reader_.read(stream_->readable(), parser, head,
                            {context_.scratch.gathered.get(), gathered_head_bytes}, base)) {
    case ParseResult::incomplete:
      if (stream_->peer_finished()) return HeadResult::truncated;
      if (head_reader_.hold(*stream_, context_.memory)) return HeadResult::incomplete;
      context_.telemetry.count(Counter::heads_not_held);
      return HeadResult::no_memory;
    case ParseResult::error:
      context_.telemetry.count(counter_of(parser.refusal()));
      return HeadResult::invalid;
    case ParseResult::complete:
      break;
  }
  if (!head.is_interim()) return HeadResult::complete;
  return interim_count_ < interim_responses_max ? HeadResult::interim : HeadResult::invalid;
}

void ClientCodec::discard_head(const ResponseHead& head) {
  has_answer_ = true;
  stream_->discard(head_reader_.take_head(head.bytes));
  if (head.is_interim()) {
    ++interim_count_;
    return;
  }
  keeps_alive_ = head.keep_alive && head.body != BodyKind::until_close;
  begin_receiving(head);
}

bool ClientCodec::may_be_reused() const {
  return keeps_alive_ && is_content_received() && is_flushed() && stream_->readable().empty() &&
         !stream_->peer_finished();
}

void ClientCodec::release() {
  exchange_ = nullptr;
  if (may_be_reused() && !context_.is_draining && context_.pool.put(*this, endpoint_id_)) {
    context_.telemetry.count(Counter::upstream_idle);
    context_.timers.arm(*this, context_.now + upstream::idle_timeout);
    return;
  }
  stream_->close();
  forget();
}

void ClientCodec::abandon() {
  if (!is_closed_) stream_->abort();
  forget();
}

void ClientCodec::close_idle(Counter counter) {
  context_.telemetry.count(counter);
  context_.telemetry.lower(Counter::upstream_idle);
  context_.pool.remove(*this);
  stream_->close();
  forget();
}

void ClientCodec::forget() {
  context_.upstreams->release(this);
}

}  // namespace byway::l7::http1
