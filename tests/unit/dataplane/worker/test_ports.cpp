// DPDK itself, without huge pages and without a network card: a ring device hands what is sent straight back.
// One EAL for the whole program: it can be started once in a process.
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <catch2/catch_test_macros.hpp>
#include <cstring>
#include <string>

#include "dataplane/buffer_pool.h"
#include "dataplane/eal.h"
#include "dataplane/mailbox.h"
#include "dataplane/port.h"
#include "dataplane/rss.h"
#include "dataplane/tx_frame.h"

using namespace byway;

namespace {

constexpr std::uint32_t pool_mbufs = 2048;

BufferPool& pool() {
  static const auto started = start_eal({.program = "test_ports",
                                         .worker_cpus = {allowed_cpus().back()},
                                         .memory_mib = 64,
                                         .huge_pages = HugePages::off,
                                         .pci_devices = {}});
  if (!started) FAIL(started.error());
  static auto made = BufferPool::create("test", pool_mbufs);
  if (!made) FAIL(made.error());
  return *made;
}

Slice text_slice(std::string_view text) {
  Buffer* buffer = pool().allocate(static_cast<Bytes>(text.size()));
  REQUIRE(buffer != nullptr);
  std::memcpy(buffer->memory, text.data(), text.size());
  return Slice::adopt(buffer, buffer->memory, static_cast<Bytes>(text.size()));
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string text_of(rte_mbuf* frame) {
  std::string text(frame->pkt_len, '\0');
  const void* bytes = rte_pktmbuf_read(frame, 0, frame->pkt_len, text.data());
  if (bytes != text.data()) std::memcpy(text.data(), bytes, text.size());
  return text;
}

std::unique_ptr<Port> ring_port(const std::string& device) {
  rte_mempool* const raw = pool().raw();
  auto port = Port::open({.name = "loop", .device = device}, {&raw, 1});
  if (!port) FAIL(port.error());
  REQUIRE((*port)->start());
  return std::move(*port);
}

}  // namespace

TEST_CASE("an mbuf comes back when the last slice of it goes") {
  const std::uint32_t before = pool().available();
  {
    Slice whole = text_slice("hello");
    CHECK(BufferPool::mbuf_of(whole) != nullptr);
    Slice part = whole.share(1, 3);
    whole = Slice();
    CHECK(pool().available() == before - 1);
    CHECK(part.text() == "ell");
  }
  CHECK(pool().available() == before);
  CHECK(pool().allocate(mbuf_data_bytes + 1) == nullptr);
}

TEST_CASE("a frame is taken back whole from a piece of it, also one that was put together here") {
  const std::uint32_t before = pool().available();
  rte_mbuf* received = pool().allocate_mbuf();
  REQUIRE(received != nullptr);
  std::memcpy(rte_pktmbuf_append(received, 6), "hello!", 6);
  Slice part = BufferPool::adopt(received);
  part.remove_front(3);
  part.remove_back(1);  // padding
  rte_mbuf* const back = BufferPool::take_frame(std::move(part));
  CHECK(back == received);
  CHECK(text_of(back) == "hello");
  rte_mbuf* const made = BufferPool::take_frame(text_slice("of pieces"));
  CHECK(text_of(made) == "of pieces");
  CHECK(pool().available() == before - 2);
  rte_pktmbuf_free(back);
  rte_pktmbuf_free(made);
  CHECK(pool().available() == before);
}

TEST_CASE("a pool that is used up says so and recovers") {
  std::vector<Slice> held;
  for (;;) {
    Buffer* buffer = pool().allocate(1);
    if (buffer == nullptr) break;
    held.push_back(Slice::adopt(buffer, buffer->memory, 1));
  }
  CHECK(held.size() == pool_mbufs);
  CHECK(pool().missing() == pool_mbufs);
  SlicePool slices(4);
  CHECK(build_tx_frame(pool(), bytes_of("header"), Rope(slices), false) == nullptr);
  held.clear();
  CHECK(pool().missing() == 0);
}

TEST_CASE("frames travel through a port whole, copied or as a chain of shared pieces") {
  const auto port = ring_port("net_ring0");
  CHECK_FALSE(port->info().offloads.tx_chains);  // a virtual device gains nothing, yet chains must work
  CHECK(names_of(port->info().offloads).empty());
  CHECK(port->is_link_up());
  SlicePool slices(16);
  const std::string head(54, 'h');
  const std::string first(700, 'a');
  const std::string second(700, 'b');
  for (const bool chains : {false, true}) {
    CAPTURE(chains);
    {
      Rope payload(slices);
      REQUIRE(payload.append(text_slice(first)));
      REQUIRE(payload.append(text_slice("x" + second).share(1, 700)));
      rte_mbuf* frame = build_tx_frame(pool(), bytes_of(head), payload, chains);
      REQUIRE(frame != nullptr);
      CHECK(frame->nb_segs == (chains ? 3 : 1));
      REQUIRE(port->enter(0));
      CHECK(port->tx_burst(0, {&frame, 1}) == 1);
    }  // the payload's own slices are gone; what the port holds must live on
    rte_mbuf* received = nullptr;
    REQUIRE(port->rx_burst(0, {&received, 1}) == 1);
    CHECK(text_of(received) == head + first + second);
    rte_pktmbuf_free(received);
    CHECK(pool().missing() == 0);
  }
}

TEST_CASE("small payloads, many pieces and foreign memory are copied, too long ones refused") {
  SlicePool slices(64);
  HeapProvider heap;
  const auto segments = [&](Rope&& rope) {
    const Rope payload = std::move(rope);
    rte_mbuf* frame = build_tx_frame(pool(), bytes_of("header"), payload, true);
    if (frame == nullptr) return 0;
    const int count = frame->nb_segs;
    rte_pktmbuf_free(frame);
    return count;
  };
  Rope small(slices);
  REQUIRE(small.append(text_slice(std::string(tx_chain_bytes_min - 1, 's'))));
  CHECK(segments(std::move(small)) == 1);
  Rope many(slices);
  for (std::uint32_t i = 0; i <= tx_chain_pieces_max; ++i)
    REQUIRE(many.append(text_slice(std::string(100, 'm'))));
  CHECK(segments(std::move(many)) == 1);
  Rope foreign(slices);
  REQUIRE(foreign.append(heap.copy(std::string(600, 'f'))));
  CHECK(segments(std::move(foreign)) == 1);
  Rope longer(slices);
  REQUIRE(longer.append(heap.copy(std::string(mbuf_data_bytes, 'l'))));
  CHECK(segments(std::move(longer)) == 0);
  CHECK(pool().missing() == 0);
}

TEST_CASE("a frame for a port to cut is a chain of shared pieces, or of a copy for each segment") {
  constexpr std::uint16_t part = 1000;
  SlicePool slices(16);
  HeapProvider heap;
  const std::string head(66, 'h');
  const std::string data = std::string(1500, 'a') + std::string(1100, 'b');
  for (const bool chains : {false, true}) {
    for (const bool is_foreign : {false, true}) {
      CAPTURE(chains, is_foreign);
      Rope payload(slices);
      REQUIRE(payload.append(text_slice(data.substr(0, 1500))));
      REQUIRE(payload.append(is_foreign ? heap.copy(data.substr(1500)) : text_slice(data.substr(1500))));
      rte_mbuf* frame = build_tx_segments(pool(), bytes_of(head), payload, part, chains);
      REQUIRE(frame != nullptr);
      CHECK(rte_mbuf_check(frame, 1, nullptr) == 0);
      CHECK(frame->nb_segs == (chains && !is_foreign ? 3 : 4));
      CHECK(frame->data_len == head.size());
      CHECK(text_of(frame) == head + data);
      rte_pktmbuf_free(frame);
    }
  }
  CHECK(pool().missing() == 0);
}

TEST_CASE("a frame for a port to cut is given up whole when buffers run out on the way") {
  SlicePool slices(16);
  Rope payload(slices);
  REQUIRE(payload.append(text_slice(std::string(1500, 'a'))));
  REQUIRE(payload.append(text_slice(std::string(1500, 'b'))));
  std::vector<Slice> held;
  while (pool().available() > 2) {
    Buffer* buffer = pool().allocate(1);
    REQUIRE(buffer != nullptr);
    held.push_back(Slice::adopt(buffer, buffer->memory, 1));
  }
  for (const bool chains : {false, true}) {
    CHECK(build_tx_segments(pool(), bytes_of("header"), payload, 1000, chains) == nullptr);
    CHECK(pool().available() == 2);
  }
  held.clear();
  payload.clear();
  CHECK(pool().missing() == 0);
}

TEST_CASE("a device is believed to spread packets as it was told when it says so itself") {
  REQUIRE(pool().raw() != nullptr);  // DPDK runs
  REQUIRE(rte_dev_probe("net_null0") == 0);
  std::uint16_t id = 0;
  REQUIRE(rte_eth_dev_get_port_by_name("net_null0", &id) == 0);
  rte_eth_dev_info device{};
  REQUIRE(rte_eth_dev_info_get(id, &device) == 0);
  rte_eth_conf configuration{};
  configuration.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
  REQUIRE(rte_eth_dev_configure(id, 4, 4, &configuration) == 0);
  RssPlan::Key key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i * 7 + 1);
  if (device.hash_key_size == 0) device.hash_key_size = toeplitz_key_bytes;  // this driver does not say
  const auto plan = plan_rss(device, 4, key);
  REQUIRE(plan.has_value());
  const auto before = apply_rss(id, *plan, device.hash_key_size);
  REQUIRE_FALSE(before.has_value());
  CHECK(before.error() == "it has another key than it was given");

