#include "control/reader/decode.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <charconv>
#include <string>

#include "control/reader/encode.h"
#include "control/reader/limits.h"
#include "control/reader/nearest.h"
#include "control/reader/write.h"
#include "control/resources/meta.pb.h"

namespace byway::control::reader {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

const FieldDescriptor* find_field(const Descriptor& type, std::string_view json_name) {
  for (int i = 0; i < type.field_count(); ++i)
    if (type.field(i)->json_name() == json_name) return type.field(i);
  return nullptr;
}

std::string nearest_field(const Descriptor& type, std::string_view name) {
  std::vector<std::string_view> names;
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->json_name());
  return nearest(name, names);
}

class Decoder {
 public:
  std::vector<Problem> problems;

  void message(const Node& node, Message& out) {
    const Descriptor& type = *out.GetDescriptor();
    if (&type == resources::IntOrString::descriptor()) return int_or_string(node, out);
    if (&type == resources::RawJson::descriptor()) return raw_json(node, out);
    if (node.kind != NodeKind::object) return wrong_kind(node, "an object");
    for (const Member& member : node.members) {
      const std::size_t path_size = path_.size();
      append_child(path_, member.name);
      const FieldDescriptor* known = find_field(type, member.name);
      if (known == nullptr)
        report(member.at, "unknown field", nearest_field(type, member.name));
      else if (member.value.kind != NodeKind::null)
        field(member.value, *known, out);
      path_.resize(path_size);
      if (problems.size() >= problems_max) return;
    }
  }

 private:
  void report(Position at, std::string reason, std::string near = {}) {
    problems.push_back({path_, at, std::move(reason), std::move(near)});
  }

  void wrong_kind(const Node& node, std::string_view wanted) {
    std::string reason = fmt::format("expected {}, found {}", wanted, describe(node.kind));
    if (wanted == "a string" && (node.kind == NodeKind::number || node.kind == NodeKind::boolean))
      reason += fmt::format(": put {} in quotes", node.text);
    if ((wanted == "an integer" || wanted == "a boolean") && node.kind == NodeKind::string)
      reason += ": write it without quotes";
    report(node.at, std::move(reason));
  }

  void field(const Node& node, const FieldDescriptor& field, Message& out) {
    if (field.is_map()) return map(node, field, out);
    if (!field.is_repeated()) return single(node, field, out);
    if (node.kind != NodeKind::list) return wrong_kind(node, "a list");
    if (node.items.empty()) mark_empty_list(out, field);
    for (std::size_t i = 0; i < node.items.size() && problems.size() < problems_max; ++i) {
      const std::size_t path_size = path_.size();
      append_item(path_, i);
      repeated_item(node.items[i], field, out);
      path_.resize(path_size);
    }
  }

  void single(const Node& node, const FieldDescriptor& field, Message& out) {
    const auto& reflection = *out.GetReflection();
    std::int64_t number = 0;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        if (is_string(node)) reflection.SetString(&out, &field, node.text);
        return;
      case FieldDescriptor::CPPTYPE_BOOL:
        if (node.kind != NodeKind::boolean) return wrong_kind(node, "a boolean");
        return reflection.SetBool(&out, &field, node.text == "true");
      case FieldDescriptor::CPPTYPE_INT32:
        if (integer(node, INT32_MIN, INT32_MAX, number))
          reflection.SetInt32(&out, &field, static_cast<std::int32_t>(number));
        return;
      case FieldDescriptor::CPPTYPE_INT64:
        if (integer(node, INT64_MIN, INT64_MAX, number)) reflection.SetInt64(&out, &field, number);
        return;
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return message(node, *reflection.MutableMessage(&out, &field));
      default:
        GOOGLE_LOG(FATAL) << "the resources use no field of this type: " << field.full_name();
    }
  }

  void repeated_item(const Node& node, const FieldDescriptor& field, Message& out) {
    const auto& reflection = *out.GetReflection();
    std::int64_t number = 0;
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_STRING:
        if (is_string(node)) reflection.AddString(&out, &field, node.text);
        return;
      case FieldDescriptor::CPPTYPE_INT32:
        if (integer(node, INT32_MIN, INT32_MAX, number))
          reflection.AddInt32(&out, &field, static_cast<std::int32_t>(number));
        return;
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return message(node, *reflection.AddMessage(&out, &field));
      default:
        GOOGLE_LOG(FATAL) << "the resources use no list of this type: " << field.full_name();
    }
  }

  /// All maps of the resources are string to string.
  void map(const Node& node, const FieldDescriptor& field, Message& out) {
    if (node.kind != NodeKind::object) return wrong_kind(node, "an object");
    if (node.members.empty()) mark_empty_list(out, field);
    const auto& reflection = *out.GetReflection();
    const Descriptor& entry = *field.message_type();
    for (const Member& member : node.members) {
      const std::size_t path_size = path_.size();
      append_child(path_, member.name);
      if (is_string(member.value)) {
        Message& item = *reflection.AddMessage(&out, &field);
        item.GetReflection()->SetString(&item, entry.map_key(), member.name);
        item.GetReflection()->SetString(&item, entry.map_value(), member.value.text);
      }
      path_.resize(path_size);
      if (problems.size() >= problems_max) return;
    }
  }

  bool is_string(const Node& node) {
    if (node.kind != NodeKind::string) return wrong_kind(node, "a string"), false;
    if (node.ambiguous)
      return report(node.at,
                    fmt::format("readers of YAML disagree about what {} is: put it in quotes", node.text)),
             false;
    return true;
  }

  bool integer(const Node& node, std::int64_t min, std::int64_t max, std::int64_t& out) {
    if (node.kind != NodeKind::number) return wrong_kind(node, "an integer"), false;
    const char* end = node.text.data() + node.text.size();
    auto [rest, error] = std::from_chars(node.text.data(), end, out);
    if (error == std::errc() && rest != end)
      return report(node.at, fmt::format("expected an integer, found {}", node.text)), false;
    if (error != std::errc() || out < min || out > max)
      return report(node.at, fmt::format("{} is not between {} and {}", node.text, min, max)), false;
    return true;
  }

  void int_or_string(const Node& node, Message& out) {
    auto& value = static_cast<resources::IntOrString&>(out);
    std::int64_t number = 0;
    if (node.kind == NodeKind::number) {
      if (integer(node, INT32_MIN, INT32_MAX, number)) value.set_number(static_cast<std::int32_t>(number));
    } else if (is_string(node)) {
      value.set_text(node.text);
    }
  }

  static void raw_json(const Node& node, Message& out) {
    static_cast<resources::RawJson&>(out).set_text(to_json(node));
  }

  std::string path_;
};

}  // namespace

std::vector<Problem> decode(const Node& node, Message& message) {
  Decoder decoder;
  message.Clear();
  decoder.message(node, message);
  return std::move(decoder.problems);
}

}  // namespace byway::control::reader
