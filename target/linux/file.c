/* SPDX-License-Identifier: MIT */
/* System calls on files whose paths, structures or descriptors are not the host's: open, stat, readlink, close, dup, fcntl. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "target/linux/mm.h"
#include "target/linux/path.h"
#include "target/linux/syscalls.h"
#include "translator/translator.h"

/* asm-generic/stat.h of 64-bit machines. */
struct GuestStat {
	uint64_t st_dev, st_ino;
	uint32_t st_mode, st_nlink, st_uid, st_gid;
	uint64_t st_rdev, pad1;
	int64_t st_size;
	int32_t st_blksize, pad2;
	int64_t st_blocks;
	int64_t atime;
	uint64_t atime_nsec;
	int64_t mtime;
	uint64_t mtime_nsec;
	int64_t ctime;
	uint64_t ctime_nsec;
	uint32_t unused[2];
};
_Static_assert(sizeof(struct GuestStat) == 128, "struct stat of asm-generic");

static int64_t put_stat(uint64_t addr, const struct stat *st)
{
	struct GuestStat out = {
		.st_dev = st->st_dev, .st_ino = st->st_ino, .st_mode = st->st_mode, .st_nlink = st->st_nlink, .st_uid = st->st_uid, .st_gid = st->st_gid,
		.st_rdev = st->st_rdev, .st_size = st->st_size, .st_blksize = st->st_blksize, .st_blocks = st->st_blocks,
		.atime = st->st_atim.tv_sec, .atime_nsec = st->st_atim.tv_nsec, .mtime = st->st_mtim.tv_sec, .mtime_nsec = st->st_mtim.tv_nsec,
		.ctime = st->st_ctim.tv_sec, .ctime_nsec = st->st_ctim.tv_nsec,
	};
	return guest_write(addr, &out, sizeof(out)) ? 0 : -EFAULT;
}

int64_t sys_fstat(struct Cpu *cpu, const uint64_t a[6])
{
	struct stat st;
	(void)cpu;
	return fstat(a[0], &st) < 0 ? -errno : put_stat(a[1], &st);
}

int64_t sys_newfstatat(struct Cpu *cpu, const uint64_t a[6])
{
	struct stat st;
	char given[PATH_MAX], buf[PATH_MAX];
	const char *path = "";
	(void)cpu;
	/* a NULL path with AT_EMPTY_PATH is the descriptor itself, as since Linux 6.11 */
	if (a[1] || !(a[3] & AT_EMPTY_PATH)) {
		int64_t error = path_read(a[1], given);
		if (error)
			return error;
		path = path_resolve(given, !(a[3] & AT_SYMLINK_NOFOLLOW), buf);
	}
	return fstatat(a[0], path, &st, a[3]) < 0 ? -errno : put_stat(a[2], &st);
}

/* A path relative to one of our own folders of /proc would show forerun: made absolute if DIRFD is such a folder. */
static const char *absolute_proc(int dirfd, const char *path, char buf[PATH_MAX])
{
	char link[32], folder[64];
	if (path[0] == '/')
		return path;
	if (dirfd == AT_FDCWD)
		snprintf(link, sizeof(link), "/proc/self/cwd");
	else
		snprintf(link, sizeof(link), "/proc/self/fd/%d", dirfd);
	ssize_t length = readlink(link, folder, sizeof(folder) - 1);
	if (length < 5 || length >= (ssize_t)sizeof(folder) - 1 || strncmp(folder, "/proc", 5))
		return path;
	folder[length] = 0;
	return snprintf(buf, PATH_MAX, "%s/%s", folder, path) < PATH_MAX ? buf : path;
}

/* Whether a relative path can be one of the emulated files at all, so that most opens need not ask for the folder. */
static bool may_be_proc(const char *path)
{
	static const char *const names[] = { "maps", "smaps", "cmdline", "environ", "auxv", "stat", "exe", "cpuinfo" };
	const char *last = strrchr(path, '/');
	last = last ? last + 1 : path;
	for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
		if (!strcmp(last, names[i]))
			return true;
	return false;
}

/* Finds the host path for GIVEN, or an emulated file: then returns its descriptor or -errno, otherwise PROC_NOT_OURS. */
static int64_t open_resolve(int dirfd, const char *given, uint64_t flags, const char **path, char buf[PATH_MAX])
{
	char absolute[PATH_MAX];
	*path = given;
	if (may_be_proc(given)) {
		const char *full = absolute_proc(dirfd, given, absolute);
		int64_t fd = flags & O_PATH ? PROC_NOT_OURS : proc_open(full, flags);
		if (fd != PROC_NOT_OURS)
			return fd;
		if (full != given && proc_is_exe(full)) {
			*path = path_resolve(full, !(flags & O_NOFOLLOW), buf);
			if (*path == full)
				*path = given;
			return PROC_NOT_OURS;
		}
	}
	*path = path_resolve(given, !(flags & O_NOFOLLOW), buf);
	return PROC_NOT_OURS;
}