  rte_eth_rss_conf wanted{};
  wanted.rss_key = key.data();
  wanted.rss_key_len = device.hash_key_size;
  wanted.rss_hf = RTE_ETH_RSS_IP;
  REQUIRE(rte_eth_dev_rss_hash_update(id, &wanted) == 0);
  CHECK(apply_rss(id, *plan, device.hash_key_size).error() == "it does not hash TCP ports");
  wanted.rss_hf |= RTE_ETH_RSS_TCP;
  REQUIRE(rte_eth_dev_rss_hash_update(id, &wanted) == 0);
  CHECK(apply_rss(id, *plan, device.hash_key_size).has_value());
  std::array<rte_eth_rss_reta_entry64, 2> table{};
  for (rte_eth_rss_reta_entry64& group : table) group.mask = UINT64_MAX;
  REQUIRE(device.reta_size == 128);
  REQUIRE(rte_eth_dev_rss_reta_query(id, table.data(), device.reta_size) == 0);
  for (std::uint16_t i = 0; i < device.reta_size; ++i) CHECK(table.at(i / 64).reta[i % 64] == i % 4);
  rte_eth_dev_close(id);
}

TEST_CASE("a closed gate keeps the worker out") {
  const auto port = ring_port("net_ring1");
  CHECK(port->enter(0));
  port->stop();
  CHECK_FALSE(port->enter(0));
}

