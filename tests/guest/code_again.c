/* SPDX-License-Identifier: MIT */
/* Code that changes and changes back, beside code that stays: by each way to write it, each way to say so, without rights or without memory for a while, in
 * a child, and under a running thread. What stays may be kept translated; what runs must be what is there. */
/* expect:
in place
second view
file
protections
two files
mapped anew
child
loops
threads
*/
#include "must.h"

#ifndef __riscv
int main(void)
{
	puts("in place\nsecond view\nfile\nprotections\ntwo files\nmapped anew\nchild\nloops\nthreads");
	return 0;
}
#else
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)
#define RX (PROT_READ | PROT_EXEC)

typedef long Function(long);

enum { COUNT = 2 * PAGE / 32, ROUNDS = 60 };

static unsigned short values[COUNT];    /* what function N returns */
static unsigned seed = 1;

static unsigned chance(unsigned n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 16) % n;
}

/* Function N at CODE: li a0, VALUE; ret, behind some nops so that each has a length of its own. */
static void put(char *code, unsigned n, int value)
{
	uint32_t text[8];
	unsigned length = n % 5;
	for (unsigned i = 0; i < length; i++)
		text[i] = 0x00000013;
	text[length++] = 0x00000513 | (uint32_t)value << 20;
	text[length++] = 0x00008067;
	memcpy(code + n * 32, text, length * 4);
	values[n] = value;
}

static void put_all(char *code)
{
	for (unsigned n = 0; n < COUNT; n++)
		put(code, n, chance(3));
}

static int good(const char *code)
{
	for (unsigned n = 0; n < COUNT; n++)
		if (((Function *)(code + n * 32))(0) != values[n])
			return 0;
	return 1;
}

static void fence(void)
{
	__asm__ volatile("fence.i" : : : "memory");
}

/* Says of function N of CODE that it has changed. */
static void announce(const char *code, unsigned n)
{
	MUST(syscall(259, code + n * 32, code + n * 32 + 32, 0) == 0);
}

static char *map(int protection, int flags, int fd)
{
	char *p = mmap(NULL, 2 * PAGE, protection, flags, fd, 0);
	MUST(p != MAP_FAILED);
	return p;
}

static sigjmp_buf back;

static void caught(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	siglongjmp(back, 1);
}

static int faults(const char *code)
{
	if (sigsetjmp(back, 1))
		return 1;
	((Function *)code)(0);
	return 0;
}

static void two_views(char *written, char *run)
{
	put_all(written);
	fence();
	MUST(good(run));
	for (int i = 0; i < ROUNDS; i++) {
		unsigned n = chance(COUNT);
		put(written, n, chance(3));
		/* the kernel flushes all, whatever is named */
		if (i % 4 == 0)
			fence();
		else if (i % 4 == 1)
			announce(run, n);
		else if (i % 4 == 2)
			announce(written, n);
		else
			MUST(syscall(259, 0, 0, 0) == 0);
		MUST(good(run));
	}
}

