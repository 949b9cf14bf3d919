#include "control/shm/messages.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <type_traits>

namespace byway::shm {
namespace {

constexpr std::uint32_t message_magic = 0x7977'7962;  // "bywy"

struct MessageHead {
  std::uint32_t magic;
  std::uint16_t version;
  std::uint16_t type;
  std::uint32_t bytes;  ///< of the whole message
  std::uint32_t reserved;
};

struct HelloBody {
  std::uint32_t name_bytes;
  std::uint32_t reserved;
};

struct WelcomeBody {
  std::uint64_t instance;
  std::uint64_t generation;
  std::uint64_t revision;
  std::uint32_t worker_count;
  std::uint32_t regions;
  std::uint64_t region_bytes[region_count];
  std::uint32_t node_address_count;
  std::uint32_t reserved;
};

struct HandoverBody {
  std::uint64_t request_id;
  std::uint64_t generation;
  std::uint64_t revision;
};

struct ReceiptBody {
  std::uint64_t request_id;
  std::uint64_t generation;
  std::uint32_t result;
  std::uint32_t worker_count;
  std::uint32_t reason_bytes;
  std::uint32_t reserved;
  std::uint64_t worker_ns[workers_max];
};

struct CommandBody {
  std::uint64_t request_id;
  std::uint32_t name_bytes;
  std::uint32_t arguments_bytes;
};

struct AnswerBody {
  std::uint64_t request_id;
  std::uint32_t sequence;
  std::uint32_t status;
  std::uint32_t is_last;
  std::uint32_t text_bytes;
};

static_assert(sizeof(MessageHead) == 16 && sizeof(HelloBody) == 8 &&
              sizeof(WelcomeBody) == 40 + 8 * region_count);
static_assert(sizeof(HandoverBody) == 24 && sizeof(ReceiptBody) == 32 + 8 * workers_max);
static_assert(sizeof(CommandBody) == 16 && sizeof(AnswerBody) == 24);
static_assert(sizeof(MessageHead) + sizeof(WelcomeBody) + node_addresses_max * sizeof(NodeAddress) <=
              message_bytes_max);
static_assert(sizeof(MessageHead) + sizeof(ReceiptBody) + reason_bytes_max <= message_bytes_max);
static_assert(sizeof(MessageHead) + sizeof(CommandBody) + command_name_bytes_max +
                  command_arguments_bytes_max <=
              message_bytes_max);
static_assert(sizeof(MessageHead) + sizeof(AnswerBody) + answer_chunk_bytes_max <= message_bytes_max);

using Result = std::expected<Message, DecodeError>;

/// What follows the head of a datagram.
using Payload = std::span<const std::byte>;

template <typename Body>
bool read_body(Payload payload, Body& body) {
  static_assert(std::is_trivially_copyable_v<Body>);
  if (payload.size() < sizeof body) return false;
  std::memcpy(&body, payload.data(), sizeof body);
  return true;
}

std::string text_at(Payload payload, std::size_t offset, std::size_t bytes) {
  return {reinterpret_cast<const char*>(payload.data()) + offset, bytes};
}

/// Names appear in log lines and as keys: nothing that could forge a line.
bool is_name(std::string_view text) {
  return std::ranges::all_of(text, [](char character) { return character > ' ' && character <= '~'; });
}

Result decode_hello(Payload payload) {
  HelloBody body;
  if (!read_body(payload, body)) return std::unexpected(DecodeError::wrong_length);
  if (body.name_bytes > peer_name_bytes_max || body.reserved != 0)
    return std::unexpected(DecodeError::out_of_bounds);
  if (payload.size() != sizeof body + body.name_bytes) return std::unexpected(DecodeError::wrong_length);
  Hello hello{text_at(payload, sizeof body, body.name_bytes)};
  if (!is_name(hello.name)) return std::unexpected(DecodeError::bad_text);
  return hello;
}

Result decode_welcome(Payload payload) {
  WelcomeBody body;
  if (!read_body(payload, body)) return std::unexpected(DecodeError::wrong_length);
  if (body.worker_count == 0 || body.worker_count > workers_max || body.regions != region_count ||
      body.generation > generation_max || body.node_address_count > node_addresses_max ||
      body.reserved != 0) {
    return std::unexpected(DecodeError::out_of_bounds);
  }
  const Payload records = payload.subspan(sizeof body);
  if (records.size() != body.node_address_count * sizeof(NodeAddress))
    return std::unexpected(DecodeError::wrong_length);
  Welcome welcome{body.instance, body.generation, body.revision, body.worker_count, {}, {}};
  std::ranges::copy(body.region_bytes, welcome.region_bytes.begin());
  welcome.node_addresses.resize(body.node_address_count);
  if (!records.empty()) std::memcpy(welcome.node_addresses.data(), records.data(), records.size());
  if (!std::ranges::all_of(welcome.node_addresses, is_sound))
    return std::unexpected(DecodeError::out_of_bounds);
  return welcome;
}

Result decode_handover(Payload payload) {
  HandoverBody body;
  if (payload.size() != sizeof body || !read_body(payload, body))
    return std::unexpected(DecodeError::wrong_length);
  if (body.generation == 0 || body.generation > generation_max)
    return std::unexpected(DecodeError::out_of_bounds);
  return Handover{body.request_id, body.generation, body.revision};
}

Result decode_receipt(Payload payload) {
  ReceiptBody body;
  if (!read_body(payload, body)) return std::unexpected(DecodeError::wrong_length);
  const bool is_refused = body.result == static_cast<std::uint32_t>(ReceiptResult::refused);
  if (body.result < 1 || body.result > 3 || body.worker_count > workers_max || body.reserved != 0 ||
      body.reason_bytes > reason_bytes_max || (!is_refused && body.reason_bytes != 0) ||
      (is_refused && body.worker_count != 0)) {
    return std::unexpected(DecodeError::out_of_bounds);
  }
  if (payload.size() != sizeof body + body.reason_bytes) return std::unexpected(DecodeError::wrong_length);
  for (std::uint32_t worker = body.worker_count; worker < workers_max; ++worker) {
    if (body.worker_ns[worker] != 0) return std::unexpected(DecodeError::out_of_bounds);
  }
  return Receipt{body.request_id, body.generation, ReceiptResult{body.result},
                 std::vector<std::uint64_t>(body.worker_ns, body.worker_ns + body.worker_count),
                 text_at(payload, sizeof body, body.reason_bytes)};
}

Result decode_command(Payload payload) {
  CommandBody body;
  if (!read_body(payload, body)) return std::unexpected(DecodeError::wrong_length);
  if (body.name_bytes == 0 || body.name_bytes > command_name_bytes_max ||
      body.arguments_bytes > command_arguments_bytes_max) {
    return std::unexpected(DecodeError::out_of_bounds);
  }
  if (payload.size() != sizeof body + body.name_bytes + body.arguments_bytes) {
    return std::unexpected(DecodeError::wrong_length);
  }
  CommandRequest request{body.request_id, text_at(payload, sizeof body, body.name_bytes),
                         text_at(payload, sizeof body + body.name_bytes, body.arguments_bytes)};
  if (!is_name(request.name)) return std::unexpected(DecodeError::bad_text);
  return request;
}

Result decode_answer(Payload payload) {
  AnswerBody body;
  if (!read_body(payload, body)) return std::unexpected(DecodeError::wrong_length);
  if (body.status < 1 || body.status > 6 || body.is_last > 1 || body.text_bytes > answer_chunk_bytes_max ||
      body.sequence > answer_bytes_max) {
    return std::unexpected(DecodeError::out_of_bounds);
  }
  if (payload.size() != sizeof body + body.text_bytes) return std::unexpected(DecodeError::wrong_length);
  return AnswerChunk{body.request_id, body.sequence, AnswerStatus{body.status}, body.is_last == 1,
                     text_at(payload, sizeof body, body.text_bytes)};
}

/// Collects the bytes of one message.
class Encoder {
 public:
  template <typename Body>
  Encoder(MessageType type, const Body& body) : bytes_(sizeof(MessageHead) + sizeof body), type_(type) {
    std::memcpy(bytes_.data() + sizeof(MessageHead), &body, sizeof body);
  }
  Encoder& text(std::string_view text) { return records(std::span(text)); }
  template <typename Record>
  Encoder& records(std::span<const Record> all) {
    static_assert(std::is_trivially_copyable_v<Record>);
    const auto raw = std::as_bytes(all);
    bytes_.insert(bytes_.end(), raw.begin(), raw.end());
    return *this;
  }
  std::vector<std::byte> finish() {
    // Only a caller that did not cut its text gets here with more.
    if (bytes_.size() > message_bytes_max) std::abort();
    const MessageHead head{message_magic, static_cast<std::uint16_t>(protocol_version),
                           static_cast<std::uint16_t>(type_), static_cast<std::uint32_t>(bytes_.size()), 0};
    std::memcpy(bytes_.data(), &head, sizeof head);
    return std::move(bytes_);
  }

