// The two ends of every load, as applications of a worker.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "benchmarks/tcp/load.h"
#include "benchmarks/tcp/pair.h"
#include "dataplane/application.h"

namespace byway::benchmark {

/// What is sent over and over: one buffer, referred to as often as needed.
class Material {
 public:
  /// `bytes` fits into one buffer. Asserted: there is one.
  Material(Memory memory, Bytes bytes);
  /// Appends one piece. False: no chain node.
  [[nodiscard]] bool append_to(Rope& out) const;
  [[nodiscard]] Bytes bytes() const { return piece_.size(); }

 private:
  Slice piece_;
};

/// Sends as much as the stream takes, from Material.
void pump(Stream& stream, const Material& material, Memory memory, std::uint64_t& bytes);

class EchoServer final : public Application, private Acceptor, private StreamHandler {
 public:
  explicit EchoServer(Load load) : load_(load) {}

  void on_start(const WorkerServices& services, Instant now) override;
  bool on_round(Instant) override { return false; }
  void on_drain(Instant) override {}
  [[nodiscard]] bool is_drained() const override { return true; }
  void on_stop(Instant) override { material_.reset(); }

  [[nodiscard]] std::uint64_t operations() const { return operations_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  void on_accept(Stream& stream) override;
  void on_connected(Stream&) override {}
  void on_readable(Stream& stream) override;
  void on_writable(Stream& stream) override;
  void on_closed(Stream&, StreamEnd) override {}

  const Load load_;
  std::optional<Memory> memory_;
  std::unique_ptr<Material> material_;
  std::uint64_t operations_ = 0;
  std::uint64_t bytes_ = 0;
};

class EchoClient final : public Application {
 public:
  EchoClient(Load load, const net::SocketAddress& server, std::uint32_t connections)
      : load_(load), server_(server), wanted_(connections) {}

  void on_start(const WorkerServices& services, Instant now) override;
  bool on_round(Instant now) override;
  void on_drain(Instant) override { is_draining_ = true; }
  [[nodiscard]] bool is_drained() const override { return true; }
  void on_stop(Instant) override { material_.reset(); }

  [[nodiscard]] std::uint64_t operations() const { return operations_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// All connections have been established once.
  [[nodiscard]] bool is_ready() const { return connected_once_ >= wanted_; }
  [[nodiscard]] RoundTrips& round_trips() { return *round_trips_; }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }

 private:
  struct Conversation final : StreamHandler {
    explicit Conversation(EchoClient& of) : client(of) {}
    ~Conversation() = default;
    void on_connected(Stream& stream) override { client.on_connected(*this, stream); }
    void on_readable(Stream& stream) override { client.on_readable(*this, stream); }
    void on_writable(Stream& stream) override { client.on_writable(stream); }
    void on_closed(Stream&, StreamEnd) override { client.on_closed(*this); }
    EchoClient& client;
    bool is_answered = false;
    std::uint64_t asked_at = 0;
  };

  void on_connected(Conversation& conversation, Stream& stream);
  void on_readable(Conversation& conversation, Stream& stream);
  void on_writable(Stream& stream);
  void on_closed(Conversation& conversation);
  void ask(Conversation& conversation, Stream& stream);

  const Load load_;
  const net::SocketAddress server_;
  const std::uint32_t wanted_;
  Connector* connector_ = nullptr;
  std::optional<Memory> memory_;
  std::unique_ptr<Material> material_;
  std::vector<std::unique_ptr<Conversation>> conversations_;
  std::vector<Conversation*> to_open_;
  Instant retry_at_{};
  double ns_per_tick_ = 0;
  std::unique_ptr<RoundTrips> round_trips_;
  std::uint32_t connected_once_ = 0;
  std::uint64_t operations_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t failed_ = 0;
  bool is_draining_ = false;
};

}  // namespace byway::benchmark
