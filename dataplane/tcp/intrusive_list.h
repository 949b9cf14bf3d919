// Lists through links inside their members: no memory of their own, any member leaves in O(1).
#pragma once

#include "dataplane/assert.h"

namespace byway::tcp {

template <typename T>
struct Link {
  T* next = nullptr;
  T* prev = nullptr;
};

/// First in, first out, of objects that each have a Link at `member`.
template <typename T, Link<T> T::* member>
class IntrusiveList {
 public:
  [[nodiscard]] bool empty() const { return head_ == nullptr; }
  [[nodiscard]] T* front() const { return head_; }
  /// Whether it stands in this list; meaningless if another list has it by the same link.
  [[nodiscard]] bool contains(const T& object) const {
    return (object.*member).prev != nullptr || head_ == &object;
  }
  [[nodiscard]] static T* next(const T& object) { return (object.*member).next; }

  void push_back(T& object) {
    Link<T>& link = object.*member;
    BYWAY_ASSERT(!contains(object));
    link = {nullptr, tail_};
    (tail_ != nullptr ? (tail_->*member).next : head_) = &object;
    tail_ = &object;
  }
  void remove(T& object) {
    Link<T>& link = object.*member;
    BYWAY_ASSERT(contains(object));
    (link.prev != nullptr ? (link.prev->*member).next : head_) = link.next;
    (link.next != nullptr ? (link.next->*member).prev : tail_) = link.prev;
    link = {};
  }

 private:
  T* head_ = nullptr;
  T* tail_ = nullptr;
};

}  // namespace byway::tcp
