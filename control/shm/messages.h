// What the agent and the data plane say to each other over dataplane.sock (SOCK_SEQPACKET: one message a
// datagram).
//
//   agent                                data plane
//   Hello (role, name)            ->
//                                 <-     Welcome (what runs, the node's addresses) + one descriptor a region
//   Handover (set) + 3 blobs      ->
//                                 <-     Receipt accepted, or refused with a reason
//                                 <-     Receipt applied, when every worker runs it
//   CommandRequest (name, args)   ->
//                                 <-     AnswerChunk ... AnswerChunk (last)
//
// A message is a MessageHead, then the fixed body of its type, then text or records whose number the body
// gives. Both ends run on one host, so integers are little endian as they lie in memory; the layout version
// must be equal on both sides. decode() is strict: sizes agree exactly, enumerations are known, reserved
// fields are zero, counts are within bounds. Whatever bytes come, it gives a value that keeps these promises
// or an error, and reads nothing beyond them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "control/shm/control_page.h"
#include "control/shm/node_address.h"

namespace byway::shm {

inline constexpr std::uint32_t protocol_version = 2;

/// Largest message. Well below the default socket buffer (208 KiB), so a few always fit.
inline constexpr std::size_t message_bytes_max = 32 * 1024;
/// Name of a peer, for its log lines.
inline constexpr std::size_t peer_name_bytes_max = 64;
/// Why a set was refused: a sentence with a path into the blob.
inline constexpr std::size_t reason_bytes_max = 1024;
/// Name of a command ("connections") and its arguments (a request to explain with its headers).
inline constexpr std::size_t command_name_bytes_max = 32;
inline constexpr std::size_t command_arguments_bytes_max = 16 * 1024;
/// Text in one piece of an answer; an answer as a whole is at most answer_bytes_max (100 B for each of 40,000
/// connections); a longer one is cut by who produces it, which must say so in its text.
inline constexpr std::size_t answer_chunk_bytes_max = 24 * 1024;
inline constexpr std::size_t answer_bytes_max = 4 * 1024 * 1024;

enum class MessageType : std::uint16_t {
  hello = 1,
  welcome = 2,
  handover = 3,
  receipt = 4,
  command_request = 5,
  answer_chunk = 6,
};

/// Regions of the data plane, in the order in which Welcome lists them and carries their descriptors.
enum class RegionKind : std::uint32_t {
  control_page = 0,
  counters = 1,
  slots = 2,
  endpoint_stats = 3,
  rings = 4,
  ring_cursors = 5,  ///< the only one that the agent writes
};
inline constexpr std::uint32_t region_count = 6;

/// Blobs of a set, in the order of their descriptors.
inline constexpr std::uint32_t blob_count = 3;  // policy, endpoints, secrets

/// First message of a peer.
struct Hello {
  std::string name;  ///< printable ASCII, may be empty
  bool operator==(const Hello&) const = default;
};

/// Answer to Hello.
struct Welcome {
  std::uint64_t instance = 0;    ///< differs for each start of the data plane
  std::uint64_t generation = 0;  ///< newest published; 0: none
  std::uint64_t revision = 0;
  std::uint32_t worker_count = 0;
  std::array<std::uint64_t, region_count> region_bytes{};  ///< by RegionKind
  std::vector<NodeAddress> node_addresses;  ///< of all ports; sound, at most node_addresses_max
  bool operator==(const Welcome&) const = default;
};

/// A set to run, with its three descriptors beside it.
struct Handover {
  std::uint64_t request_id = 0;  ///< chosen by the agent, returned in the receipts
  std::uint64_t generation = 0;  ///< wanted; 1..generation_max and greater than the newest
  std::uint64_t revision = 0;
  bool operator==(const Handover&) const = default;
};

enum class ReceiptResult : std::uint32_t {
  refused = 1,   ///< reason says why; the last good set stays
  accepted = 2,  ///< verified and published
  applied = 3,   ///< every worker runs it, or a newer one
};

/// Worker times in a receipt that are not times.
inline constexpr std::uint64_t apply_time_pending = ~std::uint64_t{0};  ///< still runs an older generation
inline constexpr std::uint64_t apply_time_no_worker = ~std::uint64_t{0} - 1;  ///< has not begun, or has ended

struct Receipt {
  std::uint64_t request_id = 0;
  std::uint64_t generation = 0;
  ReceiptResult result = ReceiptResult::refused;
  std::vector<std::uint64_t> worker_ns;  ///< from publication until each worker ran it; empty when refused
  std::string reason;                    ///< empty unless refused
  bool operator==(const Receipt&) const = default;
};

struct CommandRequest {
  std::uint64_t request_id = 0;
  std::string name;
  std::string arguments;  ///< as the command defines it, usually JSON or empty
  bool operator==(const CommandRequest&) const = default;
};

enum class AnswerStatus : std::uint32_t {
  ok = 1,
  unknown_command = 2,
  invalid_arguments = 3,
  failed = 4,     ///< the text says why
  timed_out = 5,  ///< a worker did not answer in time
  busy = 6,       ///< another command of this peer is still being answered
};

struct AnswerChunk {
  std::uint64_t request_id = 0;
  std::uint32_t sequence = 0;  ///< 0, 1, 2 ...
  AnswerStatus status = AnswerStatus::ok;
  bool is_last = false;
  std::string text;
  bool operator==(const AnswerChunk&) const = default;
};

using Message = std::variant<Hello, Welcome, Handover, Receipt, CommandRequest, AnswerChunk>;

enum class DecodeError : std::uint8_t {
  too_short,
  too_long,
  wrong_magic,
  other_version,  ///< agent and data plane are of releases that do not speak together
  unknown_type,
  wrong_length,
  out_of_bounds,  ///< a count, enumeration or reserved field
  bad_text,
};
[[nodiscard]] std::string_view to_string(DecodeError error);

/// Bytes of a message. Asserted: texts and counts are within their bounds (the caller cuts or refuses first).
[[nodiscard]] std::vector<std::byte> encode(const Message& message);

/// The message that `datagram` holds.
[[nodiscard]] std::expected<Message, DecodeError> decode(std::span<const std::byte> datagram);

/// How many descriptors must come with a message.
[[nodiscard]] std::size_t descriptor_count(const Message& message);

}  // namespace byway::shm
