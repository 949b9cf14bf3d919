#include "tools/loadgen/client.h"
#include "dataplane/net/address_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace byway::loadgen {

namespace {

/// Connections opened in one round: a burst of SYNs that every peer's backlog takes.
constexpr std::uint32_t opens_per_round_max = 64;

/// An address as Host says it (RFC 3986 3.2.2).
std::string host_of(const net::IpAddress& ip) {
  char text[net::address_text_max];
  const std::string address(text, net::write_address(ip, text));
  return ip.is_v4() ? address : fmt::format("[{}]", address);
}

l7::Method method_of(const Scenario& scenario) {
  return l7::recognise_method(scenario.method);
}

}  // namespace

// ---- Session ---------------------------------------------------------------------------------------------

Session::Session(Client& client) : client_(client), out_(client.memory_.slices) {}

void Session::on_connected(Stream& stream) {
  stream_ = &stream;
  state_ = State::idle;
  requests_ = 0;
  ++client_.connected_count_;
  ++client_.results_.connections_opened;
  client_.on_idle(*this);
}

void Session::send(Instant due) {
  due_ = due;
  ++client_.results_.begun;
  if (!client_.request_.share(0, client_.request_.size(), out_)) {
    ++client_.results_.failures[static_cast<std::size_t>(Failure::no_memory)];
    client_.idle_.push_back(this);  // still idle; try again when the next request is due
    return;
  }
  ++requests_;
  ++client_.waiting_count_;
  state_ = State::head;
  matches_ = true;
  stream_->write(out_);
}

void Session::on_writable(Stream& stream) {
  if (!out_.empty()) stream.write(out_);
}

void Session::on_readable(Stream& stream) {
  // Several steps may be possible at once: a head and its whole body in one segment.
  while (stream_ != nullptr && is_waiting()) {
    const State before = state_;
    const Bytes size = stream.readable().size();
    if (state_ == State::head) read_head(stream);
    if (stream_ != nullptr && state_ == State::body) read_body(stream);
    if (stream_ == nullptr || (state_ == before && stream.readable().size() == size)) break;
  }
  if (stream_ == nullptr || !stream.peer_finished()) return;
  if (state_ == State::body && body_.on_close() == l7::http1::BodyResult::complete) {
    keep_alive_ = false;
    complete(stream);
  } else if (stream.readable().empty() || !is_waiting()) {
    fail(Failure::reset);
  }
}

void Session::read_head(Stream& stream) {
  const Bytes size = std::min<Bytes>(stream.readable().size(), l7::head_bytes_max + 1);
  if (size == 0) return;
  if (!stream.coalesce(std::min(size, client_.memory_.buffers.buffer_bytes_max())))
    return fail(Failure::no_memory);
  const Slice& first = stream.readable().front();
  l7::http1::ResponseParser parser({method_of(client_.scenario_), false});
  const auto result = parser.parse(reinterpret_cast<const char*>(first.data()), first.size(), client_.head_);
  if (result == l7::http1::ParseResult::incomplete) {
    if (size > client_.memory_.buffers.buffer_bytes_max()) fail(Failure::parse);  // longer than one buffer
    return;
  }
  if (result == l7::http1::ParseResult::error) return fail(Failure::parse);
  stream.discard(client_.head_.bytes);
  if (client_.head_.is_interim()) return;
  if (client_.head_.status != client_.scenario_.expected_status) {
    ++client_.results_.failures[static_cast<std::size_t>(Failure::status)];
    matches_ = false;
  }
  keep_alive_ = client_.head_.keep_alive;
  body_ = l7::http1::BodyReader(client_.head_);
  state_ = State::body;
  if (body_.is_complete()) complete(stream);
}

void Session::read_body(Stream& stream) {
  while (!stream.readable().empty()) {
    const Slice& first = stream.readable().front();
    const auto before = body_.payload_bytes();
    const auto step = body_.next(reinterpret_cast<const char*>(first.data()), first.size());
    if (step.result == l7::http1::BodyResult::error) return fail(Failure::parse);
    if (matches_ && !client_.check(before, first.data() + step.framing, step.payload)) {
      ++client_.results_.failures[static_cast<std::size_t>(Failure::body)];
      matches_ = false;
    }
    client_.results_.bytes_in += step.payload;
    stream.discard(static_cast<Bytes>(step.framing + step.payload));
    if (step.result == l7::http1::BodyResult::complete) return complete(stream);
  }
}

void Session::complete(Stream& stream) {
  Client& client = client_;
  if (matches_ && !client.check_end(body_.payload_bytes())) {
    ++client.results_.failures[static_cast<std::size_t>(Failure::body)];
    matches_ = false;
  }
  --client.waiting_count_;
  if (matches_) {
    ++client.results_.completed;
    shm::HistogramWriter(client.results_.latency.data())
        .record(static_cast<std::uint64_t>(std::max<std::int64_t>(0, (client.now_ - due_).count())));
  }
  state_ = State::idle;
  const std::uint32_t most = client.scenario_.requests_per_connection;
  if (!keep_alive_ || (most != 0 && requests_ >= most) || !stream.readable().empty()) {
    stream.close();
    stream_ = nullptr;
    state_ = State::closed;
    --client.connected_count_;
    client.closed_.push_back(this);
    return;
  }
  client.on_idle(*this);
}

/// Ends the connection; what was under way counts as failed.
void Session::fail(Failure failure) {
  if (is_waiting()) {
    --client_.waiting_count_;
    if (matches_) ++client_.results_.failures[static_cast<std::size_t>(failure)];
  }
  stream_->abort();
  stream_ = nullptr;
  out_.clear();
  if (state_ == State::idle) std::erase(client_.idle_, this);
  if (state_ != State::connecting) --client_.connected_count_;
  state_ = State::closed;
  client_.closed_.push_back(this);
}

