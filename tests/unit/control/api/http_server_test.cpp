// The HTTP front: bounds, forms of requests that are refused, TCP, TLS, metrics listener.
#include "control/api/http_server.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <thread>

#include "control/api/connection.h"
#include "control/api/status_object.h"
#include "control/reader/limits.h"
#include "tests/unit/control/support/http_client.h"
#include "tests/unit/control/support/temporary_folder.h"

namespace byway::control::api {
namespace {

/// Says what it was asked.
Response echo(const Request& request) {
  if (request.caller.role == Role::none) return respond_error(401, "Unauthorized", request.caller.name);
  reader::Node node = reader::Node::object();
  node.add("method", reader::Node::string(request.method));
  node.add("path", reader::Node::string(request.path));
  node.add("bytes", reader::Node::number(static_cast<std::int64_t>(request.body.size())));
  node.add("caller", reader::Node::string(request.caller.name));
  node.add("query", reader::Node::number(static_cast<std::int64_t>(request.query.size())));
  return respond(200, node);
}

class UnixServer {
 public:
  UnixServer() {
    server.listen_unix(folder / "s", {geteuid(), std::nullopt, std::nullopt}).value();
    server.start();
  }
  TemporaryFolder folder;
  HttpServer server{echo};
  HttpClient client{"unix:" + (folder / "s")};
};

std::string post(std::string_view headers, std::string_view body) {
  return "POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Type: application/json\r\n" +
         std::string(headers) + "\r\n" + std::string(body);
}

int status_of(const std::string& bytes) {
  return parse_answer(bytes).status;
}

TEST_CASE("a request is handed over with method, path, query, body and caller") {
  const UnixServer server;
  const HttpAnswer answer = server.client.call("PUT", "/a/%7Eb?x=1&y=2", "12345");
  CHECK(answer.status == 200);
  CHECK(answer.at("method") == "PUT");
  CHECK(answer.at("path") == "/a/~b");
  CHECK(answer.at("bytes") == "5");
  CHECK(answer.at("query") == "2");
  CHECK(answer.at("caller") == "uid " + std::to_string(geteuid()));
  CHECK(answer.all("cache-control") == std::vector<std::string>{"no-store"});
}

TEST_CASE("a connection serves one request after the other") {
  const UnixServer server;
  const std::string two = server.client.raw(
      "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  CHECK(two.contains("\"path\":\"/1\""));
  CHECK(two.contains("\"path\":\"/2\""));
}

TEST_CASE("the socket is for its owner alone, and goes away with the server") {
  const TemporaryFolder folder;
  {
    HttpServer server(echo);
    REQUIRE(server.listen_unix(folder / "s", {geteuid(), std::nullopt, std::nullopt}));
    server.start();
    struct stat info{};
    REQUIRE(stat((folder / "s").c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
    HttpServer second(echo);
    CHECK(second.listen_unix(folder / "s", {geteuid(), std::nullopt, std::nullopt})
              .error()
              .contains("another process listens there"));
  }
  CHECK(access((folder / "s").c_str(), F_OK) != 0);
  std::ofstream(folder / "file") << "x";
  HttpServer third(echo);
  CHECK(third.listen_unix(folder / "file", {geteuid(), std::nullopt, std::nullopt})
            .error()
            .contains("is no socket"));
  CHECK_FALSE(third.listen_unix(std::string(200, 'x'), {}));
}

TEST_CASE("a socket that a killed server left behind is replaced") {
  const TemporaryFolder folder;
  const pid_t pid = fork();
  if (pid == 0) {
    HttpServer server(echo);
    _exit(server.listen_unix(folder / "s", {geteuid(), std::nullopt, std::nullopt}) ? 0 : 1);
  }
  REQUIRE(waitpid(pid, nullptr, 0) == pid);
  REQUIRE(access((folder / "s").c_str(), F_OK) == 0);
  HttpServer server(echo);
  CHECK(server.listen_unix(folder / "s", {geteuid(), std::nullopt, std::nullopt}));
}

TEST_CASE("bodies that the library would unpack by itself are refused unread") {
  const UnixServer server;
  CHECK(status_of(server.client.raw(post("Content-Length: 2\r\nContent-Encoding: gzip\r\n", "{}"))) == 415);
  CHECK(server.client.call("POST", "/x", "dryRun=All", "application/x-www-form-urlencoded").status == 415);
  CHECK(server.client.call("POST", "/x", "--b\r\n\r\n--b--", "multipart/form-data; boundary=b").status ==
        415);
}

TEST_CASE("what follows a refused body is not taken for the next request") {
  const UnixServer server;
  const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string answers =
      server.client.raw("POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/mixed\r\nContent-Length: " +
                        std::to_string(smuggled.size()) + "\r\n\r\n" + smuggled);
  CHECK(status_of(answers) == 415);
  CHECK_FALSE(answers.contains("smuggled"));
}

TEST_CASE("headers that decide something and come twice are refused") {
  const UnixServer server;
  CHECK(status_of(server.client.raw("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n")) ==
        400);
  CHECK(status_of(server.client.raw("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: a\r\nAuthorization: "
                                    "b\r\nConnection: close\r\n\r\n")) == 400);
  CHECK(status_of(server.client.raw(post("Content-Length: 2\r\nContent-Length: 3\r\n", "{}"))) == 400);
}

TEST_CASE("heads and bodies are bounded, in one piece and in chunks") {
  const UnixServer server;
  CHECK(status_of(server.client.raw(
            post("Content-Length: " + std::to_string(reader::input_bytes_max + 1) + "\r\n", "{}"))) == 413);
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
  for (int i = 0; i < 2000; ++i) many += "X-" + std::to_string(i) + ": 0123456789\r\n";
  CHECK(many.size() > head_bytes_max);
  CHECK(status_of(server.client.raw(many + "\r\n")) != 200);
  CHECK(status_of(server.client.raw("GET /" + std::string(9000, 'a') +
                                    " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) == 414);
  CHECK(status_of(server.client.raw("GET /" + std::string(2000, 'a') +
                                    " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")) == 400);
  std::string chunked;
  const std::string chunk = "100000\r\n" + std::string(0x100000, 'x') + "\r\n";
  for (int i = 0; i < 18; ++i) chunked += chunk;
  CHECK(status_of(server.client.raw(post("Transfer-Encoding: chunked\r\n", chunked + "0\r\n\r\n"))) != 200);
  CHECK(parse_answer(server.client.raw(post("Transfer-Encoding: chunked\r\n", "3\r\nabc\r\n0\r\n\r\n")))
            .at("bytes") == "3");
  // All of that has harmed nobody else.
  CHECK(server.client.get("/ok").status == 200);
}

TEST_CASE("bytes that are no request are answered 400 or not at all") {
  const UnixServer server;
  for (std::string_view bytes :
       {"\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /?a=%4 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET /%00 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"}) {
    INFO(bytes);
    const std::string answer = server.client.raw(bytes);
    CHECK((answer.empty() || status_of(answer) >= 400));
  }
  CHECK(server.client.get("/ok").status == 200);
}

TEST_CASE("ranges of an answer are not made, however many are asked for") {
  const UnixServer server;
  const HttpAnswer answer =
      server.client.call("GET", "/x", "", "", "Range: bytes=0-1,0-1,0-1\r\nAccept-Encoding: gzip\r\n");
  CHECK(answer.status == 200);
  CHECK(answer.at("path") == "/x");
}

TEST_CASE("connections beyond connections_max are answered 503 at once") {
  const UnixServer server;
  std::vector<int> held;
  for (std::size_t i = 0; i < connections_max; ++i) held.push_back(server.client.open());
  // Accepting is another thread's: the last of them may still be in its queue.
  std::string answer;
  while ((answer = server.client.raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
             .contains("200 OK")) {
  }
  CHECK(answer.starts_with("HTTP/1.1 503 "));
  for (const int fd : held) close(fd);
  while (server.client.get("/").status != 200) std::this_thread::yield();
}

TEST_CASE("stopping ends idle connections and lets a request that is being handled finish") {
  std::atomic<bool> is_inside = false;
  std::atomic<bool> may_leave = false;
  const TemporaryFolder folder;
  HttpServer server([&](const Request&) {
    is_inside = true;
    while (!may_leave) std::this_thread::yield();
    return Response{200, "text/plain", "done"};
  });
  REQUIRE(server.listen_unix(folder / "s", {geteuid(), std::nullopt, std::nullopt}));
  server.start();
  const HttpClient client("unix:" + (folder / "s"));
  const int idle = client.open();
  HttpAnswer answer;
  std::thread caller([&] { answer = client.get("/"); });
  while (!is_inside) std::this_thread::yield();
  std::thread stopper([&] { server.stop(std::chrono::seconds(60)); });
  char byte = 0;
  CHECK(recv(idle, &byte, 1, 0) == 0);
  may_leave = true;
  caller.join();
  stopper.join();
  close(idle);
  CHECK(answer.status == 200);
  CHECK(answer.body == "done");
}

std::unique_ptr<TokenFile> make_tokens(const TemporaryFolder& folder) {
  std::ofstream(folder / "tokens") << "write ci w-0123456789abcdefghij\n";
  chmod((folder / "tokens").c_str(), 0600);
  return TokenFile::open(folder / "tokens").value();
}

TEST_CASE("TCP needs tokens, and TLS beyond loopback") {
  const TemporaryFolder folder;
  const auto tokens = make_tokens(folder);
  HttpServer server(echo);
  CHECK(server.listen_tcp({"127.0.0.1", 0, nullptr, {}, {}, false}).error().contains("token file"));
  CHECK(server.listen_tcp({"0.0.0.0", 0, tokens.get(), {}, {}, false}).error().contains("TLS"));
  CHECK(server.listen_tcp({"::", 0, tokens.get(), {}, {}, false}).error().contains("TLS"));
  CHECK_FALSE(server.listen_tcp({"nohost", 0, tokens.get(), {}, {}, false}));
}

TEST_CASE("over TCP a token, a known Host and no Origin are needed") {
  const TemporaryFolder folder;
  const auto tokens = make_tokens(folder);
  HttpServer server(echo);
  const auto port = server.listen_tcp({"127.0.0.1", 0, tokens.get(), {}, {{"localhost"}}, false});
  REQUIRE(port);
  server.start();
  const HttpClient client("127.0.0.1:" + std::to_string(*port));
  const std::string token = "Authorization: Bearer w-0123456789abcdefghij\r\n";
  CHECK(client.get("/x").status == 401);
  CHECK(client.get("/x").at("message") == "unknown at 127.0.0.1");
  CHECK(client.call("GET", "/x", "", "", token).at("caller") == "token ci");
  CHECK(client.call("POST", "/x", "{}", "application/json", token).status == 200);
  CHECK(client.call("GET", "/x", "", "", token + "Origin: http://evil.example\r\n").status == 403);
  CHECK(status_of(client.raw("GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n" + token +
                             "\r\n")) == 403);
  // A stranger's body is not read: the answer comes before it.
  CHECK(status_of(client.raw("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
                             "application/json\r\nContent-Length: 1000\r\n\r\n",
                             false)) == 401);
}

TEST_CASE("a listener for metrics answers nothing else, to everybody") {
  HttpServer server([](const Request& request) { return Response{200, "text/plain", request.path}; });
  const auto port = server.listen_tcp({"127.0.0.1", 0, nullptr, {}, {}, true});
  REQUIRE(port);
  server.start();
  const HttpClient client("127.0.0.1:" + std::to_string(*port));
  CHECK(client.get("/metrics").body == "/metrics");
  CHECK(client.get("/api/v1/services").status == 404);
  CHECK(client.call("POST", "/metrics", "{}").status == 404);
}

/// A self-signed certificate for localhost, as PEM files.
TlsFiles make_certificate(const TemporaryFolder& folder) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"),
                             -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_sign(certificate, key, EVP_sha256());
  TlsFiles files{folder / "cert.pem", folder / "key.pem"};
  FILE* file = fopen(files.certificate.c_str(), "w");
  PEM_write_X509(file, certificate);
  fclose(file);
  file = fopen(files.key.c_str(), "w");
  PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
  fclose(file);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return files;
}

TEST_CASE("with a certificate the listener speaks TLS 1.2 or newer, and only TLS") {
  const TemporaryFolder folder;
  const auto tokens = make_tokens(folder);
  const TlsFiles files = make_certificate(folder);
  HttpServer server(echo);
  CHECK_FALSE(server.listen_tcp(
      {"127.0.0.1", 0, tokens.get(), TlsFiles{files.certificate, files.certificate}, {}, false}));
  const auto port = server.listen_tcp({"0.0.0.0", 0, tokens.get(), files, {{"localhost"}}, false});
  REQUIRE(port);
  server.start();
  const HttpClient client("127.0.0.1:" + std::to_string(*port));
  const auto ask = [&](int version) -> std::string {
    SSL_CTX* context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(context, version);
    SSL_CTX_set_security_level(context, 0);
    SSL* ssl = SSL_new(context);
    const int fd = client.open();
    SSL_set_fd(ssl, fd);
    std::string received;
    if (SSL_connect(ssl) == 1) {
      const std::string request =
          "GET /tls HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer "
          "w-0123456789abcdefghij\r\n\r\n";
      SSL_write(ssl, request.data(), static_cast<int>(request.size()));
      char buffer[1024];
      for (int got; (got = SSL_read(ssl, buffer, sizeof(buffer))) > 0;)
        received.append(buffer, static_cast<std::size_t>(got));
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    return received;
  };
  CHECK(ask(TLS1_3_VERSION).contains("\"path\":\"/tls\""));
  CHECK(ask(TLS1_2_VERSION).contains("\"path\":\"/tls\""));
  CHECK(ask(TLS1_1_VERSION).empty());
  CHECK(client.raw("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").find("200 OK") == std::string::npos);
}

}  // namespace
}  // namespace byway::control::api
