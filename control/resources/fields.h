// What Byway does with each field (fields.def), and the check of a message against it.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "control/resources/finding.h"
#include "control/resources/kinds.h"

namespace byway::control::resources {

/// See fields.def.
enum class Treatment : std::uint8_t { obeyed, inert, refused, condition };
std::string_view to_string(Treatment treatment);

struct FieldEntry {
  std::string_view kind;  ///< "*": every kind
  std::string_view path;  ///< `spec.listeners[].port`
  std::string_view value;
  bool is_value;  ///< an entry for one value of the field
  Treatment treatment;
  std::string_view note;
};

/// The table, in the order of fields.def.
std::span<const FieldEntry> field_table();

/// The entry for a field (not for a value), or nullptr.
const FieldEntry* find_field_entry(const Kind& kind, std::string_view path);
/// The entries of a field's values; empty: any value.
std::vector<const FieldEntry*> value_entries(const Kind& kind, std::string_view path);

struct FieldFindings {
  std::vector<Finding> refused;
  std::vector<Finding> warnings;  ///< inert fields and those that end in a condition
};

/// Goes through all fields that are set.
FieldFindings check_fields(const Kind& kind, const google::protobuf::Message& message);

/// docs/fields.md as the table has it.
std::string fields_document();

}  // namespace byway::control::resources
