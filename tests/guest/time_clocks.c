/* SPDX-License-Identifier: MIT */
/* Clocks, sleeps and their remainders, interval timers, POSIX timers by signal and by thread, time of the guest's own counters. */
/* expect:
clocks
sleep
interval timer
timers
counters
*/
#include "must.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t ticks, value;

static void on_tick(int sig, siginfo_t *info, void *context)
{
	(void)context;
	if (sig == SIGRTMIN + 2 && info->si_code == SI_TIMER)
		value = info->si_value.sival_int;
	ticks++;
}

static int64_t ns(clockid_t clock)
{
	struct timespec t;
	MUST(clock_gettime(clock, &t) == 0);
	return t.tv_sec * 1000000000L + t.tv_nsec;
}

int main(void)
{
	struct timespec t = { 0, 20000000 }, left;
	struct timeval tv;
	struct tms tms;
	struct rusage usage;
	static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
		CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI };

	for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
		int64_t first = ns(clocks[i]);
		MUST(clock_getres(clocks[i], &left) == 0 && left.tv_sec == 0 && left.tv_nsec > 0 && ns(clocks[i]) >= first);
	}
	MUST(clock_gettime(99, &left) == -1 && errno == EINVAL && gettimeofday(&tv, NULL) == 0 && labs(tv.tv_sec - time(NULL)) <= 1);
	puts("clocks");

	int64_t start = ns(CLOCK_MONOTONIC);
	MUST(nanosleep(&t, NULL) == 0 && ns(CLOCK_MONOTONIC) - start >= 20000000);
	start = ns(CLOCK_MONOTONIC) + 20000000;
	t.tv_sec = start / 1000000000, t.tv_nsec = start % 1000000000;
	MUST(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == 0 && ns(CLOCK_MONOTONIC) >= start);
	MUST(nanosleep(&(struct timespec){ 0, 1000000000 }, NULL) == -1 && errno == EINVAL);
	handle(SIGALRM, on_tick, SA_RESTART);
	MUST(ualarm(20000, 0) == 0 && nanosleep(&(struct timespec){ 10, 0 }, &left) == -1 && errno == EINTR && left.tv_sec == 9 && ticks == 1);
	puts("sleep");

	struct itimerval it = { { 0, 5000 }, { 0, 5000 } }, back;
	ticks = 0;
	MUST(setitimer(ITIMER_REAL, &it, NULL) == 0);
	while (ticks < 4)
		pause();
	MUST(getitimer(ITIMER_REAL, &back) == 0 && back.it_interval.tv_usec == 5000 && setitimer(ITIMER_REAL, &(struct itimerval){ 0 }, &back) == 0 && back.it_interval.tv_usec == 5000);
	handle(SIGVTALRM, on_tick, SA_RESTART);
	ticks = 0;
	MUST(setitimer(ITIMER_VIRTUAL, &it, NULL) == 0);
	while (ticks < 2)
		;
	MUST(setitimer(ITIMER_VIRTUAL, &(struct itimerval){ 0 }, NULL) == 0 && alarm(100) == 0 && alarm(0) > 90);
	puts("interval timer");

	timer_t timer;
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 2, .sigev_value.sival_int = 99 };
	struct itimerspec set = { { 0, 4000000 }, { 0, 4000000 } }, now;
	handle(SIGRTMIN + 2, on_tick, SA_RESTART);
	ticks = 0;
	MUST(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0 && timer_settime(timer, 0, &set, NULL) == 0);
	while (ticks < 3)
		pause();
	MUST(value == 99 && timer_gettime(timer, &now) == 0 && now.it_interval.tv_nsec == 4000000 && timer_getoverrun(timer) >= 0 && timer_delete(timer) == 0);
	MUST(timer_create(99, &event, &timer) == -1 && errno == EINVAL);
	puts("timers");

	MUST(times(&tms) != (clock_t)-1 && getrusage(RUSAGE_SELF, &usage) == 0 && usage.ru_maxrss > 0 && getrusage(RUSAGE_CHILDREN, &usage) == 0 && getrusage(5, &usage) == -1);
#ifdef __riscv
	uint64_t a, b, c, d, e, f;
	__asm__ volatile("rdtime %0\n\trdcycle %1\n\trdinstret %2" : "=r"(a), "=r"(b), "=r"(c));
	for (volatile int i = 0; i < 100000; i++)
		;
	__asm__ volatile("rdtime %0\n\trdcycle %1\n\trdinstret %2" : "=r"(d), "=r"(e), "=r"(f));
	MUST(d >= a && e > b && f > c);
#endif
	puts("counters");
	return 0;
}
