/* SPDX-License-Identifier: MIT */
/* A thread goes round a loop that only a function in another page can end, and another thread changes that function, or takes its page away. */
/* expect:
rewritten
by another view
no rights
no memory
*/
#include "must.h"

#ifndef __riscv
int main(void)
{
	puts("rewritten\nby another view\nno rights\nno memory");
	return 0;
}
#else
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <sys/mman.h>

#define PAGE 4096UL
#define RWX (PROT_READ | PROT_WRITE | PROT_EXEC)

enum { PAGES = 3, FUNCTION = 2 * 4096, RESULT = FUNCTION + 8, HOT = 100000, ROUNDS = 5 };

/* mv t3, ra; 1: jal ra, FUNCTION; beqz a0, 1b; mv ra, t3; ret */
static const uint32_t loop[] = { 0x00008e13, 0x7fd010ef, 0xfe050ee3, 0x000e0093, 0x00008067 };
/* addi a1, a1, 1; sd a1, 0(a2); li a0, 0; ret */
static const uint32_t function[] = { 0x00158593, 0x00b63023, 0x00000513, 0x00008067 };
static const uint32_t one = 0x00100513;         /* li a0, 1 */

static volatile long rounds;
static sigjmp_buf *back;

static void caught(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	siglongjmp(*back, 1);
}

static __attribute__((noinline)) long call(void *code)
{
	register long a0 __asm__("a0") = 0;
	register long a1 __asm__("a1") = 0;
	register volatile long *a2 __asm__("a2") = &rounds;

	__asm__ volatile("jalr ra, %3" : "+r"(a0), "+r"(a1), "+r"(a2) : "r"(code) : "ra", "t3", "memory");
	return a0;
}

/* What the loop at CODE ends with: 1, or 2 if it faults. */
static void *run(void *code)
{
	sigjmp_buf here;

	back = &here;
	return (void *)(sigsetjmp(here, 1) ? 2 : call(code));
}

/* The thread that runs CODE, hot. WRITTEN is where it is written. */
static pthread_t start(char *written, char *code)
{
	pthread_t thread;

	memcpy(written, loop, sizeof loop);
	memcpy(written + FUNCTION, function, sizeof function);
	__builtin___clear_cache(code, code + PAGES * PAGE);
	rounds = 0;
	MUST(pthread_create(&thread, NULL, run, code) == 0);
	while (rounds < HOT)
		sched_yield();
	return thread;
}

static int ends_with(pthread_t thread, long expected)
{
	void *result;

	return pthread_join(thread, &result) == 0 && (long)result == expected;
}

static void rewrite(char *written, char *code)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_t thread = start(written, code);
		*(volatile uint32_t *)(written + RESULT) = one;
		__builtin___clear_cache(code, code + PAGES * PAGE);
		MUST(ends_with(thread, 1));
	}
}

int main(void)
{
	char *code = mmap(NULL, PAGES * PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *first = mmap(NULL, PAGES * PAGE, RWX, MAP_SHARED | MAP_ANONYMOUS, -1, 0), *second = mremap(first, 0, PAGES * PAGE, MREMAP_MAYMOVE);

	MUST(code != MAP_FAILED && first != MAP_FAILED && second != MAP_FAILED);
	handle(SIGSEGV, caught, 0);
	rewrite(code, code);
	puts("rewritten");
	rewrite(first, second);
	puts("by another view");
	for (int i = 0; i < ROUNDS; i++) {
		pthread_t thread = start(code, code);
		MUST(mprotect(code + FUNCTION, PAGE, PROT_READ | PROT_WRITE) == 0 && ends_with(thread, 2));
		MUST(mprotect(code + FUNCTION, PAGE, RWX) == 0);
	}
	puts("no rights");
	for (int i = 0; i < ROUNDS; i++) {
		pthread_t thread = start(code, code);
		MUST(munmap(code + FUNCTION, PAGE) == 0 && ends_with(thread, 2));
		MUST(mmap(code + FUNCTION, PAGE, RWX, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == code + FUNCTION);
	}
	puts("no memory");
	return 0;
}
#endif
