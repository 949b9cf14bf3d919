#include "tools/dataplane/capture_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "byway_version.h"
#include "dataplane/net/host.h"

namespace byway::tools {

namespace {

static_assert(capture_links_max >= net::links_max);
static_assert(capture_links_max <= 32, "a bit for each link");
static_assert(shm::capture_read_bytes + 2 * shm::capture_snaplen_max + 1 < shm::answer_bytes_max);

std::int64_t wall_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

std::expected<std::uint32_t, std::string> links_of(const shm::CaptureRequest& request,
                                                   const NodeRuntime& runtime) {
  std::uint32_t links = 0;
  std::string names;
  for (std::size_t i = 0; i < runtime.links().size(); ++i) {
    const std::string& name = runtime.links()[i].name;
    if (request.port.empty() || request.port == name) links |= 1U << i;
    names += fmt::format("{}{}", names.empty() ? "" : ", ", name);
  }
  if (links == 0) return std::unexpected(fmt::format("no port named {}; ports: {}", request.port, names));
  return links;
}

/// Makes the workers take part, or forget it.
class CaptureSession::Switch final : public WorkerJob {
 public:
  Switch(CaptureSession& session, bool on, std::optional<shm::CommandTicket> ticket)
      : session_(session), on_(on), ticket_(ticket) {
    for (std::uint32_t i = 0; i < session.runtime_.worker_count(); ++i) {
      parts_.push_back(
          std::make_unique<Part>(session.runtime_.worker(i), on ? session.captures_[i].get() : nullptr));
    }
  }
  WorkerCommand& command(std::uint32_t worker) override { return *parts_[worker]; }
  void on_done() override {
    session_.state_ = on_ ? State::running : State::stopped;
    if (ticket_) session_.server_.answer(*ticket_, shm::AnswerStatus::ok, "");
  }

 private:
  class Part final : public WorkerCommand {
   public:
    Part(Worker& worker, Capture* capture) : worker_(worker), capture_(capture) {}
    bool step() override {
      worker_.set_capture(capture_);
      return true;
    }

   private:
    Worker& worker_;
    Capture* capture_;
  };

