// Captures and connections over the API, against a data plane that answers what the test says.
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <deque>
#include <mutex>
#include <thread>

#include "control/api/capture_filter.h"
#include "tests/unit/control/support/agent.h"

namespace byway::control {
namespace {

constexpr const char* capture_path = "/byway/v1/capture";

class ScriptedDataPlane final : public DataPlane {
 public:
  using Piece = CaptureReader::Piece;
  std::deque<Piece> pieces;  ///< what a capture gives; then it breaks, or waits for ever
  bool waits_at_end = false;
  std::atomic<int> running = 0;
  CommandFailure failure{0, ""};  ///< if it has a code: the answer to everything
  shm::CaptureRequest request;
  std::string asked;

  [[nodiscard]] DataPlaneView view() const override { return {}; }
  [[nodiscard]] std::string metrics_text() const override { return {}; }
  std::expected<std::string, CommandFailure> command(std::string_view name, std::string_view arguments,
                                                     Deadline) override {
    asked = std::string(name) + " " + std::string(arguments);
    if (failure.code != 0) return std::unexpected(failure);
    return "{}";
  }
  std::expected<std::unique_ptr<CaptureReader>, CommandFailure> capture(const shm::CaptureRequest& wanted,
                                                                        Deadline) override {
    if (failure.code != 0) return std::unexpected(failure);
    request = wanted;
    return std::make_unique<Reader>(*this);
  }

 private:
  class Reader final : public CaptureReader {
   public:
    explicit Reader(ScriptedDataPlane& owner) : owner_(owner) { ++owner_.running; }
    ~Reader() override { --owner_.running; }
    std::expected<Piece, CommandFailure> read() override {
      if (owner_.pieces.empty()) {
        if (!owner_.waits_at_end) return std::unexpected(CommandFailure{503, "gone"});
        std::this_thread::yield();
        return Piece{};
      }
      Piece piece = std::move(owner_.pieces.front());
      owner_.pieces.pop_front();
      return piece;
    }

