#include "control/shm/verify.h"

#include <tuple>

#include "control/shm/blob_checker.h"

namespace byway::shm {

namespace {

bool check_backend(BlobChecker& check, const EndpointsView& view, const Backend& backend,
                   std::uint32_t& covered) {
  if (!check.check_text(backend.name, 1, name_bytes_max)) return false;
  if (backend.id != stable_id(view.text(backend.name))) {
    return check.fail_at(VerifyReason::bad_value, &backend.id);
  }
  if (!check.check_enum(backend.balance, BalancePolicy::round_robin, BalancePolicy::least_request)) {
    return false;
  }
  if (!check.check_zero(backend.reserved)) return false;
  if (!check.check_range(backend.endpoints, view.root().endpoints.count, endpoints_max)) return false;
  if (backend.endpoints.first != covered) return check.fail_at(VerifyReason::bad_range, &backend.endpoints);
  covered = backend.endpoints.end;

  const auto place = [](const Endpoint& endpoint) { return std::tie(endpoint.address, endpoint.tcp_port); };
  const auto endpoints = view.endpoints(backend);
  for (const Endpoint& endpoint : endpoints) {
    if (endpoint.id != endpoint_id(view.text(backend.name), endpoint.address, endpoint.tcp_port)) {
      return check.fail_at(VerifyReason::bad_value, &endpoint.id);
    }
  }
  for (std::size_t i = 0; i + 1 < endpoints.size(); ++i) {
    if (!(place(endpoints[i]) < place(endpoints[i + 1]))) {
      return check.fail_at(VerifyReason::bad_order, &endpoints[i + 1]);
    }
  }
  return true;
}

bool check_endpoint(BlobChecker& check, const Endpoint& endpoint) {
  if (endpoint.address.is_none()) return check.fail_at(VerifyReason::bad_value, &endpoint.address);
  if (endpoint.tcp_port == 0) return check.fail_at(VerifyReason::bad_value, &endpoint.tcp_port);
  if (endpoint.weight < 1 || endpoint.weight > weight_max) {
    return check.fail_at(VerifyReason::bad_value, &endpoint.weight);
  }
  if (endpoint.flags != 0) return check.fail_at(VerifyReason::bad_reserved, &endpoint.flags);
  return true;
}

bool check_endpoints_blob(BlobChecker& check, const EndpointsView& view) {
  if (!check.check_header(BlobKind::endpoints, sizeof(EndpointsRoot))) return false;
  const EndpointsRoot& root = view.root();
  if (!check.check_strings(root.strings) || !check.check_table(root.backends) ||
      !check.check_table(root.endpoints) || !check.check_end()) {
    return false;
  }
  if (root.backends.count > backends_max) return check.fail_at(VerifyReason::bad_table, &root.backends);
  if (root.endpoints.count > endpoints_max) return check.fail_at(VerifyReason::bad_table, &root.endpoints);
  for (const Endpoint& endpoint : view.endpoints()) {
    if (!check_endpoint(check, endpoint)) return false;
  }
  std::uint32_t covered = 0;
  const Backend* previous = nullptr;
  for (const Backend& backend : view.backends()) {
    if (previous != nullptr && previous->id >= backend.id) {
      return check.fail_at(VerifyReason::bad_order, &backend);
    }
    if (!check_backend(check, view, backend, covered)) return false;
    previous = &backend;
  }
  return covered == root.endpoints.count || check.fail_at(VerifyReason::bad_range, &root.endpoints);
}

bool check_secrets_blob(BlobChecker& check, const SecretsView& view) {
  if (!check.check_header(BlobKind::secrets, sizeof(SecretsRoot))) return false;
  const SecretsRoot& root = view.root();
  if (!check.check_strings(root.strings) || !check.check_table(root.secrets) || !check.check_end()) {
    return false;
  }
  if (root.strings.count != 0) return check.fail_at(VerifyReason::bad_table, &root.strings);
  return root.secrets.count == 0 || check.fail_at(VerifyReason::bad_table, &root.secrets);
}

}  // namespace

std::string_view name_of(VerifyReason reason) {
  switch (reason) {
    case VerifyReason::too_small:
      return "too_small";
    case VerifyReason::too_large:
      return "too_large";
    case VerifyReason::misaligned:
      return "misaligned";
    case VerifyReason::bad_magic:
      return "bad_magic";
    case VerifyReason::bad_version:
      return "bad_version";
    case VerifyReason::bad_kind:
      return "bad_kind";
    case VerifyReason::bad_size:
      return "bad_size";
    case VerifyReason::bad_checksum:
      return "bad_checksum";
    case VerifyReason::bad_table:
      return "bad_table";
    case VerifyReason::bad_range:
      return "bad_range";
    case VerifyReason::bad_index:
      return "bad_index";
    case VerifyReason::bad_string:
      return "bad_string";
    case VerifyReason::bad_enum:
      return "bad_enum";
    case VerifyReason::bad_reserved:
      return "bad_reserved";
    case VerifyReason::bad_value:
      return "bad_value";
    case VerifyReason::bad_order:
      return "bad_order";
    case VerifyReason::bad_hash:
      return "bad_hash";
    case VerifyReason::bad_tree:
      return "bad_tree";
    case VerifyReason::bad_weights:
      return "bad_weights";
    case VerifyReason::not_sealed:
      return "not_sealed";
    case VerifyReason::cannot_map:
      return "cannot_map";
  }
  return "unknown";
}

std::expected<EndpointsView, VerifyError> verify_endpoints(std::span<const std::byte> blob) {
  BlobChecker check{blob};
  const EndpointsView view{blob.data()};
  if (!check_endpoints_blob(check, view)) return std::unexpected(check.error());
  return view;
}

std::expected<SecretsView, VerifyError> verify_secrets(std::span<const std::byte> blob) {
  BlobChecker check{blob};
  const SecretsView view{blob.data()};
  if (!check_secrets_blob(check, view)) return std::unexpected(check.error());
  return view;
}

}  // namespace byway::shm
