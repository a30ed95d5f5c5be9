/* SPDX-License-Identifier: MIT */
/* The names of flags and constants that -strace prints. Values are those of asm-generic, which the host's headers share; numbers stand where those
 * headers may lack the name. */
#include "target/linux/strace_kinds.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <linux/prctl.h>
#include <linux/stat.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_DETACHED
#define CLONE_DETACHED 0x00400000
#endif
#ifndef SCHED_RESET_ON_FORK
#define SCHED_RESET_ON_FORK 0x40000000
#endif

#define N(name) { (uint64_t)(name), #name }

static const struct FlagName names_open_flags[] = {
	N(O_WRONLY), N(O_RDWR), N(O_ACCMODE), N(O_TMPFILE), N(O_CREAT), N(O_EXCL), N(O_NOCTTY), N(O_TRUNC), N(O_APPEND),
	N(O_NONBLOCK), N(O_SYNC), N(O_DSYNC), N(O_ASYNC), N(O_DIRECT), N(O_DIRECTORY), N(O_NOFOLLOW), N(O_NOATIME),
	N(O_CLOEXEC), N(O_PATH), { 0100000, "O_LARGEFILE" }, { 0, NULL },
};

static const struct FlagName names_at_flags[] = {
	N(AT_SYMLINK_NOFOLLOW), N(AT_REMOVEDIR), N(AT_SYMLINK_FOLLOW), N(AT_NO_AUTOMOUNT), N(AT_EMPTY_PATH),
	N(AT_STATX_FORCE_SYNC), N(AT_STATX_DONT_SYNC), N(AT_RECURSIVE), { 0, NULL },
};

static const struct FlagName names_access_mode[] = {
	N(R_OK), N(W_OK), N(X_OK), { 0, NULL },
};

static const struct FlagName names_whence[] = {
	N(SEEK_CUR), N(SEEK_END), N(SEEK_DATA), N(SEEK_HOLE), { 0, NULL },
};

static const struct FlagName names_prot[] = {
	N(PROT_READ), N(PROT_WRITE), N(PROT_EXEC), N(PROT_GROWSDOWN), N(PROT_GROWSUP), { 0, NULL },
};

static const struct FlagName names_mmap_flags[] = {
	N(MAP_SHARED), N(MAP_PRIVATE), N(MAP_SHARED_VALIDATE), N(MAP_FIXED), N(MAP_ANONYMOUS), N(MAP_GROWSDOWN),
	N(MAP_DENYWRITE), N(MAP_EXECUTABLE), N(MAP_LOCKED), N(MAP_NORESERVE), N(MAP_POPULATE), N(MAP_NONBLOCK),
	N(MAP_STACK), N(MAP_HUGETLB), N(MAP_SYNC), N(MAP_FIXED_NOREPLACE), { 0, NULL },
};

static const struct FlagName names_mremap_flags[] = {
	N(MREMAP_MAYMOVE), N(MREMAP_FIXED), N(MREMAP_DONTUNMAP), { 0, NULL },
};

static const struct FlagName names_msync_flags[] = {
	N(MS_ASYNC), N(MS_INVALIDATE), N(MS_SYNC), { 0, NULL },
};

static const struct FlagName names_madvice[] = {
	N(MADV_RANDOM), N(MADV_SEQUENTIAL), N(MADV_WILLNEED), N(MADV_DONTNEED), N(MADV_FREE), N(MADV_REMOVE),
	N(MADV_DONTFORK), N(MADV_DOFORK), N(MADV_MERGEABLE), N(MADV_UNMERGEABLE), N(MADV_HUGEPAGE), N(MADV_NOHUGEPAGE),
	N(MADV_DONTDUMP), N(MADV_DODUMP), N(MADV_WIPEONFORK), N(MADV_KEEPONFORK), N(MADV_COLD), N(MADV_PAGEOUT),
	N(MADV_POPULATE_READ), N(MADV_POPULATE_WRITE), { 0, NULL },
};