int64_t sys_openat(struct Cpu *cpu, const uint64_t a[6])
{
	char given[PATH_MAX], buf[PATH_MAX];
	const char *path;
	(void)cpu;
	int64_t error = path_read(a[1], given);
	if (error)
		return error;
	int64_t fd = open_resolve(a[0], given, a[2], &path, buf);
	return fd != PROC_NOT_OURS ? fd : host_syscall_blocking(SYS_openat, (int)a[0], path, (int)a[2], (mode_t)a[3]);
}

/* openat2 with rules for the way to the file, which the kernel is to keep. Below DIRFD (BENEATH, IN_ROOT) there is nothing of ours; else an absolute path may
 * lead to the sysroot, whose root is then that of the way, or to an emulated file, if the host's file of that name may be opened. */
static int64_t open_restricted(const uint64_t a[6], const struct open_how *how, const char *given)
{
	bool absolute = given[0] == '/' && !(how->resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT));
	char buf[PATH_MAX];

	if (absolute && path_sysroot() >= 0 && path_resolve(given, !(how->flags & O_NOFOLLOW), buf) == buf && strncmp(given, "/proc/", 6)) {
		struct open_how rooted = *how;
		rooted.resolve |= RESOLVE_IN_ROOT;
		return host_syscall_blocking(SYS_openat2, path_sysroot(), path_inside(given), &rooted, sizeof rooted);
	}
	int64_t fd = host_syscall_blocking(SYS_openat2, (int)a[0], given, a[2], a[3]);
	if (fd < 0 || !absolute || how->flags & O_PATH || !may_be_proc(given))
		return fd;
	int64_t ours = proc_open(given, how->flags);
	if (ours == PROC_NOT_OURS)
		return fd;
	host_syscall(SYS_close, fd);
	return ours;
}

int64_t sys_openat2(struct Cpu *cpu, const uint64_t a[6])
{
	char given[PATH_MAX], buf[PATH_MAX];
	struct open_how how = { 0 };
	const char *path;
	(void)cpu;
	int64_t error = path_read(a[1], given);
	if (error)
		return error;
	if (a[3] < sizeof(how))
		return -EINVAL;
	if (!guest_read(&how, a[2], sizeof(how)))
		return -EFAULT;
	if (how.resolve)
		return open_restricted(a, &how, given);
	int64_t fd = open_resolve(a[0], given, how.flags, &path, buf);
	return fd != PROC_NOT_OURS ? fd : host_syscall_blocking(SYS_openat2, (int)a[0], path, a[2], a[3]);
}

int64_t sys_readlinkat(struct Cpu *cpu, const uint64_t a[6])
{
	char given[PATH_MAX], buf[PATH_MAX];
	(void)cpu;
	int64_t error = path_read(a[1], given);
	if (error)
		return error;
	if (may_be_proc(given) && proc_self.exe && proc_is_exe(absolute_proc(a[0], given, buf))) {
		size_t length = strlen(proc_self.exe);
		if ((int64_t)a[3] <= 0)
			return -EINVAL;
		if (length > a[3])
			length = a[3];
		return guest_write(a[2], proc_self.exe, length) ? (int64_t)length : -EFAULT;
	}
	return host_syscall(SYS_readlinkat, (int)a[0], path_resolve(given, false, buf), a[2], (int)a[3]);
}

/* -- descriptors --------------------------------------------------------------------------------------------------------- */

int64_t sys_close(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	return fd_is_own(a[0]) ? -EBADF : host_syscall(SYS_close, (int)a[0]);
}

int64_t sys_close_range(struct Cpu *cpu, const uint64_t a[6])
{
	enum { UNSHARE = 1 << 1 };
	unsigned first = a[0], last = a[1];
	(void)cpu;
	if (first > last)
		return -EINVAL;
	/* in pieces round our own: none of them is above this */
	unsigned top = 1u << 20;
	int64_t result = 0;
	unsigned flags = a[2];
	for (unsigned fd = first; fd <= last && fd < top; fd++) {
		if (!fd_is_own(fd))
			continue;
		if (fd > first)
			result = host_syscall(SYS_close_range, first, fd - 1, flags);
		if (result)
			return result;
		flags &= ~UNSHARE;
		if (fd == last)
			return 0;
		first = fd + 1;
	}
	return host_syscall(SYS_close_range, first, last, flags);
}

int64_t sys_dup3(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	return fd_is_own(a[0]) || fd_is_own(a[1]) ? -EBADF : host_syscall(SYS_dup3, (int)a[0], (int)a[1], (int)a[2]);
}

int64_t sys_fcntl(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	if (fd_is_own(a[0]))
		return -EBADF;
	if (a[1] == F_SETLKW || a[1] == F_OFD_SETLKW)
		return host_syscall_blocking(SYS_fcntl, (int)a[0], (int)a[1], a[2]);
	return host_syscall(SYS_fcntl, (int)a[0], (int)a[1], a[2]);
}
