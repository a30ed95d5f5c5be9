/* SPDX-License-Identifier: MIT */
/* Mappings: anonymous, file, shared between processes, fixed, growing and moving, advice, locking, brk, many at once. */
/* expect:
anonymous
file
shared
fixed
remap
advice
brk
many
growing down
*/
#include "must.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define RW (PROT_READ | PROT_WRITE)

static char *map(size_t size, int flags)
{
	char *p = mmap(NULL, size, RW, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	MUST(p != MAP_FAILED && (uintptr_t)p % PAGE == 0);
	return p;
}

static void file(void)
{
	int fd = open("m", O_RDWR | O_CREAT, 0600);

	MUST(ftruncate(fd, 3 * PAGE) == 0 && pwrite(fd, "second", 6, PAGE) == 6);
	char *priv = mmap(NULL, 3 * PAGE, RW, MAP_PRIVATE, fd, 0), *shared = mmap(NULL, PAGE, RW, MAP_SHARED, fd, PAGE), b[8];
	MUST(priv != MAP_FAILED && shared != MAP_FAILED && !memcmp(priv + PAGE, "second", 6));
	memcpy(shared, "SECOND", 6);
	MUST(pread(fd, b, 6, PAGE) == 6 && !memcmp(b, "SECOND", 6) && !memcmp(priv + PAGE, "SECOND", 6));
	memcpy(priv, "mine", 4);
	MUST(pread(fd, b, 4, 0) == 4 && !b[0] && msync(shared, PAGE, MS_SYNC) == 0);
	MUST(mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 100) == MAP_FAILED && errno == EINVAL && mmap(NULL, 0, RW, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EINVAL);
	int only = open("m", O_RDONLY);
	MUST(mmap(NULL, PAGE, RW, MAP_SHARED, only, 0) == MAP_FAILED && errno == EACCES && mmap(NULL, PAGE, RW, MAP_PRIVATE, 99, 0) == MAP_FAILED && errno == EBADF);
	MUST(munmap(priv, 3 * PAGE) == 0 && munmap(shared, PAGE) == 0 && munmap(shared + 1, PAGE) == -1 && errno == EINVAL);
	puts("file");
}

static void shared(void)
{
	int *cell = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0), *own = (int *)map(PAGE, 0), status;

	*own = 1;
	if (fork() == 0) {
		*cell = 42, *own = 2;
		_exit(0);
	}
	MUST(wait(&status) > 0 && status == 0 && *cell == 42 && *own == 1);
	puts("shared");
}

