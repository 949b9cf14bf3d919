// Forms of names and values as Kubernetes and the Gateway API define them: pure predicates and parsers.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace byway::control::resources {

/// RFC 1123 label: [a-z0-9]([-a-z0-9]*[a-z0-9])?, at most 63.
bool is_dns_label(std::string_view text);
/// RFC 1035 label: as above but beginning with a letter (names of Services).
bool is_dns1035_label(std::string_view text);
/// Labels joined by dots, at most 253 (names of most objects; SectionName).
bool is_dns_subdomain(std::string_view text);
/// Gateway API Hostname: a subdomain, or "*." and a subdomain; not an IP address.
bool is_hostname(std::string_view text, bool allow_wildcard);
/// Kubernetes qualified name: [prefix/]name, name at most 63 of [-A-Za-z0-9_.].
bool is_qualified_name(std::string_view text);
/// Value of a label: empty or like the name part of a qualified name.
bool is_label_value(std::string_view text);
/// IANA service name (named ports): [a-z0-9-], at most 15, with a letter, no "--".
bool is_port_name(std::string_view text);
/// Token of RFC 9110 5.6.2.
bool is_token(std::string_view text);
/// Field value of RFC 9110 5.5: visible characters, blanks inside, no control characters.
bool is_field_value(std::string_view text);
/// Gateway API Duration (GEP-2257): ^([0-9]{1,5}(h|m|s|ms)){1,4}$
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// "10.0.0.1" as 0x0a000001; four decimal parts without leading zeros, nothing else.
std::optional<std::uint32_t> parse_ipv4(std::string_view text);

/// The first character or sequence that a path of a match may not hold, as a phrase; "" if it is good.
/// Gateway API, HTTPPathMatch: begins with /, no //, /./, /../, %2f, #, no /. or /.. at the end.
std::string_view path_objection(std::string_view path);

}  // namespace byway::control::resources
