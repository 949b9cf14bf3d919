// Decides whether a blob may be read. Everything a view or the router relies on is checked here, once, by the
// data plane's main thread, in time linear in the blob's size:
//   - size, magic, version, kind, checksum; tables in canonical places, nothing between or behind them;
//   - every range, index and string inside its table; every enum known; everything reserved zero; bounds;
//   - hash tables: each record findable from its home slot, once; nothing else in the slots;
//   - prefix trees: parents before children, labels of whole elements, depth bounded, children unique;
//   - groups, backends sorted; candidate lists in order; weights summed; endpoint ranges covering.
// It is no proof that the agent meant what it wrote: only that reading it is safe, bounded and unambiguous.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "control/shm/endpoints_view.h"
#include "control/shm/policy_view.h"

namespace byway::shm {

enum class VerifyReason : std::uint8_t {
  too_small,
  too_large,
  misaligned,
  bad_magic,
  bad_version,
  bad_kind,
  bad_size,
  bad_checksum,
  bad_table,     ///< not in its canonical place, or beyond the blob
  bad_range,     ///< a Range beyond its table, or end < first, or over a bound
  bad_index,     ///< an index beyond its table
  bad_string,    ///< outside the strings, or over its bound, or not of its form
  bad_enum,      ///< a value without a meaning
  bad_reserved,  ///< a reserved field that is not zero
  bad_value,     ///< a number out of its bounds
  bad_order,     ///< not sorted as the layout says, or not unique
  bad_hash,      ///< a record that a lookup cannot find, or a slot that belongs to none
  bad_tree,      ///< cycle, depth, label or owner of a prefix node
  bad_weights,   ///< sums that do not add up
  not_sealed,    ///< the memfd lacks a seal, or is none
  cannot_map,    ///< fstat or mmap failed
};

/// The name of the reason, as it goes into receipts.
[[nodiscard]] std::string_view name_of(VerifyReason reason);

struct VerifyError {
  VerifyReason reason;
  std::uint64_t offset;  ///< where in the blob

  friend bool operator==(const VerifyError&, const VerifyError&) = default;
};

/// The blob must start on an 8-byte boundary and outlive the view.
[[nodiscard]] std::expected<PolicyView, VerifyError> verify_policy(std::span<const std::byte> blob);
[[nodiscard]] std::expected<EndpointsView, VerifyError> verify_endpoints(std::span<const std::byte> blob);
[[nodiscard]] std::expected<SecretsView, VerifyError> verify_secrets(std::span<const std::byte> blob);

}  // namespace byway::shm
