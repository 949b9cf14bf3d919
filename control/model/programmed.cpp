#include "control/model/programmed.h"

#include <fmt/format.h>

#include <algorithm>

#include "control/model/addresses.h"
#include "control/model/conditions.h"
#include "control/shm/dump.h"

namespace byway::control::model {
namespace {

/// maxItems of Gateway.status.addresses.
constexpr std::size_t status_addresses_max = 16;
/// Addresses of the node in a message; a person with more looks into node.yaml.
constexpr std::size_t named_addresses_max = 4;

constexpr std::uint32_t ipv4_offset_bits = 96;

std::string text_of(const shm::NodeAddress& own) {
  const std::uint32_t bits = own.address.is_ipv4() ? own.prefix_bits - ipv4_offset_bits : own.prefix_bits;
  return fmt::format("{}/{}", shm::to_text(own.address), bits);
}

std::string text_of(const NodeAddresses& node) {
  std::string text;
  for (std::size_t i = 0; i < std::min(node.size(), named_addresses_max); ++i)
    text += (i == 0 ? "" : ", ") + text_of(node[i]);
  if (node.size() > named_addresses_max)
    text += fmt::format(" and {} more", node.size() - named_addresses_max);
  return text.empty() ? "none" : text;
}

struct Addresses {
  std::vector<std::string> usable;
  std::string unusable;  ///< joined by commas
};

Addresses judge(const resources::Gateway& gateway, const NodeAddresses& node) {
  Addresses addresses;
  if (gateway.spec().addresses().empty())
    for (const shm::NodeAddress& own : node) addresses.usable.push_back(shm::to_text(own.address));
  for (const resources::GatewayAddress& asked : gateway.spec().addresses()) {
    const auto address = address_of(asked.value());
    if (address && shm::can_answer_on(*address, node))
      addresses.usable.push_back(shm::to_text(*address));
    else
      addresses.unusable += (addresses.unusable.empty() ? "" : ", ") + asked.value();
  }
  return addresses;
}

/// Programmed=True becomes this; what was False for a better reason stays.
void withdraw(Conditions& conditions, std::string_view reason, const std::string& message) {
  for (resources::Condition& condition : conditions) {
    if (condition.type() != "Programmed" || condition.status() != "True") continue;
    condition.set_status("False");
    condition.set_reason(std::string(reason));
    condition.set_message(message);
  }
}

void withdraw_all(resources::GatewayStatus& status, const std::string& message) {
  withdraw(*status.mutable_conditions(), "Pending", message);
  for (resources::ListenerStatus& listener : *status.mutable_listeners())
    withdraw(*listener.mutable_conditions(), "Pending", message);
}

/// The Programmed condition if it is True.
const resources::Condition* programmed_of(const resources::GatewayStatus& status) {
  for (const resources::Condition& condition : status.conditions())
    if (condition.type() == "Programmed" && condition.status() == "True") return &condition;
  return nullptr;
}

}  // namespace

void write_programmed(const resources::Gateway& gateway, const NodeKnowledge& node,
                      resources::GatewayStatus& status) {
  const resources::Condition* wanted = programmed_of(status);
  if (wanted == nullptr) return;
  const resources::Condition* before = node.held == nullptr ? nullptr : programmed_of(*node.held);
  if (before != nullptr && before->observed_generation() == wanted->observed_generation()) {
    *status.mutable_addresses() = node.held->addresses();
    return;
  }
  if (node.addresses == nullptr) return withdraw_all(status, "no data plane is connected");
  const Addresses addresses = judge(gateway, *node.addresses);
  for (const std::string& value : addresses.usable) {
    if (static_cast<std::size_t>(status.addresses_size()) == status_addresses_max) break;
    resources::GatewayAddress& address = *status.add_addresses();
    address.set_type("IPAddress");
    address.set_value(value);
  }
  if (!addresses.unusable.empty())
    withdraw(*status.mutable_conditions(), "AddressNotUsable",
             fmt::format("{}: no port's network has a place for it; the node's addresses are {}",
                         addresses.unusable, text_of(*node.addresses)));
  else if (addresses.usable.empty())
    withdraw(*status.mutable_conditions(), "AddressNotAssigned",
             "the Gateway names no address, and the node has none");
  if (addresses.usable.empty())
    withdraw_all(status, "none of the Gateway's addresses can be used");
  else if (!node.is_applied)
    withdraw_all(status, "the data plane does not run it yet");
}

}  // namespace byway::control::model
