// What makes an object an object: its canonical content, the metadata that the agent sets, and conditions
// that keep the time of their last change.
#pragma once
#include <google/protobuf/message.h>

#include <memory>
#include <string>

#include "control/engine/object.h"

namespace byway::control {

/// JSON of what a client decides: everything but status, apiVersion and the metadata that the agent sets.
std::string content_of(const google::protobuf::Message& message);

/// JSON of the spec alone: its changes count as generations.
std::string spec_of(const google::protobuf::Message& message);

/// A random UUID (RFC 9562, version 4).
std::string new_uid();

/// Conditions in `next` that have the same status as in `previous` keep its lastTransitionTime; the others
/// get `now`. Both are statuses of one kind; `previous` may be nullptr.
void carry_times(const google::protobuf::Message* previous, google::protobuf::Message& next,
                 const std::string& now);

}  // namespace byway::control
