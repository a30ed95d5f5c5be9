/* SPDX-License-Identifier: MIT */
/* Directories: making, changing, reading in pieces, seeking, paths relative to descriptors, extended attributes, umask. */
/* expect:
made
200 entries read in pieces, 200 again after rewinding
seeking
relative
attributes
*/
#include "must.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

/* As the kernel lays it out. */
struct Entry {
	uint64_t ino;
	int64_t off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

/* Counts the entries of FD but . and .., read through a small buffer; the sum of their numbers into *SUM. */
static int count(int fd, int *sum)
{
	char buffer[512] __attribute__((aligned(8)));
	int n = 0;
	long got;

	*sum = 0;
	while ((got = syscall(SYS_getdents64, fd, buffer, sizeof buffer)) > 0)
		for (long at = 0; at < got; ) {
			struct Entry *e = (struct Entry *)(buffer + at);
			MUST(e->reclen % 8 == 0 && e->reclen <= got - at && e->ino);
			if (e->name[0] == 'f') {
				n++, *sum += atoi(e->name + 1);
				MUST(e->type == DT_REG || e->type == DT_UNKNOWN);
			}
			at += e->reclen;
		}
	MUST(got == 0);
	return n;
}

int main(void)
{
	char name[32], here[PATH_MAX], there[PATH_MAX];
	int sum, again;

	umask(027);
	MUST(mkdir("d", 0777) == 0 && mkdir("d", 0777) == -1 && errno == EEXIST);
	struct stat st;
	MUST(stat("d", &st) == 0 && S_ISDIR(st.st_mode) && (st.st_mode & 0777) == 0750);
	int dir = open("d", O_RDONLY | O_DIRECTORY);
	MUST(dir >= 0 && open("d", O_WRONLY) == -1 && errno == EISDIR);
	for (int i = 0; i < 200; i++) {
		snprintf(name, sizeof name, "f%d", i);
		int fd = openat(dir, name, O_CREAT | O_WRONLY, 0666);
		MUST(fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0640 && close(fd) == 0);
	}
	MUST(rmdir("d") == -1 && errno == ENOTEMPTY);
	puts("made");

	int first = count(dir, &sum);
	MUST(lseek(dir, 0, SEEK_SET) == 0);
	printf("%d entries read in pieces, %d again after rewinding\n", first, count(dir, &again));
	MUST(sum == 199 * 100 && again == sum);
	MUST(syscall(SYS_getdents64, dir, here, 1) >= -1);

	DIR *stream = opendir("d");
	struct dirent *e;
	for (int i = 0; i < 50; i++)
		MUST(readdir(stream));
	long position = telldir(stream);
	MUST((e = readdir(stream)));
	strcpy(name, e->d_name);
	while (readdir(stream))
		;
	seekdir(stream, position);
	MUST((e = readdir(stream)) && !strcmp(name, e->d_name) && closedir(stream) == 0);
	puts("seeking");

	MUST(getcwd(here, sizeof here) && fchdir(dir) == 0 && getcwd(there, sizeof there) && !strcmp(there + strlen(there) - 2, "/d"));
	MUST(!strncmp(here, there, strlen(here)) && access("f7", F_OK) == 0 && chdir("..") == 0);
	MUST(getcwd(there, 2) == NULL && errno == ERANGE);
	MUST(renameat(dir, "f1", AT_FDCWD, "out") == 0 && linkat(AT_FDCWD, "out", dir, "back", 0) == 0 && symlinkat("back", dir, "soft") == 0);
	MUST(readlinkat(dir, "soft", name, sizeof name) == 4 && fstatat(dir, "soft", &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode));
	MUST(fstatat(dir, "soft", &st, 0) == 0 && S_ISREG(st.st_mode) && st.st_nlink == 2);
	MUST(openat(dir, "f2/x", O_RDONLY) == -1 && errno == ENOTDIR && fstat(dir, &st) == 0 && fstatat(dir, "", &st, AT_EMPTY_PATH) == 0);
	MUST(mkdirat(dir, "sub", 0700) == 0 && unlinkat(dir, "sub", 0) == -1 && unlinkat(dir, "sub", AT_REMOVEDIR) == 0);
	int tmp = open("d", O_TMPFILE | O_RDWR, 0600);
	MUST(tmp >= 0 || errno == EOPNOTSUPP || errno == EISDIR);
	puts("relative");

	char value[16] = { 0 };
	if (setxattr("out", "user.note", "text", 4, 0) == 0) {
		MUST(getxattr("out", "user.note", value, sizeof value) == 4 && !strcmp(value, "text") && listxattr("out", NULL, 0) >= 10);
		MUST(setxattr("out", "user.note", "x", 1, XATTR_CREATE) == -1 && errno == EEXIST && removexattr("out", "user.note") == 0);
		MUST(getxattr("out", "user.note", value, sizeof value) == -1 && errno == ENODATA);
	} else {
		MUST(errno == ENOTSUP || errno == EPERM);
	}
	puts("attributes");
	return 0;
}
