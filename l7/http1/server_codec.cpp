#include "l7/http1/server_codec.h"

#include <array>

#include "l7/exchange.h"

namespace byway::l7::http1 {

ServerCodec::ServerCodec(WorkerContext& context, Stream& stream)
    : Codec(context.memory.slices, context.held_heads, &stream),
      Timer(&ServerCodec::on_timer),
      context_(context),
      idle_timeout_(downstream_idle_timeout) {
  stream.set_handler(this);
  context_.telemetry.count(Counter::downstream_open);
  arm_idle();
}

ServerCodec::~ServerCodec() {
  context_.timers.cancel(*this);
  context_.telemetry.lower(Counter::downstream_open);
}

// ---- Events ----------------------------------------------------------------------------------------------

void ServerCodec::on_connected(Stream&) {
  BYWAY_ASSERT(false);  // an accepted stream is connected already
}

void ServerCodec::on_readable(Stream&) {
  if (is_lingering_) return discard_while_lingering();
  if (exchange_ == nullptr) return serve();
  exchange_->on_downstream_readable();
  after_exchange_event();
}

void ServerCodec::on_writable(Stream&) {
  if (exchange_ != nullptr) {
    exchange_->on_downstream_writable();
    return after_exchange_event();
  }
  // What is left of an answer to a refused head; the end follows behind it.
  if (flush() && is_lingering_) linger();
}

void ServerCodec::on_closed(Stream&, StreamEnd end) {
  if (exchange_ != nullptr) {
    exchange_->on_downstream_closed(end == StreamEnd::reset);
    context_.exchanges->release(exchange_);
    exchange_ = nullptr;
  }
  context_.downstreams->release(this);
}

void ServerCodec::on_timer(Timer& timer, Instant now) {
  auto& self = static_cast<ServerCodec&>(timer);
  self.context_.now = now;
  self.on_timeout();
}

void ServerCodec::on_timeout() {
  if (has_more_to_serve_) return serve();
  if (is_lingering_) return is_flushed() ? close() : abort_stream();
  if (exchange_ != nullptr) {
    exchange_->on_idle();
    return after_exchange_event();
  }
  if (is_reading_head_) {
    context_.telemetry.count(Counter::downstream_head_timeout);
    return answer_and_close(408, ResponseFlag::SI);
  }
  context_.telemetry.count(Counter::downstream_idle_timeout);
  close();
}

// ---- Requests --------------------------------------------------------------------------------------------

void ServerCodec::serve() {
  if (has_more_to_serve_) arm_idle();
  has_more_to_serve_ = false;
  for (std::uint32_t count = 0; begin_exchange(); ++count) {
    if (!exchange_->is_over()) return;
    if (!end_exchange()) return;
    if (count + 1 == requests_per_event_max) {
      has_more_to_serve_ = true;
      context_.timers.arm(*this, context_.now);
      return;
    }
  }
}

// False: there is no whole request, or it was refused; then the object may be gone.
bool ServerCodec::begin_exchange() {
  RequestHead& head = context_.scratch.request;
  RequestParser parser;
  const char* base = nullptr;
  switch (head_reader_.read(stream_->readable(), parser, head,
                            {context_.scratch.gathered.get(), gathered_head_bytes}, base)) {
    case ParseResult::incomplete:
      wait_for_head();
      return false;
    case ParseResult::error:
      refuse(parser.refusal());
      return false;
    case ParseResult::complete:
      break;
  }
  is_reading_head_ = false;
  client_version_ = head.version;
  is_head_ = head.method == Method::head;
  is_last_ = is_last_ || !head.keep_alive || context_.is_draining;
  wants_close_ = !head.keep_alive;
  expects_continue_ = head.expect_continue;
  context_.telemetry.count(Counter::requests);
  arm_idle();

  exchange_ = context_.exchanges->acquire(context_, *this);
  if (exchange_ == nullptr) {
    context_.telemetry.count(Counter::exchange_refused_full);
    answer_and_close(status_of(ResponseFlag::OM), ResponseFlag::OM);
    return false;
  }
  exchange_->begin(head, base);
  return true;
}

void ServerCodec::wait_for_head() {
  if (stream_->peer_finished()) {
    if (head_reader_.has_begun()) context_.telemetry.count(Counter::downstream_partial_head);
    return close();
  }
  if (!head_reader_.hold(*stream_, context_.memory)) {
    context_.telemetry.count(Counter::heads_not_held);
    return answer_and_close(status_of(ResponseFlag::OM), ResponseFlag::OM);
  }
  if (head_reader_.has_begun() && !is_reading_head_) {
    is_reading_head_ = true;
    context_.timers.arm(*this, context_.now + request_head_timeout);
  }
}

void ServerCodec::begin_content(const RequestHead& head) {
  stream_->discard(head_reader_.take_head(head.bytes));
  begin_receiving(head);
}

void ServerCodec::refuse(Refusal refusal) {
  context_.telemetry.count(counter_of(refusal));
  answer_and_close(status_of(refusal), ResponseFlag::DPE);
}

// Answers a request that never became an exchange; where the next one begins is not known.
void ServerCodec::answer_and_close(std::uint16_t status, ResponseFlag flag) {
  ExchangeRecord record;
  record.received = record.ended = context_.now;
  record.flag = flag;
  is_last_ = true;
  head_reader_.drop();
  const bool is_sent = send_local_response(status, flag);
  if (is_sent) record.status = status;
  account(context_, record);
  if (is_sent) return linger();
  context_.telemetry.count(Counter::memory_aborts);
  abort_stream();
}

// ---- For the exchange ------------------------------------------------------------------------------------

Persistence ServerCodec::persistence() const {
  if (client_version_ == Version::http11) return is_last_ ? Persistence::close : Persistence::unsaid;
  return is_last_ ? Persistence::close : Persistence::keep_alive;
}

bool ServerCodec::skip_content() {
  Rope dropped(context_.memory.slices);
  return receive_content(skip_bytes_max, dropped) == Received::complete;
}

HeadWritten ServerCodec::send_response_head(const char* base, const ResponseHead& head) {
  const BodyFraming framing = framing_for(head, client_version_);
  // A client that was never told to continue may keep its content for itself: nobody knows what comes next.
  const bool is_content_withheld =
      expects_continue_ && !is_content_received() && reader_.payload_bytes() == 0;
  if (framing.kind == BodyKind::until_close || is_content_withheld || context_.is_draining) is_last_ = true;
  const HeadWritten written = append_written(
      base, head,
      {.date = context_.date(), .persistence = persistence(), .client = client_version_, .framing = framing});
  if (written == HeadWritten::yes) begin_sending(framing);
  return written;
}

bool ServerCodec::send_interim_head(const char* base, const ResponseHead& head) {
  if (client_version_ == Version::http10) return true;
  if (append_written(base, head, {}) != HeadWritten::yes) return false;
  flush();
  if (head.status == 100) expects_continue_ = false;
  return true;
}

HeadWritten ServerCodec::append_written(const char* base, const ResponseHead& head,
                                        const ResponseEdits& edits) {
  return append_head(unsent_, head.bytes, {context_.scratch.generated.get(), generated_head_bytes_max},
                     context_.memory,
                     [&](std::span<char> out) { return write_response(out, base, head, edits); });
}

bool ServerCodec::send_local_response(std::uint16_t status, ResponseFlag flag) {
  std::array<char, local_response_bytes_max> out;
  if (context_.is_draining) is_last_ = true;
  const WriteResult written = write_local_response(out, {.status = status,
                                                         .text = sentence_of(flag),
                                                         .date = context_.date(),
                                                         .persistence = persistence(),
                                                         .is_head = is_head_});
  BYWAY_ASSERT(written.fits);
  begin_sending({.kind = BodyKind::none});
  if (!send_bytes({out.data(), written.bytes}, context_.memory)) return false;
  flush();
  return true;
}

void ServerCodec::arm_idle() {
  context_.timers.arm(*this, context_.now + idle_timeout_);
}

void ServerCodec::after_exchange_event() {
  if (exchange_->is_over() && end_exchange()) serve();
}

// ---- Endings ---------------------------------------------------------------------------------------------

// True: the next request may be served. Else the object may be gone.
bool ServerCodec::end_exchange() {
  const DownstreamFate fate = exchange_->fate();
  context_.exchanges->release(exchange_);
  exchange_ = nullptr;
  switch (fate) {
    case DownstreamFate::abort:
      abort_stream();
      return false;
    case DownstreamFate::close:
      linger();
      return false;
    case DownstreamFate::keep:
      break;
  }
  if (!is_last_) {
    arm_idle();
    return true;
  }
  // A client that asked for the end sends nothing more; others may be sending their next request.
  if (wants_close_ && stream_->readable().empty()) {
    close();
  } else {
    linger();
  }
  return false;
}

// Says that nothing more will be sent, and drops what still comes for a while.
void ServerCodec::linger() {
  if (!is_lingering_) {
    is_lingering_ = true;
    context_.timers.arm(*this, context_.now + linger_timeout);
  }
  if (!is_flushed()) return;  // on_writable comes back here
  if (!is_finished_) stream_->finish();
  is_finished_ = true;
  discard_while_lingering();
}

void ServerCodec::discard_while_lingering() {
  lingered_bytes_ += stream_->readable().size();
  stream_->discard(stream_->readable().size());
  if (lingered_bytes_ > linger_bytes_max) {
    context_.telemetry.count(Counter::downstream_lingering_cut);
    return abort_stream();
  }
  if (stream_->peer_finished() && is_finished_) close();
}

void ServerCodec::close() {
  stream_->close();
  context_.downstreams->release(this);
}

void ServerCodec::abort_stream() {
  stream_->abort();
  context_.downstreams->release(this);
}

void ServerCodec::drain() {
  is_last_ = true;
  const bool is_waiting = exchange_ == nullptr && !is_lingering_ && !is_reading_head_;
  if (is_waiting && stream_->readable().empty()) close();
}

void ServerCodec::abort() {
  if (exchange_ != nullptr) {
    exchange_->abandon(ResponseFlag::LR);
    context_.exchanges->release(exchange_);
    exchange_ = nullptr;
  }
  abort_stream();
}

}  // namespace byway::l7::http1
