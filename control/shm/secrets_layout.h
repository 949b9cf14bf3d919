// The secrets blob: keys and certificates. Until listeners speak TLS it carries none: its one table must be
// empty, and the verifier refuses anything else rather than keep keys that nobody uses.
#pragma once

#include "control/shm/blob.h"

namespace byway::shm {

/// A named secret.
struct Secret {
  std::uint64_t id;  ///< stable_id(name)
  StringRef name;    ///< "ns/name"
};
static_assert(sizeof(Secret) == 16);

/// Follows the header of a secrets blob.
struct SecretsRoot {
  Table<char> strings;
  Table<Secret> secrets;  ///< count 0 in layout version 1
};
static_assert(sizeof(SecretsRoot) == 16);

}  // namespace byway::shm
