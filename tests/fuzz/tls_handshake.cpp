// A stranger's bytes into a handshake, in either role and any segmentation. The first byte chooses role,
// versions and whether a certificate is asked for; the second how long the pieces are. Whatever comes: nobody
// without keys completes a handshake, memory stays within its limit and all of it comes back, and bytes
// behind a failure are not looked at.
#include <algorithm>
#include <array>

#include "tests/fuzz/tls_material.h"
#include "tls/handshake.h"

namespace byway::tls::fuzz {
namespace {

constexpr std::size_t context_count = 8;

std::unique_ptr<HandshakeContext> make_context(unsigned choice, const Material& material) {
  HandshakePolicy policy;
  if ((choice & 2) != 0) policy.version_max = ProtocolVersion::tls12;
  policy.alpn = {"h2", "http/1.1"};
  policy.limits.bytes_in_max = 20'000;
  TrustBundle trust = *TrustBundle::read(bytes_of(material.certificate));
  KeyPair pair = *KeyPair::read(bytes_of(material.certificate), bytes_of(material.key));
  if ((choice & 1) != 0) {
    ClientOptions options{std::move(policy), std::move(trust), std::nullopt};
    if ((choice & 4) != 0) options.key_pair = std::move(pair);
    return *HandshakeContext::client(std::move(options));
  }
  ServerOptions options;
  options.policy = std::move(policy);
  ServerIdentity identity;
  identity.key_pairs.push_back(std::move(pair));
  if ((choice & 4) != 0) {
    identity.client_certificates = ClientCertificates::required;
    identity.client_trust = std::move(trust);
  }
  options.identities.push_back(std::move(identity));
  return *HandshakeContext::server(std::move(options));
}

const HandshakeContext& context_for(unsigned choice) {
  static const auto contexts = [] {
    const Material material = make_material();
    std::array<std::unique_ptr<HandshakeContext>, context_count> made;
    for (unsigned i = 0; i < context_count; ++i) made[i] = make_context(i, material);
    return made;
  }();
  return *contexts[choice % context_count];
}

void run(std::span<const std::uint8_t> input) {
  if (input.size() < 2) return;
  const HandshakeContext& context = context_for(input[0]);
  const std::size_t piece = input[1] == 0 ? SIZE_MAX : input[1];
  input = input.subspan(2);
  random_state = 4711;

  SlicePool slices{256};
  HeapProvider heap;
  HandshakeWorker worker{{slices, heap}, {}, {}};
  {
    Rope received(slices);
    Rope to_send(slices);
    const bool is_client = context.role() == Role::client;
    std::optional<Handshake> handshake;
    if (is_client) {
      handshake.emplace(context, worker, ServerTarget{"fuzz", nullptr});
    } else {
      handshake.emplace(context, worker);
    }
    HandshakeState state = handshake->advance(received, to_send, now);
    while (!input.empty() && state == HandshakeState::needs_input) {
      const std::size_t count = std::min(piece, input.size());
      BYWAY_ASSERT(received.append(heap.copy(input.first(count))));
      input = input.subspan(count);
      state = handshake->advance(received, to_send, now);
      // It waits only for what it does not have.
      BYWAY_ASSERT(state != HandshakeState::needs_input || received.empty());
    }
    BYWAY_ASSERT(state == HandshakeState::needs_input || state == HandshakeState::failed);
    BYWAY_ASSERT((state == HandshakeState::failed) == (handshake->failure() != HandshakeFailure::none));
    BYWAY_ASSERT(handshake->failure() != HandshakeFailure::no_memory);
    BYWAY_ASSERT(worker.account.peak <= context.limits().memory_max);
    BYWAY_ASSERT(state != HandshakeState::failed || handshake->memory_used() == 0);
  }
  BYWAY_ASSERT(worker.account.in_use == 0);
  BYWAY_ASSERT(worker.counters.in_progress == 0);
  BYWAY_ASSERT(heap.live() == 0);
}

}  // namespace
}  // namespace byway::tls::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  byway::tls::fuzz::run({data, size});
  return 0;
}
