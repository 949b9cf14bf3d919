// One measurement: one connection over one link, for a fixed time.
#pragma once

#include <cstdint>
#include <string>

#include "benchmarks/goodput/lossy_link.h"

namespace byway::goodput {

enum class Setting : std::uint8_t {
  linux_to_linux,
  byway_to_linux,
  linux_to_byway,
};
[[nodiscard]] const char* name_of(Setting setting);

struct TransferOptions {
  LinkOptions link;  ///< In both directions, of which only the data's loses unless `loses_acks`.
  bool loses_acks = false;
  Nanoseconds length = 10s;  ///< From the first octet that has arrived on.
};

struct TransferResult {
  double megabits = 0;  ///< A second, of payload that the receiving application has read.
  double late_share =
      0;  ///< Of the loop's rounds that began more than a millisecond late: the machine was busy.
  std::string sender;  ///< What its TCP says.
  std::uint64_t lost = 0;
  std::uint64_t overflowed = 0;
};

/// Errors are exceptions.
[[nodiscard]] TransferResult transfer(Setting setting, const TransferOptions& options);

}  // namespace byway::goodput
