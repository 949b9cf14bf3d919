#include "tests/sim/network.h"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace byway::sim {

namespace {

template <typename T>
void push(std::vector<T>& heap, T element) {
  heap.push_back(std::move(element));
  std::push_heap(heap.begin(), heap.end(), std::greater<>());
}

template <typename T>
T pop(std::vector<T>& heap) {
  std::pop_heap(heap.begin(), heap.end(), std::greater<>());
  T element = std::move(heap.back());
  heap.pop_back();
  return element;
}

}  // namespace

Network::Network(std::uint64_t seed, Instant start) : random_(seed), start_(start), now_(start) {}

Network::~Network() = default;

Host& Network::add_host(const net::IpAddress& address, const HostOptions& options) {
  auto host = std::make_unique<Host>(*this, address, options);
  Host& added = *host;
  add_node(std::move(host));
  return added;
}

void Network::add_node(std::unique_ptr<Node> node) {
  nodes_.push_back(std::move(node));
}

Node* Network::find(const net::IpAddress& address) const {
  for (const auto& node : nodes_) {
    if (node->address() == address) return node.get();
  }
  return nullptr;
}

void Network::set_link(const LinkOptions& options) {
  link_options_ = options;
  for (auto& [ends, link] : links_) link.set_options(options);
}

void Network::set_link(const Node& source, const Node& target, const LinkOptions& options) {
  link(source, target).set_options(options);
}

Link& Network::link(const Node& source, const Node& target) {
  const auto found = links_.find({&source, &target});
  if (found != links_.end()) return found->second;
  // Seeded by its ends, not by when it was first used.
  const auto number = [](const Node& node) { return std::uint64_t{node.address().v4().value}; };
  Random seed(Random(random_).next() ^ number(source) << 32 ^ number(target));
  Link& made = links_.try_emplace({&source, &target}, Link(seed.fork())).first->second;
  made.set_options(link_options_);
  return made;
}

void Network::at(Instant when, std::function<void()> action) {
  push(actions_, Action{std::max(when, now_), order_++, std::move(action)});
}

Instant Network::next_event() const {
  Instant next = Instant::never();
  if (!arrivals_.empty()) next = std::min(next, arrivals_.front().when);
  if (!actions_.empty()) next = std::min(next, actions_.front().when);
  for (const auto& node : nodes_) next = std::min(next, node->next_due());
  return next;
}

bool Network::step(Instant limit) {
  const Instant next = next_event();
  if (next > limit || next.is_never()) {
    now_ = std::max(now_, limit.is_never() ? now_ : limit);
    return false;
  }
  now_ = std::max(now_, next);
  deliver_due();
  bool had_action = false;
  while (!actions_.empty() && actions_.front().when <= now_) {
    pop(actions_).content();
    had_action = true;
  }
  for (const auto& node : nodes_) node->run_round(had_action, now_);
  return true;
}

bool Network::run_until(Instant limit, const std::function<bool()>& done) {
  while (!done()) {
    if (!step(limit)) return done();
  }
  return true;
}

void Network::deliver_due() {
  while (!arrivals_.empty() && arrivals_.front().when <= now_) deliver(pop(arrivals_).content);
}

void Network::deliver(const Transit& transit) {
  PacketView view;
  if (!parse_packet(transit.packet, view)) {
    if (trace_) print("damaged", transit.packet);
    return;
  }
  Node* node = find(transit.is_error ? view.source : view.target);
  if (node == nullptr) return;
  if (trace_) print(transit.is_error ? "ICMP" : "->", transit.packet);
  if (transit.is_error)
    node->on_packet_too_big(view, transit.mtu, now_);
  else
    node->on_packet(view, now_);
}

void Network::arrive(Instant when, Transit transit) {
  push(arrivals_, Arrival{when, order_++, std::move(transit)});
}

void Network::send(Node& source, const net::IpAddress& target, Packet packet) {
  ++packets_sent_;
  add_to_digest(packet);
  const Node* to = find(target);
  if (to == nullptr) {
    if (trace_) print("no host", packet);
    return;
  }
  Link& link = this->link(source, *to);
  const Passage passage = link.pass(packet, now_);
  if (trace_) print(passage.marked ? "marked" : name_of(passage.fate), packet);
  if (passage.fate != Fate::passes) {
    ++packets_lost_;
    if (passage.fate == Fate::too_big && link.options().tells_too_big) {
      arrive(now_ + 2 * link.options().delay, {std::move(packet), true, link.options().mtu});
    }
    return;
  }
  for (std::uint8_t i = 0; i < passage.copies; ++i) {
    Packet copy = i + 1 < passage.copies ? packet : std::move(packet);
    if (passage.flipped_bits[i] != Passage::no_bit) flip_bit(copy, passage.flipped_bits[i]);
    arrive(passage.arrivals[i], {std::move(copy), false});
  }
}

void Network::add_to_digest(const Packet& packet) {
  constexpr std::uint64_t prime = 0x100000001b3;  // FNV-1a
  digest_ = (digest_ ^ static_cast<std::uint64_t>(now_.ns)) * prime;
  for (const std::uint8_t octet : packet) digest_ = (digest_ ^ octet) * prime;
}

void Network::note(const std::string& line) const {
  if (!trace_) return;
  std::printf("%12.6f %s\n", static_cast<double>((now_ - start_).count()) / 1e9, line.c_str());
}

void Network::print(const char* verdict, const Packet& packet) const {
  std::printf("%12.6f %-12s %s\n", static_cast<double>((now_ - start_).count()) / 1e9, verdict,
              printer_.line(packet).c_str());
}

}  // namespace byway::sim
