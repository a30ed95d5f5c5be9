/* SPDX-License-Identifier: MIT */
/* Where the guest's paths lead: under the sysroot of -L if they exist there; and which descriptors are forerun's own. */
#include "target/linux/path.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "translator/translator.h"

static char *sysroot;           /* absolute, no slash at its end; NULL: none */
static int sysroot_fd = -1;     /* O_PATH, high */

bool path_init(const char *folder, char **error)
{
	if (!folder || !*folder)
		return true;
	sysroot = realpath(folder, NULL);
	int fd = sysroot ? open(sysroot, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	if (fd < 0) {
		*error = g_strdup_printf("cannot use the sysroot '%s': %s; name a folder with -L", folder, strerror(errno));
		return false;
	}
	sysroot_fd = fd_dup_high(fd, F_DUPFD_CLOEXEC);
	if (sysroot_fd < 0)
		sysroot_fd = fd;
	else
		close(fd);
	if (!strcmp(sysroot, "/")) {
		close(sysroot_fd);
		sysroot_fd = -1;
		free(sysroot);
		sysroot = NULL;
	}
	return true;
}

int path_sysroot(void)
{
	return sysroot_fd;
}

const char *path_inside(const char *path)
{
	size_t length = sysroot ? strlen(sysroot) : 0;

	return length && !strncmp(path, sysroot, length) && path[length] == '/' ? path + length : path;
}

/* The path under the sysroot, with absolute links in it taken as relative to it. False: there is none. */
static bool under_sysroot(const char *from, bool follow, char buf[PATH_MAX])
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW), .resolve = RESOLVE_IN_ROOT };
	int fd = syscall(SYS_openat2, sysroot_fd, from, &how, sizeof(how));
	if (fd >= 0) {
		char link[32];
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		ssize_t length = readlink(link, buf, PATH_MAX - 1);
		close(fd);
		if (length > 0 && length < PATH_MAX - 1) {
			buf[length] = 0;
			return buf[0] == '/';
		}
	} else if (errno != ENOSYS && errno != EPERM) {
		return false;
	}
	/* an old kernel, or a filter that forbids openat2 */
	int length = snprintf(buf, PATH_MAX, "%s%s", sysroot, from);
	return length < PATH_MAX && !faccessat(AT_FDCWD, buf, F_OK, follow ? 0 : AT_SYMLINK_NOFOLLOW);
}

const char *path_resolve(const char *from, bool follow, char buf[PATH_MAX])
{
	if (from[0] != '/')
		return from;
	if (!strncmp(from, "/proc/", 6)) {
		if (!follow || !proc_self.exe || !proc_is_exe(from))
			return from;
		snprintf(buf, PATH_MAX, "%s", proc_self.exe);
		return buf;
	}
	return sysroot && under_sysroot(path_inside(from), follow, buf) ? buf : from;
}

int64_t path_read(uint64_t addr, char buf[PATH_MAX])
{
	int64_t length = guest_strnlen(addr, PATH_MAX - 1);
	if (length < 0) {
		char probe[PATH_MAX];
		return guest_read(probe, addr, sizeof(probe)) ? -ENAMETOOLONG : -EFAULT;
	}
	if (!guest_read(buf, addr, length))
		return -EFAULT;
	buf[length] = 0;
	return 0;
}

int64_t path_lookup(uint64_t *addr, bool follow, char buf[PATH_MAX])
{
	char first = 0, from[PATH_MAX];
	if (!guest_read(&first, *addr, 1) || first != '/')
		return 0;
	if (path_read(*addr, from))
		return 0;
	if (path_resolve(from, follow, buf) == buf)
		*addr = (uint64_t)buf;
	return 0;
}

/* -- descriptors of our own --------------------------------------------------------------------------------------------- */

int fd_dup_high(int fd, int command)
{
	struct rlimit limit;
	int floor = 500;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 550)
		floor = limit.rlim_cur > 100 ? (int)limit.rlim_cur - 50 : (int)limit.rlim_cur / 2;
	int high = fcntl(fd, command, floor);
	return high < 0 && errno != EBADF ? fcntl(fd, command, 0) : high;
}

static int *own;
static unsigned own_count;

void fd_protect_own(void)
{
	DIR *folder = opendir("/proc/self/fd");
	if (!folder)
		return;
	for (struct dirent *entry; (entry = readdir(folder));) {
		int fd = atoi(entry->d_name);
		if (entry->d_name[0] == '.' || fd == dirfd(folder))
			continue;
		int flags = fcntl(fd, F_GETFD);
		if (flags < 0 || !(flags & FD_CLOEXEC))
			continue;
		own = realloc(own, (own_count + 1) * sizeof(*own));
		if (!own)
			abort();
		own[own_count++] = fd;
	}
	closedir(folder);
}

bool fd_is_own(int fd)
{
	for (unsigned i = 0; i < own_count; i++)
		if (own[i] == fd)
			return true;
	return false;
}
