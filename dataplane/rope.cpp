#include "dataplane/rope.h"

#include <cstring>
#include <memory>
#include <new>

namespace byway {

// ---- HeapProvider ----------------------------------------------------------------------------------------

struct HeapProvider::Block {
  Buffer buffer;  // first, so that Buffer* and Block* are the same address
  HeapProvider* provider;
};

HeapProvider::~HeapProvider() {
  BYWAY_ASSERT(live_ == 0);
}

Buffer* HeapProvider::allocate(Bytes size) {
  if (size > buffer_bytes_max_ || remaining_ == 0) return nullptr;
  if (remaining_ != UINT64_MAX) --remaining_;
  // tidy: allow(new) the heap provider is for tests, fuzzers and the simulator
  auto* block = new Block{{&HeapProvider::release, 1, size, nullptr}, this};
  block->buffer.memory = new std::uint8_t[size];  // tidy: allow(new) as above
  ++live_;
  return &block->buffer;
}

void HeapProvider::release(Buffer* buffer) {
  auto* block = reinterpret_cast<Block*>(buffer);
  --block->provider->live_;
  delete[] block->buffer.memory;
  delete block;
}

Slice HeapProvider::copy(std::span<const std::uint8_t> bytes) {
  Buffer* buffer = allocate(static_cast<Bytes>(bytes.size()));
  if (buffer == nullptr) return {};
  if (!bytes.empty()) std::memcpy(buffer->memory, bytes.data(), bytes.size());
  return Slice::adopt(buffer, buffer->memory, static_cast<Bytes>(bytes.size()));
}

Slice HeapProvider::copy(std::string_view text) {
  return copy(std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

// ---- SlicePool -------------------------------------------------------------------------------------------

SlicePool::SlicePool(std::uint32_t capacity)
    : capacity_(capacity),
      nodes_(static_cast<Node*>(::operator new[](std::size_t{capacity} * sizeof(Node)))) {}

SlicePool::~SlicePool() {
  BYWAY_ASSERT(in_use_ == 0);  // a rope outlived its pool, or a node leaked
  std::destroy_n(nodes_, touched_);
  ::operator delete[](nodes_);
}

// ---- Rope ------------------------------------------------------------------------------------------------

Rope& Rope::operator=(Rope&& other) noexcept {
  if (this != &other) {
    clear();
    pool_ = other.pool_;
    head_ = std::exchange(other.head_, nullptr);
    tail_ = std::exchange(other.tail_, nullptr);
    size_ = std::exchange(other.size_, 0);
    slice_count_ = std::exchange(other.slice_count_, 0);
  }
  return *this;
}

bool Rope::prepend(Slice&& slice) {
  if (slice.empty()) {
    slice = Slice();
    return true;
  }
  SlicePool::Node* node = pool_->acquire();
  if (node == nullptr) return false;
  node->slice = std::move(slice);
  node->next = head_;
  head_ = node;
  if (tail_ == nullptr) tail_ = node;
  size_ += node->slice.size();
  ++slice_count_;
  return true;
}

void Rope::release_all() {
  for (SlicePool::Node* node = head_; node != nullptr;) pool_->release(std::exchange(node, node->next));
  head_ = tail_ = nullptr;
  size_ = slice_count_ = 0;
}

void Rope::consume_part(Bytes count) {
  BYWAY_ASSERT(count <= size_);
  while (count > 0) {
    Slice& first = head_->slice;
    if (count < first.size()) {
      first.remove_front(count);
      size_ -= count;
      return;
    }
    count -= first.size();
    pool_->release(unlink_front());
  }
}

bool Rope::extend_back(std::span<const std::uint8_t> bytes) {
  if (tail_ == nullptr || !tail_->slice.extend_back(bytes)) return false;
  size_ += static_cast<Bytes>(bytes.size());
  return true;
}

/// `copy_out(offset, span)` fills a buffer with what stands from `offset` on.
template <typename CopyOut>
bool Rope::append_pieces(Bytes bytes, BufferProvider& buffers, CopyOut copy_out) {
  const Bytes size_before = size_;
  for (Bytes offset = 0; offset < bytes;) {
    const Bytes size =
        bytes - offset < buffers.buffer_bytes_max() ? bytes - offset : buffers.buffer_bytes_max();
    Buffer* buffer = buffers.allocate(size);
    if (buffer != nullptr) copy_out(offset, std::span(buffer->memory, size));
    if (buffer == nullptr || !append(Slice::adopt(buffer, buffer->memory, size))) {
      truncate(size_before);
      return false;
    }
    offset += size;
  }
  return true;
}

bool Rope::append_copy(std::span<const std::uint8_t> bytes, BufferProvider& buffers) {
  return append_pieces(static_cast<Bytes>(bytes.size()), buffers,
                       [&](Bytes offset, std::span<std::uint8_t> out) {
                         std::memcpy(out.data(), bytes.data() + offset, out.size());
                       });
}

bool Rope::append_copy(const Rope& from, BufferProvider& buffers) {
  BYWAY_ASSERT(this != &from);
  return append_pieces(from.size_, buffers,
                       [&](Bytes offset, std::span<std::uint8_t> out) { from.copy_to(offset, out); });
}

void Rope::truncate(Bytes count) {
  BYWAY_ASSERT(count <= size_);
  if (count == size_) return;
  SlicePool::Node* last = nullptr;
  SlicePool::Node* node = head_;
  Bytes kept = 0;
  std::uint32_t kept_slices = 0;
  while (node != nullptr && kept < count) {
    if (node->slice.size() > count - kept) node->slice.remove_back(node->slice.size() - (count - kept));
    kept += node->slice.size();
    ++kept_slices;
    last = node;
    node = node->next;
  }
  while (node != nullptr) pool_->release(std::exchange(node, node->next));
  (last != nullptr ? last->next : head_) = nullptr;
  tail_ = last;
  size_ = kept;
  slice_count_ = kept_slices;
}

Bytes Rope::move_part(Bytes count, Rope& target) {
  BYWAY_ASSERT(count <= size_ && pool_ == target.pool_);
  Bytes moved = 0;
  while (moved < count) {
    Slice& first = head_->slice;
    const Bytes wanted = count - moved;
    if (first.size() <= wanted) {
      moved += first.size();
      target.link_back(unlink_front());
      continue;
    }
    SlicePool::Node* node = pool_->acquire();
    if (node == nullptr) return moved;
    node->slice = first.share(0, wanted);
    target.link_back(node);
    first.remove_front(wanted);
    size_ -= wanted;
    moved += wanted;
  }
  return moved;
}

bool Rope::share(Bytes offset, Bytes count, Rope& target) const {
  BYWAY_ASSERT(offset <= size_ && count <= size_ - offset && pool_ == target.pool_);
  const Bytes size_before = target.size_;
  for (const SlicePool::Node* node = head_; count > 0; node = node->next) {
    const Bytes size = node->slice.size();
    if (offset >= size) {
      offset -= size;
      continue;
    }
    const Bytes taken = size - offset < count ? size - offset : count;
    SlicePool::Node* copy = pool_->acquire(node->slice.share(offset, taken));
    if (copy == nullptr) {
      target.truncate(size_before);
      return false;
    }
    target.link_back(copy);
    offset = 0;
    count -= taken;
  }
  return true;
}

void Rope::copy_to(Bytes offset, std::span<std::uint8_t> out) const {
  BYWAY_ASSERT(offset <= size_ && out.size() <= size_ - offset);
  for (const SlicePool::Node* node = head_; !out.empty(); node = node->next) {
    const Bytes size = node->slice.size();
    if (offset >= size) {
      offset -= size;
      continue;
    }
    const std::size_t taken = size - offset < out.size() ? size - offset : out.size();
    std::memcpy(out.data(), node->slice.data() + offset, taken);
    out = out.subspan(taken);
    offset = 0;
  }
}

bool Rope::coalesce_front(Bytes count, BufferProvider& provider) {
  BYWAY_ASSERT(count > 0 && count <= size_);
  if (head_->slice.size() >= count) return true;
  Buffer* buffer = provider.allocate(count);
  if (buffer == nullptr) return false;
  copy_to(0, {buffer->memory, count});
  Slice whole = Slice::adopt(buffer, buffer->memory, count);
  // At least one slice lies wholly inside the first `count` bytes: its node carries the new slice, so no new
  // node is needed and nothing below can fail.
  SlicePool::Node* node = unlink_front();
  consume(count - node->slice.size());
  node->slice = std::move(whole);
  node->next = head_;
  head_ = node;
  if (tail_ == nullptr) tail_ = node;
  size_ += count;
  ++slice_count_;
  return true;
}

}  // namespace byway
