// POST and DELETE /byway/v1/capture: packets of the data plane's ports as a pcapng file that comes over time.
#include <fmt/format.h>

#include <bit>
#include <charconv>

#include "control/api/api.h"
#include "control/api/capture_filter.h"
#include "control/api/render.h"
#include "control/api/status_object.h"
#include "control/resources/text_rules.h"

namespace byway::control::api {

namespace {

/// pcapng has no registered media type; this is the one that others use.
constexpr const char* media_type = "application/x-pcapng";

std::unexpected<Response> bad(std::string_view name, std::string_view what) {
  return std::unexpected(respond_error(400, "BadRequest", fmt::format("query parameter {}: {}", name, what)));
}

const std::string* value_of(const Request& request, const char* name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? nullptr : &found->second;
}

template <typename Number>
std::expected<void, Response> read_number(const Request& request, const char* name, std::uint64_t least,
                                          std::uint64_t most, Number& into) {
  const std::string* text = value_of(request, name);
  if (text == nullptr) return {};
  std::uint64_t value = 0;
  const char* const end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, value);
  if (error != std::errc{} || stop != end || value < least || value > most)
    return bad(name, fmt::format("is a number from {} to {}", least, most));
  into = static_cast<Number>(value);
  return {};
}

std::expected<void, Response> read_direction(const Request& request, shm::CaptureRequest& capture) {
  const std::string* text = value_of(request, "direction");
  if (text == nullptr) return {};
  if (*text == "in") {
    capture.direction = shm::CaptureDirection::received;
  } else if (*text == "out") {
    capture.direction = shm::CaptureDirection::sent;
  } else if (*text != "inout") {
    return bad("direction", "is in, out or inout");
  }
  return {};
}

std::expected<void, Response> read_port(const Request& request, shm::CaptureRequest& capture) {
  const std::string* text = value_of(request, "port");
  if (text == nullptr) return {};
  const bool is_plain =
      text->find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == text->npos && !text->empty();
  if (!is_plain || text->size() > shm::capture_port_bytes_max)
    return bad("port", "is a port's name in node.yaml: lower-case letters, digits and hyphens");
  capture.port = *text;
  return {};
}

/// Rings are powers of two; what is asked for is rounded up.
std::uint32_t ring_of(std::uint32_t bytes) {
  return std::bit_ceil(bytes);
}

std::expected<shm::CaptureRequest, Response> capture_request(const Request& request) {
  if (auto good = no_parameters(
          request, {"port", "filter", "direction", "snaplen", "ring", "count", "bytes", "duration"});
      !good)
    return std::unexpected(std::move(good.error()));
  shm::CaptureRequest capture;
  const auto results = {
      read_port(request, capture),
      read_direction(request, capture),
      read_number(request, "snaplen", shm::capture_snaplen_min, shm::capture_snaplen_max, capture.snaplen),
      read_number(request, "ring", shm::capture_ring_bytes_min, shm::capture_ring_bytes_max,
                  capture.ring_bytes),
      read_number(request, "count", 1, shm::capture_frames_max, capture.frames),
      read_number(request, "bytes", 1, shm::capture_bytes_max, capture.bytes)};
  for (const auto& result : results)
    if (!result) return std::unexpected(result.error());
  capture.ring_bytes = ring_of(capture.ring_bytes);
  if (const std::string* text = value_of(request, "duration")) {
    const auto duration = resources::parse_duration(*text);
    if (!duration || duration->count() < 1 ||
        duration->count() > static_cast<std::int64_t>(shm::capture_duration_ms_max))
      return bad("duration", "is a duration from 1ms to 24h, as 30s or 5m");
    capture.duration_ms = static_cast<std::uint64_t>(duration->count());
  }
  if (const std::string* text = value_of(request, "filter"); text != nullptr && !text->empty()) {
    auto program = compile_filter(*text);
    if (!program) return bad("filter", program.error());
    capture.filter = std::move(*program);
  }
  return capture;
}

/// Which traffic somebody looked at, for the audit log.
std::string note_of(const Request& request) {
  std::string text = "capture";
  for (const auto& [name, value] : request.query)
    if (name != "pretty") text += fmt::format(" {}=\"{}\"", name, value);
  return text;
}

class CaptureBody final : public BodyStream {
 public:
  explicit CaptureBody(std::unique_ptr<CaptureReader> reader) : reader_(std::move(reader)) {}
  Next next(std::string& piece) override {
    auto read = reader_->read();
    if (!read) return Next::broken;
    piece = std::move(read->bytes);
    return read->is_last ? Next::last : Next::more;
  }

 private:
  std::unique_ptr<CaptureReader> reader_;
};

Response failure(const CommandFailure& failure) {
  const bool is_request = failure.code == 400;
  return respond_error(failure.code, is_request ? "BadRequest" : "ServiceUnavailable", failure.message);
}

}  // namespace

Response Api::start_capture(const Request& request) {
  if (!request.body.empty())
    return respond_error(400, "BadRequest", "a capture is described by query parameters, without a body");
  auto capture = capture_request(request);
  if (!capture) return std::move(capture.error());
  if (data_plane_ == nullptr) return respond_error(503, "ServiceUnavailable", "no data plane is connected");
  auto reader = data_plane_->capture(*capture, std::chrono::steady_clock::now() + command_timeout);
  if (!reader) return failure(reader.error());
  Response response{200, media_type, ""};
  response.stream = std::make_shared<CaptureBody>(std::move(*reader));
  response.note.objects.push_back(note_of(request));
  return response;
}

Response Api::stop_capture(const Request& request) {
  if (auto good = no_parameters(request); !good) return good.error();
  if (data_plane_ == nullptr) return respond_error(503, "ServiceUnavailable", "no data plane is connected");
  auto answer = data_plane_->command("capture-stop", "", std::chrono::steady_clock::now() + command_timeout);
  if (!answer && answer.error().code == 502) return respond_error(404, "NotFound", answer.error().message);
  if (!answer) return failure(answer.error());
  return respond_rendered(request, 200, status_object(200, "", "the capture ends"));
}

}  // namespace byway::control::api
