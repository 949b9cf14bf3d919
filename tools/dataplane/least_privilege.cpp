#include "tools/dataplane/least_privilege.h"

#include <seccomp.h>
#include <sys/capability.h>
#include <sys/prctl.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "dataplane/assert.h"
#include "dataplane/eal.h"

namespace byway::tools {

namespace {

/// What the workers, the main thread, DPDK's interrupt thread, their drivers and libc do after the start. All
/// else fails with EPERM: a call that was forgotten is an error somewhere, not the end of the gateway.
constexpr int allowed[] = {
    // waiting, time, threads
    SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_create), SCMP_SYS(epoll_create1), SCMP_SYS(eventfd2), SCMP_SYS(timerfd_settime),
    SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday),
    SCMP_SYS(restart_syscall), SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(rseq), SCMP_SYS(membarrier),
    SCMP_SYS(set_robust_list), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(getpid), SCMP_SYS(gettid),
    SCMP_SYS(tgkill), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn),
    SCMP_SYS(prctl), SCMP_SYS(getrandom), SCMP_SYS(sched_getaffinity), SCMP_SYS(getcpu), SCMP_SYS(uname),
    // memory: sets are mapped, memif regions come and go
    SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise), SCMP_SYS(brk),
    SCMP_SYS(munlock), SCMP_SYS(memfd_create), SCMP_SYS(ftruncate),
    // files: the last good set
    SCMP_SYS(openat), SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(write), SCMP_SYS(writev),
    SCMP_SYS(pwrite64), SCMP_SYS(lseek), SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(newfstatat),
    SCMP_SYS(fcntl), SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(rename), SCMP_SYS(unlink), SCMP_SYS(dup),
    SCMP_SYS(getdents64),
    // sockets: the agent, memif peers, packet sockets; a device's queries of its interface
    SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(bind),
    SCMP_SYS(listen), SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(sendmsg), SCMP_SYS(recvmsg),
    SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname),
    SCMP_SYS(getpeername), SCMP_SYS(shutdown), SCMP_SYS(ioctl)};

struct ReleaseFilter {
  void operator()(void* filter) const { seccomp_release(filter); }
};
struct FreeCapabilities {
  void operator()(cap_t capabilities) const { cap_free(capabilities); }
};

std::unexpected<std::string> failed(const char* what, int error) {
  return std::unexpected(std::string(what) + ": " + std::strerror(error));
}

/// Gives up all capabilities of this thread but CAP_NET_ADMIN, if it has that.
void keep_network_administration() {
  const std::unique_ptr<_cap_struct, FreeCapabilities> before(cap_get_proc());
  const std::unique_ptr<_cap_struct, FreeCapabilities> after(cap_init());
  BYWAY_ASSERT(before && after);
  cap_flag_value_t has = CAP_CLEAR;
  const cap_value_t kept = CAP_NET_ADMIN;
  if (cap_get_flag(before.get(), kept, CAP_PERMITTED, &has) == 0 && has == CAP_SET) {
    cap_set_flag(after.get(), CAP_PERMITTED, 1, &kept, CAP_SET);
    cap_set_flag(after.get(), CAP_EFFECTIVE, 1, &kept, CAP_SET);
  }
  BYWAY_ASSERT(cap_set_proc(after.get()) == 0);
}

std::expected<void, std::string> install_filter() {
  const std::unique_ptr<void, ReleaseFilter> filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)));
  if (!filter) return std::unexpected("seccomp: no filter");
  // The threads that run already are to have it too.
  if (const int result = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1); result != 0) {
    return failed("seccomp for all threads", -result);
  }
  const auto allow = [&](int call) { return seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0); };
  for (const int call : allowed) {
    if (const int result = allow(call); result != 0) return failed("seccomp rule", -result);
  }
  if (const int result = seccomp_load(filter.get()); result != 0) return failed("seccomp", -result);
  return {};
}

}  // namespace

void drop_thread_capabilities() {
  const std::unique_ptr<_cap_struct, FreeCapabilities> none(cap_init());
  // Giving up cannot fail but for a wrong argument.
  BYWAY_ASSERT(none && cap_set_proc(none.get()) == 0);
}

std::expected<void, std::string> drop_privileges(bool with_af_xdp) {
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed("no_new_privs", errno);
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return failed("dumpable", errno);
  if (!run_on_interrupt_thread([](void*) { drop_thread_capabilities(); }, nullptr)) {
    return std::unexpected("DPDK's interrupt thread does not answer");
  }
  with_af_xdp ? keep_network_administration() : drop_thread_capabilities();
  return install_filter();
}

}  // namespace byway::tools
