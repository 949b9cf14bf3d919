#include "control/reader/encode.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>
#include <string>

#include "control/reader/json.h"
#include "control/resources/meta.pb.h"

namespace byway::control::reader {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

/// Marks of empty lists have the list's field number plus this: far above every number in use.
constexpr int empty_list_base = 1'000'000;

Node encode_map(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  const Descriptor& entry = *field.message_type();
  Node node = Node::object();
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    const Message& item = reflection.GetRepeatedMessage(message, &field, i);
    const Reflection& parts = *item.GetReflection();
    node.add(parts.GetString(item, entry.map_key()), Node::string(parts.GetString(item, entry.map_value())));
  }
  std::ranges::sort(node.members, {}, &Member::name);
  return node;
}

Node encode_list(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  Node node = Node::list();
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i) {
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        node.items.push_back(Node::string(reflection.GetRepeatedString(message, &field, i)));
        break;
      case FieldDescriptor::CPPTYPE_INT32:
        node.items.push_back(Node::number(reflection.GetRepeatedInt32(message, &field, i)));
        break;
      case FieldDescriptor::CPPTYPE_MESSAGE:
        node.items.push_back(encode(reflection.GetRepeatedMessage(message, &field, i)));
        break;
      default:
        GOOGLE_LOG(FATAL) << "the resources use no list of this type: " << field.full_name();
    }
  }
  return node;
}

Node encode_single(const Message& message, const FieldDescriptor& field) {
  const Reflection& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return Node::string(reflection.GetString(message, &field));
    case FieldDescriptor::CPPTYPE_BOOL:
      return Node::boolean(reflection.GetBool(message, &field));
    case FieldDescriptor::CPPTYPE_INT32:
      return Node::number(reflection.GetInt32(message, &field));
    case FieldDescriptor::CPPTYPE_INT64:
      return Node::number(reflection.GetInt64(message, &field));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return encode(reflection.GetMessage(message, &field));
    default:
      GOOGLE_LOG(FATAL) << "the resources use no field of this type: " << field.full_name();
  }
  return {};
}

}  // namespace

void mark_empty_list(Message& message, const FieldDescriptor& field) {
  message.GetReflection()->MutableUnknownFields(&message)->AddVarint(empty_list_base + field.number(), 1);
}

bool is_marked_empty_list(const Message& message, const FieldDescriptor& field) {
  const auto& marks = message.GetReflection()->GetUnknownFields(message);
  for (int i = 0; i < marks.field_count(); ++i)
    if (marks.field(i).number() == empty_list_base + field.number()) return true;
  return false;
}

Node encode(const Message& message) {
  const Descriptor& type = *message.GetDescriptor();
  if (&type == resources::IntOrString::descriptor()) {
    const auto& value = static_cast<const resources::IntOrString&>(message);
    return value.has_text() ? Node::string(value.text()) : Node::number(value.number());
  }
  if (&type == resources::RawJson::descriptor())
    return read_json(static_cast<const resources::RawJson&>(message).text()).value_or(Node());

  const Reflection& reflection = *message.GetReflection();
  Node node = Node::object();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.is_repeated()) {
      const bool present = reflection.FieldSize(message, &field) > 0 || is_marked_empty_list(message, field);
      if (present)
        node.add(field.json_name(),
                 field.is_map() ? encode_map(message, field) : encode_list(message, field));
    } else if (reflection.HasField(message, &field)) {
      node.add(field.json_name(), encode_single(message, field));
    }
  }
  return node;
}

}  // namespace byway::control::reader
