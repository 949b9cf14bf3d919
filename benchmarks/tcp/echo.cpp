#include "benchmarks/tcp/echo.h"

#include <cstring>

#include "benchmarks/lib/ticks.h"

namespace byway::benchmark {

namespace {

/// A segment of an Ethernet frame, with timestamps.
constexpr Bytes bulk_piece_bytes = 1448;
/// Connections opened a round: the other end takes a burst of 32 frames.
constexpr std::size_t opened_per_round = 16;
/// Before the other side is there, connects fail at once.
constexpr Nanoseconds retry_time = 50ms;

Bytes piece_bytes(Load load) {
  return load == Load::exchanges || load == Load::connections ? message_bytes : bulk_piece_bytes;
}

}  // namespace

Material::Material(Memory memory, Bytes bytes) {
  Buffer* buffer = memory.buffers.allocate(bytes);
  BYWAY_ASSERT(buffer != nullptr);
  std::memset(buffer->memory, 'x', bytes);
  piece_ = Slice::adopt(buffer, buffer->memory, bytes);
}

bool Material::append_to(Rope& out) const {
  return out.append(piece_.share());
}

void pump(Stream& stream, const Material& material, Memory memory, std::uint64_t& bytes) {
  for (;;) {
    Rope data(memory.slices);
    if (!material.append_to(data)) return;
    const Bytes taken = stream.write(data);
    bytes += taken;
    if (taken < material.bytes()) return;  // on_writable follows
  }
}

// ---- server ----------------------------------------------------------------------------------------------

void EchoServer::on_start(const WorkerServices& services, Instant) {
  memory_.emplace(services.memory);
  material_ = std::make_unique<Material>(*memory_, piece_bytes(load_));
  BYWAY_ASSERT(services.stack.listen({net::IpAddress{}, server_port}, *this));
}

void EchoServer::on_accept(Stream& stream) {
  stream.set_handler(this);
  if (load_ == Load::to_client) pump(stream, *material_, *memory_, bytes_);
}

void EchoServer::on_readable(Stream& stream) {
  if (load_ == Load::to_server) {
    bytes_ += stream.readable().size();
    stream.discard(stream.readable().size());
  } else {
    while (stream.readable().size() >= message_bytes) {
      Rope data(memory_->slices);
      stream.take(message_bytes, data);
      stream.write(data);
      ++operations_;
      if (load_ == Load::connections) stream.finish();
    }
  }
  if (stream.peer_finished() && load_ != Load::connections) stream.close();
}

void EchoServer::on_writable(Stream& stream) {
  if (load_ == Load::to_client) pump(stream, *material_, *memory_, bytes_);
}

// ---- client ----------------------------------------------------------------------------------------------

void EchoClient::on_start(const WorkerServices& services, Instant) {
  connector_ = &services.stack;
  memory_.emplace(services.memory);
  material_ = std::make_unique<Material>(*memory_, piece_bytes(load_));
  round_trips_ = std::make_unique<RoundTrips>();
  ns_per_tick_ = measure_ns_per_tick();
  for (std::uint32_t i = 0; i < wanted_; ++i) {
    conversations_.push_back(std::make_unique<Conversation>(*this));
    to_open_.push_back(conversations_.back().get());
  }
}

bool EchoClient::on_round(Instant now) {
  if (is_draining_ || to_open_.empty() || now < retry_at_) return false;
  for (std::size_t i = 0; i < opened_per_round && !to_open_.empty(); ++i) {
    Conversation* conversation = to_open_.back();
    conversation->is_answered = false;
    if (connector_->connect(server_, *conversation) == nullptr) {
      retry_at_ = now + retry_time;
      break;
    }
    to_open_.pop_back();
  }
  return true;
}

void EchoClient::ask(Conversation& conversation, Stream& stream) {
  Rope data(memory_->slices);
  BYWAY_ASSERT(material_->append_to(data) && stream.write(data) == message_bytes);
  conversation.asked_at = ticks();
}

void EchoClient::on_connected(Conversation& conversation, Stream& stream) {
  if (connected_once_ < wanted_) ++connected_once_;
  if (load_ == Load::to_server) {
    pump(stream, *material_, *memory_, bytes_);
  } else if (load_ != Load::to_client) {
    ask(conversation, stream);
  }
}

void EchoClient::on_readable(Conversation& conversation, Stream& stream) {
  const Bytes there = stream.readable().size();
  if (load_ == Load::to_client) {
    bytes_ += there;
    stream.discard(there);
    return;
  }
  if (there >= message_bytes) {
    stream.discard(message_bytes);
    conversation.is_answered = true;
    if (load_ == Load::exchanges) {
      ++operations_;
      round_trips_->add(
          static_cast<std::uint64_t>(static_cast<double>(ticks() - conversation.asked_at) * ns_per_tick_));
      if (!is_draining_) ask(conversation, stream);
      return;
    }
  }
  if (!stream.peer_finished()) return;
  if (load_ == Load::connections && conversation.is_answered) {
    ++operations_;
  } else {
    ++failed_;
  }
  stream.close();
  to_open_.push_back(&conversation);
}

void EchoClient::on_writable(Stream& stream) {
  if (load_ == Load::to_server && !is_draining_) pump(stream, *material_, *memory_, bytes_);
}

/// Before all are there, the other end may not be up; after that it is a failure.
void EchoClient::on_closed(Conversation& conversation) {
  if (is_draining_) return;
  if (is_ready()) ++failed_;
  to_open_.push_back(&conversation);
}

}  // namespace byway::benchmark
