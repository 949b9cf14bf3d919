#include <catch2/catch_test_macros.hpp>
#include <string>
#include <utility>
#include <vector>

#include "l7/routing/match.h"

namespace byway::l7::routing {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

HeaderLookup lookup_in(const Fields& fields) {
  return {
      .head = &fields,
      .find = [](const void* head, std::string_view name, std::uint32_t occurrence, std::string_view& value) {
        for (const auto& [field, content] : *static_cast<const Fields*>(head)) {
          if (field != name || occurrence-- != 0) continue;
          value = content;
          return true;
        }
        return false;
      }};
}

TEST_CASE("a host is compared without port, final dot and case") {
  CHECK(HostName{"Example.COM"}.text() == "example.com");
  CHECK(HostName{"example.com:8080"}.text() == "example.com");
  CHECK(HostName{"example.com:"}.text() == "example.com");
  CHECK(HostName{"example.com.:80"}.text() == "example.com");
  CHECK(HostName{"example.com.."}.text() == "example.com.");
  CHECK(HostName{"[2001:DB8::1]"}.text() == "[2001:db8::1]");
  CHECK(HostName{"[2001:db8::1]:80"}.text() == "[2001:db8::1]");
  CHECK(HostName{""}.text().empty());
}

TEST_CASE("a host of 253 bytes is compared, one of 254 is no host name") {
  const std::string longest(shm::hostname_bytes_max, 'a');
  CHECK(HostName{longest}.text() == longest);
  CHECK(HostName{longest + ":65535"}.text() == longest);
  CHECK(HostName{longest + "a"}.text().empty());
}

TEST_CASE("methods compare with case") {
  CHECK(method_of("GET") == shm::Method::get);
  CHECK(method_of("HEAD") == shm::Method::head);
  CHECK(method_of("POST") == shm::Method::post);
  CHECK(method_of("PUT") == shm::Method::put);
  CHECK(method_of("DELETE") == shm::Method::del);
  CHECK(method_of("CONNECT") == shm::Method::connect);
  CHECK(method_of("OPTIONS") == shm::Method::options);
  CHECK(method_of("TRACE") == shm::Method::trace);
  CHECK(method_of("PATCH") == shm::Method::patch);
  for (const char* other : {"get", "Get", "GETS", "", "BREW", "PATCh", "DELETES", "OPTION", "CONNECt"}) {
    CHECK(method_of(other) == shm::Method::other);
  }
}

TEST_CASE("a header condition compares the whole value") {
  const Fields fields{{"version", "v2"}, {"empty", ""}};
  CHECK(matches_header(lookup_in(fields), "version", "v2"));
  CHECK_FALSE(matches_header(lookup_in(fields), "version", "v"));
  CHECK_FALSE(matches_header(lookup_in(fields), "version", "v22"));
  CHECK_FALSE(matches_header(lookup_in(fields), "version", "V2"));
  CHECK_FALSE(matches_header(lookup_in(fields), "absent", ""));
  CHECK(matches_header(lookup_in(fields), "empty", ""));
  CHECK_FALSE(matches_header(HeaderLookup{}, "version", "v2"));
}

TEST_CASE("repeated fields are compared as one value joined by comma and space") {
  const Fields fields{{"x", "a"}, {"y", "-"}, {"x", "b"}, {"x", ""}};
  CHECK(matches_header(lookup_in(fields), "x", "a, b, "));
  CHECK_FALSE(matches_header(lookup_in(fields), "x", "a"));
  CHECK_FALSE(matches_header(lookup_in(fields), "x", "a, b"));
  CHECK_FALSE(matches_header(lookup_in(fields), "x", "a,b,"));
  CHECK_FALSE(matches_header(lookup_in(fields), "x", "b, a, "));
}

TEST_CASE("fields repeated up to the bound are compared, one more is not met") {
  Fields fields(repeated_fields_max - 1, {"x", ""});
  std::string joined;
  for (std::size_t i = 1; i < fields.size(); ++i) joined += ", ";
  CHECK(matches_header(lookup_in(fields), "x", joined));
  fields.emplace_back("x", "");
  CHECK_FALSE(matches_header(lookup_in(fields), "x", joined + ", "));
}

TEST_CASE("a query condition compares the first parameter of that name") {
  CHECK(matches_query("a=1", "a", "1"));
  CHECK(matches_query("b=2&a=1", "a", "1"));
  CHECK(matches_query("a=1&a=2", "a", "1"));
  CHECK_FALSE(matches_query("a=1&a=2", "a", "2"));
  CHECK_FALSE(matches_query("A=1", "a", "1"));
  CHECK_FALSE(matches_query("aa=1", "a", "1"));
  CHECK_FALSE(matches_query("a=10", "a", "1"));
  CHECK(matches_query("a=b=c", "a", "b=c"));
  CHECK(matches_query("a", "a", ""));
  CHECK(matches_query("a=", "a", ""));
  CHECK(matches_query("&&a=1", "a", "1"));
  CHECK_FALSE(matches_query("", "a", ""));
  CHECK_FALSE(matches_query("&", "a", ""));
}

TEST_CASE("percent escapes in a query are compared as they came") {
  CHECK(matches_query("a=%31", "a", "%31"));
  CHECK_FALSE(matches_query("a=%31", "a", "1"));
}

}  // namespace
}  // namespace byway::l7::routing
