#include "benchmarks/goodput/transfer.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <stdexcept>
#include <vector>

#include "benchmarks/goodput/byway_end.h"
#include "benchmarks/goodput/linux_end.h"

namespace byway::goodput {

namespace {

const net::IpAddress sender_address = net::IpAddress::from_v4({0x0a000001});
const net::IpAddress receiver_address = net::IpAddress::from_v4({0x0a000002});
/// SYNs are lost too, and sent again after a second each.
constexpr Nanoseconds patience = 30s;
constexpr Nanoseconds late = 1ms;

Instant now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return Instant{time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec};
}

/// Two ends and what is between them.
class Path {
 public:
  Path(Setting setting, const TransferOptions& options)
      : forth_(options.link), back_(without_loss(options.link, options.loses_acks)) {
    const bool has_byway_sender = setting == Setting::byway_to_linux;
    const bool has_byway_receiver = setting == Setting::linux_to_byway;
    sender_ = make_end(has_byway_sender, sender_address, receiver_address);
    receiver_ = make_end(has_byway_receiver, receiver_address, sender_address);
    receiver_->begin_receiving();
    sender_->begin_sending(receiver_address);
  }

  /// One round of all that is due, and the wait for the next; returns when that began.
  Instant run_round() {
    const Instant begin = now();
    if (!due_.is_never() && begin > due_ + late) ++late_rounds_;
    ++rounds_;
    move(forth_, *receiver_, begin);
    move(back_, *sender_, begin);
    take(*sender_, forth_, begin);
    take(*receiver_, back_, begin);
    wait();
    return begin;
  }
  [[nodiscard]] std::uint64_t bytes_received() const { return receiver_->bytes_received(); }

  [[nodiscard]] TransferResult result(std::uint64_t bytes, Nanoseconds time) const {
    TransferResult result;
    result.megabits = static_cast<double>(bytes) * 8 * 1e3 / static_cast<double>(time.count());
    result.late_share = static_cast<double>(late_rounds_) / static_cast<double>(rounds_);
    result.sender = sender_->describe();
    result.lost = forth_.lost();
    result.overflowed = forth_.overflowed();
    return result;
  }

 private:
  static LinkOptions without_loss(LinkOptions link, bool loses) {
    link.seed = ~link.seed;  // others than those of the data
    if (!loses) link.loss = 0;
    return link;
  }

  static std::unique_ptr<End> make_end(bool is_byway, const net::IpAddress& address,
                                       const net::IpAddress& peer) {
    if (is_byway) return std::make_unique<BywayEnd>(address, now());
    return std::make_unique<LinuxEnd>(address, peer);
  }

  static void move(LossyLink& link, End& to, Instant when) {
    sim::Packet packet;
    while (link.receive(packet, when)) to.on_packet(packet, when);
  }

  static void take(End& from, LossyLink& link, Instant when) {
    from.run(when);
    sim::Packet packet;
    while (from.next_packet(packet, when)) link.send(std::move(packet), when);
  }

  void wait() {
    due_ = std::min({forth_.next_due(), back_.next_due(), sender_->next_due(), receiver_->next_due()});
    descriptors_.clear();
    sender_->add_descriptors(descriptors_);
    receiver_->add_descriptors(descriptors_);
    // Without anything due, it is a descriptor that wakes us, or the measurement's end.
    const std::int64_t longest = Nanoseconds(100ms).count();
    const Instant begin = now();
    const std::int64_t left =
        due_.is_never() ? longest : std::clamp<std::int64_t>((due_ - begin).count(), 0, longest);
    const timespec time{0, left};
    const int ready = ::ppoll(descriptors_.data(), descriptors_.size(), &time, nullptr);
    if (ready != 0) due_ = Instant::never();  // no measure of lateness
  }

  LossyLink forth_;
  LossyLink back_;
  std::unique_ptr<End> sender_;
  std::unique_ptr<End> receiver_;
  std::vector<pollfd> descriptors_;
  Instant due_ = Instant::never();
  std::uint64_t rounds_ = 0;
  std::uint64_t late_rounds_ = 0;
};

}  // namespace

const char* name_of(Setting setting) {
  switch (setting) {
    case Setting::linux_to_linux:
      return "linux-linux";
    case Setting::byway_to_linux:
      return "byway-linux";
    case Setting::linux_to_byway:
      return "linux-byway";
  }
  return "";
}

TransferResult transfer(Setting setting, const TransferOptions& options) {
  Path path(setting, options);
  const Instant begin = now();
  Instant first = begin;
  while (path.bytes_received() == 0) {
    first = path.run_round();
    if (first > begin + patience) throw std::runtime_error("nothing has arrived");
  }
  const std::uint64_t before = path.bytes_received();
  Instant last = first;
  while (last < first + options.length) last = path.run_round();
  return path.result(path.bytes_received() - before, last - first);
}

}  // namespace byway::goodput
