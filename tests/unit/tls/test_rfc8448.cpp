// The trace of RFC 8448 section 3 (simple 1-RTT handshake), from its published application secrets on: every
// record behind the handshake, opened and sealed.
#include <catch2/generators/catch_generators_all.hpp>

#include "tests/unit/tls/record_bench.h"

namespace byway::tls {
namespace {

using test::bytes_of;
using test::hex_to_bytes;
using test::text_of;

constexpr const char* client_secret = "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5";
constexpr const char* server_secret = "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643";
constexpr const char* resumption_secret = "7df235f2031d2a051287d02b0241b0bfdaf86cc856231f2d5aba46c434ec196c";
constexpr const char* resumption_psk = "4ecd0eb6ec3b4d87f5d6028f922ca4c5851a277fd41311c9e62d2c9492e1c4f3";

constexpr const char* ticket_record =
    "17 03 03 00 de 3a 6b 8f 90 41 4a 97 d6 95 9c 34 87 68 0d e5 13 4a 2b 24 0e 6c ff ac 11 6e 95 d4 1d 6a "
    "f8 f6"
    "b5 80 dc f3 d1 1d 63 c7 58 db 28 9a 01 59 40 25 2f 55 71 3e 06 1d c1 3e 07 88 91 a3 8e fb cf 57 53 ad "
    "8e f1"
    "70 ad 3c 73 53 d1 6d 9d a7 73 b9 ca 7f 2b 9f a1 b6 c0 d4 a3 d0 3f 75 e0 9c 30 ba 1e 62 97 2a c4 6f 75 "
    "f7 b9"
    "81 be 63 43 9b 29 99 ce 13 06 46 15 13 98 91 d5 e4 c5 b4 06 f1 6e 3f c1 81 a7 7c a4 75 84 00 25 db 2f "
    "0a 77"
    "f8 1b 5a b0 5b 94 c0 13 46 75 5f 69 23 2c 86 51 9d 86 cb ee ac 87 aa c3 47 d1 43 f9 60 5d 64 f6 50 db "
    "4d 02"
    "3e 70 e9 52 ca 49 fe 51 37 12 1c 74 bc 26 97 68 7e 24 87 46 d6 df 35 30 05 f3 bc e1 86 96 12 9c 81 53 "
    "55 6b"
    "3b 6c 67 79 b3 7b f1 59 85 68 4f";
constexpr const char* client_data =
    "17 03 03 00 43 a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea 42 f9 14 aa 66 bc ab 3f 2b 98 "
    "19 a8"
    "a5 b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 4e 1f 5a 62 92 a2 97 70 14 bd 1e 3d ea e6 3a ee bb 21 69 49 "
    "15 e4";
constexpr const char* server_data =
    "17 03 03 00 43 2e 93 7e 11 ef 4a c7 40 e5 38 ad 36 00 5f c4 a4 69 32 fc 32 25 d0 5f 82 aa 1b 36 e3 0e "
    "fa f9"
    "7d 90 e6 df fc 60 2d cb 50 1a 59 a8 fc c4 9c 4b f2 e5 f0 a2 1c 00 47 c2 ab f3 32 54 0d d0 32 e1 67 c2 "
    "95 5d";
constexpr const char* client_close =
    "17 03 03 00 13 c9 87 27 60 65 56 66 b7 4d 7f f1 15 3e fd 6d b6 d0 b0 e3";
constexpr const char* server_close =
    "17 03 03 00 13 b5 8f d6 71 66 eb f5 99 d2 47 20 cf be 7e fa 7a 88 64 a9";

std::string data() {
  std::string bytes;
  for (int i = 0; i < 50; ++i) bytes.push_back(static_cast<char>(i));
  return bytes;
}

TrafficSecrets secrets(Role role) {
  TrafficSecrets secrets;
  secrets.role = role;
  const bool is_client = role == Role::client;
  secrets.send_secret.assign(bytes_of(hex_to_bytes(is_client ? client_secret : server_secret)));
  secrets.receive_secret.assign(bytes_of(hex_to_bytes(is_client ? server_secret : client_secret)));
  secrets.resumption_secret.assign(bytes_of(hex_to_bytes(resumption_secret)));
  return secrets;
}

TEST_CASE("traffic keys come from the published secrets") {
  DirectionKeys keys;
  derive_direction_keys({Aead::aes_128_gcm, Hash::sha256}, bytes_of(hex_to_bytes(client_secret)), keys);
  CHECK(text_of(std::span(keys.key).first(16)) == hex_to_bytes("17422dda596ed5d9acd890e3c63f5051"));
  CHECK(text_of(keys.nonce) == hex_to_bytes("5b78923dee08579033e523d9"));
  derive_direction_keys({Aead::aes_128_gcm, Hash::sha256}, bytes_of(hex_to_bytes(server_secret)), keys);
  CHECK(text_of(std::span(keys.key).first(16)) == hex_to_bytes("9f02283b6c9c07efc26bb9f2ac92e356"));
  CHECK(text_of(keys.nonce) == hex_to_bytes("cf782b88dd83549aadf1e984"));
}

TEST_CASE("a client opens the published ticket and data, seals the published data, and both closes fit") {
  test::Worker worker(GENERATE(from_range(test::backends())));
  test::End client(worker, secrets(Role::client));
  REQUIRE(client.open(hex_to_bytes(ticket_record)) == Opened::ticket);
  const NewSessionTicket ticket = client.layer.ticket();
  CHECK(ticket.lifetime_seconds == 30);
  CHECK(ticket.age_add == 0xfad6aac5);
  CHECK(text_of(ticket.nonce) == std::string(2, '\0'));
  CHECK(ticket.ticket.size() == 178);
  CHECK(text_of(ticket.ticket.first(8)) == hex_to_bytes("2c035d829359ee5f"));
  CHECK(ticket.early_data_bytes == 1024);
  Secret psk;
  client.layer.resumption_psk(ticket.nonce, psk);
  CHECK(text_of(psk.bytes()) == hex_to_bytes(resumption_psk));

  CHECK(client.seal(data()) == hex_to_bytes(client_data));
  CHECK(client.open(hex_to_bytes(server_data)) == Opened::starved);
  CHECK(client.take() == data());
  client.layer.close();
  CHECK(client.seal("") == hex_to_bytes(client_close));
  CHECK(client.open(hex_to_bytes(server_close)) == Opened::closed);
  CHECK(client.layer.on_transport_end() == TransportEnd::clean);
}

TEST_CASE("a server opens the published data, and its close is the published one") {
  test::Worker worker(GENERATE(from_range(test::backends())));
  TrafficSecrets its = secrets(Role::server);
  its.send_sequence = 1;  // behind the ticket
  test::End server(worker, std::move(its));
  CHECK(server.open(hex_to_bytes(client_data)) == Opened::starved);
  CHECK(server.take() == data());
  CHECK(server.seal(data()) == hex_to_bytes(server_data));
  server.layer.close();
  CHECK(server.seal("") == hex_to_bytes(server_close));
  CHECK(server.open(hex_to_bytes(client_close)) == Opened::closed);
}

}  // namespace
}  // namespace byway::tls
