#include "tests/sim/http_reader.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace byway::sim {

namespace {

bool parse_number(std::string_view text, std::uint64_t& out, int base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  return error == std::errc() && end == text.data() + text.size();
}

}  // namespace

const std::string* HttpHead::find(std::string_view name) const {
  for (const auto& [key, value] : fields) {
    if (key == name) return &value;
  }
  return nullptr;
}

bool HttpHead::has(std::string_view name, std::string_view value) const {
  const std::string* found = find(name);
  return found != nullptr && *found == value;
}

std::uint64_t HttpHead::padding_octets() const {
  std::uint64_t sum = 0;
  for (const auto& [key, value] : fields) {
    if (key == padding_name) sum += value.size();
  }
  return sum;
}

HttpReader::Event HttpReader::next() {
  content_offset_ += content_.size();
  content_.clear();
  std::string line;
  switch (state_) {
    case State::head:
      return read_head();
    case State::none:
      return end();
    case State::length:
      return left_ == 0 ? end() : take(left_);
    case State::until_close:
      return take(UINT64_MAX);
    case State::chunk_size:
      if (!take_line(line)) return Event::nothing;
      if (!parse_number(line, left_, 16)) return Event::bad;
      state_ = left_ == 0 ? State::last_line : State::chunk;
      return next();
    case State::chunk:
      if (left_ > 0) return take(left_);
      state_ = State::chunk_end;
      return next();
    case State::chunk_end:
      if (!take_line(line)) return Event::nothing;
      if (!line.empty()) return Event::bad;
      state_ = State::chunk_size;
      return next();
    case State::last_line:
      if (!take_line(line)) return Event::nothing;
      return line.empty() ? end() : Event::bad;
  }
  return Event::bad;
}

HttpReader::Event HttpReader::read_head() {
  const std::size_t head_end = buffer_.find("\r\n\r\n", at_);
  if (head_end == std::string::npos) return Event::nothing;
  head_ = HttpHead();
  std::string line;
  static_cast<void>(take_line(head_.start_line));
  while (take_line(line) && !line.empty()) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) return Event::bad;
    std::string name = line.substr(0, colon);
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
    head_.fields.emplace_back(std::move(name), line.substr(colon + 2));
  }
  return Event::head;
}

void HttpReader::expect(Framing framing, std::uint64_t length) {
  content_offset_ = 0;
  left_ = length;
  switch (framing) {
    case Framing::none:
      state_ = State::none;
      break;
    case Framing::length:
      state_ = State::length;
      break;
    case Framing::chunked:
      state_ = State::chunk_size;
      break;
    case Framing::until_close:
      state_ = State::until_close;
      break;
  }
}

void HttpReader::expect_by_head(Framing otherwise) {
  const std::string* length = head_.find("content-length");
  std::uint64_t number = 0;
  if (head_.has("transfer-encoding", "chunked")) return expect(Framing::chunked, 0);
  if (length != nullptr && parse_number(*length, number, 10)) return expect(Framing::length, number);
  expect(otherwise, 0);
}

HttpReader::Event HttpReader::on_finish() {
  if (state_ == State::until_close) return end();
  return is_within_message() ? Event::bad : Event::nothing;
}

HttpReader::Event HttpReader::take(std::uint64_t size_max) {
  const std::size_t size = std::min<std::uint64_t>(size_max, buffer_.size() - at_);
  if (size == 0) return Event::nothing;
  content_ = buffer_.substr(at_, size);
  at_ += size;
  left_ -= std::min<std::uint64_t>(left_, size);
  return Event::content;
}

HttpReader::Event HttpReader::end() {
  state_ = State::head;
  buffer_.erase(0, at_);
  at_ = 0;
  return Event::end;
}

bool HttpReader::take_line(std::string& line) {
  const std::size_t line_end = buffer_.find("\r\n", at_);
  if (line_end == std::string::npos) return false;
  line = buffer_.substr(at_, line_end - at_);
  at_ = line_end + 2;
  return true;
}

}  // namespace byway::sim
