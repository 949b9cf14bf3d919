#include "l7/phases.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "dataplane/net/address_text.h"
#include "l7/exchange.h"
#include "l7/filters/headers.h"
#include "l7/routing/router.h"
#include "l7/upstream/retry.h"

namespace byway::l7 {
namespace {

constexpr std::string_view client_scheme = "http";

shm::IpAddress to_shm(const net::IpAddress& address) {
  shm::IpAddress out;
  std::ranges::copy(address.bytes, out.bytes);
  return out;
}

net::SocketAddress address_of(const shm::Endpoint& endpoint) {
  net::SocketAddress out;
  std::ranges::copy(endpoint.address.bytes, out.ip.bytes.begin());
  out.tcp_port = endpoint.tcp_port;
  return out;
}

// How the router asks for fields (routing::HeaderLookup): any name, in lower case, in the order of the head.
bool find_field(const void* opaque, std::string_view name, std::uint32_t occurrence,
                std::string_view& value) {
  const auto& request = *static_cast<const Request*>(opaque);
  const FieldName id = recognise_field_name(name);
  if (id != FieldName::other && !request.head.has(id)) return false;
  for (std::size_t i = 0; i < request.head.field_count; ++i) {
    const Field& field = request.head.fields[i];
    if (field.id != id) continue;
    if (id == FieldName::other && !equals_ignoring_case(field.name.in(request.base), name)) continue;
    if (occurrence-- == 0) {
      value = field.value.in(request.base);
      return true;
    }
  }
  return false;
}

routing::RequestView view_of(const Request& request) {
  const RequestHead& head = request.head;
  const bool is_bare_absolute = head.target_form == TargetForm::absolute && head.path.is_empty();
  return {.authority = head.authority.in(request.base),
          .method = head.method_text.in(request.base),
          .path = is_bare_absolute ? std::string_view("/") : head.path.in(request.base),
          .query = head.query.in(request.base),
          .headers = {.head = &request, .find = &find_field}};
}

// The parser has applied the limits that no listener may exceed; these are the listener's own.
Outcome check_limits(const shm::ListenerLimits& limits, const RequestHead& head) {
  const std::uint32_t line_bytes = head.target.end() + static_cast<std::uint32_t>(sizeof(" HTTP/1.1") - 1);
  if (line_bytes - head.method_text.offset > limits.request_line_bytes) return {ResponseFlag::DPE, 414};
  if (head.field_count > limits.header_fields || head.bytes > limits.head_bytes) {
    return {ResponseFlag::DPE, 431};
  }
  return {};
}

bool is_trusted(const shm::PolicyView& policy, const shm::Listener& listener, const net::IpAddress& peer) {
  const shm::IpAddress address = to_shm(peer);
  return std::ranges::any_of(policy.trusted_proxies(listener),
                             [&](const shm::Cidr& block) { return block.contains(address); });
}

constexpr std::uint16_t http_port = 80;

/// An address and TCP port as Host says them; brackets around IPv6, and the port of HTTP left out.
constexpr std::size_t authority_text_max = net::address_text_max + sizeof("[]:65535") - 1;
std::string_view write_authority(const net::SocketAddress& address,
                                 std::array<char, authority_text_max>& out) {
  char* at = out.data();
  if (!address.ip.is_v4()) *at++ = '[';
  at += net::write_address(address.ip, at);
  if (!address.ip.is_v4()) *at++ = ']';
  if (address.tcp_port != http_port) {
    *at++ = ':';
    at = std::to_chars(at, out.data() + out.size(), address.tcp_port).ptr;
  }
  return {out.data(), at};
}

Nanoseconds nanoseconds(std::uint64_t count) {
  return Nanoseconds(static_cast<std::int64_t>(count));
}

}  // namespace

// ---- route -----------------------------------------------------------------------------------------------

Outcome Phases::route(Exchange& x, Request& request) {
  const shm::LiveSet* set = x.context_.set;
  if (set == nullptr) return {ResponseFlag::NR};
  const shm::PolicyView& policy = set->snapshot->policy();
  x.record_.generation = set->generation;

  const net::SocketAddress local = x.downstream_.stream().local_address();
  const bool is_own =
      std::ranges::find(x.context_.node_addresses, local.ip) != x.context_.node_addresses.end();
  const std::uint32_t group = policy.find_group(to_shm(local.ip), local.tcp_port, is_own);
  if (group == shm::no_index) return {ResponseFlag::NR};

  const routing::RouteResult result = routing::route(policy, group, view_of(request));
  if (result.listener_index != shm::no_index) {
    request.listener = &policy.listeners()[result.listener_index];
    const shm::ListenerLimits& limits = request.listener->limits;
    x.plan_.connect_timeout = nanoseconds(limits.connect_timeout_ns);
    x.downstream_.set_idle_timeout(nanoseconds(limits.idle_timeout_ns));
    if (const Outcome outcome = check_limits(limits, request.head); !outcome.goes_on()) return outcome;
  }
  if (result.verdict != routing::RouteVerdict::found) return {ResponseFlag::NR};

  request.rule = &policy.rules()[result.rule_index];
  x.plan_.request_timeout = nanoseconds(request.rule->request_timeout_ns);
  x.plan_.backend_request_timeout = nanoseconds(request.rule->backend_request_timeout_ns);
  x.record_.rule_id = request.rule->id;

  const auto random = static_cast<std::uint32_t>(x.context_.random.next());
  const std::uint32_t ref_index = routing::choose_backend(policy, *request.rule, random);
  if (ref_index == shm::no_index) return {ResponseFlag::NC};
  request.backend_ref = &policy.backend_refs(*request.rule)[ref_index];
  x.plan_.backend_id = policy.backends()[request.backend_ref->backend_index].id;
  x.record_.backend_id = x.plan_.backend_id;
  if ((request.backend_ref->flags & shm::backend_ref_invalid) != 0) return {ResponseFlag::NC};
  return {};
}

// ---- rewrite ---------------------------------------------------------------------------------------------

Outcome Phases::rewrite(Exchange& x, const Request& request) {
  const shm::PolicyView& policy = x.context_.set->snapshot->policy();
  HeadScratch& scratch = x.context_.scratch;
  const net::IpAddress peer = x.downstream_.stream().remote_address().ip;
  std::array<char, net::address_text_max> peer_text;
  const std::size_t peer_text_size = net::write_address(peer, peer_text.data());

  // HTTP/1.0 may name no host; then the request is for the address that it was sent to (RFC 9112 3.3). Many
  // servers refuse the empty Host that would be left of it.
  std::array<char, authority_text_max> own_text;
  std::string_view authority;
  if (request.head.authority.is_empty())
    authority = write_authority(x.downstream_.stream().local_address(), own_text);

  const http1::RequestEdits edits{
      .fields = filters::request_edits(policy, *request.rule, *request.backend_ref,
                                       {scratch.edits.get(), request_edits_max}),
      .authority = authority,
      .client_address = {peer_text.data(), peer_text_size},
      .client_scheme = client_scheme,
      .client_is_trusted = is_trusted(policy, *request.listener, peer),
  };
  const http1::HeadWritten written = http1::append_head(
      x.request_head_, request.head.bytes, {scratch.generated.get(), generated_head_bytes_max},
      x.context_.memory,
      [&](std::span<char> out) { return http1::write_request(out, request.base, request.head, edits); });
  if (written == http1::HeadWritten::too_long) return {ResponseFlag::DPE, 431};
  if (written == http1::HeadWritten::no_memory) return {ResponseFlag::OM};
  x.request_framing_ = http1::framing_for(request.head);
  return {};
}

// ---- pick endpoint ---------------------------------------------------------------------------------------

// `backend_index`: in the endpoints blob of the current set.
Outcome Phases::pick_endpoint(Exchange& x, std::uint32_t backend_index) {
  if (backend_index == shm::no_index) return {ResponseFlag::UH};
  const shm::LiveSet& set = *x.context_.set;
  const shm::EndpointsView& view = set.snapshot->endpoints();
  const shm::Backend& backend = view.backends()[backend_index];
  if (backend.endpoints.is_empty()) return {ResponseFlag::UH};
  const std::span<const shm::Endpoint> endpoints = view.endpoints(backend);
  const std::uint32_t chosen = x.context_.balancer.pick(
      {.backend = backend,
       .endpoints = endpoints,
       .slots = set.slots.subspan(backend.endpoints.first, backend.endpoints.count()),
       .generation = set.generation},
      x.context_.random);
  x.plan_.endpoint_id = endpoints[chosen].id;
  x.plan_.endpoint_address = address_of(endpoints[chosen]);
  x.plan_.slot = set.slots[backend.endpoints.first + chosen];
  x.record_.endpoint_id = x.plan_.endpoint_id;
  return {};
}

// ---- connect or reuse ------------------------------------------------------------------------------------

Outcome Phases::connect_or_reuse(Exchange& x) {
  x.upstream_ = http1::ClientCodec::reuse(x.context_, x.plan_.endpoint_id, x);
  if (x.upstream_ == nullptr) return connect(x);
  x.begin_try();
  x.record_.connected = x.context_.now;
  return {};
}

Outcome Phases::connect(Exchange& x) {
  x.upstream_ = http1::ClientCodec::connect(x.context_, x.plan_.endpoint_id, x.plan_.endpoint_address,
                                            x.plan_.connect_timeout, x);
  if (x.upstream_ == nullptr) {
    x.context_.telemetry.count(Counter::upstream_refused_full);
    return {ResponseFlag::UO};
  }
  x.begin_try();
  return {};
}

// ---- send ------------------------------------------------------------------------------------------------

// Does nothing until the connection is there; content follows by Exchange::relay_request.
void Phases::send(Exchange& x) {
  if (!x.upstream_->is_connected()) return;
  Rope head(x.context_.memory.slices);
  // Only a request on a kept connection may have to be sent again; where there is no memory to
  // keep its bytes, it loses that chance.
  x.holds_replay_ = x.upstream_->is_reused() && x.request_head_.share(0, x.request_head_.size(), head);
  if (!x.holds_replay_) head.append(std::move(x.request_head_));
  x.upstream_->send_request_head(head, x.request_framing_, x.method_);
  x.is_head_sent_ = true;
  x.record_.request_sent = x.context_.now;
  if (x.plan_.backend_request_timeout > Nanoseconds::zero()) {
    x.try_deadline_ = x.context_.now + x.plan_.backend_request_timeout;
    x.arm_timer();
  }
}

// ---- retry -----------------------------------------------------------------------------------------------

// The set may be another one by now: the backend is found again by its stable id.
Outcome Phases::retry(Exchange& x) {
  x.context_.telemetry.count(Counter::retries);
  const std::uint32_t backend_index = x.context_.set->snapshot->endpoints().find_backend(x.plan_.backend_id);
  Outcome outcome = pick_endpoint(x, backend_index);
  if (outcome.goes_on()) outcome = connect(x);
  return outcome;
}

// ---- respond ---------------------------------------------------------------------------------------------

Outcome Phases::respond(Exchange& x, const ResponseHead& head, const char* base) {
  const http1::HeadWritten written = x.downstream_.send_response_head(base, head);
  if (written == http1::HeadWritten::too_long) return {ResponseFlag::UPE};
  if (written == http1::HeadWritten::no_memory) return {ResponseFlag::OM};
  x.has_response_ = true;
  x.record_.status = head.status;
  x.record_.response_started = x.context_.now;
  if (!x.record_.request_sent.is_never()) {
    const Nanoseconds latency = x.context_.now - x.record_.request_sent;
    x.context_.telemetry.observe(Histogram::upstream_first_byte_duration, latency);
    x.context_.endpoint_stats.count_response(x.plan_.slot, head.status,
                                             static_cast<std::uint64_t>(latency.count()));
  }
  return {};
}

// ---- record ----------------------------------------------------------------------------------------------

void Phases::record(Exchange& x) {
  x.record_.ended = x.context_.now;
  account(x.context_, x.record_);
}

void account(WorkerContext& context, const ExchangeRecord& record) {
  const Telemetry& telemetry = context.telemetry;
  telemetry.count(counter_of(record.flag));
  telemetry.count(Counter::request_body_bytes, record.request_content_bytes);
  telemetry.count(Counter::response_body_bytes, record.response_content_bytes);
  telemetry.observe(Histogram::request_duration, record.ended - record.received);
  constexpr std::array by_class{Counter::responses_2xx, Counter::responses_3xx, Counter::responses_4xx,
                                Counter::responses_5xx};
  if (record.status >= 200 && record.status < 600) telemetry.count(by_class[record.status / 100 - 2]);
  if (context.records != nullptr) context.records->on_record(record);
}

}  // namespace byway::l7
