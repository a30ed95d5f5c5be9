/* SPDX-License-Identifier: MIT */
/* Jumps to addresses that differ from a function's in their highest byte, right after that function ran under another rounding mode. */
/* expect:
calls in mode 1: 1
calls in mode 2: 2
calls in mode 3: 3
wild jumps that arrived: 0 of 45
*/
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>

static sigjmp_buf back;
static volatile int calls;

static void __attribute__((noinline)) function(void) { calls++; }
static void stopped(int sig) { (void)sig; siglongjmp(back, 1); }

static void set_mode(long mode) { __asm__ volatile("fsrm %0" : : "r"(mode) : "memory"); }

/* Calls by address, which only an indirect jump can do. */
static void __attribute__((noinline)) call(uintptr_t address)
{
	__asm__ volatile("jalr %0" : : "r"(address) : "ra", "t0", "t1", "t2", "t3", "t4", "t5", "t6", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "memory");
}

int main(void)
{
	struct sigaction action = { .sa_handler = stopped, .sa_flags = SA_NODEFER };
	volatile int tried = 0, arrived = 0;

	sigaction(SIGSEGV, &action, NULL);
	for (volatile long mode = 1; mode <= 3; mode++) {
		set_mode(mode);
		call((uintptr_t)function);
		set_mode(0);
		printf("calls in mode %ld: %d\n", (long)mode, calls);
		for (volatile uintptr_t top = 1; top < 16; top++) {
			tried++;
			if (!sigsetjmp(back, 1)) {
				call((uintptr_t)function ^ top << 56);
				arrived++;
			}
			set_mode(0);
		}
	}
	printf("wild jumps that arrived: %d of %d\n", arrived, tried);
	return 0;
}
