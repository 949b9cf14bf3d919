#include "l7/filters/headers.h"

#include "dataplane/assert.h"

namespace byway::l7::filters {
namespace {

http1::FieldEdit::Kind kind_of(shm::EditKind kind) {
  switch (kind) {
    case shm::EditKind::set:
      return http1::FieldEdit::Kind::set;
    case shm::EditKind::add:
      return http1::FieldEdit::Kind::add;
    case shm::EditKind::remove:
      return http1::FieldEdit::Kind::remove;
  }
  BYWAY_ASSERT(false);  // the verifier knows the three
  return http1::FieldEdit::Kind::remove;
}

}  // namespace

std::span<const http1::FieldEdit> request_edits(const shm::PolicyView& policy, const shm::Rule& rule,
                                                const shm::BackendRef& backend,
                                                std::span<http1::FieldEdit> out) {
  std::size_t count = 0;
  for (const std::span<const shm::HeaderEdit> edits :
       {policy.request_edits(rule), policy.request_edits(backend)}) {
    for (const shm::HeaderEdit& edit : edits) {
      BYWAY_ASSERT(count < out.size());
      out[count++] = {
          .kind = kind_of(edit.kind), .name = policy.text(edit.name), .value = policy.text(edit.value)};
    }
  }
  return out.first(count);
}

}  // namespace byway::l7::filters
