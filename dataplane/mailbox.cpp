#include "dataplane/mailbox.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

namespace byway {

std::expected<std::unique_ptr<Mailbox>, std::string> Mailbox::create(const std::string& name) {
  rte_ring* ring =
      rte_ring_create(name.c_str(), mailbox_frames, static_cast<int>(rte_socket_id()), RING_F_SC_DEQ);
  if (ring == nullptr)
    return std::unexpected(fmt::format("no memory for {}: {}", name, rte_strerror(rte_errno)));
  return std::unique_ptr<Mailbox>(new Mailbox(ring));  // tidy: allow(new) main thread, before the workers
}

Mailbox::~Mailbox() {
  rte_mbuf* frame = nullptr;
  while (pop({&frame, 1}) == 1) rte_pktmbuf_free(frame);
  rte_ring_free(ring_);
}

bool Mailbox::push(rte_mbuf* frame, Errand errand, std::uint8_t link) {
  // The hash field is the driver's only until it has delivered the frame.
  frame->hash.usr = static_cast<std::uint32_t>(errand) << 8 | link;
  return rte_ring_mp_enqueue(ring_, frame) == 0;
}

std::uint32_t Mailbox::pop(std::span<rte_mbuf*> out) {
  return rte_ring_sc_dequeue_burst(ring_, reinterpret_cast<void**>(out.data()),
                                   static_cast<unsigned>(out.size()), nullptr);
}

Errand Mailbox::errand_of(const rte_mbuf* frame) {
  return static_cast<Errand>(frame->hash.usr >> 8);
}

std::uint8_t Mailbox::link_of(const rte_mbuf* frame) {
  return static_cast<std::uint8_t>(frame->hash.usr);
}

bool Mailbox::post(WorkerCommand& command) {
  WorkerCommand* none = nullptr;
  return command_.compare_exchange_strong(none, &command, std::memory_order_release,
                                          std::memory_order_relaxed);
}

bool Mailbox::step_command() {
  WorkerCommand* command = command_.load(std::memory_order_acquire);
  if (command == nullptr) return false;
  if (command->step()) command_.store(nullptr, std::memory_order_release);
  return true;
}

}  // namespace byway
