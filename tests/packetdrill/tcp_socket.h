// One TCP socket as its user sees it: what has been asked of it, what the stack has told of it.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>

#include "dataplane/stream.h"
#include "dataplane/tcp/stack.h"

namespace byway::packetdrill {

/// Owner: the table of descriptors; a listener owns those that wait to be accepted. A call that blocks on one
/// holds it too, so that another thread may close its descriptor.
class TcpSocket final : public StreamHandler, public Acceptor {
 public:
  explicit TcpSocket(bool v6) : is_v6(v6) {}

  /// The user lets go (close): what was written is still sent. `abortive`: SO_LINGER with a time of 0.
  void let_go(tcp::Stack& stack);

  [[nodiscard]] bool is_connecting() const { return has_begun && !is_connected && !end; }
  /// What poll says, as POLLIN and so on.
  [[nodiscard]] std::uint32_t readiness() const;
  /// There is something to read, or the end.
  [[nodiscard]] bool is_readable() const;
  /// Writing would take something, or fail at once.
  [[nodiscard]] bool is_writable() const;
  /// The error that is owed to the user, once (SO_ERROR).
  [[nodiscard]] int take_error();

  void on_connected(Stream& stream) override;
  void on_readable(Stream& stream) override;
  void on_writable(Stream& stream) override;
  void on_closed(Stream& stream, StreamEnd reason) override;
  void on_accept(Stream& stream) override;

  bool is_v6;
  bool is_nonblocking = false;
  bool is_listening = false;
  bool has_begun = false;  ///< connect() was called, or it was accepted.
  bool is_connected = false;
  bool has_finished = false;   ///< shutdown for writing.
  bool ignores_input = false;  ///< shutdown for reading.
  bool is_abortive = false;
  Stream* stream = nullptr;
  std::optional<StreamEnd> end;
  int error = 0;
  net::SocketAddress local;
  net::SocketAddress remote;
  std::deque<std::shared_ptr<TcpSocket>> unaccepted;
  std::uint64_t changes = 0;  ///< Events so far, for those who want to hear of each once (EPOLLET).
};

}  // namespace byway::packetdrill
