#include "dataplane/pcapng.h"

#include <bit>
#include <cstring>

namespace byway::pcapng {

namespace {

static_assert(std::endian::native == std::endian::little, "numbers are appended as they lie in memory");

// Block types (sections 4.1 to 4.6).
constexpr std::uint32_t section_header = 0x0A0D0D0A;
constexpr std::uint32_t interface_description = 1;
constexpr std::uint32_t interface_statistics = 5;
constexpr std::uint32_t enhanced_packet = 6;

constexpr std::uint32_t byte_order_magic = 0x1A2B3C4D;
constexpr std::uint16_t link_type_ethernet = 1;
/// if_tsresol: negative power of ten.
constexpr std::uint8_t resolution_ns = 9;
/// epb_flags, bits 0 and 1.
constexpr std::uint32_t flag_inbound = 1;
constexpr std::uint32_t flag_outbound = 2;

// Options (sections 3.5 and those of the blocks).
constexpr std::uint16_t option_end = 0;
constexpr std::uint16_t section_application = 4;
constexpr std::uint16_t interface_name = 2;
constexpr std::uint16_t interface_text = 3;
constexpr std::uint16_t interface_mac = 6;
constexpr std::uint16_t interface_resolution = 9;
constexpr std::uint16_t packet_flags = 2;
constexpr std::uint16_t statistics_begin = 2;
constexpr std::uint16_t statistics_end = 3;
constexpr std::uint16_t statistics_seen = 4;
constexpr std::uint16_t statistics_dropped = 5;
constexpr std::uint16_t statistics_matched = 6;
constexpr std::uint16_t statistics_delivered = 8;

constexpr std::size_t padded(std::size_t bytes) {
  return (bytes + 3) / 4 * 4;
}

// Around a packet's bytes: type, length, interface, time, sizes; flags, end of options, length.
constexpr std::size_t packet_head_bytes = 28;
constexpr std::size_t packet_tail_bytes = 16;

/// One block under way; complete when it goes.
class Block {
 public:
  Block(std::string& out, std::uint32_t type) : out_(out), begin_(out.size()) {
    number(type);
    number(std::uint32_t{0});  // its length, written at the end
  }
  ~Block() {
    const auto bytes = static_cast<std::uint32_t>(out_.size() - begin_ + sizeof(std::uint32_t));
    number(bytes);
    std::memcpy(out_.data() + begin_ + sizeof(std::uint32_t), &bytes, sizeof bytes);
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  template <typename Number>
  void number(Number value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  /// Time as two halves, the high one first.
  void time(std::uint64_t ns) {
    number(static_cast<std::uint32_t>(ns >> 32));
    number(static_cast<std::uint32_t>(ns));
  }
  void bytes(const void* data, std::size_t size) {
    out_.append(static_cast<const char*>(data), size);
    out_.append(padded(size) - size, '\0');
  }
  void option(std::uint16_t code, const void* data, std::size_t size) {
    number(code);
    number(static_cast<std::uint16_t>(size));
    bytes(data, size);
  }
  void option(std::uint16_t code, std::string_view text) {
    if (!text.empty()) option(code, text.data(), text.size());
  }
  void counter(std::uint16_t code, std::uint64_t value) { option(code, &value, sizeof value); }
  void time_option(std::uint16_t code, std::uint64_t ns) {
    number(code);
    number(static_cast<std::uint16_t>(sizeof ns));
    time(ns);
  }
  void end_options() {
    number(option_end);
    number(std::uint16_t{0});
  }

 private:
  std::string& out_;
  std::size_t begin_;
};

}  // namespace

void append_section(std::string& out, std::string_view application) {
  Block block(out, section_header);
  block.number(byte_order_magic);
  block.number(std::uint16_t{1});  // version 1.0
  block.number(std::uint16_t{0});
  block.number(std::int64_t{-1});  // the section's length is not known yet
  block.option(section_application, application);
  block.end_options();
}

void append_interface(std::string& out, const Interface& one) {
  Block block(out, interface_description);
  block.number(link_type_ethernet);
  block.number(std::uint16_t{0});
  block.number(one.snaplen);
  block.option(interface_name, one.name);
  block.option(interface_text, one.description);
  block.option(interface_mac, one.mac.bytes.data(), one.mac.bytes.size());
  block.option(interface_resolution, &resolution_ns, sizeof resolution_ns);
  block.end_options();
}

std::size_t packet_block_bytes(const Packet& packet) {
  return packet_head_bytes + padded(packet.bytes.size()) + packet_tail_bytes;
}

void append_packet(std::string& out, const Packet& packet) {
  Block block(out, enhanced_packet);
  block.number(packet.interface);
  block.time(packet.time_ns);
  block.number(static_cast<std::uint32_t>(packet.bytes.size()));
  block.number(packet.wire_bytes);
  block.bytes(packet.bytes.data(), packet.bytes.size());
  const std::uint32_t flags = packet.is_sent ? flag_outbound : flag_inbound;
  block.option(packet_flags, &flags, sizeof flags);
  block.end_options();
}

void append_statistics(std::string& out, const Statistics& statistics) {
  Block block(out, interface_statistics);
  block.number(statistics.interface);
  block.time(statistics.end_ns);
  block.time_option(statistics_begin, statistics.begin_ns);
  block.time_option(statistics_end, statistics.end_ns);
  block.counter(statistics_seen, statistics.seen);
  block.counter(statistics_dropped, statistics.dropped);
  block.counter(statistics_matched, statistics.matched);
  block.counter(statistics_delivered, statistics.delivered);
  block.end_options();
}

}  // namespace byway::pcapng
