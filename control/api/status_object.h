// Errors as Kubernetes' Status objects: machine-readable reason, a message for a person, and for each field
// its path with line and column.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "control/api/message.h"
#include "control/engine/refusal.h"
#include "control/reader/node.h"

namespace byway::control::api {

reader::Node status_object(int code, std::string_view reason, std::string_view message);

/// `documents[i]` is what the i-th write was read from; fewer or none: no places are named.
reader::Node status_object(const Refusal& refusal, std::span<const reader::Node> documents);

/// What the reader found: 400 BadRequest. `what` names the document ("document 2").
reader::Node status_object(std::span<const reader::Problem> problems, std::string_view what);

Response respond(int status, const reader::Node& body);
Response respond_error(int code, std::string_view reason, std::string_view message);

}  // namespace byway::control::api
