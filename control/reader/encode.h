// Protobuf message to tree: the inverse of decode.h. Members come in the order of their field numbers,
// map entries by key.
#pragma once
#include "control/reader/node.h"

namespace google::protobuf {
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace byway::control::reader {

Node encode(const google::protobuf::Message& message);

/// Protobuf cannot tell an empty list from none, but a reader of `endpoints: []` wants it back. The
/// mark is an unknown varint field, which protobuf itself carries through copies and comparison.
void mark_empty_list(google::protobuf::Message& message, const google::protobuf::FieldDescriptor& field);
bool is_marked_empty_list(const google::protobuf::Message& message,
                          const google::protobuf::FieldDescriptor& field);

}  // namespace byway::control::reader
