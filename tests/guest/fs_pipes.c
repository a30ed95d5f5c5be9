/* SPDX-License-Identifier: MIT */
/* Pipes: capacity, non-blocking ends, SIGPIPE and EPIPE, FIONREAD, splice, tee, vmsplice, memfd with seals. */
/* expect:
pipe
broken
splice
memfd
*/
#include "must.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

static volatile sig_atomic_t pipes;

static void on_pipe(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (sig == SIGPIPE && info->si_pid == getpid())
		pipes++;
}

int main(void)
{
	char b[64] = { 0 };
	int p[2], q[2], n;

	MUST(pipe2(p, O_NONBLOCK | O_CLOEXEC) == 0 && read(p[0], b, 1) == -1 && errno == EAGAIN);
	MUST(fcntl(p[0], F_GETFD) == FD_CLOEXEC && fcntl(p[1], F_SETPIPE_SZ, 8192) == 8192 && fcntl(p[0], F_GETPIPE_SZ) == 8192);
	static char block[4096];
	int wrote = 0;
	while ((n = write(p[1], block, sizeof block)) > 0)
		wrote += n;
	MUST(errno == EAGAIN && wrote == 8192 && ioctl(p[0], FIONREAD, &n) == 0 && n == 8192);
	while (read(p[0], block, sizeof block) > 0)
		;
	puts("pipe");

	handle(SIGPIPE, on_pipe, 0);
	MUST(pipe(q) == 0 && close(q[0]) == 0 && write(q[1], "x", 1) == -1 && errno == EPIPE && pipes == 1 && close(q[1]) == 0);
	signal(SIGPIPE, SIG_IGN);
	MUST(pipe(q) == 0 && close(q[0]) == 0 && write(q[1], "x", 1) == -1 && errno == EPIPE && pipes == 1 && close(q[1]) == 0);
	MUST(pipe(q) == 0 && close(q[1]) == 0 && read(q[0], b, 8) == 0 && close(q[0]) == 0);
	puts("broken");

	MUST(pipe(q) == 0);
	int fd = open("f", O_RDWR | O_CREAT, 0600);
	loff_t at = 2;
	MUST(write(fd, "0123456789", 10) == 10 && splice(fd, &at, p[1], NULL, 6, 0) == 6 && at == 8);
	MUST(tee(p[0], q[1], 6, 0) == 6 && read(q[0], b, 64) == 6 && !memcmp(b, "234567", 6));
	at = 20;
	MUST(splice(p[0], NULL, fd, &at, 6, SPLICE_F_MOVE) == 6 && at == 26 && pread(fd, b, 6, 20) == 6 && !memcmp(b, "234567", 6));
	struct iovec v[] = { { "vm", 2 }, { "splice", 6 } };
	MUST(vmsplice(q[1], v, 2, 0) == 8 && read(q[0], b, 64) == 8 && !memcmp(b, "vmsplice", 8));
	MUST(splice(p[0], NULL, q[1], NULL, 1, SPLICE_F_NONBLOCK) == -1 && errno == EAGAIN);
	puts("splice");

	int m = memfd_create("note", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	MUST(m >= 0 && ftruncate(m, 4096) == 0 && write(m, "seal", 4) == 4);
	MUST(fcntl(m, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0 && fcntl(m, F_GET_SEALS) == (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE));
	MUST(write(m, "x", 1) == -1 && errno == EPERM && ftruncate(m, 0) == -1 && errno == EPERM);
	MUST(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, m, 0) == MAP_FAILED && errno == EPERM);
	char *r = mmap(NULL, 4096, PROT_READ, MAP_SHARED, m, 0);
	MUST(r != MAP_FAILED && !memcmp(r, "seal", 4));
	puts("memfd");
	return 0;
}
