// An IP host with several ports, as a value: fed frames and the time, it answers what concerns this layer
// (ARP, neighbour discovery, echo), hands up what is for a transport, and sends a transport's packets to the
// right next hop. It does not forward (RFC 1122 3.1): what is not for us is dropped and counted. Senders of
// what nobody here speaks are told so (icmp_report.h). It follows no router: routes are configured.
//
//   port -> on_burst -> parse_frame -> arp | admit -> icmp, ndp | Ingress.segments -> transport
//   transport -> send -> route -> neighbour -> Ethernet, IP -> FrameSink -> port
//
// One host a worker; all calls on that worker's thread. host.cpp: packets in and out; host_addresses.cpp:
// what is ours; host_arp.cpp: IPv4's neighbours; host_ndp.cpp: those of IPv6; host_icmp.cpp: echo and errors;
// host_mld.cpp: the groups in which those find us; host_kernel.cpp: what the kernel gets of a link that it
// shares with us.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/net/counters.h"
#include "dataplane/net/fragments.h"
#include "dataplane/net/frame_sink.h"
#include "dataplane/net/icmp.h"
#include "dataplane/net/icmp_report.h"
#include "dataplane/net/mld.h"
#include "dataplane/net/ndp.h"
#include "dataplane/net/neighbors.h"
#include "dataplane/net/own_addresses.h"
#include "dataplane/net/parse.h"
#include "dataplane/net/routes.h"

namespace byway::net {

/// Most ports of one host: a link index fits the tables that count by it.
inline constexpr std::size_t links_max = 16;
/// Most frames in one on_burst(): a receive burst of a port.
inline constexpr std::size_t burst_frames_max = 32;

/// Echo requests of both versions answered a second, and at once: enough for every monitor, too few to be a
/// lever.
inline constexpr std::uint32_t icmp_echo_per_second = 1000;
inline constexpr std::uint32_t icmp_echo_burst = 50;

/// Probes and announcements sent at once when many addresses come together: a burst that every switch takes.
inline constexpr std::uint32_t address_steps_per_round_max = 16;

/// A port as this layer sees it.
struct Link {
  MacAddress mac;
  std::uint16_t mtu = 1500;  ///< longest IP packet
  /// The port fills them in for TCP: the header's stays 0, and that of TCP is the sum of the pseudo-header,
  /// not complemented.
  bool fills_ip_checksum = false;
  bool fills_tcp_checksum = false;
};

/// A TCP segment for us, with all of IP and the checksum verified.
struct Packet {
  IpAddress source;
  IpAddress destination;
  Slice payload;  ///< TCP header and data
  LinkIndex link = 0;
  std::uint8_t traffic_class = 0;
};

/// What a burst left for the transports. Reused from round to round.
struct Ingress {
  std::array<Packet, burst_frames_max> segments;
  std::array<IcmpError, burst_frames_max> errors;
  /// Packets that were put together from fragments: to be handed in as if a port had delivered them, by the
  /// worker that they belong to.
  std::array<RxFrame, burst_frames_max> whole;
  std::size_t segment_count = 0;
  std::size_t error_count = 0;
  std::size_t whole_count = 0;
};

/// A transport's packet to send. Both addresses are of one version.
struct Outgoing {
  IpAddress source;
  IpAddress destination;
  Protocol protocol = Protocol::tcp;
  std::uint8_t traffic_class = 0;
  std::uint8_t hop_limit = ipv6_hop_limit;  ///< of IPv6
  /// The transport's header, at most 60 bytes. Of TCP with a checksum of 0, which is filled in on the way.
  std::span<const std::uint8_t> header;
  /// Not 0: several segments in one, which the port (asserted: it fills in TCP's checksums) cuts so that each
  /// has this much payload.
  std::uint16_t segment_bytes = 0;
};

enum class SendResult : std::uint8_t {
  sent,         ///< handed to the port, or waiting for the next hop's address
  unreachable,  ///< no route, or the next hop does not answer
  lost,         ///< no memory, queue or table full: try again later
};

/// The way to a destination.
struct Path {
  LinkIndex link = 0;
  IpAddress source;  ///< our address there
  std::uint16_t mtu = 0;
};

class Host final : private NeighborOutput {
 public:
  /// `key` is random: outsiders must not know what shares a place in a table.
  Host(Memory memory, TimerWheel& wheel, FrameSink& sink, Counters counters, std::uint64_t key);
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  // ---- configuration, before the first packet; addresses also later -------------------------------------
  /// The next link index, or nullopt: links_max reached.
  std::optional<LinkIndex> add_link(const Link& link);
  /// The kernel is on this link too: it gets what is not ours (FrameSink::not_ours) instead of its being
  /// dropped.
  void share_link(LinkIndex link) {
    BYWAY_ASSERT(link < link_count_);
    is_shared_[link] = true;
  }
  /// An address of ours and its network, which becomes a connected route. Announced by ARP; an IPv6 address
  /// is used, and announced, when nobody else has it (RFC 4862 5.4), a second later. The first IPv6 address
  /// of a link brings a link-local one along.
  [[nodiscard]] AddressError add_interface_address(LinkIndex link, const Prefix& address, Instant now);
  /// `link`: for a link-local gateway, which says not by itself where it is.
  [[nodiscard]] RouteError add_route(const Prefix& destination, const IpAddress& gateway,
                                     std::optional<LinkIndex> link = std::nullopt);
  /// A virtual address: answered on the link whose prefix holds it.
  [[nodiscard]] AddressError add_address(const IpAddress& address, Instant now);
  /// Whether own addresses are announced and defended; of several hosts with the same addresses only one may.
  void set_announcing(bool announcing) { announcing_ = announcing; }
  /// Whether IPv6 addresses are used only after nobody else was found to have them. Off (RFC 4862 5.1 allows
  /// it): they are used at once, as IPv4 addresses are. Counts for addresses that are added later.
  void set_duplicate_detection(bool detecting) { detecting_ = detecting; }
  void remove_address(const IpAddress& address);
  [[nodiscard]] std::span<const OwnAddress> addresses() const { return addresses_.all(); }
  /// Whether it is ours; one that was found to be another station's is not.
  [[nodiscard]] bool owns(const IpAddress& address) const {
    const OwnAddress* own = addresses_.find(address);
    return own != nullptr && own->state != AddressState::duplicate;
  }

