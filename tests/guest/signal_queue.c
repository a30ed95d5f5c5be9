/* SPDX-License-Identifier: MIT */
/* Queued signals: realtime ones in order of number and of sending, with their values; standard ones once; to threads before to the process. */
/* expect:
standard: 1 of 3
rt 0: 1 2 3
rt 1: 10 11
order of delivery: 35 35 35 36 36
si_code 1, si_pid 1, si_uid 1
tkill: si_code 1
pending: usr1 1, rt 1, usr2 0
waited: 34+1 5, 34+2 6
limit respected: 1
none of it lost: 2000
*/
#include "must.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int values[2][16], nvalues[2], order[16], norder, usr1;
static siginfo_t last;
static volatile int total, expected, wrong;

static void note(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (sig == SIGUSR1) {
		usr1++;
	} else {
		int which = sig - SIGRTMIN - 1;
		order[norder++] = sig;
		values[which][nvalues[which]++] = info->si_value.sival_int;
	}
	last = *info;
}

static void count(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	if (info->si_value.sival_int != expected++)
		wrong++;
	total++;
}

static void send(int sig, int value)
{
	MUST(sigqueue(getpid(), sig, (union sigval){ .sival_int = value }) == 0);
}

int main(void)
{
	sigset_t all, none, pending, two;
	siginfo_t info;
	struct timespec zero = { 0, 0 };
	int first = SIGRTMIN + 1, second = SIGRTMIN + 2;

	sigfillset(&all);
	sigemptyset(&none);
	for (int sig = first; sig <= second; sig++) {
		struct sigaction action = { .sa_sigaction = note, .sa_flags = SA_SIGINFO };
		sigfillset(&action.sa_mask);
		sigaction(sig, &action, NULL);
	}
	struct sigaction once = { .sa_sigaction = note, .sa_flags = SA_SIGINFO };
	sigfillset(&once.sa_mask);
	sigaction(SIGUSR1, &once, NULL);

	/* one after the other, each blocking the rest, lowest number first */
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (int i = 0; i < 3; i++)
		kill(getpid(), SIGUSR1);
	send(second, 10);
	for (int i = 1; i <= 3; i++)
		send(first, i);
	send(second, 11);
	while (norder < 5)
		sigsuspend(&none);
	printf("standard: %d of 3\n", usr1);
	for (int which = 0; which < 2; which++) {
		printf("rt %d:", which);
		for (int i = 0; i < nvalues[which]; i++)
			printf(" %d", values[which][i]);
		printf("\n");
	}
	printf("order of delivery:");
	for (int i = 0; i < norder; i++)
		printf(" %d", order[i]);
	printf("\nsi_code %d, si_pid %d, si_uid %d\n", last.si_code == SI_QUEUE, last.si_pid == getpid(), last.si_uid == getuid());
	sigprocmask(SIG_SETMASK, &none, NULL);
	syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
	printf("tkill: si_code %d\n", last.si_code == SI_TKILL);

	sigprocmask(SIG_SETMASK, &all, NULL);
	raise(SIGUSR1);
	send(second, 6);
	send(first, 5);
	sigpending(&pending);
	printf("pending: usr1 %d, rt %d, usr2 %d\n", sigismember(&pending, SIGUSR1), sigismember(&pending, first), sigismember(&pending, SIGUSR2));
	sigemptyset(&two);
	sigaddset(&two, first);
	sigaddset(&two, second);
	printf("waited:");
	for (int i = 1; sigtimedwait(&two, &info, &zero) > 0; i++)
		printf("%s 34+%d %d", i == 1 ? "" : ",", info.si_signo - SIGRTMIN, info.si_value.sival_int);
	printf("\n");

	struct rlimit limit = { 5, 5 }, old;
	MUST(getrlimit(RLIMIT_SIGPENDING, &old) == 0);
	limit.rlim_max = old.rlim_max;
	MUST(setrlimit(RLIMIT_SIGPENDING, &limit) == 0);
	int failed = 0;
	for (int i = 0; i < 100; i++)
		failed |= sigqueue(getpid(), first, (union sigval){ 0 }) < 0 && errno == EAGAIN;
	printf("limit respected: %d\n", failed);
	setrlimit(RLIMIT_SIGPENDING, &old);
	while (sigtimedwait(&two, &info, &zero) > 0)
		;
	handle(first, count, 0);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int i = 0; i < 2000; i++)
		send(first, i);
	printf("none of it lost: %d\n", wrong ? -wrong : total);
	return 0;
}
