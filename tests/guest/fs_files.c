/* SPDX-License-Identifier: MIT */
/* Files: open flags, positions, vectors, holes, stat and statx, modes, times, rename, links, locks, copies inside the kernel. */
/* expect:
open and positions
vectors
holes
stat agrees with statx
times
names
locks
copies
errors
*/
#include "must.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static void *volatile nowhere = (void *)8;      /* no page is there, and the compiler cannot tell */
static volatile int too_many = IOV_MAX + 1;

static void positions(void)
{
	char b[16] = { 0 };
	int fd = open("a", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

	MUST(fd >= 0 && open("a", O_RDWR | O_CREAT | O_EXCL, 0640) == -1 && errno == EEXIST);
	MUST(write(fd, "0123456789", 10) == 10 && lseek(fd, -3, SEEK_END) == 7 && read(fd, b, 16) == 3 && !memcmp(b, "789", 3));
	MUST(pread(fd, b, 4, 2) == 4 && !memcmp(b, "2345", 4) && lseek(fd, 0, SEEK_CUR) == 10);
	MUST(pwrite(fd, "XY", 2, 4) == 2 && pread(fd, b, 10, 0) == 10 && !memcmp(b, "0123XY6789", 10));
	MUST((fcntl(fd, F_GETFL) & (O_ACCMODE | O_APPEND)) == O_RDWR && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	MUST(fcntl(fd, F_SETFL, O_APPEND) == 0 && lseek(fd, 0, SEEK_SET) == 0 && write(fd, "end", 3) == 3 && lseek(fd, 0, SEEK_CUR) == 13);
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 100);
	MUST(copy >= 100 && lseek(copy, 5, SEEK_SET) == 5 && lseek(fd, 0, SEEK_CUR) == 5);
	MUST(dup3(fd, 90, O_CLOEXEC) == 90 && dup2(fd, 90) == 90 && fcntl(90, F_GETFD) == 0 && dup3(fd, fd, 0) == -1 && errno == EINVAL);
	MUST(close(copy) == 0 && close(90) == 0 && ftruncate(fd, 4) == 0 && lseek(fd, 0, SEEK_END) == 4 && close(fd) == 0);
	puts("open and positions");
}

static void vectors(void)
{
	char x[3], y[5];
	struct iovec out[] = { { "ab", 2 }, { "", 0 }, { "cdefgh", 6 } }, in[] = { { x, 3 }, { y, 5 } };
	int fd = open("v", O_RDWR | O_CREAT, 0600);

	MUST(writev(fd, out, 3) == 8 && lseek(fd, 0, SEEK_SET) == 0 && readv(fd, in, 2) == 8 && !memcmp(x, "abc", 3) && !memcmp(y, "defgh", 5));
	MUST(pwritev(fd, out, 3, 100) == 8 && preadv(fd, in, 2, 101) == 7 && !memcmp(x, "bcd", 3));
	MUST(pwritev2(fd, out, 1, -1, RWF_APPEND) == 2 && lseek(fd, 0, SEEK_END) == 110);
	MUST(readv(fd, in, too_many) == -1 && errno == EINVAL && readv(fd, nowhere, 1) == -1 && errno == EFAULT);
	close(fd);
	puts("vectors");
}

static void holes(void)
{
	struct stat st;
	int fd = open("h", O_RDWR | O_CREAT, 0600);

	MUST(fallocate(fd, 0, 0, 65536) == 0 && fstat(fd, &st) == 0 && st.st_size == 65536);
	MUST(fallocate(fd, FALLOC_FL_KEEP_SIZE, 65536, 4096) == 0 && fstat(fd, &st) == 0 && st.st_size == 65536);
	MUST(fallocate(fd, 0, -1, 10) == -1 && errno == EINVAL);
	MUST(pwrite(fd, "far", 3, 5L << 32) == 3 && fstat(fd, &st) == 0 && st.st_size == (5L << 32) + 3 && st.st_blocks < 10000);
	MUST(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM) == 0 && fsync(fd) == 0 && fdatasync(fd) == 0 && sync_file_range(fd, 0, 4096, 0) == 0);
	close(fd);
	puts("holes");
}

