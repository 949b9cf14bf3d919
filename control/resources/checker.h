// Collects findings while a validator walks one object: knows the path of where the walk is.
// Used by validate*.cpp only.
#pragma once
#include <fmt/format.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "control/reader/node.h"
#include "control/resources/finding.h"
#include "control/resources/text_rules.h"

namespace byway::control::resources {

class Checker {
 public:
  explicit Checker(std::vector<Finding>& findings) : findings_(findings) {}

  /// While it lives, the path is one step longer.
  class Scope {
   public:
    Scope(Checker& checker, std::string_view name) : checker_(checker), size_(checker.path_.size()) {
      reader::append_child(checker.path_, name);
    }
    Scope(Checker& checker, std::string_view name, int index) : Scope(checker, name) {
      reader::append_item(checker.path_, static_cast<std::size_t>(index));
    }
    ~Scope() { checker_.path_.resize(size_); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Checker& checker_;
    std::size_t size_;
  };

  void report(Cause cause, std::string reason) { findings_.push_back({cause, path_, std::move(reason)}); }
  void report(Cause cause, std::string_view name, std::string reason) {
    findings_.push_back({cause, reader::child_path(path_, name), std::move(reason)});
  }
  void report_item(Cause cause, std::string_view name, int index, std::string reason) {
    findings_.push_back({cause,
                         reader::item_path(reader::child_path(path_, name), static_cast<std::size_t>(index)),
                         std::move(reason)});
  }

  /// False, with a finding, if the field is absent or empty.
  bool require(std::string_view name, bool present) {
    if (!present) report(Cause::required, name, "is required");
    return present;
  }

  void range(std::string_view name, bool present, std::int64_t value, std::int64_t min, std::int64_t max) {
    if (present && (value < min || value > max))
      report(Cause::invalid, name, fmt::format("{} is not between {} and {}", value, min, max));
  }
  void tcp_port(std::string_view name, bool present, std::int64_t value) {
    range(name, present, value, 1, 65535);
  }

  void count(std::string_view name, int have, int max) {
    if (have > max)
      report(Cause::too_many, name, fmt::format("has {} items, at most {} are allowed", have, max));
  }
  void length(std::string_view name, const std::string& text, std::size_t max) {
    if (text.size() > max)
      report(Cause::too_long, name, fmt::format("has {} bytes, at most {} are allowed", text.size(), max));
  }

  template <class Predicate>
  void form(std::string_view name, bool present, const std::string& text, Predicate&& good,
            std::string_view wanted) {
    if (present && !good(text)) report(Cause::invalid, name, fmt::format("\"{}\" is not {}", text, wanted));
  }
  void dns_label(std::string_view name, bool present, const std::string& text) {
    form(name, present, text, is_dns_label, "a DNS label (a-z, 0-9, -; at most 63)");
  }
  void dns_subdomain(std::string_view name, bool present, const std::string& text) {
    form(name, present, text, is_dns_subdomain,
         "a DNS name (labels of a-z, 0-9, -, joined by dots; at most 253)");
  }

 private:
  std::vector<Finding>& findings_;
  std::string path_;
};

class Gateway;
class GatewayClass;
class HTTPRoute;
class ReferenceGrant;
class Service;
class EndpointSlice;
void validate_spec(const GatewayClass& object, Checker& checker);
void validate_spec(const Gateway& object, Checker& checker);
void validate_spec(const HTTPRoute& object, Checker& checker);
void validate_spec(const ReferenceGrant& object, Checker& checker);
void validate_spec(const Service& object, Checker& checker);
void validate_spec(const EndpointSlice& object, Checker& checker);

}  // namespace byway::control::resources