static const struct FlagName names_fadvice[] = {
	N(POSIX_FADV_RANDOM), N(POSIX_FADV_SEQUENTIAL), N(POSIX_FADV_WILLNEED), N(POSIX_FADV_DONTNEED),
	N(POSIX_FADV_NOREUSE), { 0, NULL },
};

static const struct FlagName names_flock_operation[] = {
	N(LOCK_SH), N(LOCK_EX), N(LOCK_UN), N(LOCK_NB), { 0, NULL },
};

static const struct FlagName names_xattr_flags[] = {
	N(XATTR_CREATE), N(XATTR_REPLACE), { 0, NULL },
};

static const struct FlagName names_eventfd_flags[] = {
	N(EFD_SEMAPHORE), N(EFD_CLOEXEC), N(EFD_NONBLOCK), { 0, NULL },
};

static const struct FlagName names_epoll_flags[] = {
	N(EPOLL_CLOEXEC), { 0, NULL },
};

static const struct FlagName names_epoll_op[] = {
	N(EPOLL_CTL_ADD), N(EPOLL_CTL_DEL), N(EPOLL_CTL_MOD), { 0, NULL },
};

static const struct FlagName names_epoll_mask[] = {
	N(EPOLLIN), N(EPOLLPRI), N(EPOLLOUT), N(EPOLLERR), N(EPOLLHUP), N(EPOLLRDNORM), N(EPOLLRDBAND), N(EPOLLWRNORM),
	N(EPOLLWRBAND), N(EPOLLMSG), N(EPOLLRDHUP), N(EPOLLEXCLUSIVE), N(EPOLLWAKEUP), N(EPOLLONESHOT), N(EPOLLET), { 0, NULL },
};

static const struct FlagName names_poll_mask[] = {
	N(POLLIN), N(POLLPRI), N(POLLOUT), N(POLLERR), N(POLLHUP), N(POLLNVAL), N(POLLRDNORM), N(POLLRDBAND), N(POLLWRNORM),
	N(POLLWRBAND), N(POLLMSG), N(POLLRDHUP), { 0, NULL },
};

static const struct FlagName names_inotify_flags[] = {
	N(IN_CLOEXEC), N(IN_NONBLOCK), { 0, NULL },
};

static const struct FlagName names_inotify_mask[] = {
	N(IN_ACCESS), N(IN_MODIFY), N(IN_ATTRIB), N(IN_CLOSE_WRITE), N(IN_CLOSE_NOWRITE), N(IN_OPEN), N(IN_MOVED_FROM),
	N(IN_MOVED_TO), N(IN_CREATE), N(IN_DELETE), N(IN_DELETE_SELF), N(IN_MOVE_SELF), N(IN_UNMOUNT), N(IN_Q_OVERFLOW),
	N(IN_IGNORED), N(IN_ONLYDIR), N(IN_DONT_FOLLOW), N(IN_EXCL_UNLINK), N(IN_MASK_CREATE), N(IN_MASK_ADD), N(IN_ISDIR),
	N(IN_ONESHOT), { 0, NULL },
};

static const struct FlagName names_signalfd_flags[] = {
	N(SFD_CLOEXEC), N(SFD_NONBLOCK), { 0, NULL },
};

static const struct FlagName names_timerfd_flags[] = {
	N(TFD_CLOEXEC), N(TFD_NONBLOCK), { 0, NULL },
};

static const struct FlagName names_timerfd_settime_flags[] = {
	N(TFD_TIMER_ABSTIME), N(TFD_TIMER_CANCEL_ON_SET), { 0, NULL },
};

static const struct FlagName names_timer_flags[] = {
	N(TIMER_ABSTIME), { 0, NULL },
};

static const struct FlagName names_splice_flags[] = {
	N(SPLICE_F_MOVE), N(SPLICE_F_NONBLOCK), N(SPLICE_F_MORE), N(SPLICE_F_GIFT), { 0, NULL },
};

