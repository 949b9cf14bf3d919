// Read by libpcap itself, and byte by byte where it shows nothing.
#include <pcap/pcap.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/pcapng.h"

using namespace byway;

namespace {

std::uint32_t word_at(const std::string& bytes, std::size_t at) {
  std::uint32_t word = 0;
  REQUIRE(at + sizeof word <= bytes.size());
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}

pcapng::Packet packet_of(const std::string& bytes, std::uint64_t time_ns, bool is_sent) {
  return {.interface = 0,
          .time_ns = time_ns,
          .wire_bytes = static_cast<std::uint32_t>(bytes.size() + 100),
          .is_sent = is_sent,
          .bytes = std::as_bytes(std::span(bytes))};
}

std::string head() {
  std::string file;
  pcapng::append_section(file, "test");
  pcapng::append_interface(file, {"front", "net_ring", {{2, 0, 0, 0, 0, 1}}, 96});
  return file;
}

}  // namespace

TEST_CASE("every block tells its length at both ends, a multiple of four") {
  std::string file = head();
  for (std::size_t size = 0; size < 9; ++size) {
    pcapng::append_packet(file, packet_of(std::string(size, 'x'), 1, true));
  }
  pcapng::append_statistics(file, {.interface = 0});
  std::size_t blocks = 0;
  for (std::size_t at = 0; at < file.size(); ++blocks) {
    const std::uint32_t length = word_at(file, at + 4);
    REQUIRE(length % 4 == 0);
    REQUIRE(word_at(file, at + length - 4) == length);
    at += length;
  }
  CHECK(blocks == 12);
}

TEST_CASE("the sizes of blocks are known before they are made") {
  for (std::size_t size = 0; size < 9; ++size) {
    const std::string bytes(size, 'x');
    std::string out;
    pcapng::append_packet(out, packet_of(bytes, 1, false));
    CHECK(out.size() == pcapng::packet_block_bytes(packet_of(bytes, 1, false)));
  }
  std::string out;
  pcapng::append_statistics(out, {});
  CHECK(out.size() == pcapng::statistics_block_bytes);
}

TEST_CASE("libpcap reads packets with their bytes, sizes and nanoseconds") {
  std::string file = head();
  const std::vector<std::string> texts{"one", std::string(60, 'b'), ""};
  std::uint64_t time = 1'700'000'000'123'456'789;
  for (const std::string& text : texts) pcapng::append_packet(file, packet_of(text, time++, true));
  pcapng::append_statistics(file, {.interface = 0, .begin_ns = 1, .end_ns = 2});

  // libpcap closes the file.
  std::FILE* const stream = fmemopen(file.data(), file.size(), "r");
  REQUIRE(stream != nullptr);
  char problem[PCAP_ERRBUF_SIZE] = "";
  const std::unique_ptr<pcap_t, decltype(&pcap_close)> reader(
      pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, problem), &pcap_close);
  INFO(problem);
  REQUIRE(reader != nullptr);
  CHECK(pcap_datalink(reader.get()) == DLT_EN10MB);
  CHECK(pcap_snapshot(reader.get()) == 96);
  long nanoseconds = 123'456'789;
  for (const std::string& text : texts) {
    pcap_pkthdr* packet = nullptr;
    const u_char* bytes = nullptr;
    REQUIRE(pcap_next_ex(reader.get(), &packet, &bytes) == 1);
    CHECK(packet->ts.tv_sec == 1'700'000'000);
    CHECK(packet->ts.tv_usec == nanoseconds++);
    CHECK(packet->len == text.size() + 100);
    REQUIRE(packet->caplen == text.size());
    CHECK(std::memcmp(bytes, text.data(), text.size()) == 0);
  }
  pcap_pkthdr* packet = nullptr;
  const u_char* bytes = nullptr;
  CHECK(pcap_next_ex(reader.get(), &packet, &bytes) == PCAP_ERROR_BREAK);
}

TEST_CASE("a packet's flags say whether it was received or sent (epb_flags, bits 0 and 1)") {
  for (const bool is_sent : {false, true}) {
    std::string out;
    pcapng::append_packet(out, packet_of("data", 1, is_sent));
    // Behind 28 bytes and the data: option 2 of 4 bytes.
    CHECK(word_at(out, 32) == (4U << 16 | 2U));
    CHECK(word_at(out, 36) == (is_sent ? 2U : 1U));
  }
}

TEST_CASE("statistics are options 4 (seen), 5 (dropped), 6 (matched) and 8 (delivered)") {
  std::string out;
  pcapng::append_statistics(out, {.interface = 1,
                                  .begin_ns = 0x1'0000'0002,
                                  .end_ns = 3,
                                  .seen = 40,
                                  .dropped = 50,
                                  .matched = 60,
                                  .delivered = 80});
  CHECK(word_at(out, 8) == 1);
  CHECK((word_at(out, 24) == 1 && word_at(out, 28) == 2));  // time begins with its high half
  for (const auto& [at, code, value] :
       {std::array{44U, 4U, 40U}, {56U, 5U, 50U}, {68U, 6U, 60U}, {80U, 8U, 80U}}) {
    CHECK(word_at(out, at) == (8U << 16 | code));
    CHECK(word_at(out, at + 4) == value);
    CHECK(word_at(out, at + 8) == 0);
  }
}
