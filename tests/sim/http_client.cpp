#include "tests/sim/http_client.h"

#include <charconv>

namespace byway::sim {

namespace {

/// Connections of one client, so that each run ends: a new one is needed after each response that ends its
/// connection, and after each that failed.
constexpr std::uint32_t connects_max = 24;
constexpr Nanoseconds connect_pause = 200ms;
/// RFC 9110 10.1.1: a client need not wait for a 100 for ever.
constexpr Nanoseconds continue_wait = 1s;
/// How often a request is sent before it is given up, if nobody said that it was not taken.
constexpr std::uint32_t sends_max = 3;

std::uint16_t status_of(const std::string& status_line) {
  std::uint16_t status = 0;
  if (status_line.starts_with("HTTP/1.1 ") && status_line.size() >= 13) {
    std::from_chars(status_line.data() + 9, status_line.data() + 12, status);
  }
  return status;
}

l7::ResponseFlag flag_of(std::string_view text) {
  for (int i = 0; i < static_cast<int>(l7::ResponseFlag::count_); ++i) {
    const auto flag = static_cast<l7::ResponseFlag>(i);
    if (text == std::string(l7::sentence_of(flag)) + "\n") return flag;
  }
  return l7::ResponseFlag::none;
}

}  // namespace

void HttpClient::start() {
  if (++connects_ > connects_max) return give_up();
  reader_ = HttpReader();
  is_last_ = is_blocked_ = owes_content_ = is_within_response_ = is_interim_ = false;
  Stream* stream = host_.stack.connect(gateway_, *this);
  if (stream == nullptr) return connect_again();
  attach(*stream);
}

void HttpClient::connect_again() {
  if (connects_ >= connects_max) return give_up();
  later(connect_pause, [this] { start(); });
}

// ---- Requests --------------------------------------------------------------------------------------------

void HttpClient::send_requests() {
  while (is_attached() && !is_last_ && !is_blocked_ && !queue_.empty() && sent_.size() < plan_.pipeline_max) {
    HttpExchange& next = *queue_.front();
    queue_.pop_front();
    sent_.push_back(&next);
    ++next.sends;
    note("sends " + describe(next));
    const bool is_empty = next.request_framing == Framing::length && next.request_bytes == 0;
    owes_content_ = next.expects_continue && !is_empty;
    is_blocked_ = next.expects_continue || next.asks_close;
    std::string text = request_head(next);
    if (!owes_content_) text += request_content(next, random_);
    if (owes_content_ && !next.is_content_withheld) later(continue_wait, [this] { send_content(); });
    write(text);
  }
  const bool is_all_sent = queue_.empty() && !owes_content_;
  if (is_attached() && is_all_sent && (sent_.empty() || plan_.finishes_with_last)) finish_when_written();
}

void HttpClient::send_content() {
  if (!owes_content_ || sent_.empty()) return;
  owes_content_ = false;
  write(request_content(*sent_.back(), random_));
  send_requests();
}

void HttpClient::on_written() {
  if (bytes_written_ < plan_.abort_after_written) return;
  note("resets after writing");
  abort_now();
  end_all(Outcome::aborted);
}

// ---- Responses -------------------------------------------------------------------------------------------

void HttpClient::on_text(std::string_view text) {
  reader_.feed(text);
  read_messages();
  if (is_attached() && bytes_read_ >= plan_.abort_after_read) {
    note("resets after reading");
    abort_now();
    end_all(Outcome::aborted);
  }
}

void HttpClient::read_messages() {
  while (is_attached() && !is_over_) {
    switch (reader_.next()) {
      case HttpReader::Event::nothing:
        return;
      case HttpReader::Event::head:
        on_head();
        break;
      case HttpReader::Event::content:
        on_content();
        break;
      case HttpReader::Event::end:
        on_response_end();
        break;
      case HttpReader::Event::bad:
        return fail("a malformed response");
    }
  }
}

void HttpClient::on_head() {
  const HttpHead& head = reader_.head();
  const std::uint16_t status = status_of(head.start_line);
  if (sent_.empty()) return fail("a response without a request");
  HttpExchange& x = *sent_.front();
  if (status < 100) return fail("a malformed status line");
  is_interim_ = status < 200;
  if (is_interim_) return on_interim(status);
  is_within_response_ = true;
  const std::string* id = head.find("x-id");
  is_local_ = id == nullptr;
  local_text_.clear();
  x.seen_status = status;
  if (!is_local_ && *id != std::to_string(x.id)) return fail("the response of another request");
  if (!is_local_ && status != x.status) return fail("a status that the server did not send");
  if (!is_local_ && head.padding_octets() != x.response_padding) return fail("a response head that changed");
  if (x.is_http10 && head.find("transfer-encoding") != nullptr) return fail("chunks for HTTP/1.0");
  // RFC 9112 9.3: HTTP/1.0 goes on only when that is said.
  if (head.has("connection", "close") || (x.is_http10 && !head.has("connection", "keep-alive")))
    is_last_ = true;
  if (x.is_head() || status == 204 || status == 304) {
    reader_.expect(Framing::none, 0);
  } else {
    reader_.expect_by_head(Framing::until_close);
  }
}

void HttpClient::on_interim(std::uint16_t status) {
  reader_.expect(Framing::none, 0);
  if (sent_.front()->is_http10) return fail("an interim response for HTTP/1.0");
  if (status == 100 && sent_.size() == 1) send_content();
}

void HttpClient::on_content() {
  const HttpExchange& x = *sent_.front();
  if (is_local_) {
    local_text_ += reader_.content();
    return;
  }
  if (!is_content(x.response_key(), reader_.content_offset(), reader_.content())) fail("a wrong byte");
}

void HttpClient::on_response_end() {
  if (is_interim_) return;
  is_within_response_ = false;
  HttpExchange& x = *sent_.front();
  sent_.pop_front();
  x.outcome = is_local_ ? Outcome::local : Outcome::whole;
  x.flag = is_local_ ? flag_of(local_text_) : l7::ResponseFlag::none;
  note("has " + describe(x));
  const bool has_content = !is_local_ && x.response_framing_sent() != Framing::none;
  if (has_content && reader_.content_offset() != x.response_bytes) return fail("content that is too short");
  if (is_local_ && !x.is_head() && x.flag == l7::ResponseFlag::none) return fail("an unknown answer");
  if (sent_.empty()) {
    // It never got a 100, so what follows is known only to those who were told that the connection ends.
    if (owes_content_ && !is_last_) return fail("a final answer, and content is owed");
    owes_content_ = is_blocked_ = false;
  }
  send_requests();
}

// ---- Ends ------------------------------------------------------------------------------------------------

void HttpClient::on_peer_finished() {
  switch (reader_.on_finish()) {
    case HttpReader::Event::end:
      on_response_end();
      break;
    case HttpReader::Event::bad:
      note("the gateway finished within a response");
      break;
    default:
      break;
  }
  if (is_over_) return;
  close_now();
  on_connection_end(true);
}

void HttpClient::on_end(StreamEnd end) {
  on_connection_end(end == StreamEnd::finished);
}

void HttpClient::on_connection_end(bool is_orderly) {
  note(is_orderly ? "connection ended" : "connection broke");
  if (is_within_response_) {
    sent_.front()->outcome = Outcome::broken;
    note("has " + describe(*sent_.front()));
    sent_.pop_front();
  }
  // What a gateway that said so has not answered, it has not taken (RFC 9112 9.3.2).
  for (; !sent_.empty(); sent_.pop_back()) {
    HttpExchange& x = *sent_.back();
    if (is_last_ || (x.is_idempotent() && x.sends < sends_max)) {
      queue_.push_front(&x);
    } else {
      x.outcome = Outcome::unanswered;
    }
  }
  if (!queue_.empty()) return connect_again();
  is_over_ = true;
}

void HttpClient::give_up() {
  end_all(Outcome::unanswered);
}

void HttpClient::end_all(Outcome outcome) {
  for (HttpExchange* x : sent_) x->outcome = outcome;
  for (HttpExchange* x : queue_) x->outcome = outcome;
  is_over_ = true;
}

void HttpClient::fail(const std::string& what) {
  if (error_.empty()) {
    error_ = what;
    if (!sent_.empty()) error_ += " (" + describe(*sent_.front()) + ")";
  }
  note("FAILED: " + error_);
  abort_now();
  end_all(Outcome::aborted);
}

void HttpClient::note(const std::string& what) const {
  if (network_.is_traced()) network_.note("client " + what);
}

}  // namespace byway::sim
