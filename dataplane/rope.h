// Bytes in flight, without copies.
//
//   Buffer   a block of memory with a reference count and a release function: an mbuf, or a heap block
//   Slice    some bytes of a Buffer, and one reference to it
//   Rope     a chain of slices: a receive queue, a send queue, a message on its way through
//
// A received segment's payload is a Slice of its mbuf; the same bytes are then sliced, moved from rope to
// rope and shared with the retransmission queue, and the mbuf goes back to its pool when the last slice lets
// go. Chain nodes come from a SlicePool sized at start, so no operation touches the heap, and an exhausted
// pool is a result that the caller turns into back-pressure.
//
// Counts are plain integers: a Buffer belongs to one worker at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <utility>

#include "dataplane/assert.h"

namespace byway {

using Bytes = std::uint32_t;  ///< A count of bytes inside one connection or message.

/// The counted owner of a block of bytes. Placed by its provider: in the private area of an mbuf, or before a
/// heap block.
struct Buffer {
  using Release = void (*)(Buffer*);
  Release release = nullptr;  ///< Called once, when `references` becomes 0.
  std::uint32_t references = 0;
  std::uint32_t capacity = 0;  ///< Bytes at `memory`.
  std::uint8_t* memory = nullptr;
};

/// Read-only bytes of a Buffer and one reference to it. Moves; `share()` makes a second one.
class Slice {
 public:
  Slice() = default;
  /// Takes over one reference that the caller holds.
  static Slice adopt(Buffer* owner, const std::uint8_t* data, Bytes size) { return Slice(owner, data, size); }

  Slice(Slice&& other) noexcept
      : owner_(std::exchange(other.owner_, nullptr)),
        data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)) {}
  Slice& operator=(Slice&& other) noexcept {
    if (this != &other) {
      reset();
      owner_ = std::exchange(other.owner_, nullptr);
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
    }
    return *this;
  }
  Slice(const Slice&) = delete;
  Slice& operator=(const Slice&) = delete;
  ~Slice() { reset(); }

  [[nodiscard]] Slice share() const { return share(0, size_); }
  /// Bytes [offset, offset + size) under a reference of their own.
  [[nodiscard]] Slice share(Bytes offset, Bytes size) const {
    BYWAY_ASSERT(offset <= size_ && size <= size_ - offset);
    if (owner_ != nullptr) ++owner_->references;
    return Slice(owner_, data_ + offset, size);
  }
  void remove_front(Bytes count) {
    BYWAY_ASSERT(count <= size_);
    data_ += count;
    size_ -= count;
  }
  void remove_back(Bytes count) {
    BYWAY_ASSERT(count <= size_);
    size_ -= count;
  }
  /// Copies `bytes` behind its own into the buffer, and takes them in. False, and nothing is changed: the
  /// buffer ends before, or this is not the only reference to it.
  [[nodiscard]] bool extend_back(std::span<const std::uint8_t> bytes) {
    if (owner_ == nullptr || owner_->references != 1) return false;
    const auto used = static_cast<std::size_t>(data_ - owner_->memory) + size_;
    if (bytes.size() > owner_->capacity - used) return false;
    std::memcpy(owner_->memory + used, bytes.data(), bytes.size());
    size_ += static_cast<Bytes>(bytes.size());
    return true;
  }

  [[nodiscard]] const std::uint8_t* data() const { return data_; }
  [[nodiscard]] Bytes size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const { return {data_, size_}; }
  [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(data_), size_}; }
  [[nodiscard]] Buffer* owner() const { return owner_; }

 private:
  friend class SlicePool;
  /// As assignment, where it is known that nothing is held.
  void fill(Slice&& other) {
    owner_ = std::exchange(other.owner_, nullptr);
    data_ = std::exchange(other.data_, nullptr);
    size_ = std::exchange(other.size_, 0);
  }
  Slice(Buffer* owner, const std::uint8_t* data, Bytes size) : owner_(owner), data_(data), size_(size) {}
  void reset() {
    if (owner_ != nullptr && --owner_->references == 0) owner_->release(owner_);
    owner_ = nullptr;
  }

  Buffer* owner_ = nullptr;
  const std::uint8_t* data_ = nullptr;
  Bytes size_ = 0;
};

