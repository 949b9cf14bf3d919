#include "control/shm/blob_checker.h"

namespace byway::shm {

bool BlobChecker::check_header(BlobKind kind, std::size_t root_bytes) {
  if (reinterpret_cast<std::uintptr_t>(blob_.data()) % table_alignment != 0) {
    return fail(VerifyReason::misaligned, 0);
  }
  if (blob_.size() < sizeof(BlobHeader)) return fail(VerifyReason::too_small, 0);
  if (blob_.size() > blob_bytes_max) return fail(VerifyReason::too_large, 0);
  const BlobHeader& header = view_.header();
  if (header.magic != blob_magic) return fail_at(VerifyReason::bad_magic, &header.magic);
  if (header.layout_version != layout_version) {
    return fail_at(VerifyReason::bad_version, &header.layout_version);
  }
  if (header.kind != kind) return fail_at(VerifyReason::bad_kind, &header.kind);
  if (blob_.size() < sizeof(BlobHeader) + root_bytes) return fail(VerifyReason::too_small, 0);
  if (header.size_bytes != blob_.size()) return fail_at(VerifyReason::bad_size, &header.size_bytes);
  if (header.checksum != checksum_of(blob_)) return fail_at(VerifyReason::bad_checksum, &header.checksum);
  cursor_ = sizeof(BlobHeader) + root_bytes;
  return true;
}

bool BlobChecker::check_strings(const Table<char>& place) {
  strings_first_ = cursor_;
  const bool fits = check_table(place);
  strings_end_ = cursor_;
  return fits;
}

bool BlobChecker::skip_padding() {
  const std::uint64_t aligned = (cursor_ + table_alignment - 1) / table_alignment * table_alignment;
  if (aligned > blob_.size()) return fail(VerifyReason::bad_table, cursor_);
  for (; cursor_ < aligned; ++cursor_) {
    if (blob_[cursor_] != std::byte{0}) return fail(VerifyReason::bad_reserved, cursor_);
  }
  return true;
}

bool BlobChecker::check_end() {
  if (!skip_padding()) return false;
  return cursor_ == blob_.size() || fail(VerifyReason::bad_table, cursor_);
}

bool BlobChecker::check_text(const StringRef& ref, std::uint32_t bytes_min, std::uint32_t bytes_max) {
  if (ref.size < bytes_min || ref.size > bytes_max) return fail_at(VerifyReason::bad_string, &ref);
  const bool is_inside = ref.offset >= strings_first_ && std::uint64_t{ref.offset} + ref.size <= strings_end_;
  const bool is_empty = ref.size == 0 && ref.offset == 0;
  return (ref.size == 0 ? is_empty : is_inside) || fail_at(VerifyReason::bad_string, &ref);
}

}  // namespace byway::shm
