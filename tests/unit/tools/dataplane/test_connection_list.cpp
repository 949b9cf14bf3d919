#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <string>

#include "dataplane/net/address_text.h"
#include "tools/dataplane/connection_list.h"

using namespace byway;
using namespace byway::tools;

namespace {

constexpr std::uint32_t workers = 2;

tcp::ConnectionInfo example() {
  tcp::ConnectionInfo info;
  info.flow = {net::IpAddress::from_v4(*net::parse_ipv4("10.80.0.1")),
               net::IpAddress::from_v4(*net::parse_ipv4("10.80.0.2")), 80, 40'000};
  info.state = tcp::State::established;
  info.srtt = 25us;
  info.cwnd = 14'600;
  info.ssthresh = UINT32_MAX;
  info.mss = 1'460;
  return info;
}

bool is_wanted(const std::string& arguments) {
  const auto query = parse_connection_query(arguments, workers);
  if (!query) FAIL(query.error());
  return query->matches(example());
}

}  // namespace

TEST_CASE("without arguments some connections of all kinds are wanted") {
  const auto query = parse_connection_query("", workers);
  REQUIRE(query.has_value());
  CHECK(query->limit == connections_shown_default);
  CHECK(query->matches(example()));
}

TEST_CASE("a limit beyond what an answer holds is cut down to it") {
  CHECK(parse_connection_query("limit=5", workers)->limit == 5);
  CHECK(parse_connection_query("limit=99999999", workers)->limit == connections_shown_max);
}

TEST_CASE("connections are chosen by state, by address and by TCP port of either side") {
  CHECK(is_wanted("state=ESTABLISHED"));
  CHECK_FALSE(is_wanted("state=TIME-WAIT"));
  CHECK(is_wanted("address=10.80.0.1"));
  CHECK(is_wanted("address=10.80.0.2"));
  CHECK_FALSE(is_wanted("address=10.80.0.3"));
  CHECK_FALSE(is_wanted("address=fd00::1"));
  CHECK(is_wanted("tcp-port=80"));
  CHECK(is_wanted("tcp-port=40000"));
  CHECK_FALSE(is_wanted("tcp-port=81"));
  CHECK(is_wanted("limit=1 state=ESTABLISHED address=10.80.0.2 tcp-port=80"));
  CHECK(parse_connection_query("worker=1", workers)->worker == 1);
}

TEST_CASE("a query that makes no sense is refused with what is wrong") {
  const auto [arguments, problem] = GENERATE(table<std::string, std::string>({
      {"limit=", "limit: is a number from 1"},
      {"limit=0", "limit: is a number from 1"},
      {"limit=5x", "limit: is a number from 1"},
      {"5", "`5`: NAME=VALUE is wanted, with the names address, limit, state, tcp-port, worker"},
      {"worker=2", "worker: is a number from 0 to 1"},
      {"tcp-port=65536", "tcp-port: is a number from 1 to 65535"},
      {"state=established", "state: is one of SYN-SENT, SYN-RECEIVED, ESTABLISHED"},
      {"address=10.0.0.1:80", "address: is an IP address, without a port"},
  }));
  CAPTURE(arguments);
  const auto query = parse_connection_query(arguments, workers);
  REQUIRE_FALSE(query.has_value());
  CHECK(query.error().contains(problem));
}

TEST_CASE("a connection is a JSON object; before the first loss it has no slow start threshold") {
  tcp::ConnectionInfo info = example();
  std::string text;
  append_connection(text, 1, info);
  CHECK(text.starts_with(
      R"({"worker":1,"state":"ESTABLISHED","local":"10.80.0.1:80","remote":"10.80.0.2:40000","rttNs":25000,)"));
  CHECK(text.ends_with("}"));
  CHECK_FALSE(text.contains("ssthresh"));
  info.ssthresh = 7'300;
  text.clear();
  append_connection(text, 0, info);
  CHECK(text.contains(R"("ssthresh":7300,)"));
}
