// Which Gateways the data plane runs already. A Gateway counts as programmed from the first applied ticket
// that held its present generation, and stays so while other objects change.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "control/engine/object.h"
#include "control/publish/publisher.h"

namespace byway::control {

class ProgressMap {
 public:
  /// Forgets Gateways that are gone, and takes up new ones and new generations as not published.
  void resize_to(const ObjectMap& objects);
  /// Everything that was not published yet is part of this ticket.
  void note_published(Ticket ticket);
  /// True for what is no Gateway.
  [[nodiscard]] bool is_applied(const ObjectKey& key, Ticket applied) const;
  /// Whether is_applied differs for some Gateway between two moments.
  [[nodiscard]] bool differs(Ticket applied_before, Ticket applied_now) const;

 private:
  struct Progress {
    std::string uid;
    std::int64_t generation = 0;
    Ticket since = 0;  ///< 0: not published yet
  };
  std::map<ObjectKey, Progress> gateways_;
};

}  // namespace byway::control
