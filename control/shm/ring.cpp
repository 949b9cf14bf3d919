#include "control/shm/ring.h"

#include <bit>
#include <cstring>
#include <new>

namespace byway::shm {
namespace {

constexpr std::uint64_t region_magic = 0x3130'676e'6972'7762;  // "bwring01", little endian

struct alignas(cache_line_bytes) RegionHead {
  std::uint64_t magic;
  std::uint32_t worker_count;
  std::uint32_t ring_bytes;
};
static_assert(sizeof(RegionHead) == cache_line_bytes);

struct RecordHead {
  std::uint32_t payload_bytes;
  std::uint16_t kind;  ///< kind_skip: nothing here up to the end of the ring
  std::uint16_t reserved;
};
static_assert(sizeof(RecordHead) == 8);

constexpr std::uint16_t kind_skip = 0;

constexpr std::uint64_t record_bytes(std::uint64_t payload_bytes) {
  return sizeof(RecordHead) + (payload_bytes + 7) / 8 * 8;
}

constexpr std::size_t rings_offset(std::uint32_t worker_count) {
  return sizeof(RegionHead) + worker_count * sizeof(RingProducerLine);
}

bool is_ring_size(std::uint32_t bytes) {
  return std::has_single_bit(bytes) && bytes >= ring_bytes_min && bytes <= ring_bytes_max;
}

}  // namespace

bool RingWriter::has_room(std::uint64_t bytes) {
  if (written_ + bytes - consumed_ <= ring_.size()) return true;
  // Acquire: the agent has copied what lies before its cursor, it may be overwritten.
  const std::uint64_t cursor = cursor_->consumed.load(std::memory_order_acquire);
  if (written_ - cursor > ring_.size()) return false;  // ahead of us, or overtaken: it lies
  consumed_ = cursor;
  return written_ + bytes - consumed_ <= ring_.size();
}

bool RingWriter::drop() {
  producer_->dropped.store(producer_->dropped.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return false;
}

bool RingWriter::write(std::uint16_t kind, std::span<const std::byte> payload) {
  if (payload.size() > record_bytes_max) return drop();
  const std::uint64_t bytes = record_bytes(payload.size());
  const std::uint64_t place = written_ & (ring_.size() - 1);
  const std::uint64_t to_end = ring_.size() - place;
  const std::uint64_t skipped = to_end < bytes ? to_end : 0;
  if (!has_room(skipped + bytes)) return drop();
  if (skipped != 0) {
    const RecordHead skip{static_cast<std::uint32_t>(skipped - sizeof(RecordHead)), kind_skip, 0};
    std::memcpy(ring_.data() + place, &skip, sizeof skip);
    written_ += skipped;
  }
  std::byte* const target = ring_.data() + (written_ & (ring_.size() - 1));
  const RecordHead head{static_cast<std::uint32_t>(payload.size()), kind, 0};
  std::memcpy(target, &head, sizeof head);
  if (!payload.empty()) std::memcpy(target + sizeof head, payload.data(), payload.size());
  written_ += bytes;
  producer_->written.store(written_, std::memory_order_release);
  return true;
}

std::expected<RingRegion, std::string> RingRegion::create(std::uint32_t worker_count,
                                                          std::uint32_t ring_bytes) {
  if (worker_count == 0 || worker_count > workers_max || !is_ring_size(ring_bytes)) {
    return std::unexpected(
        std::string("rings: impossible number of workers, or a size that is no power of two within bounds"));
  }
  auto memory =
      create_region("byway-rings", rings_offset(worker_count) + std::size_t{worker_count} * ring_bytes);
  if (!memory) return std::unexpected(memory.error());
  auto cursors = create_shared_page("byway-ring-cursors", cursor_page_bytes);
  if (!cursors) return std::unexpected(cursors.error());
  new (memory->mapping.writable_bytes().data()) RegionHead{region_magic, worker_count, ring_bytes};
  RingRegion region;
  region.memory_ = std::move(*memory);
  region.cursors_ = std::move(*cursors);
  region.worker_count_ = worker_count;
  region.ring_bytes_ = ring_bytes;
  return region;
}

RingWriter RingRegion::writer(std::uint32_t worker) {
  std::byte* const start = memory_.mapping.writable_bytes().data();
  auto* const producer = reinterpret_cast<RingProducerLine*>(start + sizeof(RegionHead)) + worker;
  const auto* const cursor =
      reinterpret_cast<const RingCursorLine*>(cursors_.mapping.bytes().data()) + worker;
  std::byte* const ring = start + rings_offset(worker_count_) + std::size_t{worker} * ring_bytes_;
  return RingWriter({ring, ring_bytes_}, *producer, *cursor);
}

std::expected<RingReader, std::string> RingReader::open(std::span<const std::byte> region,
                                                        std::span<std::byte> cursor_page) {
  RegionHead head{};
  if (region.size() < sizeof head || cursor_page.size() != cursor_page_bytes) {
    return std::unexpected(std::string("ring region is too short"));
  }
  std::memcpy(&head, region.data(), sizeof head);
  if (head.magic != region_magic) return std::unexpected(std::string("not a ring region of a known layout"));
  if (head.worker_count == 0 || head.worker_count > workers_max || !is_ring_size(head.ring_bytes) ||
      region.size() != rings_offset(head.worker_count) + std::size_t{head.worker_count} * head.ring_bytes) {
    return std::unexpected(std::string("ring region has impossible sizes"));
  }
  RingReader reader;
  for (std::uint32_t worker = 0; worker < head.worker_count; ++worker) {
    reader.rings_.push_back(
        {region.subspan(rings_offset(head.worker_count) + std::size_t{worker} * head.ring_bytes,
                        head.ring_bytes),
         reinterpret_cast<const RingProducerLine*>(region.data() + sizeof head) + worker,
         reinterpret_cast<RingCursorLine*>(cursor_page.data()) + worker});
  }
  return reader;
}

std::vector<RingReader::Record> RingReader::read(std::uint32_t worker, std::size_t records_max) {
  const Ring& ring = rings_[worker];
  std::vector<Record> records;
  const std::uint64_t written = ring.producer->written.load(std::memory_order_acquire);
  std::uint64_t position = ring.cursor->consumed.load(std::memory_order_relaxed);
  // A cursor that an earlier reader spoilt, or a record that makes no sense: begin anew at the producer's
  // end.
  const bool is_aligned = (position | written) % sizeof(RecordHead) == 0;
  if (!is_aligned || written - position > ring.bytes.size()) position = written;
  while (position != written && records.size() < records_max) {
    const std::uint64_t place = position & (ring.bytes.size() - 1);
    RecordHead head{};
    std::memcpy(&head, ring.bytes.data() + place, sizeof head);
    const std::uint64_t bytes = record_bytes(head.payload_bytes);
    if (bytes > ring.bytes.size() - place || bytes > written - position) {
      position = written;
      break;
    }
    if (head.kind != kind_skip) {
      const auto payload = ring.bytes.subspan(place + sizeof head, head.payload_bytes);
      records.push_back({head.kind, {payload.begin(), payload.end()}});
    }
    position += bytes;
  }
  ring.cursor->consumed.store(position, std::memory_order_release);
  return records;
}

std::uint64_t RingReader::dropped(std::uint32_t worker) const {
  return rings_[worker].producer->dropped.load(std::memory_order_relaxed);
}

}  // namespace byway::shm