  CaptureSession& session_;
  bool on_;
  std::optional<shm::CommandTicket> ticket_;
  std::vector<std::unique_ptr<Part>> parts_;
};

CaptureSession::CaptureSession(NodeRuntime& runtime, WorkerJobs& jobs, shm::ChannelServer& server,
                               shm::CaptureRequest request, std::uint32_t links, shm::CommandTicket ticket)
    : runtime_(runtime),
      jobs_(jobs),
      server_(server),
      request_(std::move(request)),
      owner_(ticket.peer_serial),
      interfaces_(runtime.links().size()) {
  for (std::uint32_t i = 0; i < runtime.worker_count(); ++i) {
    captures_.push_back(std::make_unique<Capture>(request_, links));
  }
  for (std::uint32_t link = 0; link < runtime.links().size(); ++link) {
    if ((links >> link & 1U) == 0) continue;
    interfaces_[link] = static_cast<std::uint32_t>(links_.size());
    links_.push_back(link);
  }
  delivered_.resize(links_.size());
  began_at_ms_ = now_ms();
  read_at_ms_ = began_at_ms_;
  began_at_ns_ = static_cast<std::uint64_t>(wall_ns());
  jobs_.add(std::make_unique<Switch>(*this, true, ticket));
}

CaptureSession::~CaptureSession() = default;

std::uint64_t CaptureSession::now_ms() const {
  return static_cast<std::uint64_t>(runtime_.now().ns) / 1'000'000;
}

void CaptureSession::read(shm::CommandTicket ticket) {
  reader_ = ticket;
  read_at_ms_ = now_ms();
}

void CaptureSession::stop() {
  stop_wanted_ = true;
  if (state_ != State::running) return;
  state_ = State::stopping;
  jobs_.add(std::make_unique<Switch>(*this, false, std::nullopt));
}

/// It has gone on for long enough.
bool CaptureSession::is_due() const {
  const std::uint64_t now = now_ms();
  const bool is_late = request_.duration_ms != 0 && now - began_at_ms_ >= request_.duration_ms;
  const bool is_left = !reader_ && now - read_at_ms_ >= shm::capture_unread_ms;
  return is_late || is_left || is_full();
}

/// No further frame belongs into the file.
bool CaptureSession::is_full() const {
  return (request_.frames != 0 && frames_ >= request_.frames) ||
         (request_.bytes != 0 && bytes_ >= request_.bytes);
}

void CaptureSession::tick() {
  const bool is_alone = !server_.has_peer(owner_);
  if (state_ == State::running) {
    if (piece_.size() < shm::capture_read_bytes) fill();
    if (stop_wanted_ || is_due() || is_alone) stop();
  }
  if (state_ == State::stopped && (is_alone || now_ms() - read_at_ms_ >= shm::capture_unread_ms)) {
    state_ = State::over;
  }
  if (reader_ && (state_ == State::running || state_ == State::stopped)) answer();
}

void CaptureSession::answer() {
  bool is_last = false;
  if (state_ == State::stopped) {
    fill();
    is_last = piece_.size() < shm::capture_read_bytes;
    if (is_last) end_file();
  } else if (piece_.empty() && now_ms() - read_at_ms_ < shm::capture_read_wait_ms) {
    return;
  }
  std::string text(1, is_last ? shm::capture_last : shm::capture_more);
  text += piece_;
  piece_.clear();
  server_.answer(*reader_, shm::AnswerStatus::ok, text);
  reader_.reset();
  read_at_ms_ = now_ms();
  if (is_last) state_ = State::over;
}

// ---- the file --------------------------------------------------------------------------------------------

void CaptureSession::begin_file() {
  has_begun_ = true;
  pcapng::append_section(piece_, "byway-dataplane " BYWAY_VERSION);
  for (const std::uint32_t link : links_) {
    const LinkSetup& port = runtime_.links()[link];
    const PortInfo& info = port.port->info();
    pcapng::append_interface(piece_, {port.name, info.driver, info.mac, request_.snaplen});
  }
  bytes_ = piece_.size() + pcapng::statistics_block_bytes * links_.size();
}

/// The worker whose ring has the oldest frame.
Capture* CaptureSession::next_ring() const {
  Capture* next = nullptr;
  Instant oldest = Instant::never();
  for (const auto& capture : captures_) {
    const auto frame = capture->ring().front();
    if (!frame || frame->time >= oldest) continue;
    oldest = frame->time;
    next = capture.get();
  }
  return next;
}

void CaptureSession::fill() {
  wall_offset_ns_ = wall_ns() - runtime_.now().ns;
  if (!has_begun_) begin_file();
  while (piece_.size() < shm::capture_read_bytes && !is_full()) {
    Capture* const capture = next_ring();
    if (capture == nullptr) return;
    const CapturedFrame frame = *capture->ring().front();
    const std::uint32_t interface = interfaces_[frame.link];
    const pcapng::Packet packet{interface, static_cast<std::uint64_t>(frame.time.ns + wall_offset_ns_),
                                frame.wire_bytes, frame.is_sent, frame.bytes};
    const std::uint64_t block_bytes = pcapng::packet_block_bytes(packet);
    if (request_.bytes != 0 && bytes_ + block_bytes > request_.bytes) {
      bytes_ = request_.bytes;  // nothing that comes later is written either
      return;
    }
    pcapng::append_packet(piece_, packet);
    capture->ring().pop();
    ++frames_;
    ++delivered_[interface];
    bytes_ += block_bytes;
  }
}

void CaptureSession::end_file() {
  const auto now = static_cast<std::uint64_t>(wall_ns());
  for (std::uint32_t interface = 0; interface < links_.size(); ++interface) {
    pcapng::Statistics statistics{.interface = interface, .begin_ns = began_at_ns_, .end_ns = now};
    for (const auto& capture : captures_) {
      const CaptureCounts& counts = capture->counts(links_[interface]);
      statistics.seen += counts.seen;
      statistics.dropped += counts.dropped;
      statistics.matched += counts.matched;
    }
    statistics.delivered = delivered_[interface];
    pcapng::append_statistics(piece_, statistics);
  }
}

}  // namespace byway::tools
