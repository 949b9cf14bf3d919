// Reads a verified policy blob. The accessors check nothing: verify_policy() made sure that every index,
// range and string they can meet lies inside. A view is one pointer, freely copied; the mapping
// that it points into belongs to the Snapshot and outlives it.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "control/shm/hash_table.h"
#include "control/shm/policy_layout.h"

namespace byway::shm {

/// What all views share: the start of the blob, its tables and strings.
class BlobView {
 public:
  BlobView() = default;
  explicit BlobView(const std::byte* blob) : blob_(blob) {}

  [[nodiscard]] const BlobHeader& header() const { return *reinterpret_cast<const BlobHeader*>(blob_); }
  [[nodiscard]] std::string_view text(StringRef ref) const {
    return {reinterpret_cast<const char*>(blob_) + ref.offset, ref.size};
  }
  template <class T>
  [[nodiscard]] std::span<const T> table(Table<T> place) const {
    return {reinterpret_cast<const T*>(blob_ + place.offset), place.count};
  }
  template <class T>
  [[nodiscard]] std::span<const T> records(Table<T> place, Range range) const {
    return table(place).subspan(range.first, range.count());
  }
  [[nodiscard]] HashTableView hash_table(const HashTable& place) const {
    return {table(place.slots), place.seed};
  }

 protected:
  template <class Root>
  [[nodiscard]] const Root& root_as() const {
    return *reinterpret_cast<const Root*>(blob_ + sizeof(BlobHeader));
  }

 private:
  const std::byte* blob_ = nullptr;
};

/// The policy of one generation. Thread: any; nothing changes.
class PolicyView : public BlobView {
 public:
  PolicyView() = default;
  /// `blob` has passed verify_policy().
  explicit PolicyView(const std::byte* blob) : BlobView(blob) {}

  [[nodiscard]] const PolicyRoot& root() const { return root_as<PolicyRoot>(); }

  [[nodiscard]] std::span<const ListenerGroup> groups() const { return table(root().groups); }
  [[nodiscard]] std::span<const Listener> listeners() const { return table(root().listeners); }
  [[nodiscard]] std::span<const RouteHost> route_hosts() const { return table(root().route_hosts); }
  [[nodiscard]] std::span<const Candidate> candidates() const { return table(root().candidates); }
  [[nodiscard]] std::span<const Rule> rules() const { return table(root().rules); }
  [[nodiscard]] std::span<const BackendRef> backend_refs() const { return table(root().backend_refs); }
  [[nodiscard]] std::span<const PolicyBackend> backends() const { return table(root().backends); }

  /// Addresses on which the listener listens; empty: the node's own.
  [[nodiscard]] std::span<const IpAddress> addresses(const Listener& listener) const {
    return records(root().addresses, listener.addresses);
  }
  /// Peers whose X-Forwarded-For and -Proto the listener believes.
  [[nodiscard]] std::span<const Cidr> trusted_proxies(const Listener& listener) const {
    return records(root().cidrs, listener.trusted_proxies);
  }
  [[nodiscard]] std::span<const BackendRef> backend_refs(const Rule& rule) const {
    return records(root().backend_refs, rule.backend_refs);
  }
  /// RequestHeaderModifier of a rule, in the order in which to apply it.
  [[nodiscard]] std::span<const HeaderEdit> request_edits(const Rule& rule) const {
    return records(root().header_edits, rule.request_edits);
  }
  /// RequestHeaderModifier of a backend reference, applied after the rule's.
  [[nodiscard]] std::span<const HeaderEdit> request_edits(const BackendRef& ref) const {
    return records(root().header_edits, ref.request_edits);
  }
  [[nodiscard]] std::span<const HeaderMatch> headers(const Candidate& candidate) const {
    return records(root().header_matches, candidate.headers);
  }
  [[nodiscard]] std::span<const QueryMatch> queries(const Candidate& candidate) const {
    return records(root().query_matches, candidate.queries);
  }

  /// The group for a connection to this address and port, or no_index: nobody listens there. A group of that
  /// very address wins; else, if the address is one of the node's own, the group without address.
  [[nodiscard]] std::uint32_t find_group(const IpAddress& address, std::uint16_t tcp_port,
                                         bool is_node_address) const;
};

}  // namespace byway::shm
