#include "tests/scripts/packets/runner.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace byway::scripts {

namespace {

/// The stack's timers run out in steps of 65.536 us, never early (dataplane/timer_wheel.h). So what a timer
/// causes may be so much later than written. Nothing else takes time.
constexpr std::int64_t late_max_us = 66;
/// usleep takes 32 bits; a keepalive waits for hours.
constexpr std::int64_t sleep_max_us = 1'000'000'000;
/// What the script does at one time is so far apart, so that a packet's time tells which step it follows.
constexpr std::int64_t step_us = 1;
constexpr std::uint16_t service_port = 8080;
/// Where the peer's numbers begin: just before they wrap, which every script shows with its first octets.
constexpr std::uint32_t peer_start = 0xffff'fff0;
constexpr std::uint16_t flood_port_first = 50'000;
constexpr std::size_t packet_bytes_max = 65'536;

std::string seconds(std::int64_t us) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6f", static_cast<double>(us) / 1e6);
  return text.data();
}

}  // namespace

Runner::Runner(Interface& table, Family family) : table_(table), family_(family), calls_(table, family) {
  timeval now{};
  table_.gettimeofday(table_.userdata, &now, nullptr);
  start_us_ = now.tv_sec * 1'000'000 + now.tv_usec;
}

Runner::~Runner() {
  is_ending_ = true;
  table_.free(table_.userdata);  // a call that still blocks ends with it
}

std::string Runner::run(const Script& script) {
  std::string wrong;
  for (const Step& step : script.steps) {
    wrong = run_step(step);
    if (!wrong.empty()) {
      wrong = step.where + ": " + step.text + "\n    " + wrong;
      break;
    }
  }
  if (wrong.empty()) wrong = check_call(true);
  if (wrong.empty()) wrong = check_silence();
  if (wrong.empty()) return {};
  for (const std::string& packet : packets_) wrong += "\n      " + packet;
  return wrong;
}

std::string Runner::run_step(const Step& step) {
  const std::int64_t when = step.time.us + (step.time.is_relative ? now_us_ : 0);
  if (when < now_us_) return "time does not go back: it is " + seconds(now_us_);
  std::string wrong;
  if (step.kind == StepKind::expect) {
    wrong = expect(step);
    return wrong.empty() ? check_call(false) : wrong;
  }
  sleep_until(when);
  if (acted_us_ == now_us_) sleep_until(now_us_ + step_us);
  acted_us_ = now_us_;
  wrong = check_call(step.kind == StepKind::call);
  if (!wrong.empty()) return wrong;
  switch (step.kind) {
    case StepKind::call:
      return run_call(step);
    case StepKind::inject:
      inject(step);
      return check_call(false);
    case StepKind::router:
      inject_error(step);
      return check_call(false);
    case StepKind::forget:
      flows_.erase(step.packet.peer_port);
      return {};
    case StepKind::flood:
      return flood(step.count);
    case StepKind::expect:
      break;
  }
  return {};
}

void Runner::sleep_until(std::int64_t us) {
  while (now_us_ < us) {
    const std::int64_t time = std::min(us - now_us_, sleep_max_us);
    table_.usleep(table_.userdata, static_cast<useconds_t>(time));
    now_us_ += time;
  }
}

// ---- Calls -----------------------------------------------------------------------------------------------

std::string Runner::run_call(const Step& step) {
  call_ = &step;
  call_end_us_ = now_us_;
  if (step.end) call_end_us_ = step.end->us + (step.end->is_relative ? now_us_ : 0);
  thread_.start([this, &step] {
    result_ = calls_.run(step.words, step.result);
    if (is_ending_) return;
    timeval now{};
    table_.gettimeofday(table_.userdata, &now, nullptr);
    ended_us_ = now.tv_sec * 1'000'000 + now.tv_usec - start_us_;
  });
  return check_call(!step.end);
}

/// Looks at the call that runs, or has ended since.
std::string Runner::check_call(bool must_have_ended) {
  if (call_ == nullptr) return {};
  const Step& step = *call_;
  if (thread_.is_running()) {
    const bool is_due = must_have_ended || now_us_ > call_end_us_ + late_max_us;
    if (!is_due) return {};
    if (!thread_.finish()) {
      call_ = nullptr;
      return step.where + ": " + step.text + ": it blocks";
    }
  }
  call_ = nullptr;
  if (result_ != step.result) return step.where + ": " + step.text + ": the result is " + result_;
  if (ended_us_ < call_end_us_ || ended_us_ > call_end_us_ + late_max_us) {
    return step.where + ": " + step.text + ": it ended at " + seconds(ended_us_);
  }
  return {};
}

// ---- Packets ---------------------------------------------------------------------------------------------

