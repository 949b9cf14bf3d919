// Who may ask. On the Unix socket the kernel says who the peer is; over TCP a bearer token does. A browser
// must not be made to ask for somebody else: Host is checked over TCP (DNS rebinding), Origin everywhere.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/api/message.h"

namespace byway::control::api {

/// Other end of a Unix socket, by SO_PEERCRED and SO_PEERGROUPS.
struct UnixPeer {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
};

struct UnixPolicy {
  uid_t owner = 0;                   ///< the agent's own user; root and it may write
  std::optional<gid_t> write_group;  ///< members may write
  std::optional<gid_t> read_group;   ///< members may read
};

Caller judge(const UnixPeer& peer, const UnixPolicy& policy);

/// Tokens of a file with lines `ROLE NAME TOKEN` (role: read or write), `#` for comments. The file must not
/// be readable for others than owner and group. It is read again when it changes.
class TokenFile {
 public:
  /// Shortest token: 128 bits in base64 or hex have more.
  static constexpr std::size_t token_chars_min = 20;

  static std::expected<std::unique_ptr<TokenFile>, std::string> open(std::string path);

  /// Role none: the token is unknown. Compares digests, so that time tells nothing about a token.
  Caller judge(std::string_view authorization);

 private:
  struct Entry {
    Role role;
    std::string name;
    std::string digest;  ///< SHA-256
  };
  explicit TokenFile(std::string path) : path_(std::move(path)) {}
  std::expected<std::vector<Entry>, std::string> read() const;
  void refresh();

  std::string path_;
  std::mutex mutex_;
  std::vector<Entry> entries_;
  timespec changed_{};
};

/// What a browser could be tricked into sending.
struct HostPolicy {
  std::vector<std::string> hosts;  ///< names allowed in Host, without port; empty: not checked
};

/// Refusal (403) or nothing.
std::optional<Response> check_origin(const Request& request, const HostPolicy& policy);

/// The host of a Host header without its port: "[::1]:80" gives "::1".
std::string host_of(std::string_view header);

}  // namespace byway::control::api
