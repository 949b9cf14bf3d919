// What comes to a worker from other threads: frames from workers that received them or want them sent, and
// commands of the main thread. Bounded; a full one is an answer, never a wait.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>

struct rte_mbuf;
struct rte_ring;

namespace byway {

/// Frames that may wait for a worker: what it takes in 16 full rounds. At 1,024 the sender drops and counts.
inline constexpr std::uint32_t mailbox_frames = 1024;

/// Why a frame is handed over.
enum class Errand : std::uint8_t {
  receive,  ///< it belongs to a connection of the receiver
  observe,  ///< an ARP frame that the sender has answered: only learn from it
  send,     ///< the receiver serves the only queue of the port
  kernel,   ///< for the kernel's interface of the port, whose queue the receiver serves
};

/// A job that the main thread wants a worker to do, in steps, so that a long one does not hold up packets.
class WorkerCommand {
 public:
  /// On the worker's thread, once a round. True: finished.
  virtual bool step() = 0;
  virtual ~WorkerCommand() = default;
};

/// Any number of senders, one receiver.
class Mailbox {
 public:
  [[nodiscard]] static std::expected<std::unique_ptr<Mailbox>, std::string> create(const std::string& name);
  ~Mailbox();  ///< Frees frames that nobody took.
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  /// Hands a frame over. False: full; the frame stays the caller's.
  [[nodiscard]] bool push(rte_mbuf* frame, Errand errand, std::uint8_t link);
  /// Takes up to `out.size()` frames.
  [[nodiscard]] std::uint32_t pop(std::span<rte_mbuf*> out);
  [[nodiscard]] static Errand errand_of(const rte_mbuf* frame);
  [[nodiscard]] static std::uint8_t link_of(const rte_mbuf* frame);

  /// Main thread: gives the worker a command, which stays the caller's and must live until is_command_done.
  /// False: another one is under way.
  [[nodiscard]] bool post(WorkerCommand& command);
  [[nodiscard]] bool is_command_done() const { return command_.load(std::memory_order_acquire) == nullptr; }
  /// Worker: does a step of the command, if there is one. True: there was.
  bool step_command();

 private:
  explicit Mailbox(rte_ring* ring) : ring_(ring) {}

  rte_ring* ring_;
  alignas(64) std::atomic<WorkerCommand*> command_{nullptr};
};

}  // namespace byway
