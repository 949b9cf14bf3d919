// Flows that never end: who writes as much as is taken, who reads all there is.
#pragma once

#include <cstdint>
#include <map>

#include "dataplane/stream.h"
#include "tests/sim/host.h"

namespace byway::sim {

class BulkSource final : public StreamHandler {
 public:
  explicit BulkSource(Host& host) : host_(host) {}
  ~BulkSource();
  BulkSource(const BulkSource&) = delete;
  BulkSource& operator=(const BulkSource&) = delete;

  void connect(const net::SocketAddress& remote);
  /// Once it is connected.
  [[nodiscard]] const net::SocketAddress& local() const { return local_; }

  void on_connected(Stream&) override { write_all(); }
  void on_readable(Stream&) override {}
  void on_writable(Stream&) override { write_all(); }
  void on_closed(Stream&, StreamEnd) override { stream_ = nullptr; }

 private:
  void write_all();

  Host& host_;
  Stream* stream_ = nullptr;
  net::SocketAddress local_;
};

class BulkSink final : public Acceptor {
 public:
  static constexpr std::uint16_t port = 80;

  /// Listens on `host`.
  explicit BulkSink(Host& host);
  ~BulkSink();
  BulkSink(const BulkSink&) = delete;
  BulkSink& operator=(const BulkSink&) = delete;

  /// Received from `remote` so far.
  [[nodiscard]] std::uint64_t bytes_of(const net::SocketAddress& remote) const;
  void on_accept(Stream& stream) override;

 private:
  struct Reader final : StreamHandler {
    void on_connected(Stream&) override {}
    void on_readable(Stream& stream) override;
    void on_writable(Stream&) override {}
    void on_closed(Stream&, StreamEnd) override {}
    std::uint64_t bytes = 0;
  };

  Host& host_;
  std::map<net::SocketAddress, Reader> readers_;
};

}  // namespace byway::sim
