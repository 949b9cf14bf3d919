// What every snapshot blob has in common: the header, and the pieces from which its tables are made.
//
// A blob is one flat, relocatable run of bytes: a header, a root that lists the tables, the strings, then the
// tables in the order in which the root names them, each on an 8-byte boundary, only zeros between, nothing
// after. Places are offsets from the start of the blob; integers are little-endian as x86-64 has them. The
// agent writes a blob into a memfd and seals it; the data plane maps it read-only and verifies it wholly
// (verify.h) before a worker sees it, so that the views check nothing any more.
//
//   0        32      32 + root
//   +--------+-------+---------+-------+-------+-----+
//   | header | root  | strings | table | table | ... |
//   +--------+-------+---------+-------+-------+-----+
//
// Integers that no reader of layout version 1 knows are zero, and the verifier insists on it, so that a later
// layout can give them a meaning.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace byway::shm {

static_assert(std::endian::native == std::endian::little, "blobs are read in place");

/// "BYWAYSET" as a little-endian integer: the first eight bytes of every blob.
inline constexpr std::uint64_t blob_magic = 0x5445'5359'4157'5942ULL;

/// Raised with each change of any layout. Both processes come from one release; another version is refused.
inline constexpr std::uint32_t layout_version = 1;

/// Largest blob. 256 MiB hold some two million routes; verification, which is linear, then still takes less
/// than a second. It keeps every offset within 32 bits. A larger one is refused by builder and verifier.
inline constexpr std::uint64_t blob_bytes_max = 256ULL << 20;

/// Every table begins on such a boundary, and no record needs more.
inline constexpr std::uint32_t table_alignment = 8;

/// "No such record" in a field that holds an index.
inline constexpr std::uint32_t no_index = 0xffff'ffff;

/// Names of listeners ("ns/gateway/section"), backends ("ns/name:port"), namespaces, routes, rules: parts of
/// at most 253 bytes (Kubernetes object names), a port and separators.
inline constexpr std::uint32_t name_bytes_max = 1024;

enum class BlobKind : std::uint32_t { policy = 1, endpoints = 2, secrets = 3 };

/// The first bytes of every blob.
struct BlobHeader {
  std::uint64_t magic;
  std::uint64_t
      checksum;  ///< XXH3-64 of the bytes from `layout_version` to the blob's end (see `checksum_of`)
  std::uint32_t layout_version;
  BlobKind kind;
  std::uint64_t size_bytes;  ///< of the whole blob, this header included; equals the size of the memfd
};
static_assert(sizeof(BlobHeader) == 32);

/// The part of the header which the checksum leaves out: the magic and the checksum itself.
inline constexpr std::size_t checksum_first_offset = 16;

/// Text within the blob's strings; not zero-terminated. Empty text has size 0 and offset 0.
struct StringRef {
  std::uint32_t offset;  ///< from the start of the blob
  std::uint32_t size;
};
static_assert(sizeof(StringRef) == 8);

/// Neighbouring records of one table; `end` is excluded. Which table, the field's comment says.
struct Range {
  std::uint32_t first;
  std::uint32_t end;

  [[nodiscard]] constexpr std::uint32_t count() const { return end - first; }
  [[nodiscard]] constexpr bool is_empty() const { return first == end; }
};
static_assert(sizeof(Range) == 8);

/// A table of `count` records of type T, named in a root.
template <class T>
struct Table {
  std::uint32_t offset;  ///< from the start of the blob, a multiple of `table_alignment`
  std::uint32_t count;
};
static_assert(sizeof(Table<int>) == 8);

/// An IPv6 address, or an IPv4 address in its mapped form ::ffff:a.b.c.d (RFC 4291 2.5.5.2), in network
/// order. All zero stands for "none".
struct IpAddress {
  std::uint8_t bytes[16];

  /// From an IPv4 address as an integer: 0x0a000001 is 10.0.0.1.
  [[nodiscard]] static constexpr IpAddress from_ipv4(std::uint32_t host_order) {
    IpAddress address{};
    address.bytes[10] = 0xff;
    address.bytes[11] = 0xff;
    for (std::size_t i = 0; i < 4; ++i) {
      address.bytes[12 + i] = static_cast<std::uint8_t>(host_order >> (24 - 8 * i));
    }
    return address;
  }
  /// Half 0 or 1 as a number, whose order is that of its bytes.
  [[nodiscard]] constexpr std::uint64_t half(std::size_t index) const {
    return std::byteswap(std::bit_cast<std::array<std::uint64_t, 2>>(*this)[index]);
  }
  [[nodiscard]] constexpr bool is_ipv4() const { return half(0) == 0 && half(1) >> 32 == 0xffff; }
  /// The IPv4 address as an integer in host order; only if is_ipv4().
  [[nodiscard]] constexpr std::uint32_t ipv4() const {
    return static_cast<std::uint32_t>(bytes[12]) << 24 | static_cast<std::uint32_t>(bytes[13]) << 16 |
           static_cast<std::uint32_t>(bytes[14]) << 8 | static_cast<std::uint32_t>(bytes[15]);
  }
  [[nodiscard]] constexpr bool is_none() const { return *this == IpAddress{}; }

  // Halves, not bytes: it is done for each request.
  friend constexpr bool operator==(const IpAddress& a, const IpAddress& b) {
    return a.half(0) == b.half(0) && a.half(1) == b.half(1);
  }
  friend constexpr std::strong_ordering operator<=>(const IpAddress& a, const IpAddress& b) {
    return a.half(0) != b.half(0) ? a.half(0) <=> b.half(0) : a.half(1) <=> b.half(1);
  }
};
static_assert(sizeof(IpAddress) == 16);
static_assert(std::endian::native == std::endian::little, "half() turns what it loads");

/// An address block; an IPv4 block a.b.c.d/n is the mapped address with 96 + n bits. A block of IPv6
/// addresses holds no IPv4 address, even ::/0.
struct Cidr {
  IpAddress address;  ///< bits beyond the prefix are zero
  std::uint32_t prefix_bits;

  [[nodiscard]] bool contains(const IpAddress& candidate) const;
  /// Whether the bits beyond the prefix, which is not longer than an address, are zero.
  [[nodiscard]] bool is_canonical() const { return masked().address == address; }
  /// The same block with those bits cleared.
  [[nodiscard]] Cidr masked() const;
};
static_assert(sizeof(Cidr) == 20);

/// The id of a thing across generations: XXH3-64 of its full name, as "ns/name:port" for a backend.
[[nodiscard]] std::uint64_t stable_id(std::string_view full_name);

/// What BlobHeader::checksum must be for these bytes. The span holds the whole blob, at least a header.
[[nodiscard]] std::uint64_t checksum_of(std::span<const std::byte> blob);

}  // namespace byway::shm
