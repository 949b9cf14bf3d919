#include "dataplane/net/ipv6.h"

#include "dataplane/net/cursor.h"
#include "dataplane/net/ipv6_address.h"

namespace byway::net {

namespace {

constexpr std::size_t next_header_offset = 6;

constexpr std::uint8_t hop_by_hop_options = 0;
constexpr std::uint8_t routing_header = 43;
constexpr std::uint8_t fragment_header = 44;
constexpr std::uint8_t no_next_header = 59;
constexpr std::uint8_t destination_options = 60;

constexpr std::size_t extension_unit_bytes = 8;  // lengths count these, less the first

constexpr bool is_extension(std::uint8_t header) {
  return header == hop_by_hop_options || header == routing_header || header == fragment_header ||
         header == destination_options;
}

/// One extension header of a chain.
struct Extension {
  std::uint8_t kind;
  std::size_t at;              ///< in the packet
  std::size_t next_header_at;  ///< the byte that named it
  std::span<const std::uint8_t> bytes;
};

/// Goes from one extension header to the next, within the packet and the bounds.
class ExtensionWalk {
 public:
  explicit ExtensionWalk(std::span<const std::uint8_t> packet)
      : packet_(packet), next_(packet[next_header_offset]) {}

  /// False: the chain ends here, at a transport or because of failure().
  bool step(Extension& out) {
    if (!is_extension(next_)) return false;
    if (++count_ > ipv6_extensions_max) return fail(DropReason::ipv6_extensions);
    if (packet_.size() - at_ < extension_unit_bytes) return fail(DropReason::ip_truncated);
    const std::size_t size = next_ == fragment_header
                                 ? ipv6_fragment_header_bytes
                                 : (std::size_t{packet_[at_ + 1]} + 1) * extension_unit_bytes;
    if (size > packet_.size() - at_) return fail(DropReason::ip_truncated);
    if (at_ + size - ipv6_header_bytes > ipv6_extension_bytes_max) return fail(DropReason::ipv6_extensions);
    out = {next_, at_, named_at_, packet_.subspan(at_, size)};
    next_ = packet_[at_];
    named_at_ = at_;
    at_ += size;
    return true;
  }
  [[nodiscard]] DropReason failure() const { return failure_; }
  [[nodiscard]] std::uint8_t next() const { return next_; }
  [[nodiscard]] std::size_t named_at() const { return named_at_; }
  [[nodiscard]] std::size_t at() const { return at_; }

 private:
  bool fail(DropReason reason) {
    failure_ = reason;
    return false;
  }

