// What a request is compared with: host names, methods, header and query conditions, as the Gateway API's
// HTTPRoute defines them. Pure functions over bytes that belong to others; nothing is copied but the host in
// lower case.
#pragma once

#include <cstdint>
#include <string_view>

#include "control/shm/policy_view.h"

namespace byway::l7::routing {

/// How the router asks for header fields, without knowing how a head stores them.
struct HeaderLookup {
  /// Finds the `occurrence`-th field (from 0) whose name equals `name`, which is given in lower case, without
  /// regard to case; sets `value` (without surrounding blanks) and returns true; false: there are no more.
  using Find = bool (*)(const void* head, std::string_view name, std::uint32_t occurrence,
                        std::string_view& value);

  const void* head = nullptr;
  Find find = nullptr;  ///< may be null: no fields
};

/// Fields of one name that a condition looks at; with more, the condition is not met. A head has at most a
/// hundred or so fields by the listener's limit, so this bounds the work of one condition.
inline constexpr std::uint32_t repeated_fields_max = 128;

/// The host of a Host field or an authority (RFC 3986 3.2.2), made comparable: without port, without one
/// trailing dot (the root of an absolute name), in lower case. Longer than a host name can be: empty, which
/// only patterns without hostname match.
class HostName {
 public:
  // Leaves the bytes uninitialised: most requests need few of them, or none.
  HostName() {}  // NOLINT(modernize-use-equals-default)
  explicit HostName(std::string_view authority) { assign(authority); }

  void assign(std::string_view authority);
  [[nodiscard]] std::string_view text() const { return {bytes_, size_}; }

 private:
  char bytes_[shm::hostname_bytes_max];
  std::uint32_t size_ = 0;
};

/// The method of a request line; methods compare with case (RFC 9110 9.1). Method::other: none that a route
/// can ask for.
[[nodiscard]] shm::Method method_of(std::string_view method);

/// Whether the fields of that name, joined by ", " in their order if there are several (RFC 9110 5.3), have
/// exactly this value. No such field: false.
[[nodiscard]] bool matches_header(const HeaderLookup& headers, std::string_view name, std::string_view value);

/// Whether the first parameter of that name has exactly this value. `query` is what stands after '?', without
/// it, in application/x-www-form-urlencoded shape: "a=1&b". A parameter without '=' has an empty value. Bytes
/// are compared as they came: percent escapes and '+' are not decoded.
[[nodiscard]] bool matches_query(std::string_view query, std::string_view name, std::string_view value);

}  // namespace byway::l7::routing
