#include "tests/sim/tcp_traffic.h"

#include <algorithm>
#include <utility>

namespace byway::sim {

namespace {

/// A host without a free socket tries again after this time.
constexpr Nanoseconds connect_retry = 200ms;
constexpr Nanoseconds long_pause_max = 20s;
/// A reader that pauses takes up to so much at a time, or the largest transfer might take half an hour.
constexpr std::uint64_t slow_read_min = 64;

std::uint64_t random_size(std::uint64_t bytes_max, Random& random) {
  switch (random.below(4)) {
    case 0:
      return random.below(3);
    case 1:
      return random.below(std::min<std::uint64_t>(bytes_max, 3000));
    default:
      return random.below(bytes_max);
  }
}

EndpointPlan random_plan(std::uint64_t bytes_max, Random& random) {
  EndpointPlan plan;
  plan.key = random.next();
  plan.bytes_to_send = random_size(bytes_max, random);
  plan.write_max = random.chance(0.2) ? random.between(1, 100) : random.between(100, 30'000);
  plan.read_max = random.chance(0.2) ? random.between(1, 2'000) : 100'000;
  if (random.chance(0.3)) {
    plan.read_pause = random.duration(100ms);
    plan.read_max = std::max(plan.read_max, slow_read_min);
  }
  if (random.chance(0.1)) {
    plan.pause_at = random.between(1, 20'000);
    plan.long_pause = random.duration(long_pause_max);
  }
  plan.finish_before_reading = random.chance(0.5);
  if (random.chance(0.1)) plan.abort_after = random.between(1, 50'000);
  return plan;
}

}  // namespace

PairPlan random_pair_plan(std::uint64_t bytes_max, Random& random) {
  PairPlan plan{random_plan(bytes_max, random), random_plan(bytes_max, random)};
  // One side has to finish first.
  if (!plan.server.finish_before_reading) plan.client.finish_before_reading = true;
  for (const auto& [side, other] :
       {std::pair{&plan.client, &plan.server}, std::pair{&plan.server, &plan.client}}) {
    side->peer_key = other->key;
    side->bytes_to_expect = other->bytes_to_send;
    side->lets_go = side->bytes_to_expect == 0 && random.chance(0.3);
  }
  // Who reads no bytes needs not read the end either, but the other one must not wait for it in vain.
  if (plan.client.lets_go) plan.server.lets_go = false;
  return plan;
}

// ---- Traffic ---------------------------------------------------------------------------------------------

void Traffic::Listener::on_accept(Stream& stream) {
  const auto found = expected_.find(stream.remote_address());
  if (found == expected_.end() || found->second->is_over()) {  // given up meanwhile
    stream.abort();
    return;
  }
  Endpoint& endpoint = *found->second;
  expected_.erase(found);
  endpoint.start(stream);
  endpoint.on_connected(stream);
}

bool Traffic::listen(Host& host) {
  return host.listen({net::IpAddress{}, service_port}, listeners_[&host]);
}

void Traffic::plan(Host& client, Host& server, const PairPlan& plan, Instant when, Random& random) {
  Random client_random = random.fork();
  Pair& pair =
      *pairs_.emplace_back(std::make_unique<Pair>(Endpoint(network_, client, plan.client, client_random),
                                                  Endpoint(network_, server, plan.server, random.fork())));
  Listener& listener = listeners_.at(&server);
  network_.at(when, [this, &client, &server, &listener, &pair] {
    connect(client, server.address(), listener, pair);
  });
}

void Traffic::connect(Host& client, const net::IpAddress& server, Listener& listener, Pair& pair) {
  Stream* stream = client.stack.connect({server, service_port}, pair.client);
  if (stream == nullptr) {
    network_.at(network_.now() + connect_retry,
                [this, &client, server, &listener, &pair] { connect(client, server, listener, pair); });
    return;
  }
  listener.expect(stream->local_address(), pair.server);
  pair.client.start(*stream);
}

void Traffic::keep_moving(Nanoseconds pause_max, Random random) {
  const Nanoseconds pause = random.duration(pause_max);
  network_.at(network_.now() + pause, [this, pause_max, random]() mutable {
    if (is_over()) return;
    // Of those that are not known to be over.
    Pair& pair = *pairs_[random.between(over_, pairs_.size() - 1)];
    (random.chance(0.5) ? pair.client : pair.server).move();
    keep_moving(pause_max, random);
  });
}

bool Traffic::is_over() {
  for (; over_ < pairs_.size(); ++over_) {
    Pair& pair = *pairs_[over_];
    if (!pair.client.is_over()) return false;
    const bool is_orderly = pair.client.end() == StreamEnd::finished && !pair.client.was_aborted();
    // Who let go early may have ended without the other one's ever having heard of it.
    if (!pair.server.has_started() && (!is_orderly || pair.client.has_left())) pair.server.give_up();
    if (!pair.server.is_over()) return false;
  }
  return true;
}

std::string Traffic::judge(const Excuses& excuses) const {
  std::size_t number = 0;
  for (const auto& at : pairs_) {
    const Pair& pair = *at;
    ++number;
    const auto tell = [number](const char* side, const std::string& what) {
      return "connection " + std::to_string(number) + ", " + side + ": " + what;
    };
    const bool aborted = pair.client.was_aborted() || pair.server.was_aborted();
    for (const auto& [side, endpoint] :
         {std::pair{"client", &pair.client}, std::pair{"server", &pair.server}}) {
      if (!endpoint->error().empty()) return tell(side, endpoint->error());
      if (aborted || excuses.short_memory) continue;
      if (excuses.lost_handshakes && !pair.server.has_started()) continue;
      const bool has_all = endpoint->saw_finish() && endpoint->end() == StreamEnd::reset;
      if (excuses.short_time_wait && has_all) continue;
      if (endpoint->end() != StreamEnd::finished) {
        return tell(side, "ended: " + std::string(name_of(endpoint->end())));
      }
      if (!endpoint->saw_finish()) return tell(side, "ended without the peer's finish");
    }
  }
  return {};
}

}  // namespace byway::sim
