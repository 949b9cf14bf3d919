// A client of the simulation: sends the requests that it was given, over one connection after the other,
// reads the responses strictly, and writes down what came of each.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "tests/sim/http_exchange.h"
#include "tests/sim/http_reader.h"
#include "tests/sim/text_stream.h"

namespace byway::sim {

struct HttpClientPlan {
  TextPace pace;
  std::uint64_t pipeline_max = 1;  ///< requests that wait for their responses
  /// Resets the connection, and is done, after so many bytes.
  std::uint64_t abort_after_written = UINT64_MAX;
  std::uint64_t abort_after_read = UINT64_MAX;
  bool finishes_with_last = false;  ///< half-closes behind its last request; else when all is answered
};

class HttpClient final : public TextStream {
 public:
  HttpClient(Network& network, Host& host, const net::SocketAddress& gateway, const HttpClientPlan& plan,
             std::vector<HttpExchange*> exchanges, Random random)
      : TextStream(network, host, plan.pace, random),
        gateway_(gateway),
        plan_(plan),
        queue_(exchanges.begin(), exchanges.end()) {}

  void start();
  [[nodiscard]] bool is_over() const { return is_over_; }
  /// Empty as long as nothing went wrong.
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  void on_ready() override { send_requests(); }
  void on_text(std::string_view text) override;
  void on_peer_finished() override;
  void on_end(StreamEnd end) override;
  void on_written() override;

  void send_requests();
  void send_content();
  void read_messages();
  void on_head();
  void on_interim(std::uint16_t status);
  void on_content();
  void on_response_end();
  void on_connection_end(bool is_orderly);
  void connect_again();
  void give_up();
  void end_all(Outcome outcome);
  void fail(const std::string& what);
  void note(const std::string& what) const;

  net::SocketAddress gateway_;
  HttpClientPlan plan_;
  std::deque<HttpExchange*> queue_;  ///< not sent, or to be sent again
  std::deque<HttpExchange*> sent_;   ///< wait for their responses, in order
  HttpReader reader_;
  std::uint32_t connects_ = 0;
  std::string local_text_;     ///< of an answer of the gateway's own
  bool is_local_ = false;      ///< the response under way is one
  bool is_interim_ = false;    ///< the head that is being read was one
  bool is_last_ = false;       ///< the gateway said that the connection ends
  bool is_blocked_ = false;    ///< nothing may be sent behind the last request
  bool owes_content_ = false;  ///< of the last request, until a 100 comes
  bool is_within_response_ = false;
  bool is_over_ = false;
  std::string error_;
};

}  // namespace byway::sim
