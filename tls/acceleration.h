// Elliptic-curve operations of handshakes by libcrypto in place of mbedTLS' own: P-256 (ECDSA, ECDH) and
// X25519, which are nearly all that a handshake computes. mbedTLS' portable code, 5 to 20 times slower, stays
// for every other curve, and for builds without it (meson option `tls_acceleration`).
//
// mbedTLS calls its PSA functions by name (library/psa_crypto_ecp.c); the build renames those to *_portable
// and acceleration.cpp has the names. No line of mbedTLS is changed.
#pragma once

namespace byway::tls {

/// Built in.
[[nodiscard]] bool has_acceleration();

/// Tests and benchmarks only, while no handshake runs: off and on again. Returns whether it was on. Without
/// acceleration built in it stays off.
bool set_acceleration(bool is_on);

}  // namespace byway::tls
