/* SPDX-License-Identifier: MIT */
/* Where the guest's paths lead: the sysroot of -L, and the files of /proc that must tell of the guest instead of forerun. */
#ifndef FORERUN_PATH_H
#define FORERUN_PATH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <glib.h>

/* Once, before the others: SYSROOT of -L or NULL. False with a line in *ERROR if it is no folder. */
bool path_init(const char *sysroot, char **error);

/* A descriptor (O_PATH) of the sysroot; -1: there is none. */
int path_sysroot(void);
/* PATH from the root of the sysroot on. It may be given by its host path, as programs find their own files from /proc/self/exe; absolute links on the way then
 * stay inside, too. */
const char *path_inside(const char *path);

/* The host path that the guest's path FROM leads to for reading: under the sysroot if it is absolute and exists there, the guest's program for /proc/self/exe
 * (if FOLLOW), else FROM itself. Returns FROM or BUF. Any thread. */
const char *path_resolve(const char *from, bool follow, char buf[PATH_MAX]);

/* The same for a path in guest memory at *ADDR: makes *ADDR point to BUF if the path is another one, leaves it otherwise (bad pointers too, which the
 * host's kernel shall find). 0 or -errno. */
int64_t path_lookup(uint64_t *addr, bool follow, char buf[PATH_MAX]);
/* Copies a path from guest memory: 0, -EFAULT or -ENAMETOOLONG. */
int64_t path_read(uint64_t addr, char buf[PATH_MAX]);

/* The guest program for /proc/self/exe, argv and environment block for cmdline and environ (guest addresses), auxv; set by the loader. */
struct ProcSelf {
	char *exe;                      /* absolute host path */
	uint64_t arg_start, arg_end, env_start, env_end;
	uint64_t stack_start;
	uint64_t auxv[64];
	unsigned auxv_words;
	const char *(*cpuinfo)(void);   /* LinuxAbi.cpuinfo */
};
extern struct ProcSelf proc_self;

/* A new descriptor with the text of PATH if it is one of the emulated files; PROC_NOT_OURS if it is not; else -errno. */
enum { PROC_NOT_OURS = -5000 };
int64_t proc_open(const char *path, int flags);
/* Whether PATH is the link to the guest's own program. */
bool proc_is_exe(const char *path);

/* Adds what /proc/self/maps says to the log: -d page. */
void proc_log_maps(void);

/* Descriptors of forerun's own, which the guest does not see closed or replaced. Noted once, before guest code runs: those marked close-on-exec, as
 * inherited ones cannot be. */
void fd_protect_own(void);
/* Duplicates FD by COMMAND (F_DUPFD, F_DUPFD_CLOEXEC) to a number that is high for the limit on descriptors, out of the guest's way; to any if none is free
 * there. The new one, or -1 and errno. Any thread. */
int fd_dup_high(int fd, int command);
bool fd_is_own(int fd);

#endif