void Session::on_closed(Stream&, StreamEnd) {
  if (state_ == State::connecting) ++client_.results_.failures[static_cast<std::size_t>(Failure::connect)];
  if (is_waiting()) {
    --client_.waiting_count_;
    if (matches_) ++client_.results_.failures[static_cast<std::size_t>(Failure::reset)];
  }
  if (state_ == State::idle) std::erase(client_.idle_, this);
  if (state_ != State::connecting) --client_.connected_count_;
  stream_ = nullptr;
  out_.clear();
  state_ = State::closed;
  client_.closed_.push_back(this);
}

// ---- Client ----------------------------------------------------------------------------------------------

Client::Client(const Scenario& scenario, Connector& connector, Memory memory)
    : scenario_(scenario), connector_(connector), memory_(memory), request_(memory.slices) {
  sessions_.reserve(scenario.connections);
  idle_.reserve(scenario.connections);
  closed_.reserve(scenario.connections);
  for (std::uint32_t i = 0; i < scenario.connections; ++i) {
    sessions_.push_back(std::make_unique<Session>(*this));
    closed_.push_back(sessions_.back().get());
  }
}

Client::~Client() {
  close_all();
}

bool Client::start(Instant now) {
  now_ = now;
  const std::string host = scenario_.host.empty() ? host_of(scenario_.target.ip) : scenario_.host;
  std::string text = fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: byway-loadgen\r\nAccept: */*\r\n",
                                 scenario_.method, scenario_.path, host);
  // RFC 9110 8.6: methods that have a meaning for content say that there is none.
  const l7::Method method = method_of(scenario_);
  if (scenario_.request_body_bytes > 0 || method == l7::Method::post || method == l7::Method::put ||
      method == l7::Method::patch)
    text += fmt::format("Content-Length: {}\r\n", scenario_.request_body_bytes);
  text += "\r\n";
  for (std::uint32_t i = 0; i < scenario_.request_body_bytes; ++i) text += static_cast<char>(body_byte(i));
  const Bytes most = memory_.buffers.buffer_bytes_max();
  for (std::size_t at = 0; at < text.size(); at += most) {
    const auto size = static_cast<Bytes>(std::min<std::size_t>(most, text.size() - at));
    Buffer* buffer = memory_.buffers.allocate(size);
    if (buffer == nullptr) return false;
    std::memcpy(buffer->memory, text.data() + at, size);
    Slice slice = Slice::adopt(buffer, buffer->memory, size);
    if (!request_.append(std::move(slice))) return false;
  }
  return true;
}

void Client::open(Session& session) {
  session.state_ = Session::State::connecting;
  session.stream_ = connector_.connect(scenario_.target, session);
  if (session.stream_ != nullptr) return;
  ++results_.failures[static_cast<std::size_t>(Failure::no_memory)];
  session.state_ = Session::State::closed;
  closed_.push_back(&session);
}

void Client::on_idle(Session& session) {
  if (!is_open_loop() && !stopping_) {
    session.send(now_);
  } else {
    idle_.push_back(&session);
  }
}

void Client::on_round(Instant now) {
  now_ = now;
  if (stopping_) return;
  for (std::uint32_t i = 0; i < opens_per_round_max && !closed_.empty(); ++i) {
    Session* session = closed_.back();
    closed_.pop_back();
    open(*session);
    if (session->state_ == Session::State::closed) break;  // no memory or no port: try again next round
  }
  if (!is_open_loop()) {
    for (std::size_t i = idle_.size(); i > 0; --i) {  // those that could not send for lack of memory
      Session* session = idle_.back();
      idle_.pop_back();
      session->send(now);
    }
    return;
  }
  // Requests are due from the first connection on: one that comes late (a memif whose server starts) must not
  // begin with a queue that no target has caused.
  if (!arrival_ && !idle_.empty()) arrival_.emplace(scenario_.rate, now);
  for (std::uint64_t due = overdue(); due > 0 && !idle_.empty(); --due) {
    Session* session = idle_.back();
    idle_.pop_back();
    session->send(arrival_->next());
    arrival_->take();
  }
}

Instant Client::next_due() const {
  if (stopping_) return Instant::never();
  if (!closed_.empty()) return now_;
  if (arrival_ && !idle_.empty()) return arrival_->next();
  return Instant::never();
}

void Client::close_all() {
  stopping_ = true;
  for (const auto& session : sessions_) {
    if (session->stream_ == nullptr) continue;
    session->stream_->abort();
    session->stream_ = nullptr;
    session->out_.clear();
    session->state_ = Session::State::closed;
  }
  idle_.clear();
  closed_.clear();
  waiting_count_ = connected_count_ = 0;
}

bool Client::check(std::uint64_t offset, const std::uint8_t* data, std::size_t size) {
  if (expectation_is_known_) {
    return offset + size <= expected_body_.size() &&
           std::memcmp(expected_body_.data() + offset, data, size) == 0;
  }
  // The first answer is taken down, in the order of its bytes; answers that overlap it are held against as
  // much of it as there is.
  if (offset == expected_body_.size() && offset + size <= body_bytes_max) {
    expected_body_.insert(expected_body_.end(), data, data + size);
    return true;
  }
  const std::size_t known =
      offset < expected_body_.size() ? std::min<std::size_t>(size, expected_body_.size() - offset) : 0;
  return std::memcmp(expected_body_.data() + offset, data, known) == 0 && known == size;
}

bool Client::check_end(std::uint64_t size) {
  expectation_is_known_ = true;
  return size == expected_body_.size();
}

}  // namespace byway::loadgen
