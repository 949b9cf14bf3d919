// docs/fields.md from the table; a test compares the file with what this writes.
#include <fmt/format.h>

#include "control/resources/fields.h"

namespace byway::control::resources {
namespace {

constexpr std::string_view introduction =
    R"(# Fields: what Byway does with each

This file is written from `control/resources/fields.def`. A test fails when the two differ; `BYWAY_UPDATE_DOCS=1`
in its environment makes it write the file anew.

- **obeyed**: does what the standard says.
- **inert**: kept and returned, without effect. A write that sets it is answered with a `Warning: 299` header that
  names it.
- **refused**: a write that sets it is refused with the reason given here, and changes nothing.
- **condition**: taken, but what uses it is not served, and the status of the object says so with the condition
  given here (`apply?strict` turns that into a refusal).

A field that is not listed does not exist for Byway: a write that holds it is refused with the nearest known name.
)";

void append_rows(std::string& out, std::string_view kind) {
  out += "\n| field | treatment | what that means |\n|---|---|---|\n";
  for (const FieldEntry& entry : field_table()) {
    if (entry.kind != kind) continue;
    std::string field = fmt::format("`{}`", entry.path);
    if (entry.is_value) field += fmt::format(" = `{}`", entry.value.empty() ? "\"\"" : entry.value);
    out += fmt::format("| {} | {} | {} |\n", field, to_string(entry.treatment), entry.note);
  }
}

}  // namespace

std::string fields_document() {
  std::string out(introduction);
  out += "\n## Every kind\n";
  append_rows(out, "*");
  for (const Kind& kind : kinds()) {
    out += fmt::format("\n## {} ({})\n", kind.name, kind.api_version());
    append_rows(out, kind.name);
  }
  return out;
}

}  // namespace byway::control::resources
