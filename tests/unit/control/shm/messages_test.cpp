#include "control/shm/messages.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>
#include <cstring>

namespace byway::shm {
namespace {

const std::vector<Message>& examples() {
  static const std::vector<Message> all{
      Hello{"byway-agent"},
      Hello{""},
      Welcome{7, 12, 3, 2, {4096, 8192, 1, 2, 3, 4096}, {}},
      Welcome{
          7, 12, 3, 2, {1, 2, 3, 4, 5, 6}, {{IpAddress::from_ipv4(0x0A500001), 120}, {{{0x20, 0x01}}, 64}}},
      Welcome{7, 0, 0, 1, {}, std::vector(node_addresses_max, NodeAddress{IpAddress::from_ipv4(1), 96})},
      Handover{99, 13, 4},
      Receipt{99, 13, ReceiptResult::refused, {}, "policy: bad_checksum at 8"},
      Receipt{99, 13, ReceiptResult::accepted, {apply_time_pending, apply_time_no_worker}, ""},
      Receipt{99, 13, ReceiptResult::applied, std::vector<std::uint64_t>(workers_max, 1500), ""},
      CommandRequest{5, "connections", R"({"limit":10})"},
      AnswerChunk{5, 0, AnswerStatus::ok, false, std::string(answer_chunk_bytes_max, 'x')},
      AnswerChunk{5, 1, AnswerStatus::timed_out, true, ""},
  };
  return all;
}

void overwrite(std::vector<std::byte>& bytes, std::size_t offset, auto value) {
  REQUIRE(offset + sizeof value <= bytes.size());
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

constexpr std::size_t head_bytes = 16;

}  // namespace

TEST_CASE("what is encoded decodes to the same message", "[messages]") {
  const Message& message = examples()[GENERATE(range(std::size_t{0}, examples().size()))];
  const auto bytes = encode(message);
  REQUIRE(bytes.size() <= message_bytes_max);
  const auto decoded = decode(bytes);
  REQUIRE(decoded.has_value());
  CHECK(*decoded == message);
}

TEST_CASE("a message that is cut or extended by a byte anywhere is refused", "[messages]") {
  const Message& message = examples()[GENERATE(range(std::size_t{0}, examples().size()))];
  const auto bytes = encode(message);
  for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 64) {
    // An exact-size copy, so that the address sanitizer sees a read beyond it. The length in the head is set
    // right, so that the check of the body is what refuses it.
    std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    if (size >= head_bytes) overwrite(cut, 8, static_cast<std::uint32_t>(size));
    CHECK_FALSE(decode(cut).has_value());
  }
  auto longer = bytes;
  longer.push_back(std::byte{0});
  CHECK(decode(longer).error() == DecodeError::wrong_length);
  overwrite(longer, 8, static_cast<std::uint32_t>(longer.size()));
  CHECK_FALSE(decode(longer).has_value());
}

TEST_CASE("a head with wrong magic, version, type or reserved field is refused", "[messages]") {
  auto bytes = encode(Handover{1, 2, 3});
  SECTION("magic") {
    overwrite(bytes, 0, std::uint32_t{1});
    CHECK(decode(bytes).error() == DecodeError::wrong_magic);
  }
  SECTION("version") {
    overwrite(bytes, 4, std::uint16_t{protocol_version + 1});
    CHECK(decode(bytes).error() == DecodeError::other_version);
  }
  SECTION("type") {
    const auto type = GENERATE(std::uint16_t{0}, std::uint16_t{7}, std::uint16_t{0xffff});
    overwrite(bytes, 6, type);
    CHECK(decode(bytes).error() == DecodeError::unknown_type);
  }
  SECTION("length") {
    overwrite(bytes, 8, static_cast<std::uint32_t>(bytes.size() - 1));
    CHECK(decode(bytes).error() == DecodeError::wrong_length);
  }
  SECTION("reserved") {
    overwrite(bytes, 12, std::uint32_t{1});
    CHECK(decode(bytes).error() == DecodeError::out_of_bounds);
  }
}

TEST_CASE("fields beyond their bounds are refused", "[messages]") {
  SECTION("generation 0 cannot be handed over") {
    CHECK(decode(encode(Handover{1, 0, 3})).error() == DecodeError::out_of_bounds);
  }
  SECTION("a generation that leaves no room for its place in the table") {
    CHECK(decode(encode(Handover{1, generation_max, 3})).has_value());
    CHECK(decode(encode(Handover{1, generation_max + 1, 3})).error() == DecodeError::out_of_bounds);
  }
  SECTION("more workers than there can be") {
    CHECK(decode(encode(Welcome{1, 1, 1, workers_max, {}, {}})).has_value());
    CHECK(decode(encode(Welcome{1, 1, 1, workers_max + 1, {}, {}})).error() == DecodeError::out_of_bounds);
    CHECK(decode(encode(Welcome{1, 1, 1, 0, {}, {}})).error() == DecodeError::out_of_bounds);
  }
  SECTION("more addresses of the node than it can have, or one that is none") {
    const NodeAddress sound{IpAddress::from_ipv4(0x0A500001), 120};
    CHECK(decode(encode(Welcome{1, 1, 1, 1, {}, std::vector(node_addresses_max + 1, sound)})).error() ==
          DecodeError::out_of_bounds);
    CHECK(decode(encode(Welcome{1, 1, 1, 1, {}, {sound, {sound.address, 129}}})).error() ==
          DecodeError::out_of_bounds);
    CHECK(decode(encode(Welcome{1, 1, 1, 1, {}, {{{}, 64}}})).error() == DecodeError::out_of_bounds);
  }
  SECTION("a text that is longer than it may be") {
    CHECK(decode(encode(Hello{std::string(peer_name_bytes_max, 'a')})).has_value());
    CHECK(decode(encode(Hello{std::string(peer_name_bytes_max + 1, 'a')})).error() ==
          DecodeError::out_of_bounds);
    CHECK(decode(encode(CommandRequest{1, "", ""})).error() == DecodeError::out_of_bounds);
  }
  SECTION("an unknown result of a receipt") {
    auto bytes = encode(Receipt{1, 2, ReceiptResult::accepted, {}, ""});
    overwrite(bytes, head_bytes + 16, std::uint32_t{4});
    CHECK(decode(bytes).error() == DecodeError::out_of_bounds);
  }
  SECTION("a reason in a receipt that refuses nothing") {
    CHECK(decode(encode(Receipt{1, 2, ReceiptResult::accepted, {}, "why"})).error() ==
          DecodeError::out_of_bounds);
  }
}

TEST_CASE("a name that could forge a line of the log is refused", "[messages]") {
  CHECK(decode(encode(Hello{"agent\nroot"})).error() == DecodeError::bad_text);
  CHECK(decode(encode(CommandRequest{1, "con nections", ""})).error() == DecodeError::bad_text);
}

TEST_CASE("only Welcome and Handover carry descriptors", "[messages]") {
  for (const Message& message : examples()) {
    const std::size_t wanted = std::holds_alternative<Welcome>(message)    ? region_count
                               : std::holds_alternative<Handover>(message) ? blob_count
                                                                           : 0;
    CHECK(descriptor_count(message) == wanted);
  }
}

}  // namespace byway::shm