static const struct FlagName names_clock[] = {
	N(CLOCK_MONOTONIC), N(CLOCK_PROCESS_CPUTIME_ID), N(CLOCK_THREAD_CPUTIME_ID), N(CLOCK_MONOTONIC_RAW),
	N(CLOCK_REALTIME_COARSE), N(CLOCK_MONOTONIC_COARSE), N(CLOCK_BOOTTIME), N(CLOCK_REALTIME_ALARM),
	N(CLOCK_BOOTTIME_ALARM), N(CLOCK_TAI), { 0, NULL },
};

static const struct FlagName names_itimer[] = {
	N(ITIMER_VIRTUAL), N(ITIMER_PROF), { 0, NULL },
};

static const struct FlagName names_id_type[] = {
	N(P_PID), N(P_PGID), N(P_PIDFD), { 0, NULL },
};

static const struct FlagName names_wait_options[] = {
	N(WNOHANG), N(WUNTRACED), N(WEXITED), N(WCONTINUED), N(WNOWAIT), { 0x20000000, "__WNOTHREAD" },
	{ 0x40000000, "__WALL" }, { 0x80000000, "__WCLONE" }, { 0, NULL },
};

static const struct FlagName names_clone_flags[] = {
	N(CLONE_VM), N(CLONE_FS), N(CLONE_FILES), N(CLONE_SIGHAND), N(CLONE_PIDFD), N(CLONE_PTRACE), N(CLONE_VFORK),
	N(CLONE_PARENT), N(CLONE_THREAD), N(CLONE_NEWNS), N(CLONE_SYSVSEM), N(CLONE_SETTLS), N(CLONE_PARENT_SETTID),
	N(CLONE_CHILD_CLEARTID), N(CLONE_DETACHED), N(CLONE_UNTRACED), N(CLONE_CHILD_SETTID), N(CLONE_NEWCGROUP),
	N(CLONE_NEWUTS), N(CLONE_NEWIPC), N(CLONE_NEWUSER), N(CLONE_NEWPID), N(CLONE_NEWNET), N(CLONE_IO), { 0, NULL },
};

static const struct FlagName names_futex_operation[] = {
	N(FUTEX_WAKE), N(FUTEX_FD), N(FUTEX_REQUEUE), N(FUTEX_CMP_REQUEUE), N(FUTEX_WAKE_OP), N(FUTEX_LOCK_PI),
	N(FUTEX_UNLOCK_PI), N(FUTEX_TRYLOCK_PI), N(FUTEX_WAIT_BITSET), N(FUTEX_WAKE_BITSET), N(FUTEX_WAIT_REQUEUE_PI),
	N(FUTEX_CMP_REQUEUE_PI), N(FUTEX_LOCK_PI2), N(FUTEX_PRIVATE_FLAG), N(FUTEX_CLOCK_REALTIME), { 0, NULL },
};

static const struct FlagName names_sched_policy[] = {
	N(SCHED_FIFO), N(SCHED_RR), N(SCHED_BATCH), N(SCHED_IDLE), { 6, "SCHED_DEADLINE" }, N(SCHED_RESET_ON_FORK), { 0, NULL },
};

static const struct FlagName names_sigmask_how[] = {
	N(SIG_UNBLOCK), N(SIG_SETMASK), { 0, NULL },
};

static const struct FlagName names_sigaction_flags[] = {
	N(SA_NOCLDSTOP), N(SA_NOCLDWAIT), N(SA_SIGINFO), N(SA_ONSTACK), N(SA_RESTART), N(SA_NODEFER), N(SA_RESETHAND),
	{ 0x04000000, "SA_RESTORER" }, { 0, NULL },
};

static const struct FlagName names_stack_flags[] = {
	N(SS_ONSTACK), N(SS_DISABLE), { 0x80000000, "SS_AUTODISARM" }, { 0, NULL },
};

static const struct FlagName names_rlimit_resource[] = {
	N(RLIMIT_FSIZE), N(RLIMIT_DATA), N(RLIMIT_STACK), N(RLIMIT_CORE), N(RLIMIT_RSS), N(RLIMIT_NPROC), N(RLIMIT_NOFILE),
	N(RLIMIT_MEMLOCK), N(RLIMIT_AS), N(RLIMIT_LOCKS), N(RLIMIT_SIGPENDING), N(RLIMIT_MSGQUEUE), N(RLIMIT_NICE),
	N(RLIMIT_RTPRIO), N(RLIMIT_RTTIME), { 0, NULL },
};

