// What only the node knows of a Gateway: whether the data plane runs it, and on which addresses. Written into
// the status that the resolver made of the objects alone, so that a data plane that comes, goes or has other
// addresses changes conditions and nothing else.
#pragma once
#include "control/publish/publisher.h"
#include "control/resources/gateway.pb.h"

namespace byway::control::model {

/// What is known of the node at one moment.
struct NodeKnowledge {
  const NodeAddresses* addresses = nullptr;  ///< nullptr: no data plane is connected
  bool is_applied = false;                   ///< the data plane runs this generation of the Gateway
  /// The status before the agent was restarted, while it is open what the data plane runs
  /// (PublishProgress::is_settled): a Gateway that was programmed then is taken to be so still. nullptr:
  /// nothing is open.
  const resources::GatewayStatus* held = nullptr;
};

/// `status` is the resolver's: Programmed=True stands for "will be served". It becomes, in this order,
///   False Pending             no data plane is connected
///   False AddressNotUsable    spec.addresses names one that no port has a place for; the others are served
///   False AddressNotAssigned  spec.addresses is empty, and so are the node's
///   False Pending             the data plane does not run this generation yet
/// and status.addresses the addresses in use: those of the spec that can be, or the node's (the first 16,
/// which is as many as the standard has place for).
void write_programmed(const resources::Gateway& gateway, const NodeKnowledge& node,
                      resources::GatewayStatus& status);

}  // namespace byway::control::model
