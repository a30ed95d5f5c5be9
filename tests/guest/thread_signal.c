/* SPDX-License-Identifier: MIT */
/* Signals and threads: to one thread, to the process, masks of their own, waiting threads, and those that the C library sends. */
/* expect:
to one thread: 4 of 4 by themselves
to the process: taken by the one that lets it in 10
inherited mask: 1
sigwait in a thread: 5 values, sum 15
interrupted in wait: EINTR in 4 of 4
fault in a thread: 8 of 8 by themselves
identity changed in all: 1
hammered: 1
stack disabled in a new thread: 1
*/
#include "must.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

static _Thread_local volatile int mine;
static atomic_int good, ready, stop, taken;
static pthread_t chosen;
static sem_t never;

static void note(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	mine++;
}

static void take(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	if (pthread_equal(pthread_self(), chosen))
		taken++;
}

static void *wait_for_mine(void *data)
{
	ready++;
	while (!mine)
		;
	if (mine == 1)
		good++;
	return data;
}

static void *let_in(void *data)
{
	chosen = pthread_self();
	set_mask(SIG_UNBLOCK, SIGUSR2);
	ready++;
	while (!stop)
		usleep(1000);
	return data;
}

static void *keep_out(void *data)
{
	ready++;
	while (!stop)
		usleep(1000);
	return (void *)(long)(blocked(SIGUSR2) && data == NULL);
}

static void *collect(void *data)
{
	sigset_t set;
	siginfo_t info;
	long sum = 0;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 3);
	for (int i = 0; i < 5; i++)
		if (sigwaitinfo(&set, &info) == SIGRTMIN + 3)
			sum += info.si_value.sival_int;
	(void)data;
	return (void *)sum;
}

static void *be_interrupted(void *data)
{
	ready++;
	if (sem_wait(&never) < 0 && errno == EINTR && mine == 1)
		good++;
	return data;
}

static _Thread_local volatile char *page;
static void repair(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	if (info->si_addr == (void *)page && mprotect((void *)page, 4096, PROT_READ | PROT_WRITE) == 0)
		mine++;
}

static void *fault(void *data)
{
	page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < 200; i++) {
		mprotect((void *)page, 4096, PROT_NONE);
		*page = 1;
	}
	if (mine == 200)
		good++;
	return data;
}

static void *hammer(void *data)
{
	pthread_t *others = data;
	for (int i = 0; i < 2000; i++)
		pthread_kill(others[i % 4], SIGUSR1);
	return NULL;
}

static void *be_hammered(void *data)
{
	volatile double x = 1;
	char *text = NULL;
	ready++;
	while (!stop) {
		x = x * 1.0001;
		free(text);
		text = malloc(100);
		getppid();
	}
	free(text);
	return mine > 0 ? data : NULL;
}

static void *look(void *data)
{
	stack_t now;
	(void)data;
	sigaltstack(NULL, &now);
	return (void *)(long)(now.ss_flags == SS_DISABLE);
}

int main(void)
{
	pthread_t threads[8], sender;
	void *result;

	handle(SIGUSR1, note, 0);
	for (int i = 0; i < 4; i++)
		MUST(pthread_create(&threads[i], NULL, wait_for_mine, NULL) == 0);
	while (ready < 4)
		usleep(1000);
	for (int i = 0; i < 4; i++)
		pthread_kill(threads[i], SIGUSR1);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	printf("to one thread: %d of 4 by themselves\n", good);

	handle(SIGUSR2, take, 0);
	set_mask(SIG_BLOCK, SIGUSR2);
	ready = 0;
	for (int i = 0; i < 4; i++)
		MUST(pthread_create(&threads[i], NULL, i == 2 ? let_in : keep_out, NULL) == 0);
	while (ready < 4)
		usleep(1000);
	for (int i = 0; i < 10; i++) {
		kill(getpid(), SIGUSR2);
		while (taken <= i)
			usleep(100);
	}
	stop = 1;
	int inherited = 1;
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &result);
		if (i != 2)
			inherited &= (int)(long)result;
	}
	printf("to the process: taken by the one that lets it in %d\ninherited mask: %d\n", taken, inherited);
	set_mask(SIG_UNBLOCK, SIGUSR2);

	set_mask(SIG_BLOCK, SIGRTMIN + 3);
	MUST(pthread_create(&threads[0], NULL, collect, NULL) == 0);
	for (int i = 1; i <= 5; i++)
		sigqueue(getpid(), SIGRTMIN + 3, (union sigval){ .sival_int = i });
	pthread_join(threads[0], &result);
	printf("sigwait in a thread: 5 values, sum %ld\n", (long)result);

	sem_init(&never, 0, 0);
	good = ready = 0;
	for (int i = 0; i < 4; i++)
		MUST(pthread_create(&threads[i], NULL, be_interrupted, NULL) == 0);
	while (ready < 4)
		usleep(1000);
	usleep(20000);
	for (int i = 0; i < 4; i++)
		pthread_kill(threads[i], SIGUSR1);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	printf("interrupted in wait: EINTR in %d of 4\n", good);

	good = 0;
	handle(SIGSEGV, repair, 0);
	for (int i = 0; i < 8; i++)
		MUST(pthread_create(&threads[i], NULL, fault, NULL) == 0);
	for (int i = 0; i < 8; i++)
		pthread_join(threads[i], NULL);
	printf("fault in a thread: %d of 8 by themselves\n", good);

	ready = stop = 0;
	handle(SIGUSR1, note, SA_RESTART);
	for (int i = 0; i < 4; i++)
		MUST(pthread_create(&threads[i], NULL, be_hammered, threads) == 0);
	while (ready < 4)
		usleep(1000);
	printf("identity changed in all: %d\n", setgid(getgid()) == 0 && setuid(getuid()) == 0);
	MUST(pthread_create(&sender, NULL, hammer, threads) == 0);
	pthread_join(sender, NULL);
	usleep(10000);
	stop = 1;
	int hammered = 1;
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &result);
		hammered &= result != NULL;
	}
	printf("hammered: %d\n", hammered);

	static char memory[65536];
	stack_t stack = { .ss_sp = memory, .ss_size = sizeof memory };
	sigaltstack(&stack, NULL);
	pthread_create(&threads[0], NULL, look, NULL);
	pthread_join(threads[0], &result);
	printf("stack disabled in a new thread: %ld\n", (long)result);
	return 0;
}