static void fixed(void)
{
	char *p = map(8 * PAGE, 0);

	memset(p, 1, 8 * PAGE);
	MUST(mmap(p + 2 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + 2 * PAGE && p[2 * PAGE] == 0 && p[PAGE] == 1 && p[3 * PAGE] == 1);
	void *there = mmap(p + PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	MUST(there == MAP_FAILED && errno == EEXIST && munmap(p + 4 * PAGE, PAGE) == 0);
	MUST(mmap(p + 4 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == p + 4 * PAGE);
	MUST(munmap(p + 5 * PAGE, PAGE) == 0 && mmap(p + 5 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == p + 5 * PAGE);
	MUST(mmap((void *)(p + 1), PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED && errno == EINVAL);
	MUST(munmap(p, 8 * PAGE) == 0 && munmap(p, 8 * PAGE) == 0);
	puts("fixed");
}

static void remap(void)
{
	char *p = map(4 * PAGE, 0), *target = map(16 * PAGE, 0), *q;

	for (int i = 0; i < 4; i++)
		p[i * PAGE] = 'a' + i;
	MUST(mremap(p, 4 * PAGE, 2 * PAGE, 0) == p && p[PAGE] == 'b');
	MUST((q = mremap(p, 2 * PAGE, 64 * PAGE, MREMAP_MAYMOVE)) != MAP_FAILED && q[0] == 'a' && q[PAGE] == 'b' && q[63 * PAGE] == 0);
	q[63 * PAGE] = 'z';
	MUST(mremap(q, 64 * PAGE, 8 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target && target[0] == 'a' && target[2 * PAGE] == 0);
	MUST(mremap(target, PAGE, 2 * PAGE, MREMAP_FIXED, q) == MAP_FAILED && errno == EINVAL);
	char *block = map(3 * PAGE, 0);
	MUST(mremap(block, PAGE, 2 * PAGE, 0) == MAP_FAILED && errno == ENOMEM);
	MUST(munmap(block, PAGE) == 0 && mremap(block, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
	puts("remap");
}

static void advice(void)
{
	unsigned char seen[4];
	char *p = map(4 * PAGE, 0);

	memset(p, 7, 4 * PAGE);
	MUST(madvise(p + PAGE, PAGE, MADV_DONTNEED) == 0 && p[0] == 7 && p[PAGE] == 0 && p[2 * PAGE] == 7);
	MUST(madvise(p, 4 * PAGE, MADV_WILLNEED) == 0 && madvise(p + 1, PAGE, MADV_DONTNEED) == -1 && errno == EINVAL);
	MUST(mincore(p, 4 * PAGE, seen) == 0 && (seen[0] & 1) && (mlock(p, PAGE) == 0 || errno == EPERM || errno == ENOMEM));
	MUST(munlock(p, PAGE) == 0 && munmap(p, 4 * PAGE) == 0 && madvise(p, PAGE, MADV_WILLNEED) == -1 && errno == ENOMEM);
	MUST(mprotect(p, PAGE, PROT_READ) == -1 && errno == ENOMEM && mincore(p, PAGE, seen) == -1 && errno == ENOMEM);
	puts("advice");
}

static char *volatile below;            /* so that the compiler asks no questions */

/* A mapping that reaches down to what is touched below it, by instructions and by system calls, up to other mappings and the limit on stacks. */
static void growing(void)
{
	enum { FREE = 6000, GAP = 256 };
	struct rlimit limit = { 1000 * PAGE, RLIM_INFINITY };
	char *room = mmap(NULL, FREE * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), *top = room + FREE * PAGE;
	int fds[2], status;

	MUST(room != MAP_FAILED && munmap(room + PAGE, (FREE - 1) * PAGE) == 0 && setrlimit(RLIMIT_STACK, &limit) == 0);
	char *stack = mmap(top - PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_GROWSDOWN, -1, 0);
	MUST(stack == top - PAGE);
	stack[0] = 1;
	below = stack - 1;
	*below = 2;                                             /* the page below */
	MUST(stack[-PAGE] == 0 && *below == 2);
	below = stack - 20 * PAGE;
	MUST(*below == 0 && !memcmp(below, below + PAGE, PAGE)); /* more than one at a time, by a load */
	below = stack - 40 * PAGE;
	MUST(pipe(fds) == 0 && write(fds[1], "x", 1) == 1 && read(fds[0], below, 1) == 1 && *below == 'x');
	MUST(mprotect(below + 3 * PAGE, PAGE, PROT_READ | PROT_GROWSDOWN) == 0);
	if (fork() == 0)
		*below = 1, _exit(0);                           /* from the start of the mapping on */
	MUST(wait(&status) > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	MUST(mprotect(below, 4 * PAGE, RW) == 0 && mprotect(room, PAGE, PROT_READ | PROT_GROWSDOWN) == -1 && errno == EINVAL);
	if (fork() == 0) {
		below = top - 1001 * PAGE;                      /* more than the limit */
		*below = 1, _exit(0);
	}
	MUST(wait(&status) > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	limit.rlim_cur = FREE * PAGE;
	MUST(setrlimit(RLIMIT_STACK, &limit) == 0);
	if (fork() == 0) {
		below = room + 200 * PAGE;                      /* too near to its neighbour */
		*below = 1, _exit(0);
	}
	MUST(wait(&status) > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	below = room + (GAP + 2) * PAGE;
	*below = 3;
	MUST(munmap(below, top - below) == 0 && munmap(room, PAGE) == 0);
	puts("growing down");
}

int main(void)
{
	char *p = map(3 * PAGE, MAP_NORESERVE);
	MUST(!p[0] && !p[3 * PAGE - 1] && map(PAGE, MAP_POPULATE) && munmap(p, 3 * PAGE) == 0);
	char *big = mmap(NULL, 8UL << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	MUST(big != MAP_FAILED && mprotect(big + (7UL << 30), PAGE, RW) == 0 && (big[7UL << 30] = 1) && munmap(big, 8UL << 30) == 0);
	puts("anonymous");
	file();
	shared();
	fixed();
	remap();
	advice();
	char *old = sbrk(0), *now = sbrk(5 * PAGE);
	MUST(old == now && sbrk(0) == old + 5 * PAGE && !old[4 * PAGE + 100]);
	memset(old, 1, 5 * PAGE);
	MUST(brk(old + PAGE) == 0 && sbrk(0) == old + PAGE && brk(old + 3 * PAGE) == 0 && !old[PAGE + 10] && old[0] == 1 && brk(old) == 0);
	puts("brk");
	/* Every second page another protection: a mapping each. */
	char *stripes = map(2000 * PAGE, 0);
	for (int i = 0; i < 2000; i += 2)
		MUST(mprotect(stripes + i * PAGE, PAGE, PROT_READ) == 0);
	for (int i = 1; i < 2000; i += 2)
		stripes[i * PAGE] = 1;
	MUST(mprotect(stripes, 2000 * PAGE, RW) == 0 && munmap(stripes + PAGE, 1998 * PAGE) == 0);
	puts("many");
	growing();
	return 0;
}
