// What `byway doctor` looks at. Each check reads the machine (/proc, /sys, an ioctl), changes nothing, and
// says for what it finds the exact command that mends it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace byway::cli {

enum class Verdict {
  good,
  note,    ///< Works, but slower or with less than there could be.
  broken,  ///< Byway will not start, or will not work right.
};

struct Finding {
  std::string subject;
  Verdict verdict = Verdict::good;
  std::string text;
  std::string fix;  ///< A command or a sentence; empty when nothing is to be done.
};

/// A port of node.yaml, as far as the checks need it.
struct PortToCheck {
  std::string name;
  std::string device;  ///< PCI address or vdev arguments.
};

/// What node.yaml asks of the machine; empty without one.
struct NodeToCheck {
  std::vector<PortToCheck> ports;
  std::vector<unsigned> cores;   ///< Of the workers; empty: the data plane chooses.
  std::uint64_t mbufs = 16'384;  ///< Packet buffers of each worker (docs/node.md).
};

/// Whether `device` is a network card, told by its PCI address.
[[nodiscard]] bool is_card(const std::string& device);

/// CPU features, number of cores, isolation of the workers' (or of the last) from other work.
void check_cores(const NodeToCheck& node, std::vector<Finding>& findings);
/// The workers' cores of node.yaml: each exists, may be used by this process, and is listed once.
void check_worker_cores(const std::vector<unsigned>& cores, std::vector<Finding>& findings);
/// Huge pages, which cards cannot do without, and locked memory.
void check_memory(const NodeToCheck& node, std::vector<Finding>& findings);
/// IOMMU and vfio-pci, and which driver each network card of the machine has, with its queues (RSS).
void check_cards(const NodeToCheck& node, std::vector<Finding>& findings);
/// A port: the interface behind a vdev exists, is up, has no kernel address, its peer sends whole checksums.
void check_port(const PortToCheck& port, std::vector<Finding>& findings);

}  // namespace byway::cli
