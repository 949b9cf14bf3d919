#include "tools/loadgen/server.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "tools/loadgen/scenario.h"

namespace byway::loadgen {

namespace {

/// Answers that wait in one connection before its requests are read no further (pipelining without reading).
constexpr Bytes queued_answer_bytes_max = 1u << 20;

}  // namespace

Server::Server(Memory memory, std::uint32_t body_bytes, std::uint32_t connections)
    : memory_(memory), body_bytes_(body_bytes), answer_(memory.slices), conversations_(connections) {}

Server::~Server() {
  close_all();
}

bool Server::start() {
  std::string text = fmt::format(
      "HTTP/1.1 200 OK\r\nServer: byway-loadgen\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n",
      body_bytes_);
  answer_head_bytes_ = static_cast<Bytes>(text.size());
  for (std::uint32_t i = 0; i < body_bytes_; ++i) text += static_cast<char>(body_byte(i));
  const Bytes most = memory_.buffers.buffer_bytes_max();
  for (std::size_t at = 0; at < text.size(); at += most) {
    const auto size = static_cast<Bytes>(std::min<std::size_t>(most, text.size() - at));
    Buffer* buffer = memory_.buffers.allocate(size);
    if (buffer == nullptr) return false;
    std::memcpy(buffer->memory, text.data() + at, size);
    Slice slice = Slice::adopt(buffer, buffer->memory, size);
    if (!answer_.append(std::move(slice))) return false;
  }
  return true;
}

void Server::on_accept(Stream& stream) {
  Conversation* conversation = conversations_.acquire(*this, stream);
  if (conversation == nullptr) {
    ++counts_.no_memory;
    stream.abort();
    return;
  }
  stream.set_handler(conversation);
}

void Server::close_all() {
  conversations_.visit_some(0, conversations_.capacity(), [this](Conversation& conversation) {
    conversation.abort();
    conversations_.release(&conversation);
  });
}

void Server::Conversation::abort() {
  stream_->abort();
}

Server::Conversation::Step Server::Conversation::end(bool politely) {
  politely ? stream_->close() : stream_->abort();
  server_.conversations_.release(this);
  return Step::ended;
}

void Server::Conversation::on_closed(Stream&, StreamEnd) {
  server_.conversations_.release(this);
}

void Server::Conversation::on_writable(Stream& stream) {
  stream.write(out_);
  on_readable(stream);
}

void Server::Conversation::on_readable(Stream& stream) {
  Step step = Step::again;
  while (step == Step::again) {
    if (out_.size() > queued_answer_bytes_max) return;
    step = in_body_ ? read_body(stream) : read_head(stream);
  }
  if (step == Step::wait && stream.peer_finished() && out_.empty()) end(true);
}

Server::Conversation::Step Server::Conversation::read_head(Stream& stream) {
  if (stream.readable().empty()) return Step::wait;
  const Bytes most = server_.memory_.buffers.buffer_bytes_max();
  if (!stream.coalesce(std::min(stream.readable().size(), most))) {
    ++server_.counts_.no_memory;
    return end(false);
  }
  const Slice& first = stream.readable().front();
  l7::http1::RequestParser parser;
  const auto result = parser.parse(reinterpret_cast<const char*>(first.data()), first.size(), server_.head_);
  if (result == l7::http1::ParseResult::incomplete && stream.readable().size() < most) return Step::wait;
  if (result != l7::http1::ParseResult::complete) {
    ++server_.counts_.refused_heads;
    return end(false);
  }
  ++server_.counts_.requests;
  keep_alive_ = server_.head_.keep_alive;
  head_only_ = server_.head_.method == l7::Method::head;
  body_ = l7::http1::BodyReader(server_.head_);
  stream.discard(server_.head_.bytes);
  in_body_ = true;
  return body_.is_complete() ? answer(stream) : Step::again;
}

Server::Conversation::Step Server::Conversation::read_body(Stream& stream) {
  while (!stream.readable().empty()) {
    const Slice& first = stream.readable().front();
    const std::uint64_t before = body_.payload_bytes();
    const auto step = body_.next(reinterpret_cast<const char*>(first.data()), first.size());
    if (step.result == l7::http1::BodyResult::error) {
      ++server_.counts_.refused_heads;
      return end(false);
    }
    const std::uint8_t* payload = first.data() + step.framing;
    for (std::size_t i = 0; i < step.payload; ++i) {
      if (payload[i] != body_byte(before + i)) {
        ++server_.counts_.wrong_bodies;
        break;
      }
    }
    stream.discard(static_cast<Bytes>(step.framing + step.payload));
    if (step.result == l7::http1::BodyResult::complete) return answer(stream);
  }
  return Step::wait;
}

Server::Conversation::Step Server::Conversation::answer(Stream& stream) {
  in_body_ = false;
  const Bytes size = head_only_ ? server_.answer_head_bytes_ : server_.answer_.size();
  if (!server_.answer_.share(0, size, out_)) {
    ++server_.counts_.no_memory;
    return end(false);
  }
  stream.write(out_);
  if (!keep_alive_ && out_.empty()) return end(true);
  return Step::again;
}

}  // namespace byway::loadgen
