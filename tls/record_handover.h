// A record layer as bytes, for moving its connection to another worker or process in mid-stream (as
// dataplane/tcp/handover.h does for TCP). Part of a record or of a handshake message comes along.
//
//   RecordHandoverHead   fixed size, version first; holds keys
//   octets               part of a record, part of a handshake message
//
// The bytes are as secret as the connection: they go through memory that the mover wipes, never to disk. Who
// imports trusts nothing of them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>

#include "tls/record_limits.h"

namespace byway::tls {

/// Little endian, as all machines that we run on. Another version is refused: a connection that moves between
/// two releases needs a reader for the older one.
inline constexpr std::uint32_t record_handover_magic = 0x31525442;  // "BTR1"

struct RecordHandoverDirection {
  std::uint64_t sequence = 0;
  std::array<std::uint8_t, Secret::bytes_max> secret{};  ///< TLS 1.3: keys are derived of it.
  std::array<std::uint8_t, aead_key_bytes_max> key{};    ///< TLS 1.2
  std::array<std::uint8_t, aead_nonce_bytes> nonce{};    ///< TLS 1.2
  std::array<std::uint8_t, 4> unused{};
};

struct RecordHandoverHead {
  std::uint32_t magic = record_handover_magic;
  std::uint32_t total_bytes = 0;  ///< This head and everything behind it.
  std::uint16_t version = 0;
  std::uint16_t suite = 0;
  std::uint8_t role = 0;
  std::uint8_t owed = 0;
  std::uint8_t flags = 0;  ///< record_handover_flag
  std::uint8_t first_records_left = 0;
  std::uint8_t empty_records = 0;
  std::uint8_t warnings = 0;
  std::uint8_t renegotiations = 0;
  std::uint8_t message_records = 0;
  std::uint8_t key_update_credit = 0;
  std::uint8_t data_records = 0;
  std::array<std::uint8_t, 2> unused{};
  std::uint32_t skip = 0;
  std::uint32_t partial_bytes = 0;
  std::uint32_t message_bytes = 0;
  std::uint32_t unused_too = 0;
  RecordHandoverDirection send;
  RecordHandoverDirection receive;
  std::array<std::uint8_t, Secret::bytes_max> resumption_secret{};
};
static_assert(std::has_unique_object_representations_v<RecordHandoverHead>);

namespace record_handover_flag {
inline constexpr std::uint8_t peer_closed = 1;
inline constexpr std::uint8_t write_closed = 2;
inline constexpr std::uint8_t asked_peer = 4;
inline constexpr std::uint8_t all = 7;
}  // namespace record_handover_flag

/// No record layer takes more.
inline constexpr std::size_t record_handover_bytes_max =
    sizeof(RecordHandoverHead) + record_bytes_max + message_bytes_max;

enum class RecordHandoverError : std::uint8_t {
  none,
  bad_version,  ///< Another format, or none at all.
  truncated,    ///< Its lengths do not add up.
  bad_state,    ///< Numbers that no record layer has.
  no_memory,    ///< No buffers or chain nodes.
};
[[nodiscard]] std::string_view name_of(RecordHandoverError error);

}  // namespace byway::tls
