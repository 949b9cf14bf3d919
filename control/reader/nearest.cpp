#include "control/reader/nearest.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace byway::control::reader {
namespace {

/// Names longer than this are not compared: no field name is, and the cost is the product of lengths.
constexpr std::size_t name_chars_max = 128;

bool same_letter(char a, char b) {
  return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

/// What a wrong letter costs; a wrong case costs 1, so that `http` finds `HTTP`.
constexpr unsigned edit_cost = 4;

/// Optimal string alignment distance.
unsigned distance(std::string_view a, std::string_view b) {
  const std::size_t width = b.size() + 1;
  std::vector<unsigned> cost((a.size() + 1) * width);
  auto at = [&](std::size_t i, std::size_t j) -> unsigned& { return cost[i * width + j]; };
  for (std::size_t i = 0; i <= a.size(); ++i) at(i, 0) = edit_cost * static_cast<unsigned>(i);
  for (std::size_t j = 0; j <= b.size(); ++j) at(0, j) = edit_cost * static_cast<unsigned>(j);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      unsigned replace = a[i - 1] == b[j - 1] ? 0 : same_letter(a[i - 1], b[j - 1]) ? 1 : edit_cost;
      unsigned best =
          std::min({at(i - 1, j) + edit_cost, at(i, j - 1) + edit_cost, at(i - 1, j - 1) + replace});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        best = std::min(best, at(i - 2, j - 2) + edit_cost);
      at(i, j) = best;
    }
  }
  return at(a.size(), b.size());
}

}  // namespace

std::string nearest(std::string_view name, std::span<const std::string_view> candidates) {
  if (name.size() > name_chars_max) return {};
  std::string_view best;
  unsigned best_distance = ~0u;
  for (std::string_view candidate : candidates) {
    unsigned edits = distance(name, candidate);
    if (edits < best_distance) {
      best = candidate;
      best_distance = edits;
    }
  }
  const auto longer = static_cast<unsigned>(std::max(name.size(), best.size()));
  return !best.empty() && best_distance * 3 <= longer * edit_cost ? std::string(best) : std::string();
}

}  // namespace byway::control::reader