/// Where new buffers come from: the worker's mbuf pool, or exact heap blocks in tests.
class BufferProvider {
 public:
  virtual ~BufferProvider() = default;
  /// A buffer with at least `size` bytes of memory and one reference, which the caller holds (Slice::adopt);
  /// nullptr when memory is out or `size` exceeds what one buffer can hold (buffer_bytes_max()).
  [[nodiscard]] virtual Buffer* allocate(Bytes size) = 0;
  [[nodiscard]] virtual Bytes buffer_bytes_max() const = 0;
};

/// Exact-size heap blocks, so that an address sanitizer sees one byte too far. Tests, fuzzers, simulator,
/// tools.
class HeapProvider final : public BufferProvider {
 public:
  explicit HeapProvider(Bytes buffer_bytes_max = 65'536) : buffer_bytes_max_(buffer_bytes_max) {}
  ~HeapProvider() override;
  HeapProvider(const HeapProvider&) = delete;
  HeapProvider& operator=(const HeapProvider&) = delete;

  [[nodiscard]] Buffer* allocate(Bytes size) override;
  [[nodiscard]] Bytes buffer_bytes_max() const override { return buffer_bytes_max_; }
  /// Copies `bytes` into a block of their own.
  [[nodiscard]] Slice copy(std::span<const std::uint8_t> bytes);
  [[nodiscard]] Slice copy(std::string_view text);
  /// Buffers that have not come back: 0 at the end of every test.
  [[nodiscard]] std::uint64_t live() const { return live_; }
  /// The next allocations fail once `count` more have succeeded; UINT64_MAX: never (fault injection).
  void fail_after(std::uint64_t count) { remaining_ = count; }

 private:
  struct Block;
  static void release(Buffer* buffer);
  Bytes buffer_bytes_max_;
  std::uint64_t live_ = 0;
  std::uint64_t remaining_ = UINT64_MAX;
};

/// The nodes that ropes are chained from: a fixed number, sized at start.
class SlicePool {
 public:
  struct Node {
    Slice slice;
    Node* next = nullptr;
  };

  explicit SlicePool(std::uint32_t capacity);
  ~SlicePool();
  SlicePool(const SlicePool&) = delete;
  SlicePool& operator=(const SlicePool&) = delete;

  /// nullptr when the pool is exhausted.
  [[nodiscard]] Node* acquire() {
    Node* node = free_;
    if (node != nullptr) [[likely]] {
      free_ = node->next;
      node->next = nullptr;
    } else if (touched_ < capacity_) {
      node = ::new (&nodes_[touched_++]) Node;
    } else {
      return nullptr;
    }
    ++in_use_;
    return node;
  }
  /// As acquire(); the node takes over `slice`, which is untouched if there is none.
  [[nodiscard]] Node* acquire(Slice&& slice) {
    Node* node = acquire();
    if (node != nullptr) [[likely]]
      node->slice.fill(std::move(slice));
    return node;
  }
  void release(Node* node) {
    node->slice.reset();
    node->next = free_;
    free_ = node;
    --in_use_;
  }
  [[nodiscard]] std::uint32_t in_use() const { return in_use_; }
  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }

 private:
  std::uint32_t capacity_;
  std::uint32_t touched_ = 0;
  std::uint32_t in_use_ = 0;
  Node* free_ = nullptr;
  Node* nodes_;
};