TEST_CASE("devices that do not exist are refused with their name") {
  rte_mempool* const raw = pool().raw();
  const auto wrong = Port::open({.name = "p", .device = "net_nonsense0"}, {&raw, 1});
  REQUIRE_FALSE(wrong.has_value());
  CHECK(wrong.error().find("net_nonsense0") != std::string::npos);
  const auto absent = Port::open({.name = "p", .device = "0000:ff:1f.7"}, {&raw, 1});
  REQUIRE_FALSE(absent.has_value());
  CHECK(absent.error().find("vfio-pci") != std::string::npos);
  CHECK(is_pci_address("0000:00:05.0"));
  CHECK(is_pci_address("00:05.0,arg=1"));
  CHECK_FALSE(is_pci_address("net_ring0"));
  CHECK(device_name("net_memif0,role=client") == "net_memif0");
}

TEST_CASE("a mailbox hands frames over in order, with their errand, and is bounded") {
  auto mailbox = Mailbox::create("mail");
  REQUIRE(mailbox.has_value());
  std::uint32_t pushed = 0;
  for (;; ++pushed) {
    rte_mbuf* frame = pool().allocate_mbuf();
    REQUIRE(frame != nullptr);
    if (!(*mailbox)->push(frame, pushed % 2 == 0 ? Errand::receive : Errand::send,
                          static_cast<std::uint8_t>(pushed % 5))) {
      rte_pktmbuf_free(frame);
      break;
    }
  }
  CHECK(pushed == mailbox_frames - 1);
  std::array<rte_mbuf*, 2> frames{};
  REQUIRE((*mailbox)->pop(frames) == 2);
  CHECK(Mailbox::errand_of(frames[0]) == Errand::receive);
  CHECK(Mailbox::errand_of(frames[1]) == Errand::send);
  CHECK(Mailbox::link_of(frames[1]) == 1);
  rte_pktmbuf_free_bulk(frames.data(), 2);
  mailbox->reset();  // frees the rest
  CHECK(pool().missing() == 0);
}

TEST_CASE("a command is done when its last step is, and only one is under way") {
  struct Countdown final : WorkerCommand {
    int left = 3;
    bool step() override { return --left == 0; }
  } command;
  auto mailbox = Mailbox::create("commands");
  REQUIRE(mailbox.has_value());
  CHECK_FALSE((*mailbox)->step_command());
  REQUIRE((*mailbox)->post(command));
  CHECK_FALSE((*mailbox)->post(command));
  CHECK((*mailbox)->step_command());
  CHECK((*mailbox)->step_command());
  CHECK_FALSE((*mailbox)->is_command_done());
  CHECK((*mailbox)->step_command());
  CHECK((*mailbox)->is_command_done());
  CHECK((*mailbox)->post(command));
}

TEST_CASE("the interface that a device of the kernel takes over is among its arguments") {
  CHECK(kernel_interface("net_af_packet0,iface=veth0,framesz=2048") == "veth0");
  CHECK(kernel_interface("net_af_xdp1,start_queue=0,iface=eth1") == "eth1");
  CHECK(kernel_interface("net_tap0,iface=byway0").empty());
  CHECK(kernel_interface("net_memif0,role=client").empty());
  CHECK(kernel_interface("0000:3b:00.0").empty());
}