static void stats(void)
{
	struct stat st, other;
	struct statx sx;
	struct statfs fs;
	struct statvfs vfs;

	MUST(stat("a", &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 07777) == (0640 & ~umask(0)) && st.st_size == 4 && st.st_nlink == 1);
	umask(022);
	MUST(statx(AT_FDCWD, "a", 0, STATX_BASIC_STATS, &sx) == 0 && (sx.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
	MUST(sx.stx_ino == st.st_ino && sx.stx_size == 4 && sx.stx_mode == st.st_mode && sx.stx_nlink == 1 && sx.stx_uid == st.st_uid);
	MUST(makedev(sx.stx_dev_major, sx.stx_dev_minor) == st.st_dev && sx.stx_mtime.tv_sec == st.st_mtim.tv_sec && sx.stx_mtime.tv_nsec == st.st_mtim.tv_nsec);
	MUST(sx.stx_blksize == (unsigned)st.st_blksize && sx.stx_blocks == (unsigned long)st.st_blocks && sx.stx_gid == st.st_gid);
	MUST(stat("/dev/null", &other) == 0 && S_ISCHR(other.st_mode) && other.st_rdev == makedev(1, 3));
	MUST(chmod("a", 04711) == 0 && stat("a", &other) == 0 && (other.st_mode & 07777) == 04711 && fchmodat(AT_FDCWD, "a", 0600, 0) == 0);
	MUST(access("a", R_OK | W_OK) == 0 && faccessat(AT_FDCWD, "none", F_OK, 0) == -1 && errno == ENOENT && chown("a", -1, -1) == 0);
	MUST(statfs(".", &fs) == 0 && fs.f_bsize > 0 && statvfs(".", &vfs) == 0 && vfs.f_namemax >= 143);
	puts("stat agrees with statx");
}

static void times(void)
{
	struct timespec t[2] = { { 1000000000, 123456789 }, { 2000000000, 0 } }, omit[2] = { { 0, UTIME_OMIT }, { 0, UTIME_NOW } };
	struct stat st;

	MUST(utimensat(AT_FDCWD, "a", t, 0) == 0 && stat("a", &st) == 0 && st.st_atim.tv_sec == 1000000000 && st.st_atim.tv_nsec == 123456789);
	MUST(st.st_mtim.tv_sec == 2000000000 && utimensat(AT_FDCWD, "a", omit, 0) == 0 && stat("a", &st) == 0);
	MUST(st.st_atim.tv_sec == 1000000000 && st.st_mtim.tv_sec != 2000000000);
	puts("times");
}

static void names(void)
{
	char b[100];
	struct stat st, link_st;

	MUST(rename("a", "b") == 0 && access("a", F_OK) == -1 && link("b", "c") == 0 && stat("c", &st) == 0 && st.st_nlink == 2);
	MUST(symlink("b", "s") == 0 && readlink("s", b, sizeof b) == 1 && b[0] == 'b' && readlink("b", b, sizeof b) == -1 && errno == EINVAL);
	MUST(lstat("s", &link_st) == 0 && S_ISLNK(link_st.st_mode) && link_st.st_size == 1 && stat("s", &link_st) == 0 && link_st.st_ino == st.st_ino);
	MUST(open("s", O_RDONLY | O_NOFOLLOW) == -1 && errno == ELOOP);
	MUST(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_NOREPLACE) == -1 && errno == EEXIST);
	MUST(symlink("loop", "loop") == 0 && open("loop", O_RDONLY) == -1 && errno == ELOOP && unlink("loop") == 0);
	MUST(unlink("s") == 0 && unlink("c") == 0 && unlinkat(AT_FDCWD, "c", 0) == -1 && errno == ENOENT);
	MUST(mkfifo("p", 0600) == 0 && stat("p", &st) == 0 && S_ISFIFO(st.st_mode) && unlink("p") == 0 && truncate("b", 9) == 0);
	puts("names");
}

static void locks(void)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 3 };
	int fd = open("b", O_RDWR), status;

	MUST(flock(fd, LOCK_EX) == 0 && fcntl(fd, F_SETLK, &whole) == 0);
	if (fork() == 0) {
		int other = open("b", O_RDWR);
		struct flock probe = { .l_type = F_RDLCK, .l_whence = SEEK_SET };
		if (flock(other, LOCK_SH | LOCK_NB) != -1 || errno != EWOULDBLOCK)
			_exit(1);
		if (fcntl(other, F_GETLK, &probe) || probe.l_type != F_WRLCK || probe.l_start != 2 || probe.l_len != 3 || probe.l_pid != getppid())
			_exit(2);
		_exit(fcntl(other, F_SETLK, &whole) == -1 && (errno == EAGAIN || errno == EACCES) ? 0 : 3);
	}
	MUST(wait(&status) > 0 && status == 0);
	whole.l_type = F_UNLCK;
	MUST(fcntl(fd, F_SETLKW, &whole) == 0 && flock(fd, LOCK_UN) == 0);
	whole.l_type = F_WRLCK, whole.l_pid = 0;
	MUST(fcntl(fd, F_OFD_SETLK, &whole) == 0);
	close(fd);
	puts("locks");
}

static void copies(void)
{
	char b[32] = { 0 };
	off_t from = 2;
	loff_t in = 1, out = 20;
	int a = open("src", O_RDWR | O_CREAT, 0600), c = open("dst", O_RDWR | O_CREAT, 0600);

	MUST(write(a, "abcdefghij", 10) == 10);
	MUST(sendfile(c, a, &from, 5) == 5 && from == 7 && pread(c, b, 10, 0) == 5 && !memcmp(b, "cdefg", 5));
	MUST(copy_file_range(a, &in, c, &out, 4, 0) == 4 && in == 5 && out == 24 && pread(c, b, 4, 20) == 4 && !memcmp(b, "bcde", 4));
	MUST(sendfile(c, a, NULL, 5) == 0);
	close(a);
	close(c);
	puts("copies");
}

int main(void)
{
	positions();
	vectors();
	holes();
	stats();
	times();
	names();
	locks();
	copies();
	MUST(read(99, NULL, 0) == -1 && errno == EBADF && open("none/x", O_RDONLY) == -1 && errno == ENOENT && open("b/x", O_RDONLY) == -1 && errno == ENOTDIR);
	MUST(open(nowhere, O_RDONLY) == -1 && errno == EFAULT && write(1, nowhere, 1) == -1 && errno == EFAULT && lseek(0, 0, 99) == -1 && errno == EINVAL);
	MUST(stat("b", nowhere) == -1 && errno == EFAULT);
	puts("errors");
	return 0;
}
