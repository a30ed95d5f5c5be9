/* SPDX-License-Identifier: MIT */
/* Does a bit of everything that plugins are told of: threads that begin, work and end side by side, system calls, handled faults. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

enum { ROUNDS = 3, THREADS = 3, STEPS = 1500 };

static _Atomic uint64_t total;
static volatile uint64_t cells[THREADS];
static pthread_barrier_t barrier;
static volatile int hold;       /* not 0 while a plugin that was told of it wants the program to stay */

static void handler(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info;
	((ucontext_t *)context)->uc_mcontext.__gregs[0] += 4;
}

static void fault(void)
{
	__asm__ volatile(".option push\n.option norvc\nsd zero, 0(zero)\n.option pop" ::: "memory");
}

static void *work(void *data)
{
	volatile uint64_t *cell = &cells[(uintptr_t)data];

	pthread_barrier_wait(&barrier);
	for (int i = 0; i < STEPS; i++) {
		*cell += i;
		if (i % 100 == 0) {
			getppid();
			fault();
		}
	}
	total += *cell;
	*cell = 0;
	return NULL;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &action, NULL);
	pthread_barrier_init(&barrier, NULL, THREADS);
	for (int round = 0; round < ROUNDS; round++) {
		pthread_t thread[THREADS];
		for (uintptr_t i = 0; i < THREADS; i++)
			pthread_create(&thread[i], NULL, work, (void *)i);
		for (int i = 0; i < THREADS; i++)
			pthread_join(thread[i], NULL);
	}
	syscall(SYS_getpid, &hold);
	while (hold)
		sched_yield();
	printf("%d\n", total == (uint64_t)ROUNDS * THREADS * STEPS * (STEPS - 1) / 2);
	return 0;
}
