/* SPDX-License-Identifier: MIT */
/* Handlers that change what they return to: a register, a floating-point register, the mask, the program counter, and the stack. */
/* expect:
register: 1234567
mask: USR2 blocked 1, then 0
floating point kept: 1.5
floating-point flags kept: 1
rounding kept: 1
elsewhere: 42
ten thousand returns: 10000
getcontext in loops: 3
bad frame: signal 11
*/
#include "must.h"

#include <fenv.h>
#include <sys/wait.h>
#include <unistd.h>

static void set_value(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	CONTEXT_VALUE(context) = 1234567;
}

static void block_second(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	sigaddset(&((ucontext_t *)context)->uc_sigmask, SIGUSR2);
}

static void unblock_second(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	sigdelset(&((ucontext_t *)context)->uc_sigmask, SIGUSR2);
}

static void spoil_floats(int sig, siginfo_t *info, void *context)
{
	volatile double x = 3.0;
	(void)sig, (void)info, (void)context;
	fesetround(FE_UPWARD);
	for (int i = 0; i < 100; i++)
		x = x * 1.1 / 0.7;
	feclearexcept(FE_ALL_EXCEPT);
	feraiseexcept(FE_OVERFLOW);
}

static volatile long elsewhere_result;
static ucontext_t saved;

static void elsewhere(void)
{
	elsewhere_result = 42;
	setcontext(&saved);
}

static char other_stack[65536] __attribute__((aligned(16)));
static void go_elsewhere(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	CONTEXT_PC(context) = (uintptr_t)elsewhere;
#if defined(__riscv)
	CONTEXT_SP(context) = (uintptr_t)other_stack + sizeof other_stack - 64;
#else
	CONTEXT_SP(context) = (uintptr_t)other_stack + sizeof other_stack - 64 - 8;
#endif
}

static volatile int count;
static void tick(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	count++;
}

static void bad_frame(void)
{
#if defined(__riscv)
	asm volatile("li sp, 16\nli a7, 139\necall");
#else
	asm volatile("movq $16, %rsp\nmovl $15, %eax\nsyscall");
#endif
}

int main(void)
{
	long value;

	handle(SIGUSR1, set_value, 0);
#if defined(__riscv)
	asm volatile("mv a0, %1\nli a1, 10\nli a7, 129\nmv s2, zero\necall\nmv %0, s2" : "=r"(value) : "r"((long)getpid()) : "a0", "a1", "a7", "s2", "memory");
#else
	asm volatile("movl $62, %%eax\nmovl $10, %%esi\nxorl %%r12d, %%r12d\nsyscall\nmovq %%r12, %0"
		     : "=r"(value) : "D"((long)getpid()) : "rax", "rsi", "rcx", "r11", "r12", "memory");
#endif
	printf("register: %ld\n", value);

	handle(SIGUSR1, block_second, 0);
	raise(SIGUSR1);
	int first = blocked(SIGUSR2);
	handle(SIGUSR1, unblock_second, 0);
	raise(SIGUSR1);
	printf("mask: USR2 blocked %d, then %d\n", first, blocked(SIGUSR2));

	volatile double x = 0.5;
	handle(SIGUSR1, spoil_floats, 0);
	feclearexcept(FE_ALL_EXCEPT);
	feraiseexcept(FE_DIVBYZERO);
	fesetround(FE_DOWNWARD);
	double y = x + 1;
	raise(SIGUSR1);
	printf("floating point kept: %.1f\n", y);
	printf("floating-point flags kept: %d\n", (fetestexcept(FE_ALL_EXCEPT) & (FE_DIVBYZERO | FE_OVERFLOW)) == FE_DIVBYZERO);
	printf("rounding kept: %d\n", fegetround() == FE_DOWNWARD);
	fesetround(FE_TONEAREST);

	handle(SIGUSR1, go_elsewhere, 0);
	volatile int again = 0;
	getcontext(&saved);
	if (!again) {
		again = 1;
		raise(SIGUSR1);
	}
	printf("elsewhere: %ld\n", elsewhere_result);

	handle(SIGUSR1, tick, 0);
	for (int i = 0; i < 10000; i++)
		raise(SIGUSR1);
	printf("ten thousand returns: %d\n", count);

	volatile int rounds = 0;
	getcontext(&saved);
	if (++rounds < 3)
		setcontext(&saved);
	printf("getcontext in loops: %d\n", rounds);
	fflush(stdout);

	pid_t child = fork();
	if (!child)
		bad_frame();
	int status;
	MUST(waitpid(child, &status, 0) == child);
	printf("bad frame: signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	return 0;
}
