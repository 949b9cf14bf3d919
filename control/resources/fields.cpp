#include "control/resources/fields.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <map>
#include <unordered_map>

#include "control/reader/nearest.h"
#include "control/reader/node.h"

namespace byway::control::resources {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr FieldEntry table[] = {
#define BYWAY_FIELD(kind, path, treatment, note) {kind, path, "", false, Treatment::treatment, note},
#define BYWAY_VALUE(kind, path, value, treatment, note) {kind, path, value, true, Treatment::treatment, note},
#include "control/resources/fields.def"
#undef BYWAY_FIELD
#undef BYWAY_VALUE
};

/// The table by kind and path.
struct Index {
  std::unordered_map<std::string, const FieldEntry*> fields;
  std::unordered_map<std::string, std::vector<const FieldEntry*>> values;
};

std::string key_of(std::string_view kind, std::string_view path) {
  std::string key(kind);
  return key.append(" ").append(path);
}

const Index& index() {
  static const Index built = [] {
    Index made;
    for (const FieldEntry& entry : table) {
      if (entry.is_value)
        made.values[key_of(entry.kind, entry.path)].push_back(&entry);
      else
        made.fields[key_of(entry.kind, entry.path)] = &entry;
    }
    return made;
  }();
  return built;
}

class Walk {
 public:
  explicit Walk(const Kind& kind) : kind_(kind) {}
  FieldFindings findings;

  void message(const Message& message) {
    std::vector<const FieldDescriptor*> set;
    message.GetReflection()->ListFields(message, &set);
    for (const FieldDescriptor* field : set) {
      const std::size_t schema_size = schema_path_.size();
      const std::size_t path_size = path_.size();
      reader::append_child(schema_path_, field->json_name());
      reader::append_child(path_, field->json_name());
      this->field(message, *field);
      schema_path_.resize(schema_size);
      path_.resize(path_size);
    }
  }

 private:
  void field(const Message& message, const FieldDescriptor& field) {
    if (const FieldEntry* entry = find_field_entry(kind_, schema_path_)) {
      take(*entry, "");
      return;
    }
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING && !field.is_repeated()) {
      value(message.GetReflection()->GetString(message, &field));
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field.is_repeated()) {
      this->message(message.GetReflection()->GetMessage(message, &field));
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      items(message, field);
    }
  }

  void items(const Message& message, const FieldDescriptor& field) {
    schema_path_ += "[]";
    for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
      const std::size_t path_size = path_.size();
      reader::append_item(path_, static_cast<std::size_t>(i));
      this->message(message.GetReflection()->GetRepeatedMessage(message, &field, i));
      path_.resize(path_size);
    }
  }

  void value(const std::string& text) {
    const auto entries = value_entries(kind_, schema_path_);
    std::vector<std::string_view> known;
    for (const FieldEntry* entry : entries) {
      if (entry->value == text) return take(*entry, text);
      if (entry->treatment != Treatment::refused) known.push_back(entry->value);
    }
    if (entries.empty()) return;
    std::string list;
    for (std::string_view name : known)
      list.append(list.empty() ? "" : ", ").append(name.empty() ? "\"\"" : name);
    std::string reason = fmt::format("\"{}\" is not one of {}", text, list);
    if (std::string near = reader::nearest(text, known); !near.empty())
      reason += fmt::format(", did you mean \"{}\"?", near);
    findings.refused.push_back({Cause::not_supported, path_, std::move(reason)});
  }

  void take(const FieldEntry& entry, std::string_view value) {
    std::string what = value.empty() ? std::string(entry.note) : fmt::format("{}: {}", value, entry.note);
    switch (entry.treatment) {
      case Treatment::obeyed:
        return;
      case Treatment::refused:
        findings.refused.push_back({Cause::forbidden, path_, std::move(what)});
        return;
      case Treatment::inert:
        warn_once(entry, fmt::format("has no effect: {}", what));
        return;
      case Treatment::condition:
        warn_once(entry, fmt::format("not served in this version: {}", what));
        return;
    }
  }

  /// The first place is enough: a slice has a thousand endpoints with the same inert fields.
  void warn_once(const FieldEntry& entry, std::string reason) {
    if (warned_.emplace(&entry, true).second)
      findings.warnings.push_back({Cause::not_supported, path_, std::move(reason)});
  }

  const Kind& kind_;
  std::string schema_path_;
  std::string path_;
  std::map<const FieldEntry*, bool> warned_;
};

}  // namespace

std::string_view to_string(Treatment treatment) {
  switch (treatment) {
    case Treatment::obeyed:
      return "obeyed";
    case Treatment::inert:
      return "inert";
    case Treatment::refused:
      return "refused";
    case Treatment::condition:
      return "condition";
  }
  return "?";
}

std::string_view to_string(Cause cause) {
  switch (cause) {
    case Cause::required:
      return "FieldValueRequired";
    case Cause::invalid:
      return "FieldValueInvalid";
    case Cause::duplicate:
      return "FieldValueDuplicate";
    case Cause::not_supported:
      return "FieldValueNotSupported";
    case Cause::forbidden:
      return "FieldValueForbidden";
    case Cause::too_many:
      return "FieldValueTooMany";
    case Cause::too_long:
      return "FieldValueTooLong";
  }
  return "?";
}

std::span<const FieldEntry> field_table() {
  return table;
}

const FieldEntry* find_field_entry(const Kind& kind, std::string_view path) {
  for (std::string_view name : {kind.name, std::string_view("*")})
    if (auto it = index().fields.find(key_of(name, path)); it != index().fields.end()) return it->second;
  return nullptr;
}

std::vector<const FieldEntry*> value_entries(const Kind& kind, std::string_view path) {
  auto it = index().values.find(key_of(kind.name, path));
  return it == index().values.end() ? std::vector<const FieldEntry*>() : it->second;
}

FieldFindings check_fields(const Kind& kind, const Message& message) {
  Walk walk(kind);
  walk.message(message);
  return std::move(walk.findings);
}

}  // namespace byway::control::resources
