#include "control/model/catalog.h"

#include <algorithm>

namespace byway::control::model {
namespace {

constexpr std::string_view service_label = "kubernetes.io/service-name";

template <class Message>
const resources::Kind& kind_of() {
  static const resources::Kind& kind = resources::kind_named(Message::descriptor()->name());
  return kind;
}

template <class Message>
const Message* find(const ObjectMap& objects, const std::string& object_namespace, const std::string& name) {
  auto it = objects.find({&kind_of<Message>(), object_namespace, name});
  return it == objects.end() ? nullptr : static_cast<const Message*>(it->second->message.get());
}

template <class Message>
std::vector<Catalog::Entry<Message>> all(const ObjectMap& objects, const std::string& object_namespace = "") {
  std::vector<Catalog::Entry<Message>> entries;
  const resources::Kind* kind = &kind_of<Message>();
  for (auto it = objects.lower_bound({kind, object_namespace, ""});
       it != objects.end() && it->first.kind == kind; ++it) {
    if (!object_namespace.empty() && it->first.object_namespace != object_namespace) break;
    entries.push_back({&it->first, static_cast<const Message*>(it->second->message.get())});
  }
  return entries;
}

}  // namespace

Catalog::Catalog(const ObjectMap& objects) : objects_(objects) {
  for (const auto& [key, slice] : all<resources::EndpointSlice>(objects)) {
    const auto& labels = slice->metadata().labels();
    if (auto it = labels.find(std::string(service_label)); it != labels.end())
      slices_[{key->object_namespace, it->second}].push_back(slice);
  }
}

const resources::GatewayClass* Catalog::gateway_class(const std::string& name) const {
  return find<resources::GatewayClass>(objects_, "", name);
}

const resources::Service* Catalog::service(const std::string& object_namespace,
                                           const std::string& name) const {
  return find<resources::Service>(objects_, object_namespace, name);
}

std::vector<Catalog::Entry<resources::GatewayClass>> Catalog::gateway_classes() const {
  return all<resources::GatewayClass>(objects_);
}

std::vector<Catalog::Entry<resources::Gateway>> Catalog::gateways() const {
  return all<resources::Gateway>(objects_);
}

std::vector<Catalog::Entry<resources::HTTPRoute>> Catalog::http_routes() const {
  return all<resources::HTTPRoute>(objects_);
}

const std::vector<const resources::EndpointSlice*>& Catalog::slices(const std::string& object_namespace,
                                                                    const std::string& service) const {
  static const std::vector<const resources::EndpointSlice*> none;
  auto it = slices_.find({object_namespace, service});
  return it == slices_.end() ? none : it->second;
}

bool Catalog::is_granted(const std::string& from_namespace, const std::string& to_namespace,
                         const std::string& service) const {
  for (const auto& [key, grant] : all<resources::ReferenceGrant>(objects_, to_namespace)) {
    const bool from =
        std::ranges::any_of(grant->spec().from(), [&](const resources::ReferenceGrantFrom& item) {
          return item.group() == resources::gateway_group && item.kind() == "HTTPRoute" &&
                 item.namespace_() == from_namespace;
        });
    const bool to = std::ranges::any_of(grant->spec().to(), [&](const resources::ReferenceGrantTo& item) {
      return item.group().empty() && item.kind() == "Service" &&
             (item.name().empty() || item.name() == service);
    });
    if (from && to) return true;
  }
  return false;
}

}  // namespace byway::control::model
