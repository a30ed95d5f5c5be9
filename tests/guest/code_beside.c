/* SPDX-License-Identifier: MIT */
/* A thread is in a hot loop that writes beside its code, for good; then another thread changes the loop. */
/* expect:
left 1
*/
#include "must.h"

#ifndef __riscv
int main(void)
{
	puts("left 1");
	return 0;
}
#else
#include <pthread.h>
#include <sys/mman.h>
#include <time.h>

/* 1: addi a1, a1, 1; sd a1, 0(a2); bnez a0, 1b; ret */
static const uint32_t loop[] = { 0x00158593, 0x00b63023, 0xfe051ce3, 0x00008067 };
static const uint32_t nop = 0x00000013;
enum { BRANCH = 2, DATA = 512 };

static uint32_t *code;

static void *run(void *unused)
{
	register unsigned long a0 __asm__("a0") = 1;
	register unsigned long a1 __asm__("a1") = 0;
	register uint32_t *a2 __asm__("a2") = code + DATA;

	(void)unused;
	__asm__ volatile("jalr ra, %3" : "+r"(a0), "+r"(a1), "+r"(a2) : "r"(code) : "ra", "memory");
	return (void *)1;
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
	code[BRANCH] = nop;
	__builtin___clear_cache((char *)code, (char *)code + sizeof loop);
	pthread_join(thread, &left);
	printf("left %lu\n", (unsigned long)left);
	return 0;
}
#endif
