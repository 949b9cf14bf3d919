// What the process gives up when everything is open: capabilities, new privileges, core dumps, and all system
// calls but those that it makes from then on. From here on a flaw in a parser of packets or requests can read
// and write this process, and little else.
#pragma once

#include <expected>
#include <string>

namespace byway::tools {

/// Each thread has its own capabilities: workers call this first in their life.
void drop_thread_capabilities();

/// Main thread, after the last port and socket is open. `with_af_xdp`: a port's program has to be taken off
/// its interface at the end, so the main thread alone keeps CAP_NET_ADMIN.
[[nodiscard]] std::expected<void, std::string> drop_privileges(bool with_af_xdp);

}  // namespace byway::tools
