// Two ends of a handshake in memory, and what moves bytes between them in pieces of any size.
#pragma once

#include <catch2/catch_test_macros.hpp>
#include <memory>
#include <string>
#include <string_view>

#include "dataplane/rope.h"
#include "tests/unit/tls/handshake/authority.h"
#include "tls/handshake.h"

namespace byway::tls::test {

/// Takes all bytes out of a rope.
inline std::string drain(Rope& rope) {
  std::string text(rope.size(), '\0');
  if (!text.empty()) {
    rope.copy_to(0, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
    rope.consume(rope.size());
  }
  return text;
}

/// One end: what it received and did not take, what it has to send. Memory is its own, and all of it must be
/// back when it ends.
class End {
 public:
  explicit End(const HandshakeContext& context) : handshake_(std::make_unique<Handshake>(context, worker)) {}
  End(const HandshakeContext& context, const ServerTarget& target)
      : handshake_(std::make_unique<Handshake>(context, worker, target)) {}
  ~End() {
    handshake_.reset();
    received.clear();
    to_send.clear();
    CHECK(worker.account.in_use.load() == 0);
    CHECK(heap.live() == 0);
    CHECK(worker.counters.in_progress == 0);
  }
  End(const End&) = delete;
  End& operator=(const End&) = delete;

  [[nodiscard]] Handshake& operator*() { return *handshake_; }
  [[nodiscard]] Handshake* operator->() { return handshake_.get(); }

  void deliver(std::string_view bytes) {
    if (!bytes.empty()) REQUIRE(received.append(heap.copy(bytes)));
  }
  HandshakeState advance() { return handshake_->advance(received, to_send, time); }
  /// Delivers, advances, and gives what it has to say.
  std::string exchange(std::string_view bytes) {
    deliver(bytes);
    advance();
    return drain(to_send);
  }

  SlicePool slices{1'024};
  HeapProvider heap;
  HandshakeWorker worker{{slices, heap}, {}, {}};
  Rope received{slices};
  Rope to_send{slices};
  UnixTime time = now;

 private:
  std::unique_ptr<Handshake> handshake_;
};

/// Moves bytes between two ends, at most `piece` at once, until neither has anything more to say.
inline void shuttle(End& client, End& server, std::size_t piece = SIZE_MAX) {
  std::string to_server = client.exchange("");
  std::string to_client;
  while (!to_server.empty() || !to_client.empty()) {
    if (!to_server.empty()) {
      const std::size_t count = std::min(piece, to_server.size());
      to_client += server.exchange(to_server.substr(0, count));
      to_server.erase(0, count);
    }
    if (!to_client.empty()) {
      const std::size_t count = std::min(piece, to_client.size());
      to_server += client.exchange(to_client.substr(0, count));
      to_client.erase(0, count);
    }
  }
}

/// An authority with one server and one client, as most tests want them.
struct World {
  Issued authority = make_authority("root", shared_key(KeyKind::p256, 0));
  Issued server = issue({}, shared_key(KeyKind::p256, 1), &authority);
  Issued client = issue({.common_name = "client", .names = {"URI:spiffe://example.org/ns/a/sa/b"}},
                        shared_key(KeyKind::p256, 2), &authority);
};
/// Made once: what it holds never changes.
inline const World& world() {
  static const World made;
  return made;
}

using ContextPointer = std::unique_ptr<HandshakeContext>;

inline ContextPointer make(ServerOptions options) {
  auto context = HandshakeContext::server(std::move(options));
  REQUIRE(context.has_value());
  return std::move(*context);
}
inline ContextPointer make(ClientOptions options) {
  auto context = HandshakeContext::client(std::move(options));
  REQUIRE(context.has_value());
  return std::move(*context);
}

/// A server with the world's certificate for every name.
inline ServerOptions server_options(ClientCertificates client_certificates = ClientCertificates::none) {
  ServerOptions options;
  ServerIdentity identity;
  identity.key_pairs.push_back(key_pair(world().server));
  identity.client_certificates = client_certificates;
  if (client_certificates != ClientCertificates::none) identity.client_trust = trust(world().authority.pem());
  options.identities.push_back(std::move(identity));
  return options;
}
inline ClientOptions client_options() {
  return {{}, trust(world().authority.pem()), std::nullopt};
}

inline const AnyOfNames& server_example() {
  static const AnyOfNames names({{NameKind::dns, "server.example"}});
  return names;
}
inline ServerTarget target() {
  return {"server.example", &server_example()};
}

}  // namespace byway::tls::test
