#include "dataplane/tcp/segment.h"

#include "dataplane/assert.h"
#include "dataplane/net/cursor.h"

namespace byway::tcp {

namespace {

using net::load_be16;
using net::load_be32;

// Kinds of options: RFC 9293 3.2, RFC 7323 2.2 and 3.2, RFC 2018 2 and 3.
enum : std::uint8_t {
  kind_end = 0,
  kind_no_operation = 1,
  kind_mss = 2,
  kind_window_scale = 3,
  kind_sack_permitted = 4,
  kind_sack = 5,
  kind_timestamps = 8,
};

constexpr std::uint8_t window_scale_max = 14;  // RFC 7323 2.3: larger ones count as 14

std::uint8_t* write16(std::uint8_t* at, std::uint16_t value) {
  net::store_be16(at, value);
  return at + sizeof value;
}
std::uint8_t* write32(std::uint8_t* at, std::uint32_t value) {
  net::store_be32(at, value);
  return at + sizeof value;
}

/// The layout that nearly every segment of an established connection has: NOP NOP timestamps (RFC 7323
/// appendix A). Read without a loop.
bool read_usual_timestamps(std::span<const std::uint8_t> options, Options& out) {
  if (options.size() != 12 || load_be32(options.data()) != 0x0101080au) return false;
  out.has_timestamps = true;
  out.timestamps = {load_be32(options.data() + 4), load_be32(options.data() + 8)};
  return true;
}

/// One option with `length` octets at `at`. A known kind with a wrong length is skipped, as an unknown one
/// is.
void read_option(std::uint8_t kind, const std::uint8_t* at, std::size_t length, Options& out) {
  switch (kind) {
    case kind_mss:
      if (length == 4) out.mss = load_be16(at + 2);
      break;
    case kind_window_scale:
      if (length == 3) {
        out.has_window_scale = true;
        out.window_scale = at[2] > window_scale_max ? window_scale_max : at[2];
      }
      break;
    case kind_sack_permitted:
      if (length == 2) out.sack_permitted = true;
      break;
    case kind_sack:
      if ((length - 2) % 8 != 0) break;
      out.sack_count = 0;
      for (std::size_t i = 2; i + 8 <= length && out.sack_count < sack_blocks_max; i += 8) {
        out.sack[out.sack_count++] = {Seq{load_be32(at + i)}, Seq{load_be32(at + i + 4)}};
      }
      break;
    case kind_timestamps:
      if (length == 10) {
        out.has_timestamps = true;
        out.timestamps = {load_be32(at + 2), load_be32(at + 6)};
      }
      break;
    default:
      break;
  }
}

bool read_options(std::span<const std::uint8_t> options, Options& out) {
  std::size_t i = 0;
  while (i < options.size()) {
    const std::uint8_t kind = options[i];
    if (kind == kind_end) return true;
    if (kind == kind_no_operation) {
      ++i;
      continue;
    }
    if (i + 1 >= options.size()) return false;
    const std::size_t length = options[i + 1];
    if (length < 2 || length > options.size() - i) return false;  // RFC 9293 3.1, MUST-7
    read_option(kind, options.data() + i, length, out);
    i += length;
  }
  return true;
}

}  // namespace

ParseResult parse_segment(std::span<const std::uint8_t> bytes, SegmentView& out) {
  if (bytes.size() < header_bytes_min) return ParseResult::truncated;
  const std::uint8_t* at = bytes.data();
  const std::uint32_t header_bytes = (at[12] >> 4) * 4u;
  if (header_bytes < header_bytes_min) return ParseResult::bad_offset;
  if (bytes.size() < header_bytes) return ParseResult::truncated;
  out.source_port = load_be16(at);
  out.target_port = load_be16(at + 2);
  out.seq = Seq{load_be32(at + 4)};
  out.ack = Seq{load_be32(at + 8)};
  out.flags = at[13];
  out.window = load_be16(at + 14);
  out.header_bytes = static_cast<std::uint8_t>(header_bytes);
  out.payload_bytes = static_cast<Bytes>(bytes.size() - header_bytes);
  out.options.mss = 0;
  out.options.has_window_scale = false;
  out.options.sack_permitted = false;
  out.options.has_timestamps = false;
  out.options.sack_count = 0;
  const auto options = bytes.subspan(header_bytes_min, header_bytes - header_bytes_min);
  if (options.empty() || read_usual_timestamps(options, out.options)) return ParseResult::ok;
  return read_options(options, out.options) ? ParseResult::ok : ParseResult::bad_options;
}

std::uint8_t write_header(const HeaderFields& fields, std::span<std::uint8_t, header_bytes_max> out) {
  const Options& options = fields.options;
  std::uint8_t* const start = out.data();
  // At most 4 + 4 + 4 + 12 octets on a SYN, and 12 + 4 + 8 x 3 elsewhere.
  BYWAY_ASSERT(options.sack_count == 0 ||
               (options.mss == 0 && !options.has_window_scale && !options.sack_permitted &&
                options.sack_count <= (options.has_timestamps ? 3 : sack_blocks_max)));
  std::uint8_t* at = start + header_bytes_min;
  if (options.mss != 0) at = write16(write16(at, kind_mss << 8 | 4), options.mss);
  if (options.has_window_scale) {
    at = write32(at, std::uint32_t{kind_no_operation} << 24 | std::uint32_t{kind_window_scale} << 16 |
                         3u << 8 | options.window_scale);
  }
  if (options.sack_permitted) at = write32(at, 0x01010000u | std::uint32_t{kind_sack_permitted} << 8 | 2u);
  if (options.has_timestamps) {
    at = write32(at, 0x01010000u | std::uint32_t{kind_timestamps} << 8 | 10u);
    at = write32(write32(at, options.timestamps.value), options.timestamps.echo);
  }
  if (options.sack_count > 0) {
    at = write32(at, 0x01010000u | std::uint32_t{kind_sack} << 8 | (2u + 8u * options.sack_count));
    for (std::size_t i = 0; i < options.sack_count; ++i) {
      at = write32(write32(at, options.sack[i].first.value), options.sack[i].end.value);
    }
  }
  const auto header_bytes = static_cast<std::uint8_t>(at - start);
  at = write16(write16(start, fields.source_port), fields.target_port);
  at = write32(write32(at, fields.seq.value), fields.ack.value);
  at[0] = static_cast<std::uint8_t>(header_bytes / 4 << 4);
  at[1] = fields.flags;
  write32(write16(at + 2, fields.window), 0);  // checksum and urgent pointer
  return header_bytes;
}

}  // namespace byway::tcp