  std::span<const std::uint8_t> packet_;
  std::uint8_t next_;
  std::size_t named_at_ = next_header_offset;
  std::size_t at_ = ipv6_header_bytes;
  std::size_t count_ = 0;
  DropReason failure_ = DropReason::none;
};

/// RFC 8200 4.2: the two highest bits of a type say what to do with an option that is not known. None is
/// known here but padding; those that may be skipped are.
bool options_may_be_skipped(std::span<const std::uint8_t> options) {
  constexpr std::uint8_t pad_one = 0;
  constexpr std::uint8_t action_mask = 0xc0;
  while (!options.empty()) {
    if (options[0] == pad_one) {
      options = options.subspan(1);
      continue;
    }
    if ((options[0] & action_mask) != 0) return false;
    constexpr std::size_t head_bytes = 2;
    if (options.size() < head_bytes || options[1] > options.size() - head_bytes) return false;
    options = options.subspan(head_bytes + options[1]);
  }
  return true;
}

/// RFC 5095: type 0 is dead. Of others, one that has been followed to its end may be ignored (RFC 8200 4.4).
bool route_is_over(std::span<const std::uint8_t> header) {
  const std::uint8_t type = header[2];
  const std::uint8_t segments_left = header[3];
  return type != 0 && segments_left == 0;
}

Ipv6Fragment read_fragment(const Extension& extension) {
  constexpr std::uint16_t offset_mask = 0xfff8;  // counts units of 8 bytes, above three bits
  constexpr std::uint16_t more_flag = 1;
  const std::uint16_t word = load_be16(&extension.bytes[2]);
  Ipv6Fragment fragment;
  fragment.next_header = extension.bytes[0];
  fragment.offset_bytes = word & offset_mask;
  fragment.more = (word & more_flag) != 0;
  fragment.identification = load_be32(&extension.bytes[4]);
  fragment.next_header_at = static_cast<std::uint16_t>(extension.next_header_at);
  fragment.header_at = static_cast<std::uint16_t>(extension.at);
  return fragment;
}

DropReason check_extension(const Extension& extension, Ipv6View& out) {
  constexpr std::size_t options_offset = 2;
  switch (extension.kind) {
    case hop_by_hop_options:
      if (extension.at != ipv6_header_bytes) return DropReason::ipv6_extensions;  // RFC 8200 4.1
      [[fallthrough]];
    case destination_options:
      return options_may_be_skipped(extension.bytes.subspan(options_offset)) ? DropReason::none
                                                                             : DropReason::ipv6_options;
    case routing_header:
      return route_is_over(extension.bytes) ? DropReason::none : DropReason::ipv6_routing;
    case fragment_header:
      if (out.has_fragment_header) return DropReason::ipv6_extensions;
      out.has_fragment_header = true;
      out.fragment = read_fragment(extension);
      // RFC 6946: a fragment that is all of its packet is treated by itself, whatever else has its
      // identification.
      return out.fragment.offset_bytes == 0 && !out.fragment.more ? DropReason::none
                                                                  : DropReason::ipv6_fragment;
    default:
      return DropReason::none;
  }
}

}  // namespace

DropReason parse_ipv6(std::span<const std::uint8_t> packet, Ipv6View& out) {
  if (packet.size() < ipv6_header_bytes) return DropReason::ip_truncated;
  const std::uint8_t* at = packet.data();
  if (at[0] >> 4 != 6) return DropReason::ip_version;
  const std::size_t total_bytes = ipv6_header_bytes + load_be16(at + 4);
  if (total_bytes > packet.size()) return DropReason::ip_truncated;
  out.traffic_class = static_cast<std::uint8_t>(at[0] << 4 | at[1] >> 4);
  out.hop_limit = at[7];
  out.total_bytes = static_cast<std::uint32_t>(total_bytes);
  out.has_fragment_header = false;
  std::memcpy(out.source.bytes.data(), at + 8, sizeof out.source.bytes);
  std::memcpy(out.destination.bytes.data(), at + 24, sizeof out.destination.bytes);
  if (is_never_on_the_wire(out.source) || is_never_on_the_wire(out.destination) ||
      is_ipv6_multicast(out.source) || is_unspecified(out.destination)) {
    return DropReason::ip_martian;
  }
  ExtensionWalk walk(packet.first(total_bytes));
  Extension extension{};
  while (walk.step(extension)) {
    if (const DropReason reason = check_extension(extension, out); reason != DropReason::none) return reason;
  }
  if (walk.failure() != DropReason::none) return walk.failure();
  if (walk.next() == no_next_header) return DropReason::ipv6_no_next_header;
  out.protocol = walk.next();
  out.protocol_at = static_cast<std::uint16_t>(walk.named_at());
  out.header_bytes = static_cast<std::uint16_t>(walk.at());
  return DropReason::none;
}

std::optional<Ipv6Transport> find_ipv6_transport(std::span<const std::uint8_t> packet) {
  if (packet.size() < ipv6_header_bytes || packet[0] >> 4 != 6) return std::nullopt;
  ExtensionWalk walk(packet);
  Extension extension{};
  while (walk.step(extension)) {
    if (extension.kind == fragment_header && read_fragment(extension).offset_bytes != 0) return std::nullopt;
  }
  if (walk.failure() != DropReason::none) return std::nullopt;
  return Ipv6Transport{walk.next(), walk.at()};
}

std::optional<std::uint32_t> find_ipv6_fragment(std::span<const std::uint8_t> packet) {
  if (packet.size() < ipv6_header_bytes || packet[0] >> 4 != 6) return std::nullopt;
  ExtensionWalk walk(packet);
  Extension extension{};
  while (walk.step(extension)) {
    if (extension.kind != fragment_header) continue;
    const Ipv6Fragment fragment = read_fragment(extension);
    if (fragment.offset_bytes == 0 && !fragment.more) return std::nullopt;  // a whole packet (RFC 6946)
    return fragment.identification;
  }
  return std::nullopt;
}

void Ipv6Header::write(std::uint8_t* out) const {
  constexpr std::uint32_t version_6 = 0x6000'0000;
  constexpr unsigned traffic_class_shift = 20;
  store_be32(out, version_6 | std::uint32_t{traffic_class} << traffic_class_shift);
  store_be16(out + 4, payload_bytes);
  out[6] = static_cast<std::uint8_t>(protocol);
  out[7] = hop_limit;
  std::memcpy(out + 8, source.bytes.data(), sizeof source.bytes);
  std::memcpy(out + 24, destination.bytes.data(), sizeof destination.bytes);
}

}  // namespace byway::net