  /// Of `address`, which is ours, and of the node's configuration (not virtual): the link to which it
  /// belongs.
  [[nodiscard]] std::optional<LinkIndex> link_of_port_address(const IpAddress& address) const {
    const OwnAddress* own = addresses_.find(address);
    if (own == nullptr || own->is_virtual) return std::nullopt;
    return own->link;
  }

  // ---- packets --------------------------------------------------------------------------------------------
  /// Takes a burst (at most burst_frames_max frames; their slices are moved from). `out` is overwritten.
  void on_burst(std::span<RxFrame> frames, Instant now, Ingress& out);
  /// Sends one packet: `packet.header` and `payload`, which is consumed whatever the result. The caller keeps
  /// within path().mtu. Several segments in one are lost while the next hop's address is not known.
  SendResult send(const Outgoing& packet, Rope&& payload, Instant now);
  /// The way to `destination`: for connect() and the MSS. nullopt: no route.
  [[nodiscard]] std::optional<Path> path(const IpAddress& destination) const;
  /// The link by which packets to `destination` leave. nullopt: no route.
  [[nodiscard]] std::optional<LinkIndex> link_towards(const IpAddress& destination) const;

  [[nodiscard]] const Neighbors& neighbors() const { return neighbors_; }

 private:
  struct AddressTimer : Timer {
    explicit AddressTimer(Host& of) : Timer(&Host::tend_addresses), host(of) {}
    Host& host;
  };

  void drop(DropReason reason) { counters_.add(counter_of(reason)); }
  [[nodiscard]] DropReason on_frame(FrameView& view, RxFrame& frame, Instant now, Ingress& out);
  [[nodiscard]] DropReason on_ipv6(const FrameView& view, RxFrame& frame, Instant now, Ingress& out);
  [[nodiscard]] DropReason on_fragment(const FrameView& view, const RxFrame& frame, Instant now,
                                       Ingress& out);
  /// Whether the kernel gets a frame of a shared link of which this host has made `reason`.
  [[nodiscard]] bool is_kernels(const FrameView& view, const RxFrame& frame, DropReason reason) const;
  [[nodiscard]] bool is_kernels_neighbor_message(const FrameView& view, const RxFrame& frame) const;
  [[nodiscard]] bool is_ours(const IpAddress& address, LinkIndex link) const;
  [[nodiscard]] bool is_virtual(const IpAddress& address, LinkIndex link) const;
  /// Whether the packet may be for us at all: addresses and the way that it came.
  [[nodiscard]] DropReason admit(const FrameView& view, const Packet& packet) const;
  [[nodiscard]] DropReason take_segment(Packet& packet, bool checksum_verified, Ingress& out);
  [[nodiscard]] DropReason on_icmp(const Packet& packet, Instant now, Ingress& out);
  [[nodiscard]] DropReason on_icmpv6(const FrameView& view, const Packet& packet, const RxFrame& frame,
                                     Instant now, Ingress& out);
  [[nodiscard]] DropReason take_error(const IcmpError& error, Ingress& out);
  [[nodiscard]] DropReason answer_echo(const Packet& packet, Instant now);
  void report_unwanted(const FrameView& view, const RxFrame& frame, Instant now);
  [[nodiscard]] bool reply_by_icmp(const Packet& packet, Buffer* buffer, Bytes size, Instant now);

