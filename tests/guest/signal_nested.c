/* SPDX-License-Identifier: MIT */
/* Handlers in handlers: masks of actions, SA_NODEFER, SA_RESETHAND, the order of several pending ones, and actions given back. */
/* expect:
deferred: (1 1)(1 1)
nodefer: (1 (2 2) 1)
mask: (1 1)(2 2)
masked no more: 0 0
reset: handler 1, then default 1
old action: flags 1, mask 1, handler 1
unknown flag cleared: 1
bad numbers: 1 1 1
depth: 50
storm: 1
*/
#include "must.h"

#include <sys/time.h>
#include <unistd.h>

static char text[256];
static void say(const char *piece) { strcat(text, piece); }

static int rounds;
static void self(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	int level = ++rounds;
	say(level == 1 ? "(1 " : strstr(text, "1)") ? "(1 " : "(2 ");
	if (level == 1)
		raise(SIGUSR1);
	say(level == 1 ? "1)" : strstr(text, "(2") ? "2) " : "1)");
}

static void first(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	say("(1 ");
	raise(SIGUSR2);
	say("1)");
}

static void second(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	say("(2 2)");
}

static volatile int depth, deepest;
static void dive(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	if (++depth > deepest)
		deepest = depth;
	if (depth < 50)
		raise(SIGUSR1);
	depth--;
}

static volatile int ticks, inside, overlaps;
static void tick(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	if (inside++)
		overlaps++;
	ticks++;
	inside--;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = first, .sa_flags = SA_SIGINFO }, old;

	handle(SIGUSR1, self, 0);
	raise(SIGUSR1);
	printf("deferred: %s\n", text);
	text[0] = rounds = 0;
	handle(SIGUSR1, self, SA_NODEFER);
	raise(SIGUSR1);
	printf("nodefer: %s\n", text);

	text[0] = 0;
	sigaddset(&action.sa_mask, SIGUSR2);
	MUST(sigaction(SIGUSR1, &action, NULL) == 0);
	handle(SIGUSR2, second, 0);
	raise(SIGUSR1);
	printf("mask: %s\n", text);
	printf("masked no more: %d %d\n", blocked(SIGUSR1), blocked(SIGUSR2));

	text[0] = 0;
	handle(SIGURG, second, SA_RESETHAND);
	raise(SIGURG);
	raise(SIGURG);
	MUST(sigaction(SIGURG, NULL, &old) == 0);
	printf("reset: handler %d, then default %d\n", !strcmp(text, "(2 2)"), old.sa_handler == SIG_DFL);
	MUST(sigaction(SIGUSR1, NULL, &old) == 0);
	printf("old action: flags %d, mask %d, handler %d\n", (old.sa_flags & ~0x04000000 /* SA_RESTORER */) == SA_SIGINFO, sigismember(&old.sa_mask, SIGUSR2), old.sa_sigaction == first);
	action.sa_flags = SA_SIGINFO | 0x400;
	MUST(sigaction(SIGUSR1, &action, NULL) == 0 && sigaction(SIGUSR1, NULL, &old) == 0);
	printf("unknown flag cleared: %d\n", !(old.sa_flags & 0x400));
	printf("bad numbers: %d %d %d\n", sigaction(0, NULL, &old) < 0 && errno == EINVAL, sigaction(SIGKILL, &action, NULL) < 0 && errno == EINVAL,
	       sigaction(65, NULL, &old) < 0 && errno == EINVAL);

	handle(SIGUSR1, dive, SA_NODEFER);
	raise(SIGUSR1);
	printf("depth: %d\n", deepest);

	struct itimerval fast = { { 0, 100 }, { 0, 100 } }, stop = { { 0, 0 }, { 0, 0 } };
	handle(SIGALRM, tick, 0);
	setitimer(ITIMER_REAL, &fast, NULL);
	volatile double x = 0;
	while (ticks < 200)
		for (int i = 0; i < 1000; i++)
			x += i * 0.5;
	setitimer(ITIMER_REAL, &stop, NULL);
	printf("storm: %d\n", ticks >= 200 && !overlaps);
	return 0;
}
