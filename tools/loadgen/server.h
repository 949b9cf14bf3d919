// The server role: answers every request with the same body, and reads and checks what is sent to it. The
// answer is written once; each response shares its buffers.
#pragma once

#include <cstdint>

#include "dataplane/clock.h"
#include "dataplane/rope.h"
#include "dataplane/slab.h"
#include "dataplane/stream.h"
#include "l7/http1/body.h"
#include "l7/http1/parse.h"

namespace byway::loadgen {

struct ServerCounts {
  std::uint64_t requests = 0;
  std::uint64_t refused_heads = 0;  ///< Requests that are not HTTP/1.1.
  std::uint64_t wrong_bodies = 0;   ///< Bodies with other bytes than scenario.h's body_byte.
  std::uint64_t no_memory = 0;
};

class Server final : public Acceptor {
 public:
  /// Answers with `body_bytes` bytes, for up to `connections` connections.
  Server(Memory memory, std::uint32_t body_bytes, std::uint32_t connections);
  ~Server();

  /// Writes the answer into buffers. False: no memory for it.
  [[nodiscard]] bool start();
  void on_accept(Stream& stream) override;
  void close_all();
  /// Gives the buffers of the answer back: before their pool goes.
  void release_answer() { answer_.clear(); }
  [[nodiscard]] const ServerCounts& counts() const { return counts_; }

 private:
  /// One accepted connection.
  class Conversation final : public StreamHandler {
   public:
    Conversation(Server& server, Stream& stream)
        : server_(server), stream_(&stream), out_(server.memory_.slices) {}
    void on_connected(Stream&) override {}
    void on_readable(Stream& stream) override;
    void on_writable(Stream& stream) override;
    void on_closed(Stream& stream, StreamEnd end) override;
    void abort();

   private:
    enum class Step : std::uint8_t { again, wait, ended };
    [[nodiscard]] Step read_head(Stream& stream);
    [[nodiscard]] Step read_body(Stream& stream);
    [[nodiscard]] Step answer(Stream& stream);
    Step end(bool politely);

    Server& server_;
    Stream* stream_;
    Rope out_;  ///< Answers that the stream has not taken yet.
    l7::http1::BodyReader body_;
    bool in_body_ = false;
    bool head_only_ = false;  ///< The request was a HEAD.
    bool keep_alive_ = true;
  };

  Memory memory_;
  std::uint32_t body_bytes_;
  Rope answer_;
  Bytes answer_head_bytes_ = 0;
  l7::RequestHead head_;
  Slab<Conversation> conversations_;
  ServerCounts counts_;
};

}  // namespace byway::loadgen
