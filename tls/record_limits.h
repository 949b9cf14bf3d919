// Bounds of the record layer. Each says what it protects and what happens at it.
#pragma once

#include <cstdint>

#include "dataplane/rope.h"
#include "tls/key_schedule.h"
#include "tls/traffic_secrets.h"

namespace byway::tls {

// ---- Of the protocol -------------------------------------------------------------------------------------

inline constexpr Bytes record_header_bytes = 5;
/// RFC 8446 5.1, RFC 5246 6.2.1.
inline constexpr Bytes record_content_bytes_max = 16'384;
/// RFC 8446 5.2: what a record may have beyond that in TLS 1.3, and with its AEAD in TLS 1.2 what it has.
/// More: record_overflow, before its bytes have come.
inline constexpr Bytes record_growth_bytes_max = 256;
inline constexpr Bytes record_bytes_max =
    record_header_bytes + record_content_bytes_max + record_growth_bytes_max;
/// RFC 5288 section 3: the part of the nonce that comes with a record of TLS 1.2 with AES-GCM.
inline constexpr Bytes explicit_nonce_bytes = 8;

// ---- Of what a peer may do -------------------------------------------------------------------------------

/// Records that one call of open() takes, so that a flood of tiny ones cannot hold a worker's round: 64 full
/// ones are a megabyte. At the bound it returns Opened::paused.
inline constexpr std::uint32_t records_per_open_max = 64;

/// Application data records without a byte, one behind the other (RFC 5246 6.2.1 allows them): each costs us
/// a decryption and brings nothing. One more: unexpected_message. libssl has the same bound.
inline constexpr std::uint8_t empty_records_max = 32;

/// Warnings without application data between them (TLS 1.2, user_canceled): as above; libssl allows 5.
inline constexpr std::uint8_t warnings_max = 4;

/// Requests to renegotiate that are answered with no_renegotiation (RFC 5246 7.2.2). One more:
/// handshake_failure.
inline constexpr std::uint8_t renegotiations_max = 3;

/// KeyUpdates that a peer may send in a row: each costs us three HMACs, with an answer six. One more
/// comes back with every key_update_refill records of application data. Without one left: unexpected_message.
inline constexpr std::uint8_t key_updates_max = 32;
inline constexpr std::uint8_t key_update_refill = 8;

/// Records that one handshake message may be spread over: one of 16 KiB from a peer that is held to records
/// of 512 bytes (RFC 6066 section 4) has 32. More: unexpected_message.
inline constexpr std::uint8_t message_records_max = 64;

/// A NewSessionTicket that is kept: RFC 8446 allows 130 KiB, but tickets with a client's certificate chain in
/// them have 2 to 6. A longer one is skipped and counted; the session goes on without it.
inline constexpr Bytes ticket_message_bytes_max = 8'192;
/// What it can have at all: 4 + 4 + (1 + 255) + (2 + 65,535) + (2 + 65,534). More: decode_error.
inline constexpr Bytes ticket_message_bytes_possible = 131'337;
/// Bytes of handshake messages that are kept between two calls: one that is not whole, and a record's more.
inline constexpr Bytes message_bytes_max = 4 + ticket_message_bytes_max + record_content_bytes_max;
/// RFC 8446 4.6.1: seven days; a longer lifetime is cut to it.
inline constexpr std::uint32_t ticket_lifetime_seconds_max = 604'800;
/// A ClientHello that asks for a renegotiation, skipped. More: decode_error.
inline constexpr Bytes client_hello_bytes_max = 65'536;

// ---- Of keys ---------------------------------------------------------------------------------------------

/// Records under one key of TLS 1.3, after which we update ours. AES-GCM: 2^24.5 full records are safe (RFC
/// 8446 5.5), 2^24 leave room for those under way. ChaCha20-Poly1305: no bound but that of the sequence
/// number.
inline constexpr std::uint64_t gcm_records_max = std::uint64_t{1} << 24;
inline constexpr std::uint64_t chacha_records_max = std::uint64_t{1} << 62;
[[nodiscard]] constexpr std::uint64_t records_per_key_max(Aead aead) {
  return aead == Aead::chacha20_poly1305 ? chacha_records_max : gcm_records_max;
}
/// A peer that has sent this many more is asked to update its key: one that does so by itself never is.
inline constexpr std::uint64_t records_before_asking = std::uint64_t{1} << 22;
/// RFC 8446 5.3, RFC 5246 6.1: a sequence number must not wrap. At it: internal_error.
inline constexpr std::uint64_t sequence_max = UINT64_MAX;

// ---- Of memory and work ----------------------------------------------------------------------------------

/// Slices of one record that are decrypted where they lie. A record of 16 KiB has 12 of full segments; what
/// is spread over more is tiny, and goes into new buffers, close together.
inline constexpr std::uint32_t record_slices_max = 32;
/// Part of a record that waits for the rest in slices smaller than this on average, and more of them than
/// record_slices_max, is copied together: each of them holds a buffer of 2 KiB.
inline constexpr Bytes sparse_slice_bytes = 256;

/// A record up to this size is copied to where it is sealed in one call; a longer one is sealed piece by
/// piece from where it lies. Two more calls take 30 ns, which is what copying 512 bytes out of a cold cache
/// takes.
inline constexpr Bytes copied_record_bytes_max = 512;

/// Records at the start of a connection: a segment each (1,500 B less IPv6, TCP with timestamps, and what a
/// record adds), so that the first bytes can be used when the first segment is there. 10 are the initial
/// window (RFC 6928); from then on full records, which are the cheaper ones for both sides.
inline constexpr Bytes first_record_content_bytes = 1'400;
inline constexpr std::uint8_t first_records = 10;
/// A record is not cut shorter than this to fit what may be written now: better a full one a little later.
inline constexpr Bytes record_cut_bytes_min = 1'024;

/// Smallest buffer that a provider may have: a full record then takes 17.
inline constexpr Bytes buffer_bytes_min = 1'024;

}  // namespace byway::tls