  [[nodiscard]] DropReason on_arp(const FrameView& view, const RxFrame& frame, Instant now);
  void solicit_arp(LinkIndex link, const IpAddress& address, const MacAddress* known);
  void announce_arp(const OwnAddress& own);
  void send_arp(LinkIndex link, const MacAddress& to, const ArpPacket& packet);

  [[nodiscard]] DropReason on_neighbor_message(const FrameView& view, const Packet& packet,
                                               const RxFrame& frame, Instant now);
  [[nodiscard]] DropReason on_solicitation(const NeighborMessage& message, const Packet& packet,
                                           const RxFrame& frame, const MacAddress& sender, Instant now);
  [[nodiscard]] DropReason on_advertisement(const NeighborMessage& message, const RxFrame& frame,
                                            const MacAddress& sender, Instant now);
  [[nodiscard]] DropReason on_claim(OwnAddress& own, const RxFrame& frame, const MacAddress& sender,
                                    Instant now);
  void answer_solicitation(const NeighborMessage& asked, const Packet& packet, Instant now);
  void solicit_ndp(LinkIndex link, const IpAddress& address, const MacAddress* known);
  void announce_ndp(const OwnAddress& own);
  void probe(const OwnAddress& own);
  void send_neighbor_message(LinkIndex link, const MacAddress& to, const IpAddress& source,
                             const IpAddress& destination, const NeighborMessage& message);

  [[nodiscard]] DropReason on_listener_query(const FrameView& view, const Packet& packet, LinkIndex link,
                                             Instant now);
  void report_group(const OwnAddress& own, MldRecord record);
  void stop_listening(const OwnAddress& gone);

  [[nodiscard]] AddressError add_own(OwnAddress own, Instant now);
  void take_step(OwnAddress& own, Instant now);
  void announce(const OwnAddress& own);
  void defend(OwnAddress& own, Instant now);
  static void tend_addresses(Timer& timer, Instant now);

  [[nodiscard]] SendResult send_by(LinkIndex link, const IpAddress& next_hop, const Outgoing& packet,
                                   Rope&& payload, Instant now);
  [[nodiscard]] SendResult refuse(NeighborLookup why);
  [[nodiscard]] bool transmit(LinkIndex link, std::span<const std::uint8_t> header, Rope&& payload,
                              std::uint16_t segment_bytes = 0);
  [[nodiscard]] std::size_t write_headers(const Outgoing& packet, const Rope& payload, LinkIndex link,
                                          const MacAddress& to,
                                          std::span<std::uint8_t, frame_header_bytes_max> out) const;
  /// Our own address on `link`: that of the network of `towards`, else the first of its version that was
  /// given to the link. A link-local one only towards such.
  [[nodiscard]] const IpAddress* interface_address(LinkIndex link, const IpAddress& towards) const;
  [[nodiscard]] bool is_on_link(LinkIndex link, const IpAddress& address) const;

  // NeighborOutput
  void solicit(LinkIndex link, const IpAddress& address, const MacAddress* known) override;
  void send_waiting(LinkIndex link, const MacAddress& to, std::span<std::uint8_t> header,
                    Rope&& payload) override;
  void give_up(std::span<const std::uint8_t> header, Instant now) override;

  Memory memory_;
  TimerWheel& wheel_;
  FrameSink& sink_;
  Counters counters_;
  std::array<Link, links_max> links_;
  std::size_t link_count_ = 0;
  std::array<bool, links_max> is_shared_{};  ///< by link: with the kernel
  bool announcing_ = true;
  bool detecting_ = true;
  OwnAddresses addresses_;
  Routes routes_;
  Neighbors neighbors_;
  Fragments fragments_;
  RateLimit echo_limit_{icmp_echo_per_second, icmp_echo_burst};
  RateLimit report_limit_{icmp_reports_per_second, icmp_reports_burst};
  AddressTimer address_timer_;
};

}  // namespace byway::net
