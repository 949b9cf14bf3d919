// Runs one script against a stack behind packetdrill's interface.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/packetdrill/interface.h"
#include "tests/scripts/packets/call_thread.h"
#include "tests/scripts/packets/calls.h"
#include "tests/scripts/packets/script.h"

namespace byway::scripts {

class Runner {
 public:
  /// `table` is freed at the end.
  Runner(Interface& table, Family family);
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  /// What went wrong, with the packets so far; nothing if all was as written.
  [[nodiscard]] std::string run(const Script& script);

 private:
  std::string run_step(const Step& step);
  std::string run_call(const Step& step);
  std::string check_call(bool must_have_ended);
  void inject(const Step& step);
  void inject_error(const Step& step);
  std::string expect(const Step& step);
  std::string flood(std::uint16_t count);
  std::string check_silence();
  bool receive(std::int64_t& when, Packet& packet, std::string& wrong);
  void sleep_until(std::int64_t us);
  Flow& flow_of(std::uint16_t peer_port);
  void learn(Flow& flow, const Packet& packet, std::int64_t when);
  void note(std::int64_t when, Sender sender, const Packet& packet, const Flow& flow);

  Interface& table_;
  Family family_;
  Calls calls_;
  std::atomic<bool> is_ending_ = false;
  CallThread thread_;
  std::map<std::uint16_t, Flow> flows_;
  std::vector<std::string> packets_;  ///< As text, for a failure.
  std::int64_t start_us_ = 0;
  std::int64_t now_us_ = 0;
  std::int64_t acted_us_ = -1;  ///< When the last call or packet of the peer was.

  // The call that runs, or ran last.
  const Step* call_ = nullptr;
  std::int64_t call_end_us_ = 0;  ///< When it must end.
  std::int64_t ended_us_ = 0;
  std::string result_;
};

}  // namespace byway::scripts
