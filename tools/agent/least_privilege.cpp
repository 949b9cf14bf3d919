#include "tools/agent/least_privilege.h"

#include <seccomp.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace byway::tools::agent {
namespace {

/// System calls that the agent never makes. A list of what is forbidden rather than allowed: libraries change
/// the harmless ones they use from release to release, and a filter that kills the agent after an update of
/// libc protects nobody.
constexpr int forbidden[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(swapoff),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(personality),
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(setreuid),
    SCMP_SYS(setregid),
    SCMP_SYS(setresuid),
    SCMP_SYS(setresgid),
    SCMP_SYS(setgroups),
};

struct ReleaseFilter {
  void operator()(void* filter) const { seccomp_release(filter); }
};
struct FreeCapabilities {
  void operator()(cap_t capabilities) const { cap_free(capabilities); }
};

std::unexpected<std::string> failed(const char* what, int error) {
  return std::unexpected(std::string(what) + ": " + std::strerror(error));
}

std::expected<void, std::string> install_filter() {
  const std::unique_ptr<void, ReleaseFilter> filter(seccomp_init(SCMP_ACT_ALLOW));
  if (!filter) return std::unexpected("seccomp: no filter");
  for (const int call : forbidden)
    if (const int result = seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), call, 0); result != 0)
      return failed("seccomp rule", -result);
  if (const int result = seccomp_load(filter.get()); result != 0) return failed("seccomp", -result);
  return {};
}

}  // namespace

std::expected<void, std::string> drop_privileges() {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no_new_privs", errno);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("dumpable", errno);
  const std::unique_ptr<_cap_struct, FreeCapabilities> none(cap_init());
  if (!none || cap_set_proc(none.get()) != 0) return failed("capabilities", errno);
  return install_filter();
}

}  // namespace byway::tools::agent
