// From a route's backendRef to a Service's port, and from there to endpoints.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "control/model/catalog.h"
#include "control/model/conditions.h"
#include "control/shm/endpoints_builder.h"

namespace byway::control::model {

/// Where a reference leads.
struct ResolvedBackend {
  std::string name;  ///< "ns/service:port", for an invalid one too
  Verdict verdict{true, "ResolvedRefs"};
};

/// Follows references and remembers each backend once.
class Backends {
 public:
  explicit Backends(const Catalog& catalog) : catalog_(catalog) {}

  ResolvedBackend resolve(const resources::HTTPBackendRef& ref, const std::string& route_namespace);

  /// The backends that were resolved, with their endpoints.
  [[nodiscard]] std::vector<shm::BackendSpec> specs() const;

 private:
  struct Place {
    std::string object_namespace;
    const resources::Service* service;
    const resources::ServicePort* port;
  };
  const Catalog& catalog_;
  std::map<std::string, Place> places_;
};

}  // namespace byway::control::model
