// Bounds of what the reader takes. A manifest beyond one is refused with its line; none of them is
// near what a real manifest needs. They bound memory and time before anything looks at the content.
#pragma once
#include <cstddef>

namespace byway::control::reader {

/// One document, and again what its anchors and aliases repeat. Kubernetes' own bound is etcd's 1.5 MiB a
/// request; an EndpointSlice of 1,000 endpoints takes about 300 KB.
inline constexpr std::size_t document_bytes_max = 2u << 20;

/// One request with many documents (apply). The API server's body limit is the same.
inline constexpr std::size_t input_bytes_max = 16u << 20;

/// Documents in one input.
inline constexpr std::size_t documents_max = 10'000;

/// Nesting. The deepest field of the Gateway API is at 12; recursion stays far below a thread's stack.
inline constexpr std::size_t depth_max = 64;

/// Nodes of one document, counted after aliases are expanded: stops "billion laughs".
inline constexpr std::size_t nodes_max = 200'000;

/// Aliases of one YAML document. Manifests written by people use a handful.
inline constexpr std::size_t aliases_max = 256;

/// Characters of a number. int64 needs 20; more cannot be a value of any field.
inline constexpr std::size_t number_chars_max = 64;

/// Problems reported for one document; a reader of errors needs no more to begin.
inline constexpr std::size_t problems_max = 20;

}  // namespace byway::control::reader
