#include "dataplane/stream.h"

namespace byway {

std::string_view name_of(StreamEnd end) {
  switch (end) {
    case StreamEnd::finished:
      return "finished";
    case StreamEnd::reset:
      return "reset";
    case StreamEnd::refused:
      return "refused";
    case StreamEnd::timed_out:
      return "timed out";
    case StreamEnd::unreachable:
      return "unreachable";
    case StreamEnd::no_memory:
      return "no memory";
    case StreamEnd::drained:
      return "drained";
  }
  return "unknown";
}

}  // namespace byway
