#include "tests/unit/control/support/http_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <stdexcept>

#include "control/reader/json.h"

namespace byway::control {

reader::Node HttpAnswer::json() const {
  return reader::read_json(body).value_or(reader::Node());
}

std::string HttpAnswer::at(std::string_view path) const {
  const reader::Node root = json();
  const reader::Node* node = &root;
  while (!path.empty() && node != nullptr) {
    if (path.front() == '[') {
      std::size_t index = 0;
      std::from_chars(path.data() + 1, path.data() + path.size(), index);
      node = index < node->items.size() ? &node->items[index] : nullptr;
      path.remove_prefix(path.find(']') + 1);
    } else {
      const std::size_t end = std::min(path.find_first_of(".["), path.size());
      node = node->find(path.substr(0, end));
      path.remove_prefix(end);
    }
    if (path.starts_with('.')) path.remove_prefix(1);
  }
  return node == nullptr ? "(absent)" : node->text;
}

std::vector<std::string> HttpAnswer::all(const std::string& header) const {
  std::vector<std::string> values;
  const auto [first, end] = headers.equal_range(header);
  std::transform(first, end, std::back_inserter(values), [](const auto& entry) { return entry.second; });
  return values;
}

int HttpClient::open() const {
  if (place_.starts_with("unix:")) {
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    place_.copy(address.sun_path, sizeof(address.sun_path) - 1, 5);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return fd;
  } else {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    const std::size_t colon = place_.find(':');
    inet_pton(AF_INET, place_.substr(0, colon).c_str(), &address.sin_addr);
    address.sin_port = htons(static_cast<std::uint16_t>(std::stoi(place_.substr(colon + 1))));
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return fd;
  }
  throw std::runtime_error("cannot connect to " + place_);
}

std::string HttpClient::raw(std::string_view bytes, bool then_close) const {
  const int fd = open();
  std::string received;
  while (!bytes.empty()) {
    const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) break;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  if (then_close) shutdown(fd, SHUT_WR);
  char buffer[4096];
  for (ssize_t got; (got = recv(fd, buffer, sizeof(buffer), 0)) > 0;)
    received.append(buffer, static_cast<std::size_t>(got));
  close(fd);
  return received;
}

HttpAnswer parse_answer(std::string_view bytes) {
  HttpAnswer answer;
  const std::size_t head_end = bytes.find("\r\n\r\n");
  if (!bytes.starts_with("HTTP/1.1 ") || head_end == bytes.npos) return answer;
  std::from_chars(bytes.data() + 9, bytes.data() + 12, answer.status);
  std::string_view head = bytes.substr(0, head_end + 2);
  head.remove_prefix(head.find("\r\n") + 2);
  while (!head.empty()) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(line.size() + 2);
    const std::size_t colon = line.find(": ");
    if (colon == line.npos) continue;
    std::string name(line.substr(0, colon));
    std::ranges::transform(name, name.begin(),
                           [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    answer.headers.emplace(name, line.substr(colon + 2));
  }
  answer.body = bytes.substr(head_end + 4);
  if (const auto lengths = answer.all("content-length"); !lengths.empty())
    answer.body.resize(std::min<std::size_t>(answer.body.size(), std::stoul(lengths[0])));
  return answer;
}

HttpAnswer HttpClient::call(std::string_view method, std::string_view path, std::string_view body,
                            std::string_view content_type, std::string_view more_headers) const {
  std::string request =
      fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}", method, path, more_headers);
  if (!body.empty())
    request += fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n", content_type, body.size());
  request += "\r\n";
  request += body;
  return parse_answer(raw(request, false));
}

}  // namespace byway::control
