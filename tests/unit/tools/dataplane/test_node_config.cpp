#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <sstream>
#include <string>

#include "tools/dataplane/node_config.h"

using namespace byway;
using namespace byway::tools;

namespace {

/// A right file whose core is one that this machine has.
std::string right_file() {
  return "ports:\n"
         "  - name: edge\n"
         "    device: net_af_packet0,iface=veth0\n"
         "    addresses: [10.0.0.1/24, 10.1.0.1/16]\n"
         "    mtu: 1400\n"
         "  - {name: core, device: '0000:00:05.0', addresses: [192.168.0.1/30]}\n"
         "routes:\n"
         "  - to: 0.0.0.0/0\n"
         "    via: 10.0.0.254\n"
         "workers:\n"
         "  cores: [" +
         std::to_string(allowed_cpus().front()) +
         "]\n"
         "memory:\n"
         "  hugepages: off\n"
         "  mbufs: 4096\n"
         "  connections: 1000\n"
         "poll: busy\n"
         "runtime_dir: /tmp/x\n"
         "limits: {drain_timeout: 500ms, receive_buffer: 64KiB, send_buffer: 1MiB}\n"
         "tcp: {ecn: always, pacing: on, keepalive: {idle: 10s, interval: 2s, probes: 3}, user_timeout: "
         "30s}\n"
         "control: {users: [root], groups: ['17']}\n";
}

std::string replaced(const std::string& what, const std::string& with) {
  std::string text = right_file();
  const std::size_t at = text.find(what);
  REQUIRE(at != std::string::npos);
  return text.replace(at, what.size(), with);
}

/// The only problem of `text`, as line and message.
std::string problem_of(const std::string& text) {
  const auto config = parse_node_config(text);
  if (config) return "none";
  std::string all;
  for (const Problem& problem : config.error()) {
    all += (all.empty() ? "" : " | ") + std::to_string(problem.line) + ": " + problem.text;
  }
  return all;
}

bool mentions(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a right file gives every value") {
  const auto config = parse_node_config(right_file());
  REQUIRE(config.has_value());
  REQUIRE(config->ports.size() == 2);
  CHECK(config->ports[0].name == "edge");
  CHECK(config->ports[0].device == "net_af_packet0,iface=veth0");
  CHECK(config->ports[0].addresses ==
        std::vector{*net::parse_prefix("10.0.0.1/24"), *net::parse_prefix("10.1.0.1/16")});
  CHECK(config->ports[0].mtu == 1400);
  CHECK(config->ports[1].mtu == 0);
  REQUIRE(config->routes.size() == 1);
  CHECK(config->routes[0].to == *net::parse_prefix("0.0.0.0/0"));
  CHECK(config->cores == std::vector{allowed_cpus().front()});
  CHECK(config->hugepages == HugePages::off);
  CHECK(config->mbufs == 4096);
  CHECK(config->connections == 1000);
  CHECK(config->poll == PollMode::busy);
  CHECK(config->runtime_dir == "/tmp/x");
  CHECK(config->drain_timeout_ms == 500);
  CHECK(config->receive_buffer_bytes == 64 * 1024);
  CHECK(config->send_buffer_bytes == 1024 * 1024);
  CHECK(config->ecn == tcp::Ecn::always);
  CHECK(config->pacing);
  CHECK(config->keepalive.enabled);
  CHECK(config->keepalive.idle == 10s);
  CHECK(config->keepalive.interval == 2s);
  CHECK(config->keepalive.probes_max == 3);
  CHECK(config->user_timeout == 30s);
  CHECK(config->control_users == std::vector<std::string>{"root"});
  CHECK(config->control_groups == std::vector<std::string>{"17"});
}

TEST_CASE("ports alone are enough; everything else has a default") {
  const auto config = parse_node_config("ports: [{name: a, device: net_tap0, addresses: [10.0.0.1/24]}]");
  REQUIRE(config.has_value());
  CHECK(config->cores == std::vector{allowed_cpus().back()});
  CHECK(config->hugepages == HugePages::automatic);
  CHECK(config->poll == PollMode::adaptive);
  CHECK(config->runtime_dir == runtime_dir_default);
  CHECK(config->mbufs == mbufs_default);
  CHECK(config->ecn == tcp::Ecn::when_asked);
  CHECK_FALSE(config->pacing);
  CHECK_FALSE(config->keepalive.enabled);
  CHECK(config->user_timeout == 120s);
}

TEST_CASE("keepalive that is named is on, with the defaults of RFC 9293 for what is not said") {
  const auto config = parse_node_config(replaced("{idle: 10s, interval: 2s, probes: 3}", "{probes: 5}"));
  REQUIRE(config.has_value());
  CHECK(config->keepalive.enabled);
  CHECK(config->keepalive.idle == std::chrono::hours(2));
  CHECK(config->keepalive.interval == 75s);
  CHECK(config->keepalive.probes_max == 5);
}

TEST_CASE("offloads are on by themselves, and each can be switched off, not on") {
  const auto offloads_of = [](const std::string& what) {
    const auto config = parse_node_config(replaced("mtu: 1400", "offloads: " + what));
    REQUIRE(config.has_value());
    CHECK(config->ports[1].offloads.checksum);  // another port's
    return config->ports[0].offloads;
  };
  CHECK(offloads_of("{}").checksum);
  CHECK(offloads_of("{}").tso);
  CHECK_FALSE(offloads_of("{checksum: off}").checksum);
  CHECK(offloads_of("{checksum: off, tso: auto}").tso);
  CHECK_FALSE(offloads_of("{tso: off}").tso);
  CHECK(offloads_of("{tso: off}").rss);
  CHECK_FALSE(offloads_of("{rss: off}").rss);
  CHECK(problem_of(replaced("mtu: 1400", "offloads: {tso: on}")) ==
        "5: ports[0].offloads.tso: `on` is unknown; auto or off is wanted");
  CHECK(problem_of(replaced("mtu: 1400", "offloads: {checksums: off}")) ==
        "5: ports[0].offloads: there is no key `checksums`; did you mean `checksum`?");
}

TEST_CASE("ports share a device if their VLANs tell them apart") {
  const auto two = [](const std::string& first, const std::string& second) {
    return "ports:\n"
           "  - {name: a, addresses: [10.0.0.1/24], device: 'net_af_packet0,iface=eth1'" +
           first + "}\n  - {name: b, addresses: [10.1.0.1/24], " + second + "}\n";
  };
  const std::string same = "device: 'net_af_packet0,iface=eth1'";
  const auto config = parse_node_config(two(", vlan: 100", same + ", vlan: 4094"));
  REQUIRE(config.has_value());
  CHECK(config->ports[0].vlan == 100);
  CHECK(config->ports[1].vlan == 4094);
  CHECK(parse_node_config(two("", same + ", vlan: 1")).has_value());
  CHECK(parse_node_config(two(", vlan: 1", same)).has_value());

  CHECK(mentions(problem_of(two("", same)), "net_af_packet0 is the device of port `a` already"));
  CHECK(mentions(problem_of(two(", vlan: 7", same + ", vlan: 7")),
                 "3: ports[1].vlan: VLAN 7 of net_af_packet0 is port `a` already"));
  CHECK(mentions(problem_of(two(", vlan: 7", "device: 'net_af_packet0,iface=eth2', vlan: 8")),
                 "port `a` shares net_af_packet0 and says `net_af_packet0,iface=eth1`: the same is wanted"));
  CHECK(
      mentions(problem_of(two(", vlan: 0", same)), "ports[0].vlan: 0 is out of range; 1 to 4094 is wanted"));
  CHECK(mentions(problem_of(two(", vlan: 4095", same)), "4095 is out of range"));
  CHECK(mentions(problem_of(two(", vlan: 5, kernel: {interface: byway0}", same)),
                 "2: ports[0].kernel: is for ports without a `vlan`"));
  CHECK(parse_node_config(two(", kernel: {interface: byway0}", same + ", vlan: 5")).has_value());
}

TEST_CASE("unknown keys are named with the nearest one that exists") {
  CHECK(problem_of(replaced("mtu:", "mtuu:")) == "5: ports[0]: there is no key `mtuu`; did you mean `mtu`?");
  CHECK(problem_of(replaced("poll: busy", "pole: busy")) ==
        "16: there is no key `pole`; did you mean `poll`?");
  CHECK(mentions(problem_of(replaced("poll: busy", "zzzzzz: busy")),
                 "there is no key `zzzzzz`; known are ports, "));
  CHECK(mentions(problem_of(replaced("    mtu: 1400\n", "    name: again\n")),
                 "5: ports[0]: the key `name` stands here twice"));
}

TEST_CASE("wrong values are named with their line and what would be right") {
  CHECK(problem_of(replaced("1400", "15000")) ==
        "5: ports[0].mtu: 15000 is out of range; 576 to 1920 is wanted");
  CHECK(problem_of(replaced("1400", "1e3")) == "5: ports[0].mtu: `1e3` is no number; 576 to 1920 is wanted");
  CHECK(problem_of(replaced("1400", "01400")) ==
        "5: ports[0].mtu: `01400` is no number; 576 to 1920 is wanted");
  CHECK(problem_of(replaced("hugepages: off", "hugepages: no")) ==
        "13: memory.hugepages: `no` is unknown; auto, off or on is wanted");
  CHECK(mentions(problem_of(replaced("500ms", "5")), "`5` does not look like 5s, 500ms or 1m"));
  CHECK(mentions(problem_of(replaced("500ms", "20m")), "20m is out of range; 0ms to 600000ms is wanted"));
  CHECK(mentions(problem_of(replaced("64KiB", "64kb")), "`64kb` does not look like 256KiB"));
  CHECK(problem_of(replaced("ecn: always", "ecn: on")) ==
        "19: tcp.ecn: `on` is unknown; off, when-asked or always is wanted");
  CHECK(mentions(problem_of(replaced("user_timeout: 30s", "user_timeout: 4s")),
                 "19: tcp.user_timeout: 4s is out of range; 5000ms to 3600000ms is wanted"));
  CHECK(mentions(problem_of(replaced("idle: 10s", "idle: 500ms")),
                 "tcp.keepalive.idle: 500ms is out of range; 1000ms to 86400000ms is wanted"));
  CHECK(mentions(problem_of(replaced("probes: 3", "probes: 0")), "tcp.keepalive.probes: 0 is out of range"));
  CHECK(mentions(problem_of(replaced("interval: 2s", "interwal: 2s")), "did you mean `interval`?"));
  CHECK(mentions(problem_of(replaced("/tmp/x", "tmp/x")), "an absolute path"));
  CHECK(mentions(problem_of(replaced("name: edge", "name: Edge")), "`Edge`: up to 32 lower-case letters"));
  CHECK(mentions(problem_of(replaced("name: core", "name: edge")),
                 "`edge` is the name of another port already"));
  CHECK(mentions(problem_of(replaced("net_af_packet0,iface=veth0", "eth0")), "neither a PCI address"));
  CHECK(mentions(problem_of(replaced("'0000:00:05.0'", "'net_af_packet0,iface=b'")),
                 "is the device of port `edge` already"));
  CHECK(mentions(problem_of("ports: {}"), "ports: a list of 1 to 16 entries is wanted here"));
  CHECK(problem_of("poll: busy") == "1: ports: is missing: a list with at least one port");
  CHECK(mentions(problem_of("ports: [{name: a}]"), "ports[0].device: is missing: a PCI address such as"));
  CHECK(mentions(problem_of("ports: ["), "this is not YAML"));
  CHECK(mentions(problem_of("- a"), "a mapping with the keys ports, "));
  CHECK(mentions(problem_of(""), "a mapping with the keys ports, "));
}

TEST_CASE("addresses must be those of a host, in networks that belong to one port each") {
  const auto with = [](const std::string& address) { return problem_of(replaced("10.0.0.1/24", address)); };
  CHECK(
      mentions(with("10.0.0.1"), "4: ports[0].addresses[0]: `10.0.0.1` is no IP address with prefix length"));
  CHECK(mentions(with("10.0.0.0/24"), "is the network itself"));
  CHECK(mentions(with("10.0.0.255/24"), "is the broadcast address"));
  CHECK(mentions(with("127.0.0.1/24"), "cannot be the address of a host"));
  CHECK(mentions(with("10.1.0.1/24"), "stands here twice"));
  CHECK(mentions(problem_of(replaced("192.168.0.1/30", "10.0.0.9/30")), "overlaps with one of port `edge`"));
}

TEST_CASE("a port may have addresses of both versions, several of each") {
  const auto config = parse_node_config(
      "ports: [{name: a, device: net_tap0, addresses: [10.0.0.1/24, '2001:DB8::1/64', 'fd00::1/48']}]\n"
      "routes: [{to: 0.0.0.0/0, via: 10.0.0.2}, {to: '::/0', via: '2001:db8::2'}]\n");
  REQUIRE(config.has_value());
  REQUIRE(config->ports[0].addresses.size() == 3);
  CHECK(config->ports[0].addresses[1] == net::parse_prefix("2001:db8::1/64"));
  CHECK(config->routes[1].via == net::parse_address("2001:db8::2"));
  CHECK_FALSE(config->routes[1].port.has_value());
}

TEST_CASE("IPv6 addresses must be those of a host, of more than its link, on a port wide enough") {
  const auto with = [](const std::string& address) {
    return problem_of(replaced("10.0.0.1/24", "'" + address + "'"));
  };
  CHECK(mentions(with("2001:db8::1"), "is no IP address with prefix length"));
  CHECK(mentions(with("2001:db8::1/129"), "is no IP address with prefix length"));
  CHECK(mentions(with("::ffff:10.0.0.1/128"), "is no IP address with prefix length"));
  CHECK(mentions(with("2001:db8::/64"), "is the address of all routers of its network"));
  CHECK(mentions(with("2001:db8::1/8"), "has a prefix shorter than 16 bits"));
  CHECK(mentions(with("fe80::1/64"), "is link-local"));
  for (const char* nobody : {"::/128", "::1/128", "ff02::1/64"})
    CHECK(mentions(with(nobody), "cannot be the address of a host"));
  const auto narrow = [](const std::string& mtu) {
    return problem_of("ports: [{name: a, device: net_tap0, addresses: ['2001:db8::1/64'], mtu: " + mtu +
                      "}]");
  };
  CHECK(mentions(narrow("1279"), "ports[0].mtu: 1279: with an IPv6 address at least 1280 are needed"));
  CHECK(narrow("1280") == "none");
  CHECK(mentions(problem_of("ports: [{name: a, device: net_tap0, addresses: ['2001:db8::1/64']},\n"
                            "{name: b, device: net_tap1, addresses: ['2001:db8::2/48']}]"),
                 "overlaps with one of port `a`"));
}

TEST_CASE("an IPv6 route names a router on a port's network, or a link-local one and its port") {
  const std::string ports =
      "ports: [{name: a, device: net_tap0, addresses: [10.0.0.1/24]},\n"
      "{name: b, device: net_tap1, addresses: ['2001:db8::1/64']}]\n";
  const auto with = [&](const std::string& route) {
    return problem_of(ports + "routes: [{" + route + "}]\n");
  };
  CHECK(with("to: '::/0', via: '2001:db8::2'") == "none");
  CHECK(with("to: '::/0', via: 'fe80::1', port: b") == "none");
  CHECK(mentions(with("to: '::/0', via: 'fe80::1'"), "routes[0].port: is missing"));
  CHECK(mentions(with("to: '::/0', via: 'fe80::1', port: c"), "there is no port `c`"));
  CHECK(mentions(with("to: '::/0', via: 'fe80::1', port: a"), "port `a` has no IPv6 address"));
  CHECK(mentions(with("to: '::/0', via: '2001:db8::2', port: b"), "is for a link-local `via`"));
  CHECK(mentions(with("to: '::/0', via: 10.0.0.2"), "are of different IP versions"));
  CHECK(mentions(with("to: '::/0', via: '2001:db8:1::2'"), "is in no network of a port"));
  CHECK(mentions(with("to: '2001:db8::/64', via: '2001:db8::2'"), "is the network of port `b` itself"));
  CHECK(mentions(with("to: '2001:db8:2::1/64', via: '2001:db8::2'"), "has bits set behind its prefix"));
  const auto config = parse_node_config(ports + "routes: [{to: '::/0', via: 'fe80::1', port: b}]\n");
  REQUIRE(config.has_value());
  CHECK(config->routes[0].port == net::LinkIndex{1});
}

TEST_CASE("a device must be one that the gateway can drive, with what it needs") {
  const auto with = [](const std::string& device) {
    return problem_of("ports: [{name: a, device: '" + device + "', addresses: [10.0.0.1/24]}]");
  };
  for (const char* right :
       {"0000:3b:00.0", "3b:00.0", "net_af_packet0,iface=veth0,framesz=2048", "net_af_xdp1,iface=a",
        "net_memif0,role=server,socket=/run/x", "net_memif0", "net_tap0", "net_ring3"}) {
    CHECK(with(right) == "none");
  }
  for (const char* unknown : {"eth0", "net_foo0", "net_af_packet_0,iface=a", "net_", "0000:zz:00.0"})
    CHECK(mentions(with(unknown),
                   "1: ports[0].device: `" + std::string(unknown) + "` is neither a PCI address"));
  for (const char* nameless : {"net_af_packet0", "net_af_packet0,ifcae=a", "net_af_xdp0,iface=",
                               "net_af_xdp0,queue_count=1,iface=,", "net_af_packet0,iface=sixteen-letters-"})
    CHECK(mentions(with(nameless), "must name the interface that it takes over: net_af_"));
  CHECK(mentions(with("net_memif0,role=both"), "role is client or server"));
}

TEST_CASE("a port may have an interface of the kernel, with a name of its own") {
  const auto with = [](const std::string& kernel) {
    return replaced("    mtu: 1400\n", "    mtu: 1400\n    kernel: " + kernel + "\n");
  };
  const auto config = parse_node_config(with("{interface: byway0}"));
  REQUIRE(config);
  CHECK(config->ports[0].kernel_interface == "byway0");
  CHECK(config->ports[1].kernel_interface.empty());

  CHECK(mentions(problem_of(with("{}")), "6: ports[0].kernel.interface: is missing"));
  CHECK(mentions(problem_of(with("byway0")), "6: ports[0].kernel"));
  CHECK(mentions(problem_of(with("{interface: sixteen-letters-}")), "up to 15 letters, digits"));
  CHECK(mentions(problem_of(with("{interface: 'by,way'}")), "`by,way`: up to 15"));
  CHECK(mentions(problem_of(with("{interface: '..'}")), "`..`: up to 15"));
  CHECK(mentions(problem_of(with("{interface: byway0, mtu: 1}")), "mtu"));
  CHECK(mentions(problem_of(with("{interface: veth0}")), "the device of port `edge`"));
  std::string twice = with("{interface: byway0}");
  const std::string before = "addresses: [192.168.0.1/30]";
  twice.replace(twice.find(before), before.size(), before + ", kernel: {interface: byway0}");
  CHECK(mentions(problem_of(twice), "`byway0` is that of port `edge` already"));
}

TEST_CASE("users and groups of the socket must exist, by name or number") {
  CHECK(mentions(problem_of(replaced("[root]", "[root, no-such-user]")),
                 "control.users[1]: there is no user `no-such-user`"));
  CHECK(mentions(problem_of(replaced("['17']", "[no-such-group]")),
                 "control.groups[0]: there is no group `no-such-group`"));
}

TEST_CASE("a second document is refused, not left unread") {
  CHECK(problem_of(right_file() + "---\npoll: adaptive\n") ==
        "22: a second document begins here, and nobody would read it: one is wanted");
  CHECK(problem_of("---\n" + right_file()) == "none");
}

TEST_CASE("routes need a network and a router on a port's network") {
  CHECK(mentions(problem_of(replaced("10.0.0.254", "10.9.9.9")),
                 "9: routes[0].via: 10.9.9.9 is in no network of a port"));
  CHECK(mentions(problem_of(replaced("10.0.0.254", "10.0.0.1")), "is this node's own address"));
  CHECK(mentions(problem_of(replaced("0.0.0.0/0", "10.2.0.1/16")), "has bits set behind its prefix"));
  CHECK(mentions(problem_of(replaced("0.0.0.0/0", "10.0.0.0/24")), "is the network of port `edge` itself"));
  CHECK(mentions(problem_of(replaced("    via: 10.0.0.254\n",
                                     "    via: 10.0.0.254\n  - {to: 0.0.0.0/0, via: 10.0.0.253}\n")),
                 "has a route already"));
}

TEST_CASE("what would not fit the data plane's tables is a mistake of the file") {
  std::string ports = "ports:\n";
  int network = 0;
  for (int port = 0; port < 5; ++port) {
    ports +=
        "- {name: p" + std::to_string(port) + ", device: net_tap" + std::to_string(port) + ", addresses: [";
    for (int i = 0; i < 13; ++i, ++network)
      ports += (i == 0 ? "" : ", ") + ("10." + std::to_string(network)) + ".0.1/24";
    ports += "]}\n";
  }
  CHECK(problem_of(ports) == "2: ports: 65 networks of ports and 0 routes: together at most 64 are possible");
  const std::string fits =
      ports.replace(ports.find("10.64.0.1/24"), 12, "10.63.0.2/24");  // no further network
  CHECK(problem_of(fits) == "none");
  CHECK(mentions(problem_of(fits + "routes: [{to: 0.0.0.0/0, via: 10.0.0.9}]\n"),
                 "64 networks of ports and 1 routes"));
}

TEST_CASE("a router that an earlier route sends elsewhere is no neighbour") {
  const std::string port = "ports: [{name: a, device: net_tap0, addresses: [10.0.0.1/24]}]\n";
  CHECK(mentions(
      problem_of(port + "routes: [{to: 10.0.0.128/25, via: 10.0.0.2}, {to: 0.0.0.0/0, via: 10.0.0.200}]\n"),
      "routes[1].via: a route above leads to 10.0.0.200 through another router"));
  CHECK(problem_of(port + "routes: [{to: 0.0.0.0/0, via: 10.0.0.2}, {to: 10.2.0.0/16, via: 10.0.0.3}]\n") ==
        "none");
}

TEST_CASE("cores must be ones that this process may use, one for each worker") {
  const std::string core = std::to_string(allowed_cpus().front());
  CHECK(mentions(problem_of(replaced("[" + core + "]", "[4711]")),
                 "`4711` is no CPU that this process may use"));
  CHECK(mentions(problem_of(replaced("[" + core + "]", "[" + core + ", " + core + "]")),
                 "has a worker already"));
}

TEST_CASE("all mistakes of a file are reported at once") {
  const auto config = parse_node_config("ports: [{name: A, device: b, addresses: [c]}]\npoll: lazy\n");
  REQUIRE_FALSE(config.has_value());
  CHECK(config.error().size() == 4);
}

TEST_CASE("the commented example is right, apart from the cores of its machine") {
  std::ifstream file(BYWAY_SOURCE_ROOT "/examples/node.yaml");
  std::ostringstream text;
  text << file.rdbuf();
  const std::string problems = problem_of(text.str());
  CHECK((problems == "none" ||
         (problems.find(" | ") == std::string::npos && mentions(problems, "workers.cores"))));
}

TEST_CASE("the nearest name is one with few letters changed, or none") {
  static constexpr std::string_view names[] = {"runtime_dir", "ports", "poll"};
  CHECK(nearest_name("port", names) == "ports");
  CHECK(nearest_name("runtimedir", names) == "runtime_dir");
  CHECK(nearest_name("xyz", names).empty());
}