 private:
  std::vector<std::byte> bytes_;
  MessageType type_;
};

std::uint32_t size32(const auto& container) {
  return static_cast<std::uint32_t>(container.size());
}

std::vector<std::byte> encode_one(const Hello& hello) {
  return Encoder(MessageType::hello, HelloBody{size32(hello.name), 0}).text(hello.name).finish();
}

std::vector<std::byte> encode_one(const Welcome& welcome) {
  WelcomeBody body{welcome.instance,
                   welcome.generation,
                   welcome.revision,
                   welcome.worker_count,
                   region_count,
                   {},
                   size32(welcome.node_addresses),
                   0};
  std::ranges::copy(welcome.region_bytes, body.region_bytes);
  return Encoder(MessageType::welcome, body).records(std::span(welcome.node_addresses)).finish();
}

std::vector<std::byte> encode_one(const Handover& handover) {
  const HandoverBody body{handover.request_id, handover.generation, handover.revision};
  return Encoder(MessageType::handover, body).finish();
}

std::vector<std::byte> encode_one(const Receipt& receipt) {
  if (receipt.worker_ns.size() > workers_max) std::abort();
  ReceiptBody body{receipt.request_id,
                   receipt.generation,
                   static_cast<std::uint32_t>(receipt.result),
                   size32(receipt.worker_ns),
                   size32(receipt.reason),
                   0,
                   {}};
  std::ranges::copy(receipt.worker_ns, body.worker_ns);
  return Encoder(MessageType::receipt, body).text(receipt.reason).finish();
}

std::vector<std::byte> encode_one(const CommandRequest& request) {
  const CommandBody body{request.request_id, size32(request.name), size32(request.arguments)};
  return Encoder(MessageType::command_request, body).text(request.name).text(request.arguments).finish();
}

std::vector<std::byte> encode_one(const AnswerChunk& chunk) {
  const AnswerBody body{chunk.request_id, chunk.sequence, static_cast<std::uint32_t>(chunk.status),
                        chunk.is_last ? 1U : 0U, size32(chunk.text)};
  return Encoder(MessageType::answer_chunk, body).text(chunk.text).finish();
}

}  // namespace

std::string_view to_string(DecodeError error) {
  switch (error) {
    case DecodeError::too_short:
      return "message is shorter than its head";
    case DecodeError::too_long:
      return "message is longer than any may be";
    case DecodeError::wrong_magic:
      return "not a message of this protocol";
    case DecodeError::other_version:
      return "peer speaks another version of the protocol";
    case DecodeError::unknown_type:
      return "message type is unknown";
    case DecodeError::wrong_length:
      return "length of the message does not fit its content";
    case DecodeError::out_of_bounds:
      return "a field of the message is out of bounds";
    case DecodeError::bad_text:
      return "a name in the message is not printable";
  }
  return "unknown error";
}

std::vector<std::byte> encode(const Message& message) {
  return std::visit([](const auto& one) { return encode_one(one); }, message);
}

std::expected<Message, DecodeError> decode(std::span<const std::byte> datagram) {
  MessageHead head;
  if (datagram.size() < sizeof head) return std::unexpected(DecodeError::too_short);
  if (datagram.size() > message_bytes_max) return std::unexpected(DecodeError::too_long);
  std::memcpy(&head, datagram.data(), sizeof head);
  if (head.magic != message_magic) return std::unexpected(DecodeError::wrong_magic);
  if (head.version != protocol_version) return std::unexpected(DecodeError::other_version);
  if (head.bytes != datagram.size()) return std::unexpected(DecodeError::wrong_length);
  if (head.reserved != 0) return std::unexpected(DecodeError::out_of_bounds);
  const Payload payload = datagram.subspan(sizeof head);
  switch (static_cast<MessageType>(head.type)) {
    case MessageType::hello:
      return decode_hello(payload);
    case MessageType::welcome:
      return decode_welcome(payload);
    case MessageType::handover:
      return decode_handover(payload);
    case MessageType::receipt:
      return decode_receipt(payload);
    case MessageType::command_request:
      return decode_command(payload);
    case MessageType::answer_chunk:
      return decode_answer(payload);
  }
  return std::unexpected(DecodeError::unknown_type);
}

std::size_t descriptor_count(const Message& message) {
  if (std::holds_alternative<Welcome>(message)) return region_count;
  if (std::holds_alternative<Handover>(message)) return blob_count;
  return 0;
}

}  // namespace byway::shm
