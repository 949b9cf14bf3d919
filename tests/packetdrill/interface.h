// The table of functions through which packetdrill drives a stack that is no kernel's (its option
// --so_filename): the layout, declared anew, since that program's own header has another licence.
//
// Whoever loads the shared object calls packetdrill_interface_init once; it fills the table in. All slots are
// called with the `userdata` of the table and answer as the system calls that they are named after do: -1 and
// errno for what failed. Two threads call: one scripts, the other may be blocked inside a call meanwhile.
#pragma once

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>

namespace byway::packetdrill {

extern "C" {

struct Interface {
  void* userdata;
  void (*free)(void* userdata);
  int (*socket)(void* userdata, int domain, int type, int protocol);
  int (*bind)(void* userdata, int fd, const sockaddr* address, socklen_t length);
  int (*listen)(void* userdata, int fd, int backlog);
  int (*accept)(void* userdata, int fd, sockaddr* address, socklen_t* length);
  int (*connect)(void* userdata, int fd, const sockaddr* address, socklen_t length);
  ssize_t (*read)(void* userdata, int fd, void* out, size_t count);
  ssize_t (*readv)(void* userdata, int fd, const iovec* parts, int part_count);
  ssize_t (*recv)(void* userdata, int fd, void* out, size_t count, int flags);
  ssize_t (*recvfrom)(void* userdata, int fd, void* out, size_t count, int flags, sockaddr* address,
                      socklen_t* length);
  ssize_t (*recvmsg)(void* userdata, int fd, msghdr* message, int flags);
  ssize_t (*write)(void* userdata, int fd, const void* data, size_t count);
  ssize_t (*writev)(void* userdata, int fd, const iovec* parts, int part_count);
  ssize_t (*send)(void* userdata, int fd, const void* data, size_t count, int flags);
  ssize_t (*sendto)(void* userdata, int fd, const void* data, size_t count, int flags,
                    const sockaddr* address, socklen_t length);
  ssize_t (*sendmsg)(void* userdata, int fd, const msghdr* message, int flags);
  int (*fcntl)(void* userdata, int fd, int command, ...);
  int (*ioctl)(void* userdata, int fd, unsigned long request, ...);
  int (*close)(void* userdata, int fd);
  int (*shutdown)(void* userdata, int fd, int how);
  int (*getsockopt)(void* userdata, int fd, int level, int name, void* value, socklen_t* length);
  int (*setsockopt)(void* userdata, int fd, int level, int name, const void* value, socklen_t length);
  int (*poll)(void* userdata, pollfd* entries, nfds_t count, int timeout_ms);
  /// A packet of the peer, from its IP header on, arrives. 0, or -1.
  int (*netdev_send)(void* userdata, const void* packet, size_t count);
  /// The next packet that leaves, from its IP header on. `count`: in, the room at `packet`; out, the length,
  /// 0 if nothing leaves. `time_us`: when it left, by the clock of gettimeofday. 0, or -1.
  int (*netdev_receive)(void* userdata, void* packet, size_t* count, long long* time_us);
  int (*usleep)(void* userdata, useconds_t time_us);
  int (*gettimeofday)(void* userdata, timeval* time, struct timezone* zone);
  int (*epoll_create)(void* userdata, int size);
  int (*epoll_ctl)(void* userdata, int epoll_fd, int operation, int fd, epoll_event* event);
  int (*epoll_wait)(void* userdata, int epoll_fd, epoll_event* events, int events_max, int timeout_ms);
  int (*pipe)(void* userdata, int fds[2]);
  int (*splice)(void* userdata, int fd_in, loff_t* offset_in, int fd_out, loff_t* offset_out, size_t count,
                unsigned int flags);
};

using InterfaceInit = void (*)(const char* flags, Interface* table);

}  // extern "C"

/// One pointer for the user data and 32 functions.
static_assert(sizeof(Interface) == 33 * sizeof(void*));

/// What InterfaceInit is exported as.
inline constexpr char interface_init_name[] = "packetdrill_interface_init";

}  // namespace byway::packetdrill