static const struct FlagName names_rusage_who[] = {
	N(RUSAGE_CHILDREN), N(RUSAGE_THREAD), { 0, NULL },
};

static const struct FlagName names_ipc_flags[] = {
	N(IPC_CREAT), N(IPC_EXCL), N(IPC_NOWAIT), { 0, NULL },
};

static const struct FlagName names_ipc_command[] = {
	N(IPC_SET), N(IPC_STAT), N(IPC_INFO), N(GETPID), N(GETVAL), N(GETALL), N(GETNCNT), N(GETZCNT), N(SETVAL), N(SETALL), { 0, NULL },
};

static const struct FlagName names_shmat_flags[] = {
	N(SHM_RDONLY), N(SHM_RND), N(SHM_REMAP), N(SHM_EXEC), { 0, NULL },
};

static const struct FlagName names_socket_family[] = {
	N(AF_UNIX), N(AF_INET), N(AF_INET6), N(AF_NETLINK), N(AF_PACKET), N(AF_BLUETOOTH), N(AF_VSOCK), N(AF_ALG), { 0, NULL },
};

static const struct FlagName names_socket_type[] = {
	N(SOCK_STREAM), N(SOCK_DGRAM), N(SOCK_RAW), N(SOCK_RDM), N(SOCK_SEQPACKET), N(SOCK_PACKET), N(SOCK_CLOEXEC),
	N(SOCK_NONBLOCK), { 0, NULL },
};

static const struct FlagName names_socket_flags[] = {
	N(SOCK_CLOEXEC), N(SOCK_NONBLOCK), { 0, NULL },
};

static const struct FlagName names_msg_flags[] = {
	N(MSG_OOB), N(MSG_PEEK), N(MSG_DONTROUTE), N(MSG_CTRUNC), N(MSG_TRUNC), N(MSG_DONTWAIT), N(MSG_EOR), N(MSG_WAITALL),
	N(MSG_CONFIRM), N(MSG_ERRQUEUE), N(MSG_NOSIGNAL), N(MSG_MORE), N(MSG_WAITFORONE), N(MSG_FASTOPEN),
	N(MSG_CMSG_CLOEXEC), { 0, NULL },
};

static const struct FlagName names_sockopt_level[] = {
	N(SOL_SOCKET), { 6, "SOL_TCP" }, { 17, "SOL_UDP" }, { 41, "SOL_IPV6" }, { 58, "SOL_ICMPV6" }, { 255, "SOL_RAW" },
	N(SOL_PACKET), N(SOL_NETLINK), { 0, NULL },
};

static const struct FlagName names_sockopt_socket[] = {
	N(SO_DEBUG), N(SO_REUSEADDR), N(SO_TYPE), N(SO_ERROR), N(SO_DONTROUTE), N(SO_BROADCAST), N(SO_SNDBUF), N(SO_RCVBUF),
	N(SO_KEEPALIVE), N(SO_OOBINLINE), N(SO_PRIORITY), N(SO_LINGER), N(SO_REUSEPORT), N(SO_PASSCRED), N(SO_PEERCRED),
	N(SO_RCVLOWAT), N(SO_SNDLOWAT), N(SO_RCVTIMEO), N(SO_SNDTIMEO), N(SO_BINDTODEVICE), N(SO_ATTACH_FILTER),
	N(SO_DETACH_FILTER), N(SO_PEERNAME), N(SO_TIMESTAMP), N(SO_ACCEPTCONN), N(SO_PEERSEC), N(SO_SNDBUFFORCE),
	N(SO_RCVBUFFORCE), N(SO_PASSSEC), N(SO_TIMESTAMPNS), N(SO_MARK), N(SO_TIMESTAMPING), N(SO_PROTOCOL), N(SO_DOMAIN),
	N(SO_RXQ_OVFL), N(SO_PEEK_OFF), N(SO_BUSY_POLL), N(SO_INCOMING_CPU), N(SO_COOKIE), N(SO_PEERGROUPS), N(SO_ZEROCOPY), { 0, NULL },
};

