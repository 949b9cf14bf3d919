// Bounds shared by all of layer 7: what a message head may hold before it is refused.
// They protect the worker's memory (a head is held whole, as slices, until it is complete) and its
// time (no loop over a head is longer than these allow).
#pragma once

#include <cstdint>

namespace byway::l7 {

/// Longest request or status line without its CRLF. RFC 9112 3 asks recipients for at least 8,000;
/// 8 KiB is what peers allow. One byte more: 414 (a response: refused as invalid).
inline constexpr std::uint32_t start_line_bytes_max = 8 * 1024;

/// Most field lines of one head. Browsers send about 20, meshes add about 20; at 100 the fixed
/// table of a head is 2 KB. One more: 431.
inline constexpr std::uint32_t fields_max = 100;

/// Longest head, first byte to the end of the empty line. 60 KiB lets Kerberos and cookie-heavy
/// clients pass and stays under 64 KiB, so one connection pins at most 41 full-size segments for
/// an unfinished head. Not complete by then: 431.
inline constexpr std::uint32_t head_bytes_max = 60 * 1024;

/// Longest method that is looked at. The longest registered one (UPDATEREDIRECTREF) has 17 letters;
/// longer tokens cannot be a method that anyone implements (RFC 9112 3: 501).
inline constexpr std::uint32_t method_bytes_max = 24;

/// Longest host name of an authority: the limit of DNS (RFC 1035 2.3.4).
inline constexpr std::uint32_t host_bytes_max = 255;

/// Most options in all Connection fields of a head, empty list elements counted. Each is compared
/// with every field, so this bounds that work to 16 * 100; real messages name at most three.
inline constexpr std::uint32_t connection_options_max = 16;

static_assert(start_line_bytes_max < head_bytes_max, "a start line of full length must fit into a head");
static_assert(fields_max <= 255, "field indexes are bytes");

}  // namespace byway::l7
