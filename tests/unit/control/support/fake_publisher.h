// A data plane for tests: applies at once, or when told to.
#pragma once
#include <condition_variable>
#include <mutex>
#include <vector>

#include "control/compile/compile.h"
#include "control/publish/publisher.h"
#include "tests/unit/control/support/node.h"

namespace byway::control {

class FakePublisher final : public Publisher {
 public:
  /// What await() answers for tickets that are not applied.
  ReceiptState state = ReceiptState::applied;

  Ticket publish(std::shared_ptr<const CompiledSet> set, std::uint64_t) override {
    const std::lock_guard lock(mutex_);
    sets.push_back(std::move(set));
    if (state == ReceiptState::applied) applied_ = sets.size();
    return sets.size();
  }

  Receipt await(Ticket ticket, Deadline deadline) override {
    std::unique_lock lock(mutex_);
    if (holds) changed_.wait_until(lock, deadline, [&] { return applied_ >= ticket; });
    Receipt receipt;
    receipt.state = ticket <= applied_ ? ReceiptState::applied : state;
    receipt.generation = ticket;
    if (receipt.state == ReceiptState::applied) receipt.workers = {{0, true, 1500}};
    if (receipt.state == ReceiptState::late) receipt.workers = {{0, false, 0}};
    if (receipt.state == ReceiptState::refused) receipt.reason = "checksum";
    return receipt;
  }

  [[nodiscard]] PublishProgress progress() const override {
    const std::lock_guard lock(mutex_);
    return {applied_, node_, is_settled_};
  }

  /// The data plane comes with these addresses, or goes (nullptr) and with it what it ran.
  void set_node(std::shared_ptr<const NodeAddresses> node) {
    const std::lock_guard lock(mutex_);
    node_ = std::move(node);
    if (node_ == nullptr) applied_ = 0;
  }

  /// As after a restart of the agent, while the data plane has not answered.
  void set_settled(bool is_settled) {
    const std::lock_guard lock(mutex_);
    is_settled_ = is_settled;
  }

  void apply_all() {
    const std::lock_guard lock(mutex_);
    applied_ = sets.size();
    changed_.notify_all();
  }

  bool holds = false;  ///< await() waits for apply_all()
  std::vector<std::shared_ptr<const CompiledSet>> sets;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Ticket applied_ = 0;
  bool is_settled_ = true;
  std::shared_ptr<const NodeAddresses> node_ = node_of({{0x0A500001, 24}});
};

}  // namespace byway::control