static const struct FlagName names_sockopt_tcp[] = {
	N(TCP_NODELAY), N(TCP_MAXSEG), N(TCP_CORK), N(TCP_KEEPIDLE), N(TCP_KEEPINTVL), N(TCP_KEEPCNT), N(TCP_SYNCNT),
	N(TCP_LINGER2), N(TCP_DEFER_ACCEPT), N(TCP_WINDOW_CLAMP), N(TCP_INFO), N(TCP_QUICKACK), N(TCP_CONGESTION),
	N(TCP_USER_TIMEOUT), N(TCP_FASTOPEN), { 0, NULL },
};

static const struct FlagName names_shutdown_how[] = {
	N(SHUT_WR), N(SHUT_RDWR), { 0, NULL },
};

static const struct FlagName names_rename_flags[] = {
	N(RENAME_NOREPLACE), N(RENAME_EXCHANGE), N(RENAME_WHITEOUT), { 0, NULL },
};

static const struct FlagName names_rwf_flags[] = {
	N(RWF_HIPRI), N(RWF_DSYNC), N(RWF_SYNC), N(RWF_NOWAIT), N(RWF_APPEND), { 0, NULL },
};

static const struct FlagName names_memfd_flags[] = {
	N(MFD_CLOEXEC), N(MFD_ALLOW_SEALING), N(MFD_HUGETLB), { 0, NULL },
};

static const struct FlagName names_getrandom_flags[] = {
	N(GRND_NONBLOCK), N(GRND_RANDOM), { 4, "GRND_INSECURE" }, { 0, NULL },
};

static const struct FlagName names_close_range_flags[] = {
	{ 2, "CLOSE_RANGE_UNSHARE" }, { 4, "CLOSE_RANGE_CLOEXEC" }, { 0, NULL },
};

static const struct FlagName names_statx_mask[] = {
	N(STATX_ALL), N(STATX_BASIC_STATS), N(STATX_TYPE), N(STATX_MODE), N(STATX_NLINK), N(STATX_UID), N(STATX_GID),
	N(STATX_ATIME), N(STATX_MTIME), N(STATX_CTIME), N(STATX_INO), N(STATX_SIZE), N(STATX_BLOCKS), N(STATX_BTIME), { 0, NULL },
};

