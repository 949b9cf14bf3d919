#include "control/shm/control_page.h"

#include <new>

namespace byway::shm {

std::expected<ControlRegion, std::string> create_control_page(std::uint32_t worker_count,
                                                              std::uint64_t instance) {
  if (worker_count == 0 || worker_count > workers_max) {
    return std::unexpected("worker count " + std::to_string(worker_count) + " is not within 1.." +
                           std::to_string(workers_max));
  }
  auto memory = create_region("byway-control-page", sizeof(ControlPage));
  if (!memory) return std::unexpected(memory.error());
  auto* page = new (memory->mapping.writable_bytes().data()) ControlPage{};
  page->magic = ControlPage::magic_value;
  page->layout_version = ControlPage::layout_version_value;
  page->worker_count = worker_count;
  page->instance = instance;
  for (WorkerLine& line : page->workers) line.running.store(worker_absent, std::memory_order_relaxed);
  return ControlRegion{std::move(*memory), page};
}

std::expected<const ControlPage*, std::string> open_control_page(std::span<const std::byte> bytes) {
  if (bytes.size() != sizeof(ControlPage))
    return std::unexpected(std::string("control page has another size"));
  const auto* page = std::launder(reinterpret_cast<const ControlPage*>(bytes.data()));
  if (page->magic != ControlPage::magic_value) return std::unexpected(std::string("not a control page"));
  if (page->layout_version != ControlPage::layout_version_value) {
    return std::unexpected("control page has layout " + std::to_string(page->layout_version) +
                           ", this program knows " + std::to_string(ControlPage::layout_version_value));
  }
  if (page->worker_count == 0 || page->worker_count > workers_max) {
    return std::unexpected(std::string("control page names an impossible number of workers"));
  }
  return page;
}

}  // namespace byway::shm
