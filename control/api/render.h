// Objects, receipts and results as trees for answers.
#pragma once
#include <string_view>

#include "control/api/message.h"
#include "control/engine/engine.h"
#include "control/reader/node.h"

namespace byway::control::api {

/// The object as clients see it: with status, under the version they asked for (empty: as it was written).
reader::Node render(const Object& object, const google::protobuf::Message* status, std::string_view version);

reader::Node render(const Receipt& receipt);

/// ApplyResult: what became of each object, the revision, and the receipt if it was waited for.
reader::Node render(const Outcome& outcome, bool is_dry_run, const Receipt* receipt);

reader::Node render(const Revision& revision);

/// Adds a `Warning: 299` header (RFC 7234 5.5, as Kubernetes uses it) for each finding.
void add_warnings(Response& response, const Outcome& outcome);

/// The body in the form that the Accept header and `?pretty` want: JSON, or YAML where asked for.
Response respond_rendered(const Request& request, int status, const reader::Node& body);

}  // namespace byway::control::api
