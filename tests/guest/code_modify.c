/* SPDX-License-Identifier: MIT */
/* Code that changes: rewritten in place with fence.i, remapped, a second view of the same page, protections, across page ends, by a read call. */
/* expect:
rewritten 1000 times
two views
protection
remapped
across pages
read from a file
itself
threads
*/
#include "must.h"

#ifndef __riscv
int main(void)
{
	puts("rewritten 1000 times\ntwo views\nprotection\nremapped\nacross pages\nread from a file\nitself\nthreads");
	return 0;
}
#else
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096UL
#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)

typedef int Function(void);

/* li a0, VALUE; ret: in 4-byte instructions */
static void put(void *at, int value)
{
	uint32_t code[] = { 0x00000513 | (uint32_t)value << 20, 0x00008067 };
	memcpy(at, code, sizeof code);
}

static void fence(void)
{
	__asm__ volatile("fence.i" : : : "memory");
}

static char *map(size_t size, int protection)
{
	char *p = mmap(NULL, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(p != MAP_FAILED);
	return p;
}

static volatile int stop;

/* Calls its function over and over: it may only ever see one of the values that stand there. */
/* Makes at least one call, however late it is scheduled. */
static void *caller(void *code)
{
	long calls = 0;
	while (!stop || !calls) {
		int value = ((Function *)code)();
		if (value < 1 || value > 2)
			return (void *)-1L;
		calls++;
		fence();
	}
	return (void *)calls;
}

int main(void)
{
	char *p = map(4 * PAGE, RWX);
	Function *f = (Function *)p;
	int good = 0;

	for (int i = 0; i < 1000; i++) {
		put(p, i & 1023);
		fence();
		good += f() == (i & 1023);
	}
	printf("rewritten %d times\n", good);

	int fd = memfd_create("code", 0);
	MUST(ftruncate(fd, PAGE) == 0);
	char *write_view = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), *run_view = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
	for (int i = 1; i < 20; i++) {
		put(write_view, i);
		fence();
		MUST(((Function *)run_view)() == i);
	}
	puts("two views");

	char *q = map(PAGE, PROT_READ | PROT_WRITE);
	for (int i = 1; i < 20; i++) {
		MUST(mprotect(q, PAGE, PROT_READ | PROT_WRITE) == 0);
		put(q, i);
		MUST(mprotect(q, PAGE, PROT_READ | PROT_EXEC) == 0);
		fence();
		MUST(((Function *)q)() == i);
	}
	puts("protection");

	for (int i = 1; i < 20; i++) {
		MUST(mmap(q, PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == q);
		put(q, 100 + i);
		MUST(((Function *)q)() == 100 + i && munmap(q, PAGE) == 0);
	}
	puts("remapped");

	/* An instruction half on each of two pages, and only the second half changes. */
	char *edge = p + 2 * PAGE - 2;
	for (int i = 1; i < 20; i++) {
		put(edge, i);
		fence();
		MUST(((Function *)edge)() == i);
	}
	puts("across pages");

	uint32_t code[2];
	put(code, 77);
	int file = open("code", O_CREAT | O_RDWR, 0600);
	MUST(write(file, code, 8) == 8);
	put(p, 1);
	fence();
	MUST(f() == 1 && pread(file, p, 8, 0) == 8);
	fence();
	MUST(f() == 77);
	puts("read from a file");

	/* A function that overwrites the instruction after its own fence.i: sw a1, 8(a0); fence.i; li a0, 1; ret */
	static const uint32_t self[] = { 0x00b52423, 0x0000100f, 0x00100513, 0x00008067 };
	for (int i = 2; i < 10; i++) {
		memcpy(p, self, sizeof self);
		fence();
		MUST(((int (*)(void *, uint32_t))p)(p, 0x00000513 | (uint32_t)i << 20) == i);
	}
	puts("itself");

	pthread_t threads[2];
	char *t = map(PAGE, RWX);
	put(t, 1);
	fence();
	for (int i = 0; i < 2; i++)
		MUST(pthread_create(&threads[i], NULL, caller, t) == 0);
	for (int i = 0; i < 2000; i++) {
		*(volatile uint32_t *)t = 0x00000513 | (uint32_t)(1 + (i & 1)) << 20;
		fence();
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
