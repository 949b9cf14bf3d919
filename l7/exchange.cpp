#include "l7/exchange.h"

#include <algorithm>

#include "l7/upstream/retry.h"

namespace byway::l7 {

Exchange::Exchange(WorkerContext& context, http1::ServerCodec& downstream)
    : Timer(&Exchange::on_timer),
      context_(context),
      downstream_(downstream),
      request_head_(context.memory.slices),
      replay_(context.memory.slices),
      request_content_(context.memory.slices),
      response_content_(context.memory.slices) {
  context_.telemetry.count(Counter::exchanges_active);
}

Exchange::~Exchange() {
  BYWAY_ASSERT(is_over_ && upstream_ == nullptr);
  context_.timers.cancel(*this);
  context_.telemetry.lower(Counter::exchanges_active);
}

// The first half of the phases, as phases.h lists them.
void Exchange::begin(const RequestHead& head, const char* base) {
  record_.received = context_.now;
  method_ = head.method;
  Request request{.head = head, .base = base};

  Outcome outcome = Phases::route(*this, request);
  if (outcome.goes_on()) outcome = Phases::rewrite(*this, request);
  downstream_.begin_content(head);  // the head's text is gone
  if (outcome.goes_on()) {
    outcome =
        Phases::pick_endpoint(*this, context_.set->snapshot->backend_of(request.backend_ref->backend_index));
  }
  if (outcome.goes_on()) outcome = Phases::connect_or_reuse(*this);
  if (!outcome.goes_on()) return fail(outcome);

  if (plan_.request_timeout > Nanoseconds::zero()) {
    request_deadline_ = record_.received + plan_.request_timeout;
    arm_timer();
  }
  Phases::send(*this);
  relay_request();
}

// ---- Events ----------------------------------------------------------------------------------------------

void Exchange::on_downstream_readable() {
  relay_request();
}

void Exchange::on_downstream_writable() {
  relay_response();
  if (!is_over_ && !has_response_) read_response();  // an interim head may have blocked the way
}

void Exchange::on_downstream_closed(bool is_reset) {
  abandon(is_reset ? ResponseFlag::DR : ResponseFlag::DC);
}

void Exchange::on_idle() {
  fail({ResponseFlag::SI, static_cast<std::uint16_t>(downstream_.is_content_received() ? 504 : 408)});
}

void Exchange::on_upstream_connected() {
  record_.connected = context_.now;
  Phases::send(*this);
  relay_request();
}

void Exchange::on_upstream_readable() {
  if (!has_response_) return read_response();
  relay_response();
}

void Exchange::on_upstream_writable() {
  relay_request();
}

void Exchange::on_upstream_closed(StreamEnd end) {
  if (!upstream_->is_connected()) return fail({ResponseFlag::UF});
  if (is_response_received_) {  // whoever still has to get it; the endpoint has done its part
    end_try(false);
    drop_upstream();
    return relay_response();
  }
  on_upstream_broken(end == StreamEnd::reset ? ResponseFlag::UR : ResponseFlag::UC);
}

void Exchange::on_connect_timeout() {
  fail({ResponseFlag::UF});
}

void Exchange::on_timer(Timer& timer, Instant now) {
  auto& self = static_cast<Exchange&>(timer);
  self.context_.now = now;
  self.on_timer_due();
  self.downstream_.after_exchange_event();
}

void Exchange::on_timer_due() {
  if (context_.now >= std::min(request_deadline_, try_deadline_)) return fail({ResponseFlag::UT});
  if (context_.now >= memory_deadline_) {
    context_.telemetry.count(Counter::memory_waits_expired);
    return fail({ResponseFlag::OM});
  }
  resume_at_ = Instant::never();
  arm_timer();
  relay_request();
  if (is_over_) return;
  if (upstream_ != nullptr && is_head_sent_ && !has_response_) {
    read_response();
  } else {
    relay_response();
  }
  if (resume_at_.is_never()) on_memory_taken();  // nothing waits for memory any more
}

// ---- Request content -------------------------------------------------------------------------------------

void Exchange::relay_request() {
  if (upstream_ == nullptr || !is_head_sent_) return;
  upstream_->flush_rest();
  Bytes left = relay_bytes_per_event_max;
  Step step = Step::moved;
  while (!is_request_done_ && left > 0 && step == Step::moved) {
    const std::uint64_t before = record_.request_content_bytes;
    step = relay_request_step(left);
    left -= static_cast<Bytes>(record_.request_content_bytes - before);
  }
  if (step == Step::ended) return;
  upstream_->flush();
  if (!is_request_done_ && step != Step::idle) resume_at(context_.now);
}

Exchange::Step Exchange::relay_request_step(Bytes count_max) {
  if (request_content_.empty() && !downstream_.is_content_received()) {
    const Bytes room = upstream_->room();
    if (room == 0) return Step::idle;
    const http1::Received received = downstream_.receive_content(std::min(room, count_max), request_content_);
    const Bytes count = request_content_.size();
    if (received == http1::Received::invalid) {
      context_.telemetry.count(counter_of(downstream_.refusal()));
      fail({ResponseFlag::DPE, http1::status_of(downstream_.refusal())});
      return Step::ended;
    }
    if (received == http1::Received::truncated) {
      fail({ResponseFlag::DC});
      return Step::ended;
    }
    if (received == http1::Received::no_memory) wait_for_memory();
    if (count == 0 && received != http1::Received::complete) return Step::idle;
    record_.request_content_bytes += count;
    keep_for_replay(count);
    if (count > 0) downstream_.on_progress();
  }
  if (!request_content_.empty()) {
    if (!upstream_->send_content(request_content_, context_.memory)) {
      wait_for_memory();
      return Step::idle;
    }
    on_memory_taken();
    return Step::moved;
  }
  if (!upstream_->finish_content(context_.memory)) {
    wait_for_memory();
    return Step::idle;
  }
  is_request_done_ = true;
  return Step::done;
}

// Shares the first `count` bytes of request_content_, or gives up holding any.
void Exchange::keep_for_replay(Bytes count) {
  if (!holds_replay_ || count == 0) return;
  if (replay_.size() + count <= upstream::replay_bytes_max && request_content_.share(0, count, replay_))
    return;
  holds_replay_ = false;
  request_head_.clear();
  replay_.clear();
}

// ---- Response --------------------------------------------------------------------------------------------

void Exchange::read_response() {
  while (upstream_ != nullptr && is_head_sent_ && !has_response_) {
    // Heads are read only when the client takes them, or a server could pile up interim ones.
    if (!downstream_.flush()) return;
    ResponseHead& head = context_.scratch.response;
    const char* base = nullptr;
    const http1::HeadResult result = upstream_->read_response_head(head, base);
    switch (result) {
      case http1::HeadResult::incomplete:
        return;
      case http1::HeadResult::no_memory:
        return wait_for_memory();
      case http1::HeadResult::truncated:
        return on_upstream_broken(ResponseFlag::UC);
      case http1::HeadResult::invalid:
        return fail({ResponseFlag::UPE});
      case http1::HeadResult::interim:
        if (!downstream_.send_interim_head(base, head)) return wait_for_memory();
        context_.telemetry.count(Counter::responses_1xx);
        break;
      case http1::HeadResult::complete:
        const Outcome outcome = Phases::respond(*this, head, base);
        if (outcome.flag == ResponseFlag::OM) return wait_for_memory();
        if (!outcome.goes_on()) return fail(outcome);
        break;
    }
    upstream_->discard_head(head);
    on_memory_taken();
    downstream_.on_progress();
  }
  if (!has_response_) return;
  // What was kept for another try is of no use any more.
  holds_replay_ = false;
  request_head_.clear();
  replay_.clear();
  relay_response();
}

void Exchange::relay_response() {
  downstream_.flush_rest();
  if (!has_response_) return;
  Bytes left = relay_bytes_per_event_max;
  Step step = Step::moved;
  while (!is_response_done_ && left > 0 && step == Step::moved) {
    const std::uint64_t before = record_.response_content_bytes;
    step = relay_response_step(left);
    left -= static_cast<Bytes>(record_.response_content_bytes - before);
  }
  if (step == Step::ended) return;
  downstream_.flush();
  if (step == Step::idle) return;
  if (!is_response_done_) return resume_at(context_.now);
  finish_response();
}

Exchange::Step Exchange::relay_response_step(Bytes count_max) {
  if (!is_response_received_ && response_content_.empty()) {
    if (const Bytes count = downstream_.copy_rest_of(*upstream_); count > 0) {
      is_response_received_ = true;
      record_.response_content_bytes += count;
      downstream_.on_progress();
      return Step::moved;
    }
  }
  if (response_content_.empty() && !is_response_received_) {
    const Bytes room = downstream_.room();
    if (room == 0) return Step::idle;
    const http1::Received received = upstream_->receive_content(std::min(room, count_max), response_content_);
    const Bytes count = response_content_.size();
    if (received == http1::Received::invalid) {
      context_.telemetry.count(counter_of(upstream_->refusal()));
      fail({ResponseFlag::UPE});
      return Step::ended;
    }
    // What came before the end is not worth sending: the client is reset, and must not have it.
    if (received == http1::Received::truncated) {
      on_upstream_broken(ResponseFlag::UC);
      return Step::ended;
    }
    if (received == http1::Received::no_memory) wait_for_memory();
    is_response_received_ = received == http1::Received::complete;
    if (count == 0 && !is_response_received_) return Step::idle;
    record_.response_content_bytes += count;
    if (count > 0) downstream_.on_progress();
  }
  if (!response_content_.empty()) {
    if (!downstream_.send_content(response_content_, context_.memory)) {
      wait_for_memory();
      return Step::idle;
    }
    on_memory_taken();
    return Step::moved;
  }
  if (!downstream_.finish_content(context_.memory)) {
    wait_for_memory();
    return Step::idle;
  }
  is_response_done_ = true;
  return Step::done;
}

// The whole response is with the downstream codec, if not yet with its stream.
void Exchange::finish_response() {
  if (upstream_ != nullptr) {
    end_try(false);
    // An answer that came before the end of the request leaves a connection on which the rest is missing.
    if (is_request_done_ && upstream_->is_flushed()) {
      upstream_->release();
      upstream_ = nullptr;
    } else {
      drop_upstream();
    }
  }
  if (!downstream_.is_flushed()) return;
  finish(record_.flag, downstream_.skip_content() ? DownstreamFate::keep : DownstreamFate::close);
}

// ---- Endings ---------------------------------------------------------------------------------------------

void Exchange::begin_try() {
  ++record_.tries;
  record_.is_reused = upstream_->is_reused();
  is_try_open_ = true;
  context_.slots.begin_request(plan_.slot);
  context_.endpoint_stats.count_request(plan_.slot);
}

void Exchange::end_try(bool is_failure) {
  if (!is_try_open_) return;
  is_try_open_ = false;
  context_.slots.end_request(plan_.slot);
  if (is_failure && !has_response_) context_.endpoint_stats.count_failure(plan_.slot);
  if (!record_.response_started.is_never() && !record_.request_sent.is_never()) {
    const Nanoseconds latency = record_.response_started - record_.request_sent;
    context_.slots.record_latency(plan_.slot, static_cast<std::uint64_t>(latency.count()));
  }
}

// The connection to the endpoint ended before the response did.
void Exchange::on_upstream_broken(ResponseFlag flag) {
  if (has_response_) return fail({flag});
  const bool may_retry = upstream::may_retry({.method = method_,
                                              .is_first = record_.tries == 1,
                                              .was_reused = upstream_->is_reused(),
                                              .has_answer = upstream_->has_answer(),
                                              .is_unsent = upstream_->is_request_unsent(),
                                              .holds_all_taken = holds_replay_,
                                              .is_content_whole = downstream_.is_content_received()});
  if (!may_retry) {
    if (upstream_->is_reused()) context_.telemetry.count(Counter::retries_unsafe);
    return fail({flag});
  }
  drop_upstream();
  is_head_sent_ = false;
  is_request_done_ = false;
  try_deadline_ = Instant::never();
  request_content_.clear();  // what is in there was kept as well
  request_content_.append(std::move(replay_));
  const Outcome outcome = Phases::retry(*this);
  if (!outcome.goes_on()) fail(outcome);
}

void Exchange::fail(Outcome outcome) {
  drop_upstream();
  if (outcome.status == 0) outcome.status = status_of(outcome.flag);
  if (has_response_ || outcome.status == 0) return finish(outcome.flag, DownstreamFate::abort);
  answer(outcome);
}

void Exchange::answer(Outcome outcome) {
  record_.flag = outcome.flag;
  if (!downstream_.skip_content()) downstream_.forbid_reuse();
  if (!downstream_.send_local_response(outcome.status, outcome.flag)) {
    context_.telemetry.count(Counter::memory_aborts);
    return finish(outcome.flag, DownstreamFate::abort);
  }
  record_.status = outcome.status;
  has_response_ = true;
  is_response_received_ = true;
  is_response_done_ = true;
  try_deadline_ = request_deadline_ = resume_at_ = memory_deadline_ = Instant::never();
  arm_timer();
  finish_response();
}

void Exchange::abandon(ResponseFlag flag) {
  drop_upstream();
  finish(flag, DownstreamFate::abort);
}

void Exchange::drop_upstream() {
  if (upstream_ == nullptr) return;
  end_try(true);
  upstream_->abandon();
  upstream_ = nullptr;
}

void Exchange::finish(ResponseFlag flag, DownstreamFate fate) {
  BYWAY_ASSERT(!is_over_);
  record_.flag = flag;
  fate_ = fate;
  is_over_ = true;
  Phases::record(*this);
}

// ---- Timer -----------------------------------------------------------------------------------------------

void Exchange::resume_at(Instant when) {
  resume_at_ = when;
  arm_timer();
}

void Exchange::wait_for_memory() {
  context_.telemetry.count(Counter::memory_waits);
  if (memory_deadline_.is_never()) {
    memory_deadline_ = context_.now + memory_wait_total_max;
    memory_wait_ = memory_wait_first;
  } else if (resume_at_.is_never()) {
    memory_wait_ = std::min(2 * memory_wait_, memory_wait_longest);
  } else {
    return;  // some event came first: it is no reason to wait for longer
  }
  resume_at(std::min(context_.now + memory_wait_, memory_deadline_));
}

void Exchange::arm_timer() {
  context_.timers.arm(*this, std::min({request_deadline_, try_deadline_, resume_at_}));
}

}  // namespace byway::l7
