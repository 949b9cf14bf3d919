// The audit log: every call that writes or would have.
#include <catch2/catch_test_macros.hpp>
#include <string>

#include "control/api/audit_log.h"
#include "tests/unit/control/support/agent.h"
#include "tests/unit/control/support/manifests.h"

namespace byway::control {
namespace {

TEST_CASE("every write is audited with who, what and the outcome") {
  Agent agent;
  const HttpClient client = agent.client();
  REQUIRE(client.call("POST", services_path, service_manifest).status == 201);
  REQUIRE(client.call("POST", services_path, service_manifest).status == 409);
  REQUIRE(client.call("DELETE", std::string(services_path) + "/v1?dryRun=All").status == 200);
  REQUIRE(client.get(services_path).status == 200);
  REQUIRE(agent.audit.size() == 3);
  CHECK(agent.audit[0].caller == "uid " + std::to_string(geteuid()));
  CHECK(agent.audit[0].note.objects == std::vector<std::string>{"created Service default/v1"});
  CHECK(agent.audit[0].note.revision == 1);
  CHECK(agent.audit[1].status == 409);
  CHECK(agent.audit[1].note.reason == "AlreadyExists");
  CHECK(agent.audit[1].note.message.contains("already exists"));
  CHECK(agent.audit[2].note.is_dry_run);
  CHECK(agent.audit[2].method == "DELETE");
}

TEST_CASE("refused writes are audited once each, with who, what and why, wherever they are refused") {
  Agent agent;
  const HttpClient client = agent.client();
  const std::string service = std::string(services_path) + "/v1";
  const auto audited = [&](const HttpAnswer& answer) {
    REQUIRE(agent.audit.size() == 1);
    const api::AuditRecord record = agent.audit.front();
    agent.audit.clear();
    CHECK(record.status == answer.status);
    CHECK(record.caller == "uid " + std::to_string(geteuid()));
    CHECK(record.note.objects.empty());
    CHECK(record.note.revision == 0);
    CHECK(record.note.message == answer.at("message"));
    return std::to_string(record.status) + " " + record.method + " " + record.path + " " + record.note.reason;
  };
  CHECK(audited(client.call("POST", services_path, "kind: [")) ==
        "400 POST " + std::string(services_path) + " BadRequest");
  CHECK(audited(client.call("POST", std::string(apply_path) + "?dryrun=All", service_manifest)) ==
        "400 POST " + std::string(apply_path) + " BadRequest");
  CHECK(audited(client.call("POST", services_path, service_manifest, "text/plain")) ==
        "415 POST " + std::string(services_path) + " UnsupportedMediaType");
  CHECK(audited(client.call("PATCH", service, "{}", "application/merge-patch+json")) ==
        "404 PATCH " + service + " NotFound");
  CHECK(audited(client.call("DELETE", "/byway/v1/workers")) ==
        "405 DELETE /byway/v1/workers MethodNotAllowed");
  CHECK(audited(client.call("POST", services_path, service_manifest, "application/yaml",
                            "Origin: http://a.com\r\n")) ==
        "403 POST " + std::string(services_path) + " Forbidden");
  CHECK(audited(client.call("POST", services_path, service_manifest, "application/yaml",
                            "Content-Encoding: gzip\r\n")) ==
        "415 POST " + std::string(services_path) + " UnsupportedMediaType");
  CHECK(client.get("/api/v1/nothing").status == 404);
  CHECK(client.get(service).status == 404);
  CHECK(agent.audit.empty());
  // One patch, however often it was tried again.
  REQUIRE(client.call("POST", services_path, service_manifest).status == 201);
  agent.audit.clear();
  CHECK(audited(client.call("PATCH", service, R"({"metadata":{"resourceVersion":"99"}})",
                            "application/merge-patch+json")) == "409 PATCH " + service + " Conflict");
}

TEST_CASE("a line of the audit log tells why, and is no longer than a line should be") {
  Agent agent;
  const HttpClient client = agent.client();
  CHECK(client.call("POST", services_path, "kind: " + std::string(5000, 'x') + "\napiVersion: v1\n").status ==
        400);
  REQUIRE(agent.audit.size() == 1);
  const std::string line = api::audit_line(agent.audit.front(), "2026-01-01T00:00:00Z");
  CHECK(line.size() < 1500);
  CHECK(line.contains(R"("status":400)"));
  CHECK(line.contains(R"("reason":"BadRequest")"));
  CHECK(line.contains("xxx..."));
}

}  // namespace
}  // namespace byway::control
