// How much the agent keeps.
#pragma once
#include <cstddef>

namespace byway::control {

/// Objects in all. Kubernetes is tested to 10,000 Services; with two slices and a route each that is
/// 40,000. Every write goes through all of them once (model/resolve.h), which bounds its time.
inline constexpr std::size_t objects_max = 100'000;

/// Objects of one request (apply).
inline constexpr std::size_t writes_max = 10'000;

/// Causes listed in one refusal.
inline constexpr std::size_t causes_max = 50;

}  // namespace byway::control
