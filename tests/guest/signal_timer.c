/* SPDX-License-Identifier: MIT */
/* Timers that ring faster than their signals can be taken: the program gets on all the same, and what it sends itself still comes at once. */
/* expect:
setitimer: done, ticks
timer_create: done, ticks
two at once: done, ticks
raise: at once
suspended: woken
*/
/* timeout: 60 */
#include "must.h"

#include <stdbool.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#if defined __riscv
enum { PERIOD = 2 };            /* microseconds; a processor may starve at that, too */
#else
enum { PERIOD = 30 };
#endif
enum { ROUNDS = 3000000, RAISES = 300, PAUSES = 300, SECONDS = 40 };

static volatile unsigned long ticks;

static void on_signal(int sig)
{
	(void)sig;
	ticks++;
}

static void set_interval(int which, int period)
{
	struct itimerval value = { { 0, period }, { 0, period } };

	MUST(setitimer(which, &value, NULL) == 0);
}

static timer_t make_timer(int sig)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = sig };
	timer_t timer;

	MUST(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
	return timer;
}

static void set_timer(timer_t timer, int period)
{
	struct itimerspec value = { { 0, 1000 * period }, { 0, 1000 * period } };

	MUST(timer_settime(timer, 0, &value, NULL) == 0);
}

/* Work that takes some milliseconds where nothing interrupts. */
static bool work(void)
{
	volatile unsigned long sum = 0;
	time_t end = time(NULL) + SECONDS;
	unsigned long i;

	for (i = 0; i < ROUNDS && (i % (1 << 18) || time(NULL) < end); i++)
		sum += i;
	return i == ROUNDS;
}

static void tell(const char *what, bool done)
{
	printf("%s: %s, %s\n", what, done ? "done" : "starved", ticks ? "ticks" : "no tick");
	ticks = 0;
}

/* A signal that the program sends itself has come when the call returns, a timer's with the same number or not. */
static bool raises(void)
{
	for (unsigned i = 0; i < RAISES; i++) {
		unsigned long before = ticks;
		raise(SIGALRM);
		if (ticks == before)
			return false;
	}
	return true;
}

int main(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	MUST(sigaction(SIGALRM, &action, NULL) == 0);
	MUST(sigaction(SIGUSR1, &action, NULL) == 0);

	set_interval(ITIMER_REAL, PERIOD);
	bool done = work();
	set_interval(ITIMER_REAL, 0);
	tell("setitimer", done);

	timer_t timer = make_timer(SIGUSR1);
	set_timer(timer, PERIOD);
	done = work();
	set_timer(timer, 0);
	tell("timer_create", done);

	set_timer(timer, PERIOD);
	set_interval(ITIMER_REAL, PERIOD);
	done = work();
	set_timer(timer, 0);
	tell("two at once", done);

	done = raises();
	printf("raise: %s\n", done ? "at once" : "late");

	for (unsigned i = 0; i < PAUSES; i++)
		pause();
	set_interval(ITIMER_REAL, 0);
	printf("suspended: woken\n");
	return 0;
}