/* One range of views of two files, announced as one. */
static void two_files(int a, int b)
{
	char *both = mmap(NULL, 5 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *views[2] = { both, both + 3 * PAGE }, *run[2] = { map(RX, MAP_SHARED, a), map(RX, MAP_SHARED, b) };
	int rw = PROT_READ | PROT_WRITE;

	MUST(both != MAP_FAILED && mmap(views[0], 2 * PAGE, rw, MAP_SHARED | MAP_FIXED, a, 0) == views[0]);
	MUST(mmap(views[1], 2 * PAGE, rw, MAP_SHARED | MAP_FIXED, b, 0) == views[1]);
	for (int i = 0; i < ROUNDS; i++) {
		for (unsigned n = i ? chance(COUNT) : 0, end = i ? n + 1 : COUNT; n < end; n++) {
			int value = chance(3);
			put(views[0], n, value);
			put(views[1], n, value);
		}
		MUST(syscall(259, both, both + 5 * PAGE, 0) == 0);
		MUST(good(run[0]) && good(run[1]));
	}
	MUST(munmap(both, 5 * PAGE) == 0 && munmap(run[0], 2 * PAGE) == 0 && munmap(run[1], 2 * PAGE) == 0);
	puts("two files");
}

static void file(int fd)
{
	static char image[2 * PAGE];
	char *shared = map(RX, MAP_SHARED, fd), *private = map(RX, MAP_PRIVATE, fd);

	for (int i = 0; i < ROUNDS; i++) {
		put(image, chance(COUNT), chance(3));
		if (!i)
			put_all(image);
		MUST(pwrite(fd, image, sizeof image, 0) == sizeof image);
		fence();
		MUST(good(shared) && good(private));
	}
	MUST(munmap(shared, 2 * PAGE) == 0 && munmap(private, 2 * PAGE) == 0);
	puts("file");
}

static void protections(char *code)
{
	for (int i = 0; i < ROUNDS; i++) {
		MUST(mprotect(code, PAGE * (1 + i % 2), PROT_READ | PROT_WRITE) == 0);
		unsigned n = chance(COUNT / 2);
		if (i % 3)
			put(code, n, chance(3));
		if (i % 7 == 0)
			MUST(faults(code));
		MUST(mprotect(code, PAGE * (1 + i % 2), RX) == 0);
		if (i % 2)
			fence();
		else
			announce(code, n);
		MUST(good(code));
	}
	MUST(mprotect(code, 2 * PAGE, RWX) == 0);
	puts("protections");
}

static void anew(char *code, int fd)
{
	static char image[2 * PAGE];

	for (int i = 0; i < ROUNDS; i++) {
		memcpy(image, code, sizeof image);
		if (i % 3 == 0) {
			MUST(munmap(code, 2 * PAGE) == 0 && faults(code));
			MUST(mmap(code, 2 * PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == code);
			memcpy(code, image, sizeof image);
		} else if (i % 3 == 1) {
			MUST(madvise(code, 2 * PAGE, MADV_DONTNEED) == 0);
			memcpy(code, image, sizeof image);
		} else {
			put(image, chance(COUNT), chance(3));
			MUST(pwrite(fd, image, sizeof image, 0) == sizeof image);
			MUST(mmap(code, 2 * PAGE, RWX, MAP_PRIVATE | MAP_FIXED, fd, 0) == code);
		}
		fence();
		MUST(good(code));
	}
	puts("mapped anew");
}

static void child(char *code, char *written, char *run)
{
	int status;

	put_all(code);
	fence();
	MUST(good(code));
	for (int i = 0; i < 8; i++) {
		fflush(stdout);
		if (fork() == 0) {
			for (int k = 0; k < 10; k++) {
				put(code, chance(COUNT), chance(3));
				fence();
				MUST(good(code));
			}
			_exit(0);
		}
		MUST(wait(&status) > 0 && status == 0 && good(code));
	}
	/* a child writes shared memory that its parent runs */
	put_all(written);
	fence();
	MUST(good(run));
	for (int i = 0; i < 8; i++) {
		unsigned n = chance(COUNT), value = chance(3);
		fflush(stdout);
		if (fork() == 0) {
			put(written, n, value);
			_exit(0);
		}
		MUST(wait(&status) > 0 && status == 0);
		values[n] = value;
		fence();
		MUST(good(run));
	}
	puts("child");
}

/* A loop that runs long enough to be more than a block: a0 times: a1 += VALUE; a0--; then a1. */
static void loops(char *written, char *run)
{
	for (int i = 0; i < 40; i++) {
		int value = chance(3), n = chance(4);
		uint32_t text[] = { 0x00000593, 0x00058593 | (uint32_t)value << 20, 0xfff50513, 0xfe051ce3, 0x00058513, 0x00008067 };
		memcpy(written + n * 64, text, sizeof text);
		if (i % 2)
			announce(run + n * 64, 0), announce(run + n * 64, 1);
		else
			fence();
		MUST(((Function *)(run + n * 64))(100000) == 100000L * value);
		if (i % 5 == 0)
			MUST(mprotect(run, PAGE, PROT_READ) == 0 && faults(run + n * 64) && mprotect(run, PAGE, written == run ? RWX : RX) == 0);
		MUST(((Function *)(run + n * 64))(1000) == 1000L * value);
	}

}

static volatile int stop;

/* Function 0 stays, however often what stands beside it changes. */
static void *caller(void *code)
{
	long calls = 0;
	while (!stop || !calls) {
		if (((Function *)code)(0) != 2)
			return (void *)-1L;
		calls++;
	}
	return (void *)calls;
}

int main(void)
{
	char *code = map(RWX, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	int fd = memfd_create("code", 0);
	MUST(ftruncate(fd, 2 * PAGE) == 0);
	char *written = map(PROT_READ | PROT_WRITE, MAP_SHARED, fd), *run = map(RX, MAP_SHARED, fd);

	handle(SIGSEGV, caught, 0);
	put_all(code);
	fence();
	for (int i = 0; i < ROUNDS; i++) {
		unsigned n = chance(COUNT);
		put(code, n, chance(3));
		if (i % 2)
			fence();
		else
			announce(code, n);
		MUST(good(code));
	}
	puts("in place");
	two_views(written, run);
	/* the same without a file */
	char *second = mmap(NULL, 2 * PAGE, RWX, MAP_SHARED | MAP_ANONYMOUS, -1, 0), *first = mremap(second, 0, 2 * PAGE, MREMAP_MAYMOVE);
	MUST(second != MAP_FAILED && first != MAP_FAILED);
	two_views(first, second);
	puts("second view");
	file(fd);
	put_all(code);
	protections(code);
	int other = memfd_create("other", 0);
	MUST(ftruncate(other, 2 * PAGE) == 0);
	two_files(fd, other);
	put_all(code);
	anew(code, other);
	child(code, written, run);
	loops(written, run);
	loops(code, code);
	puts("loops");

	pthread_t threads[2];
	put_all(code);
	put(code, 0, 2);
	fence();
	for (int i = 0; i < 2; i++)
		MUST(pthread_create(&threads[i], NULL, caller, code) == 0);
	for (int i = 0; i < 300; i++) {
		put(code, 1 + chance(COUNT - 1), chance(3));
		fence();
		MUST(i % 20 || good(code));
	}
	stop = 1;
	for (int i = 0; i < 2; i++) {
		void *calls;
		pthread_join(threads[i], &calls);
		MUST((long)calls > 0);
	}
	puts("threads");
	return 0;
}
#endif