   private:
    ScriptedDataPlane& owner_;
  };
};

std::string start(std::string_view query = "") {
  return std::string(capture_path) + std::string(query);
}

TEST_CASE("a capture comes in pieces, and its end is told") {
  ScriptedDataPlane data_plane;
  data_plane.pieces = {{"head", false}, {"", false}, {std::string(17, 'p'), false}, {"end", true}};
  const Agent agent(&data_plane);
  const HttpAnswer answer = agent.client().call("POST", start());
  CHECK(answer.status == 200);
  CHECK(answer.all("content-type") == std::vector<std::string>{"application/x-pcapng"});
  CHECK(answer.all("transfer-encoding") == std::vector<std::string>{"chunked"});
  CHECK(answer.body == "4\r\nhead\r\n11\r\nppppppppppppppppp\r\n3\r\nend\r\n0\r\n\r\n");
  CHECK(data_plane.running == 0);
}

TEST_CASE("a capture that breaks off has no end") {
  ScriptedDataPlane data_plane;
  data_plane.pieces = {{"head", false}};
  const Agent agent(&data_plane);
  CHECK(agent.client().call("POST", start()).body == "4\r\nhead\r\n");
}

TEST_CASE("a capture ends when its client goes away, though no packet comes") {
  ScriptedDataPlane data_plane;
  data_plane.waits_at_end = true;
  const Agent agent(&data_plane);
  const int fd = agent.client().open();
  const std::string request = "POST " + start() + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  REQUIRE(send(fd, request.data(), request.size(), 0) == static_cast<ssize_t>(request.size()));
  while (data_plane.running == 0) std::this_thread::yield();
  close(fd);
  while (data_plane.running != 0) std::this_thread::yield();
}

TEST_CASE("an agent that ends does not wait for a capture") {
  ScriptedDataPlane data_plane;
  data_plane.waits_at_end = true;
  int fd = -1;
  {
    const Agent agent(&data_plane);
    fd = agent.client().open();
    const std::string request = "POST " + start() + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
    REQUIRE(send(fd, request.data(), request.size(), 0) == static_cast<ssize_t>(request.size()));
    while (data_plane.running == 0) std::this_thread::yield();
  }
  CHECK(data_plane.running == 0);
  close(fd);
}

TEST_CASE("what a capture shall take is handed on") {
  ScriptedDataPlane data_plane;
  data_plane.pieces = {{"", true}};
  const Agent agent(&data_plane);
  REQUIRE(agent.client()
              .call("POST",
                    start("?port=front&filter=tcp%20port%2080&direction=out&snaplen=96&ring=300000&count=5"
                          "&bytes=1000&duration=1m30s"))
              .status == 200);
  const shm::CaptureRequest& request = data_plane.request;
  CHECK(request.port == "front");
  CHECK(request.direction == shm::CaptureDirection::sent);
  CHECK(request.snaplen == 96);
  CHECK(request.ring_bytes == 512 * 1024);  // a power of two
  CHECK(request.frames == 5);
  CHECK(request.bytes == 1'000);
  CHECK(request.duration_ms == 90'000);
  CHECK(request.filter == api::compile_filter("tcp port 80").value());
}

TEST_CASE("a capture that makes no sense is refused with the parameter and what is wrong") {
  const auto [query, problem] = GENERATE(table<std::string, std::string>({
      {"?filter=hots%2010.0.0.1", "query parameter filter: can't parse filter expression"},
      {"?filter=port%2080%20and", "query parameter filter: can't parse filter expression"},
      {"?filter=ip6%20protochain%206", "jumps out of the program or backwards"},
      {"?filter=tcp%00", "characters that no filter has"},
      {"?filter=" + std::string(1025, 'x'), "has more than 1024 characters"},
      {"?snaplen=13", "query parameter snaplen: is a number from 14 to 65535"},
      {"?ring=1", "query parameter ring: is a number from 262144"},
      {"?count=0", "query parameter count: is a number from 1"},
      {"?duration=25h", "query parameter duration: is a duration from 1ms to 24h"},
      {"?direction=up", "query parameter direction: is in, out or inout"},
      {"?port=Front%20", "query parameter port: is a port's name"},
      {"?prot=front", "query parameter prot: unknown, did you mean \"port\"?"},
  }));
  CAPTURE(query);
  ScriptedDataPlane data_plane;
  const Agent agent(&data_plane);
  const HttpAnswer answer = agent.client().call("POST", start(query));
  CHECK(answer.status == 400);
  CHECK(answer.at("message").contains(problem));
}

TEST_CASE("the longest filters compile, or are refused for their length") {
  std::string text = "port 1";
  for (int port = 2; text.size() + 12 < api::filter_text_bytes_max; ++port)
    text += " or port " + std::to_string(port);
  const auto program = api::compile_filter(text);
  if (program) CHECK(program->size() <= shm::filter_instructions_max);
  if (!program) CHECK(program.error().contains("instructions, at most 512"));
}

TEST_CASE("a capture that the data plane refuses is refused with its sentence") {
  ScriptedDataPlane data_plane;
  data_plane.failure = {400, "no port named eth9; ports: front, back-v1"};
  const Agent agent(&data_plane);
  const HttpAnswer answer = agent.client().call("POST", start("?port=eth9"));
  CHECK(answer.status == 400);
  CHECK(answer.at("reason") == "BadRequest");
  CHECK(answer.at("message") == "no port named eth9; ports: front, back-v1");
}

TEST_CASE("captures are begun and ended by those who may write, and audited with their filter") {
  ScriptedDataPlane data_plane;
  data_plane.pieces = {{"", true}};
  Agent agent(&data_plane);
  REQUIRE(agent.client().call("POST", start("?port=front&filter=host%2010.0.0.1")).status == 200);
  REQUIRE(agent.client().call("DELETE", start()).status == 200);
  CHECK(data_plane.asked == "capture-stop ");
  REQUIRE(agent.audit.size() == 2);
  CHECK(agent.audit[0].note.objects ==
        std::vector<std::string>{R"(capture filter="host 10.0.0.1" port="front")"});
  CHECK(agent.audit[1].method == "DELETE");

  api::Api api(agent.engine(), &data_plane, {});
  for (const char* method : {"POST", "DELETE"}) {
    api::Request request{.method = method, .path = capture_path};
    request.caller = {api::Role::read, "reader"};
    CHECK(api.handle(request).status == 403);
  }
  CHECK(agent.client().get(start()).status == 405);
}

TEST_CASE("there is nothing to end where no capture runs") {
  ScriptedDataPlane data_plane;
  data_plane.failure = {502, "no capture is running"};
  const Agent agent(&data_plane);
  const HttpAnswer answer = agent.client().call("DELETE", start());
  CHECK(answer.status == 404);
  CHECK(answer.at("message") == "no capture is running");
}

TEST_CASE("the query for connections becomes the command's arguments") {
  ScriptedDataPlane data_plane;
  const Agent agent(&data_plane);
  const std::string path = "/byway/v1/connections";
  CHECK(agent.client().get(path).status == 200);
  CHECK(data_plane.asked == "connections ");
  CHECK(agent.client().get(path + "?tcpPort=80&state=ESTABLISHED&address=10.0.0.1&worker=0&limit=7").status ==
        200);
  CHECK(data_plane.asked == "connections limit=7 worker=0 state=ESTABLISHED address=10.0.0.1 tcp-port=80");
  for (const char* wrong : {"?limit=", "?state=A%20limit=9", "?port=80"})
    CHECK(agent.client().get(path + wrong).status == 400);
  data_plane.failure = {400, "state: is one of SYN-SENT"};
  CHECK(agent.client().get(path + "?state=X").at("reason") == "BadRequest");
}

}  // namespace
}  // namespace byway::control