Flow& Runner::flow_of(std::uint16_t peer_port) {
  const auto [place, is_new] = flows_.try_emplace(peer_port);
  if (is_new) {
    place->second.peer_port = peer_port;
    place->second.own_port = service_port;
    place->second.peer_start = peer_start;
  }
  return place->second;
}

void Runner::inject(const Step& step) {
  const Flow& flow = flow_of(step.packet.peer_port);
  const Packet packet = make(step.packet, flow);
  note(now_us_, Sender::peer, packet, flow);
  const std::vector<std::uint8_t> bytes = bytes_of(packet, family_);
  table_.netdev_send(table_.userdata, bytes.data(), bytes.size());
}

/// A router tells of a segment of ours.
void Runner::inject_error(const Step& step) {
  const Flow& flow = flow_of(step.packet.peer_port);
  Packet segment;
  segment.source_port = flow.own_port;
  segment.target_port = flow.peer_port;
  segment.seq = flow.own_start + static_cast<std::uint32_t>(step.packet.seq);
  packets_.push_back(seconds(now_us_) + step.text.substr(step.text.find(" < ")));
  const std::vector<std::uint8_t> bytes = error_bytes_of(step.error, step.mtu, segment, family_);
  table_.netdev_send(table_.userdata, bytes.data(), bytes.size());
}

bool Runner::receive(std::int64_t& when, Packet& packet, std::string& wrong) {
  std::vector<std::uint8_t> bytes(packet_bytes_max);
  std::size_t count = bytes.size();
  long long time_us = 0;
  if (table_.netdev_receive(table_.userdata, bytes.data(), &count, &time_us) != 0) {
    wrong = "netdev_receive failed";
    return false;
  }
  if (count == 0) {
    wrong = "no packet leaves";
    return false;
  }
  when = time_us - start_us_;
  const auto found = packet_of(std::span(bytes).first(count), family_, wrong);
  if (!found) return false;
  packet = *found;
  Flow& flow = flow_of(packet.target_port);
  learn(flow, packet, when);
  note(when, Sender::own, packet, flow);
  return true;
}

/// What only the first packets say: where our numbers begin, our clock, the port that we connect from.
void Runner::learn(Flow& flow, const Packet& packet, std::int64_t when) {
  if ((packet.flags & flag_syn) != 0) {
    if ((packet.flags & flag_ack) == 0) flow.own_port = packet.source_port;
    if (!flow.is_known) flow.own_start = packet.seq;
    flow.is_known = true;
  }
  for (const Option& option : packet.options) {
    if (option.kind != OptionKind::timestamps || flow.has_clock) continue;
    flow.clock_start = option.numbers[0] - static_cast<std::uint32_t>(when / 1000);
    flow.has_clock = true;
  }
}

std::string Runner::expect(const Step& step) {
  const std::int64_t wanted_us = step.time.us + (step.time.is_relative ? now_us_ : 0);
  std::int64_t when = 0;
  Packet packet;
  std::string wrong;
  if (!receive(when, packet, wrong)) return wrong;
  now_us_ = std::max(now_us_, when);
  const Flow& flow = flow_of(packet.target_port);
  wrong = difference(step.packet, packet, flow);
  if (!wrong.empty()) return "differs in: " + wrong + "\n    " + write(packet, flow, Sender::own);
  if (when < acted_us_) return "it left before the step above";
  if (when < wanted_us || when > wanted_us + late_max_us) return "it left at " + seconds(when);
  return {};
}

/// SYNs of peers that will not be heard of again. Each gets its answer, which is looked at no further.
std::string Runner::flood(std::uint16_t count) {
  for (std::uint16_t i = 0; i < count; ++i) {
    Step syn;
    syn.packet.peer_port = static_cast<std::uint16_t>(flood_port_first + i);
    syn.packet.flags = flag_syn;
    inject(syn);
    std::int64_t when = 0;
    Packet packet;
    std::string wrong;
    if (!receive(when, packet, wrong)) return wrong;
    if (packet.target_port != syn.packet.peer_port || packet.flags != (flag_syn | flag_ack) ||
        when > now_us_) {
      return "a SYN of the flood was not answered by a SYN-ACK";
    }
    packets_.resize(packets_.size() - 2);
  }
  return {};
}

/// Nothing may have left that no line has named.
std::string Runner::check_silence() {
  std::int64_t when = 0;
  Packet packet;
  std::string wrong;
  const std::int64_t end = now_us_;
  if (!receive(when, packet, wrong) || when > end) return {};
  return "at the end: one packet more than is written";
}

void Runner::note(std::int64_t when, Sender sender, const Packet& packet, const Flow& flow) {
  packets_.push_back(seconds(when) + (sender == Sender::peer ? " < " : " > ") + write(packet, flow, sender));
}

}  // namespace byway::scripts
