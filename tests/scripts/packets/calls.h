// The socket calls of a script: from words to the interface, and the result back to words.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/packetdrill/interface.h"
#include "tests/scripts/packets/packet.h"

namespace byway::scripts {

using packetdrill::Interface;

class Calls {
 public:
  Calls(const Interface& table, Family family) : table_(table), family_(family) {}

  /// Runs `words` (name, arguments) and returns its result as a script writes it: a number, "-1 EAGAIN", or
  /// what the call is about. `wanted` names what is to be shown of many (info). May block.
  [[nodiscard]] std::string run(const std::vector<std::string>& words, const std::string& wanted);

 private:
  using Words = std::vector<std::string>;
  /// How far a descriptor's user has read and written: the payload's octets depend on it.
  struct Place {
    std::uint64_t read = 0;
    std::uint64_t written = 0;
  };

  std::string open(const Words& words);
  std::string read(const Words& words);
  std::string write(const Words& words);
  std::string poll(const Words& words);
  std::string epoll(const Words& words);
  std::string options(const Words& words, const std::string& wanted);
  std::string info(int fd, const std::string& wanted);
  std::string begun(int fd);
  [[nodiscard]] ssize_t transfer_in(const std::string& name, int fd, std::vector<std::uint8_t>& out,
                                    int flags);
  [[nodiscard]] ssize_t transfer_out(const std::string& name, int fd, std::vector<std::uint8_t>& data,
                                     int flags);

  const Interface& table_;
  Family family_;
  std::map<int, Place> places_;
};

}  // namespace byway::scripts
