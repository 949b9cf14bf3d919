// JSON Merge Patch (RFC 7386) on trees.
#pragma once
#include "control/reader/node.h"

namespace byway::control::reader {

/// `target` as `patch` changes it: null removes, objects merge, everything else replaces. Parts that
/// come from the patch keep the patch's positions, so that errors point into it.
void merge_patch(Node& target, const Node& patch);

}  // namespace byway::control::reader