static const struct FlagName names_membarrier_command[] = {
	{ 1, "MEMBARRIER_CMD_GLOBAL" }, { 2, "MEMBARRIER_CMD_GLOBAL_EXPEDITED" },
	{ 4, "MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED" }, { 8, "MEMBARRIER_CMD_PRIVATE_EXPEDITED" },
	{ 16, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED" }, { 32, "MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE" },
	{ 64, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE" }, { 0, NULL },
};

static const struct FlagName names_prctl_option[] = {
	N(PR_SET_PDEATHSIG), N(PR_GET_PDEATHSIG), N(PR_GET_DUMPABLE), N(PR_SET_DUMPABLE), N(PR_GET_KEEPCAPS),
	N(PR_SET_KEEPCAPS), N(PR_GET_TIMING), N(PR_SET_TIMING), N(PR_SET_NAME), N(PR_GET_NAME), N(PR_GET_SECCOMP),
	N(PR_SET_SECCOMP), N(PR_CAPBSET_READ), N(PR_CAPBSET_DROP), N(PR_SET_SECUREBITS), N(PR_GET_SECUREBITS),
	N(PR_SET_TIMERSLACK), N(PR_GET_TIMERSLACK), N(PR_SET_MM), N(PR_SET_CHILD_SUBREAPER), N(PR_GET_CHILD_SUBREAPER),
	N(PR_SET_NO_NEW_PRIVS), N(PR_GET_NO_NEW_PRIVS), N(PR_GET_TID_ADDRESS), N(PR_SET_THP_DISABLE), N(PR_GET_THP_DISABLE),
	N(PR_CAP_AMBIENT), N(PR_SET_VMA), N(PR_SET_PTRACER), { 71, "PR_RISCV_SET_ICACHE_FLUSH_CTX" }, { 0, NULL },
};

static const struct FlagName names_fcntl_command[] = {
	N(F_GETFD), N(F_SETFD), N(F_GETFL), N(F_SETFL), N(F_GETLK), N(F_SETLK), N(F_SETLKW), N(F_SETOWN), N(F_GETOWN),
	N(F_SETSIG), N(F_GETSIG), N(F_SETOWN_EX), N(F_GETOWN_EX), N(F_OFD_GETLK), N(F_OFD_SETLK), N(F_OFD_SETLKW),
	N(F_SETLEASE), N(F_GETLEASE), N(F_NOTIFY), N(F_DUPFD_CLOEXEC), N(F_SETPIPE_SZ), N(F_GETPIPE_SZ), N(F_ADD_SEALS),
	N(F_GET_SEALS), { 0, NULL },
};

static const struct FlagName names_fd_flags[] = {
	N(FD_CLOEXEC), { 0, NULL },
};

static const struct FlagName names_lock_type[] = {
	N(F_WRLCK), N(F_UNLCK), { 0, NULL },
};

static const struct FlagName names_seals[] = {
	N(F_SEAL_SEAL), N(F_SEAL_SHRINK), N(F_SEAL_GROW), N(F_SEAL_WRITE), N(F_SEAL_FUTURE_WRITE), { 0, NULL },
};

static const struct FlagName names_resolve_flags[] = {
	N(RESOLVE_NO_XDEV), N(RESOLVE_NO_MAGICLINKS), N(RESOLVE_NO_SYMLINKS), N(RESOLVE_BENEATH), N(RESOLVE_IN_ROOT),
	N(RESOLVE_CACHED), { 0, NULL },
};

#define ALL UINT64_MAX

const struct FlagSet strace_flag_sets[] = {
	{ "open_flags", 0x3, "O_RDONLY", names_open_flags },
	{ "descriptor_flags", 0, NULL, names_open_flags },      /* of calls that have no access mode */
	{ "at_flags", 0, NULL, names_at_flags },
	{ "access_mode", 0, "F_OK", names_access_mode },
	{ "whence", ALL, "SEEK_SET", names_whence },
	{ "prot", 0, "PROT_NONE", names_prot },
	{ "mmap_flags", 0xf, "MAP_FILE", names_mmap_flags },
	{ "mremap_flags", 0, NULL, names_mremap_flags },
	{ "msync_flags", 0, NULL, names_msync_flags },
	{ "madvice", ALL, "MADV_NORMAL", names_madvice },
	{ "fadvice", ALL, "POSIX_FADV_NORMAL", names_fadvice },
	{ "flock_operation", 0, NULL, names_flock_operation },
	{ "xattr_flags", 0, NULL, names_xattr_flags },
	{ "eventfd_flags", 0, NULL, names_eventfd_flags },
	{ "epoll_flags", 0, NULL, names_epoll_flags },
	{ "epoll_op", ALL, NULL, names_epoll_op },
	{ "epoll_mask", 0, NULL, names_epoll_mask },
	{ "poll_mask", 0, NULL, names_poll_mask },
	{ "inotify_flags", 0, NULL, names_inotify_flags },
	{ "inotify_mask", 0, NULL, names_inotify_mask },
	{ "signalfd_flags", 0, NULL, names_signalfd_flags },
	{ "timerfd_flags", 0, NULL, names_timerfd_flags },
	{ "timerfd_settime_flags", 0, NULL, names_timerfd_settime_flags },
	{ "timer_flags", 0, NULL, names_timer_flags },
	{ "splice_flags", 0, NULL, names_splice_flags },
	{ "clock", ALL, "CLOCK_REALTIME", names_clock },
	{ "itimer", ALL, "ITIMER_REAL", names_itimer },
	{ "id_type", ALL, "P_ALL", names_id_type },
	{ "wait_options", 0, NULL, names_wait_options },
	{ "clone_flags", 0, NULL, names_clone_flags },
	{ "futex_operation", 0x7f, "FUTEX_WAIT", names_futex_operation },
	{ "sched_policy", 0xff, "SCHED_OTHER", names_sched_policy },
	{ "sigmask_how", ALL, "SIG_BLOCK", names_sigmask_how },
	{ "sigaction_flags", 0, NULL, names_sigaction_flags },
	{ "stack_flags", 0, NULL, names_stack_flags },
	{ "rlimit_resource", ALL, "RLIMIT_CPU", names_rlimit_resource },
	{ "rusage_who", ALL, "RUSAGE_SELF", names_rusage_who },
	{ "ipc_flags", 0, NULL, names_ipc_flags },
	{ "ipc_command", ALL, "IPC_RMID", names_ipc_command },
	{ "shmat_flags", 0, NULL, names_shmat_flags },
	{ "socket_family", ALL, "AF_UNSPEC", names_socket_family },
	{ "socket_type", 0xf, NULL, names_socket_type },
	{ "socket_flags", 0, NULL, names_socket_flags },
	{ "msg_flags", 0, NULL, names_msg_flags },
	{ "sockopt_level", ALL, "SOL_IP", names_sockopt_level },
	{ "sockopt_socket", ALL, NULL, names_sockopt_socket },
	{ "sockopt_tcp", ALL, NULL, names_sockopt_tcp },
	{ "shutdown_how", ALL, "SHUT_RD", names_shutdown_how },
	{ "rename_flags", 0, NULL, names_rename_flags },
	{ "rwf_flags", 0, NULL, names_rwf_flags },
	{ "memfd_flags", 0, NULL, names_memfd_flags },
	{ "getrandom_flags", 0, NULL, names_getrandom_flags },
	{ "close_range_flags", 0, NULL, names_close_range_flags },
	{ "statx_mask", 0, NULL, names_statx_mask },
	{ "membarrier_command", ALL, "MEMBARRIER_CMD_QUERY", names_membarrier_command },
	{ "prctl_option", ALL, NULL, names_prctl_option },
	{ "fcntl_command", ALL, "F_DUPFD", names_fcntl_command },
	{ "fd_flags", 0, NULL, names_fd_flags },
	{ "lock_type", ALL, "F_RDLCK", names_lock_type },
	{ "seals", 0, NULL, names_seals },
	{ "resolve_flags", 0, NULL, names_resolve_flags },
	{ NULL, 0, NULL, NULL },
};

const struct FlagSet *strace_flags_find(const char *kind, size_t length)
{
	for (const struct FlagSet *set = strace_flag_sets; set->kind; set++)
		if (strlen(set->kind) == length && !memcmp(set->kind, kind, length))
			return set;
	return NULL;
}

void strace_flags(GString *text, const struct FlagSet *set, uint64_t value)
{
	gsize start = text->len;
	uint64_t rest = value & ~set->mask;
	bool named = false;
	if (value & set->mask || set->zero) {
		for (const struct FlagName *name = set->names; name->name && value & set->mask; name++)
			if ((name->value & ~set->mask) == 0 && name->value == (value & set->mask)) {
				g_string_append(text, name->name);
				named = true;
				break;
			}
		if (!(value & set->mask) && (set->mask || !value)) {
			g_string_append(text, set->zero);
			named = true;
		}
		if (!named && value & set->mask)
			rest |= value & set->mask;
	}
	for (const struct FlagName *name = set->names; name->name; name++) {
		if (!(name->value & ~set->mask) || (rest & name->value) != name->value)
			continue;
		g_string_append_printf(text, "%s%s", text->len > start ? "|" : "", name->name);
		rest &= ~name->value;
	}
	if (rest)
		g_string_append_printf(text, "%s0x%llx", text->len > start ? "|" : "", (unsigned long long)rest);
	else if (text->len == start)
		g_string_append_c(text, '0');
}
