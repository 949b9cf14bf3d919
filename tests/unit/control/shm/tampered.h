// A valid blob to change one thing in, with the checksum made right again, so that the checks behind the
// checksum are met.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "control/shm/blob_writer.h"
#include "control/shm/policy_view.h"
#include "control/shm/verify.h"

namespace byway::test {

template <class Root>
class Tampered {
 public:
  explicit Tampered(shm::BlobBytes bytes) : bytes_(std::move(bytes)) {}

  [[nodiscard]] Root& root() { return *reinterpret_cast<Root*>(bytes_.data() + sizeof(shm::BlobHeader)); }
  [[nodiscard]] shm::BlobHeader& header() { return *reinterpret_cast<shm::BlobHeader*>(bytes_.data()); }
  template <class T>
  [[nodiscard]] T& at(shm::Table<T> table, std::size_t index = 0) {
    return reinterpret_cast<T*>(bytes_.data() + table.offset)[index];
  }
  /// Writes one character of a string.
  void set_char(shm::StringRef ref, std::size_t at, char c) {
    bytes_[ref.offset + at] = static_cast<std::byte>(c);
  }
  [[nodiscard]] shm::BlobBytes& bytes() { return bytes_; }

  /// The bytes with a checksum that fits.
  [[nodiscard]] const shm::BlobBytes& sealed() {
    header().checksum = shm::checksum_of(bytes_);
    return bytes_;
  }

 private:
  shm::BlobBytes bytes_;
};

/// Stands for no refusal in what reason_of() says.
inline constexpr auto accepted = static_cast<shm::VerifyReason>(0xff);

/// Why the verifier refused, or `accepted`.
template <class Result>
shm::VerifyReason reason_of(const Result& result) {
  return result.has_value() ? accepted : result.error().reason;
}

}  // namespace byway::test