/// A chain of slices. Moving is O(1). All ropes that exchange slices share one SlicePool.
/// Operations that need a new node report failure by what they return and leave the rope whole.
class Rope {
 public:
  explicit Rope(SlicePool& pool) : pool_(&pool) {}
  Rope(Rope&& other) noexcept
      : pool_(other.pool_),
        head_(std::exchange(other.head_, nullptr)),
        tail_(std::exchange(other.tail_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        slice_count_(std::exchange(other.slice_count_, 0)) {}
  Rope& operator=(Rope&& other) noexcept;
  Rope(const Rope&) = delete;
  Rope& operator=(const Rope&) = delete;
  ~Rope() { clear(); }

  [[nodiscard]] Bytes size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::uint32_t slice_count() const { return slice_count_; }
  [[nodiscard]] SlicePool& pool() const { return *pool_; }

  /// Adds `slice` at the end (an empty one is dropped). False: no node left; `slice` is untouched.
  [[nodiscard]] bool append(Slice&& slice) {
    if (slice.empty()) {
      slice = Slice();
      return true;
    }
    SlicePool::Node* node = pool_->acquire(std::move(slice));
    if (node == nullptr) return false;
    link_back(node);
    return true;
  }
  /// Moves all of `other` to the end. O(1), cannot fail. Asserted: same pool.
  void append(Rope&& other) {
    if (other.head_ == nullptr) return;
    BYWAY_ASSERT(pool_ == other.pool_ && this != &other);
    (tail_ != nullptr ? tail_->next : head_) = other.head_;
    tail_ = other.tail_;
    size_ += other.size_;
    slice_count_ += other.slice_count_;
    other.head_ = other.tail_ = nullptr;
    other.size_ = other.slice_count_ = 0;
  }
  /// Copies `bytes` behind the last slice, into what its buffer has left. False, and nothing is changed:
  /// there is no such room, or others refer to that buffer, too.
  [[nodiscard]] bool extend_back(std::span<const std::uint8_t> bytes);
  /// Appends a copy, in as many buffers as it needs. False: no memory; nothing was changed.
  [[nodiscard]] bool append_copy(std::span<const std::uint8_t> bytes, BufferProvider& buffers);
  [[nodiscard]] bool append_copy(const Rope& from, BufferProvider& buffers);
  /// Adds `slice` in front. False: no node left; `slice` is untouched.
  [[nodiscard]] bool prepend(Slice&& slice);

  /// The first slice. Asserted: not empty.
  [[nodiscard]] const Slice& front() const {
    BYWAY_ASSERT(head_ != nullptr);
    return head_->slice;
  }
  void prefetch_front() const { __builtin_prefetch(head_); }
  /// Drops `count` bytes from the front. Asserted: count <= size(). Cannot fail.
  void consume(Bytes count) {
    if (count == size_) {
      clear();
    } else {
      consume_part(count);
    }
  }
  /// Drops all bytes behind the first `count`. Asserted: count <= size(). Cannot fail.
  void truncate(Bytes count);
  /// Moves the first `count` bytes (asserted: <= size()) to the end of `target`; returns how many it moved:
  /// fewer only when the pool had no node for the slice that the cut goes through.
  Bytes move_front(Bytes count, Rope& target) {
    if (count != size_) return move_part(count, target);
    target.append(std::move(*this));
    return count;
  }
  /// Appends references to bytes [offset, offset + count) to `target`. False: no nodes left; `target`
  /// unchanged.
  [[nodiscard]] bool share(Bytes offset, Bytes count, Rope& target) const;
  /// Copies bytes [offset, offset + out.size()) out. Asserted: in range.
  void copy_to(Bytes offset, std::span<std::uint8_t> out) const;
  /// Makes the first `count` bytes (asserted: 0 < count <= size()) lie in one slice, copying them into a new
  /// buffer only when they do not already. False: no memory; nothing changed.
  [[nodiscard]] bool coalesce_front(Bytes count, BufferProvider& provider);

  void clear() {
    if (head_ != nullptr) release_all();
  }

  class Iterator {
   public:
    explicit Iterator(const SlicePool::Node* node) : node_(node) {}
    const Slice& operator*() const { return node_->slice; }
    const Slice* operator->() const { return &node_->slice; }
    Iterator& operator++() {
      node_ = node_->next;
      return *this;
    }
    friend bool operator==(Iterator, Iterator) = default;

   private:
    const SlicePool::Node* node_;
  };
  [[nodiscard]] Iterator begin() const { return Iterator(head_); }
  [[nodiscard]] Iterator end() const { return Iterator(nullptr); }

 private:
  template <typename CopyOut>
  bool append_pieces(Bytes bytes, BufferProvider& buffers, CopyOut copy_out);
  void consume_part(Bytes count);
  void release_all();
  Bytes move_part(Bytes count, Rope& target);
  void link_back(SlicePool::Node* node) {
    node->next = nullptr;
    (tail_ != nullptr ? tail_->next : head_) = node;
    tail_ = node;
    size_ += node->slice.size();
    ++slice_count_;
  }
  SlicePool::Node* unlink_front() {
    SlicePool::Node* node = head_;
    head_ = node->next;
    if (head_ == nullptr) tail_ = nullptr;
    size_ -= node->slice.size();
    --slice_count_;
    return node;
  }

  SlicePool* pool_;
  SlicePool::Node* head_ = nullptr;
  SlicePool::Node* tail_ = nullptr;
  Bytes size_ = 0;
  std::uint32_t slice_count_ = 0;
};

/// What a protocol may take memory from: chain nodes and buffers, both bounded, both the worker's.
struct Memory {
  SlicePool& slices;
  BufferProvider& buffers;
};

}  // namespace byway
