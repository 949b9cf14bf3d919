// Bytes as a certificate or a bundle of them: what is read can be looked at, and every name of it is inside
// of it.
#include <cstring>

#include "tests/fuzz/tls_material.h"

namespace byway::tls::fuzz {
namespace {

void look_at(CertificateView certificate) {
  const auto der = certificate.der();
  for (const SubjectName& name : certificate.names()) {
    const auto* first = reinterpret_cast<const std::uint8_t*>(name.value.data());
    BYWAY_ASSERT(first >= der.data() && first + name.value.size() <= der.data() + der.size());
    const bool matches = matches_dns_name(name.value, "www.example.com");
    BYWAY_ASSERT(!matches || name.value.size() >= std::strlen("*.example.com"));
    static_cast<void>(is_host_name(name.value));
  }
  static_cast<void>(certificate.is_authority());
  static_cast<void>(certificate.not_after().seconds);
  static_cast<void>(certificate.not_before().seconds);
}

void run(std::span<const std::uint8_t> input) {
  static const bool started = start_mbedtls();
  BYWAY_ASSERT(started);
  if (auto chain = CertificateChain::read(input)) look_at(chain->leaf());
  if (auto bundle = TrustBundle::read(input)) look_at(CertificateView(*bundle->native()));
  static_cast<void>(PrivateKey::read(input));
}

}  // namespace
}  // namespace byway::tls::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  byway::tls::fuzz::run({data, size});
  return 0;
}
