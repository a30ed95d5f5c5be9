/* SPDX-License-Identifier: MIT */
/* A tight loop that another thread interrupts all the time: each handler sees registers that fit its pc, and the loop is not disturbed. */
/* expect:
interrupted often enough: yes
registers that do not fit: 0
sum as expected: yes
*/
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <ucontext.h>

enum { WANTED = 2000 };

static pthread_t looper;
static atomic_uint seen;
static atomic_bool done;
static unsigned long wrong;

#if defined __riscv
extern char loop_start[], loop_second[], loop_third[], loop_end[];

/* t0 counts, t1 grows by three and t2 by what t1 then is. */
static uint64_t spin(uint64_t rounds)
{
	register uint64_t t0 __asm__("t0") = 0, t1 __asm__("t1") = 0, t2 __asm__("t2") = 0;

	__asm__ volatile(
		".globl loop_start, loop_second, loop_third, loop_end\n"
		"loop_start:\n\taddi %0, %0, 1\n"
		"loop_second:\n\taddi %1, %1, 3\n"
		"loop_third:\n\tadd %2, %2, %1\n"
		"\tbne %0, %3, loop_start\n"
		"loop_end:\n"
		: "+r"(t0), "+r"(t1), "+r"(t2) : "r"(rounds));
	return t2;
}

static void check(const ucontext_t *uc)
{
	uint64_t pc = uc->uc_mcontext.__gregs[0], t0 = uc->uc_mcontext.__gregs[5], t1 = uc->uc_mcontext.__gregs[6],
		 t2 = uc->uc_mcontext.__gregs[7];

	if (pc < (uintptr_t)loop_start || pc >= (uintptr_t)loop_end)
		return;
	uint64_t sum = pc == (uintptr_t)loop_start ? t0 : t0 - 1;       /* rounds whose third instruction has run */
	if (pc > (uintptr_t)loop_third)
		sum = t0;
	uint64_t threes = pc > (uintptr_t)loop_second ? t0 : sum;
	if (t1 != 3 * threes || t2 != 3 * (sum * (sum + 1) / 2))
		wrong++;
}
#else
static uint64_t spin(uint64_t rounds)
{
	volatile uint64_t t1 = 0, t2 = 0;

	for (uint64_t i = 0; i < rounds; i++) {
		t1 += 3;
		t2 += t1;
	}
	return t2;
}

static void check(const ucontext_t *uc)
{
	(void)uc;
}
#endif

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	check(context);
	atomic_fetch_add(&seen, 1);
}

static void *send(void *arg)
{
	(void)arg;
	while (!atomic_load(&done)) {
		unsigned before = atomic_load(&seen);
		pthread_kill(looper, SIGUSR1);
		while (atomic_load(&seen) == before && !atomic_load(&done))
			;
	}
	return NULL;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	pthread_t sender;
	bool right = true;

	looper = pthread_self();
	sigaction(SIGUSR1, &action, NULL);
	pthread_create(&sender, NULL, send, NULL);
	/* a bound in time, not in rounds: a fast translator on a busy machine ends any number of them before the sender gets its turns */
	for (time_t end = time(NULL) + 90; time(NULL) < end && atomic_load(&seen) < WANTED;)
		right &= spin(100000) == 3 * (100000ull * 100001 / 2);
	atomic_store(&done, true);
	pthread_join(sender, NULL);
	printf("interrupted often enough: %s\n", seen >= WANTED ? "yes" : "no");
	printf("registers that do not fit: %lu\n", wrong);
	printf("sum as expected: %s\n", right ? "yes" : "no");
	return 0;
}
