// Tree to protobuf message by reflection, as strict as Kubernetes' own `fieldValidation=Strict`:
// unknown names, wrong types, numbers out of range and ambiguous plain scalars are problems with path
// and place. Protobuf's own JSON reader is not used: it takes snake_case names, numbers in quotes and
// both spellings of a name, and loses a zero that was written.
//
// `null` means absent. An empty list is remembered (see encode.h), so that what was written comes back.
#pragma once
#include <vector>

#include "control/reader/node.h"

namespace google::protobuf {
class Message;
}

namespace byway::control::reader {

/// Fills `message`. Empty: all well. Otherwise up to problems_max problems and an unspecified message.
std::vector<Problem> decode(const Node& node, google::protobuf::Message& message);

}  // namespace byway::control::reader
