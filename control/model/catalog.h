// Typed look-ups in the object map for the resolver.
#pragma once
#include <map>
#include <string_view>
#include <vector>

#include "control/engine/object.h"
#include "control/resources/core.pb.h"
#include "control/resources/gateway.pb.h"
#include "control/resources/route.pb.h"

namespace byway::control::model {

/// Borrows the map, which outlives it.
class Catalog {
 public:
  explicit Catalog(const ObjectMap& objects);

  template <class Message>
  struct Entry {
    const ObjectKey* key;
    const Message* message;
  };

  [[nodiscard]] const resources::GatewayClass* gateway_class(const std::string& name) const;
  [[nodiscard]] const resources::Service* service(const std::string& object_namespace,
                                                  const std::string& name) const;
  [[nodiscard]] std::vector<Entry<resources::GatewayClass>> gateway_classes() const;
  [[nodiscard]] std::vector<Entry<resources::Gateway>> gateways() const;
  [[nodiscard]] std::vector<Entry<resources::HTTPRoute>> http_routes() const;
  /// Slices that name the Service by the label kubernetes.io/service-name.
  [[nodiscard]] const std::vector<const resources::EndpointSlice*>& slices(
      const std::string& object_namespace, const std::string& service) const;
  /// Whether a ReferenceGrant in the Service's namespace lets HTTPRoutes of `from_namespace` refer to it.
  [[nodiscard]] bool is_granted(const std::string& from_namespace, const std::string& to_namespace,
                                const std::string& service) const;

 private:
  using Name = std::pair<std::string, std::string>;
  const ObjectMap& objects_;
  std::map<Name, std::vector<const resources::EndpointSlice*>> slices_;
};

}  // namespace byway::control::model
