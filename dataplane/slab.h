// Fixed number of equal places for objects, sized at start: no heap afterwards, and a full slab is an answer
// (nullptr), not an abort. A handle carries the place's generation, so a stale handle finds nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "dataplane/assert.h"

namespace byway {

/// Names an object in a Slab<T>. Value-initialised: names nothing.
template <typename T>
struct SlabHandle {
  std::uint32_t index = 0;
  std::uint32_t generation = 0;  ///< Odd while the place is taken.

  friend bool operator==(SlabHandle, SlabHandle) = default;
  [[nodiscard]] explicit operator bool() const { return (generation & 1u) != 0; }
};

/// Owner of up to `capacity` T. Places are handed out last-freed first (warm in cache); memory that was never
/// used is never touched. Thread: the owner's.
template <typename T>
class Slab {
 public:
  explicit Slab(std::uint32_t capacity)
      : capacity_(capacity),
        places_(static_cast<Place*>(::operator new[](std::size_t{capacity} * sizeof(Place), align))) {}
  ~Slab() {
    for (std::uint32_t i = 0; i < touched_; ++i) {
      if (is_taken(places_[i])) object(places_[i])->~T();
    }
    ::operator delete[](places_, align);
  }
  Slab(const Slab&) = delete;
  Slab& operator=(const Slab&) = delete;

  /// A new T(arguments...), or nullptr when the slab is full.
  template <typename... Arguments>
  [[nodiscard]] T* acquire(Arguments&&... arguments) {
    Place* place = nullptr;
    if (free_ != none) {
      place = &places_[free_];
      free_ = place->next_free;
    } else if (touched_ < capacity_) {
      place = ::new (&places_[touched_++]) Place;
    } else {
      return nullptr;
    }
    ++place->generation;
    ++in_use_;
    return ::new (static_cast<void*>(place->storage)) T(std::forward<Arguments>(arguments)...);
  }

  /// Destroys `object` (one of this slab's) and takes its place back.
  void release(T* object_to_release) {
    Place& place = place_of(object_to_release);
    BYWAY_ASSERT(is_taken(place));
    object_to_release->~T();
    ++place.generation;
    place.next_free = free_;
    free_ = static_cast<std::uint32_t>(&place - places_);
    --in_use_;
  }

  [[nodiscard]] SlabHandle<T> handle(const T* of) const {
    const Place& place = const_cast<Slab*>(this)->place_of(const_cast<T*>(of));
    return {static_cast<std::uint32_t>(&place - places_), place.generation};
  }
  /// Place `index`'s object, without a check that it is there and without touching memory: for owners of
  /// tables that hold only live indices, and for prefetching.
  [[nodiscard]] T* at(std::uint32_t index) {
    BYWAY_ASSERT(index < touched_);
    return object(places_[index]);
  }
  /// The object, or nullptr when it has gone.
  [[nodiscard]] T* find(SlabHandle<T> handle) {
    if (!handle || handle.index >= touched_) return nullptr;
    Place& place = places_[handle.index];
    return place.generation == handle.generation ? object(place) : nullptr;
  }

  /// Calls `visit(T&)` for up to `count_max` objects from place `first` on; returns the next place to go on
  /// from, or capacity() at the end. For commands that must not take a whole round.
  template <typename Visit>
  std::uint32_t visit_some(std::uint32_t first, std::uint32_t places_max, Visit&& visit) {
    std::uint32_t i = first;
    for (; i < touched_ && places_max > 0; ++i, --places_max) {
      if (is_taken(places_[i])) visit(*object(places_[i]));
    }
    return i >= touched_ ? capacity_ : i;
  }

  [[nodiscard]] std::uint32_t in_use() const { return in_use_; }
  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }
  [[nodiscard]] bool is_full() const { return in_use_ == capacity_; }
  /// Bytes that one object takes, handle and free list included.
  static constexpr std::size_t place_bytes() { return sizeof(Place); }

 private:
  struct Place {
    alignas(T) std::byte storage[sizeof(T)];
    std::uint32_t generation = 0;
    std::uint32_t next_free = 0;
  };
  static_assert(std::is_standard_layout_v<Place>);
  static constexpr std::uint32_t none = UINT32_MAX;
  static constexpr std::align_val_t align{alignof(Place) > 64 ? alignof(Place) : 64};

  static bool is_taken(const Place& place) { return (place.generation & 1u) != 0; }
  static T* object(Place& place) { return std::launder(reinterpret_cast<T*>(place.storage)); }
  Place& place_of(T* of) {
    auto* place = reinterpret_cast<Place*>(of);  // storage is the first member
    BYWAY_ASSERT(place >= places_ && place < places_ + touched_);
    return *place;
  }

  std::uint32_t capacity_;
  std::uint32_t touched_ = 0;
  std::uint32_t in_use_ = 0;
  std::uint32_t free_ = none;
  Place* places_;
};

}  // namespace byway
