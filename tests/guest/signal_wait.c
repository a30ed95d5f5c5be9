/* SPDX-License-Identifier: MIT */
/* Waiting for signals: sigsuspend, sigtimedwait, sigwaitinfo, ppoll and pselect with a mask, and what is pending. */
/* expect:
sigsuspend: EINTR, handler 1, USR1 blocked in handler 1, USR2 blocked in handler 0, restored 1
sigsuspend twice: 2
timeout: EAGAIN
at once: USR1, sent by me 1
from a child: USR2, pid 1
other signal: EINTR, handler 1
bad timeout: EINVAL
blocked SIGSEGV waited for: SEGV, handler 0
blocked SIGFPE pending: 1, delivered on unblocking 1
ppoll: EINTR, handler 1, mask restored 1
ppoll with ready file: 1, handler 0, pending 1
pselect: EINTR, handler 1, mask restored 1
epoll_pwait: EINTR, handler 1, mask restored 1
no wake-up lost: 500
*/
#include "must.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int handlers, first_blocked, second_blocked;

static void note(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	handlers++;
	first_blocked = blocked(SIGUSR1);
	second_blocked = blocked(SIGUSR2);
}

static void later(int sig, int milliseconds)
{
	pid_t parent = getpid(), pid = fork();
	if (!pid) {
		struct timespec time = { 0, milliseconds * 1000000L };
		nanosleep(&time, NULL);
		kill(parent, sig);
		_exit(0);
	}
}

static void reap(void)
{
	while (wait(NULL) > 0)
		;
}

static const char *outcome(int result)
{
	static char text[16];
	snprintf(text, sizeof text, "%d", result);
	return result >= 0 ? text : errno == EINTR ? "EINTR" : errno == EAGAIN ? "EAGAIN" : errno == EINVAL ? "EINVAL" : "?";
}

int main(void)
{
	sigset_t none, set, pending;
	siginfo_t info;
	struct timespec soon = { 0, 30000000 }, bad = { 0, 2000000000 }, long_time = { 5, 0 };
	int pipes[2];

	sigemptyset(&none);
	handle(SIGUSR1, note, 0);
	set_mask(SIG_BLOCK, SIGUSR1);
	later(SIGUSR1, 50);
	int result = sigsuspend(&none);
	printf("sigsuspend: %s, handler %d, USR1 blocked in handler %d, USR2 blocked in handler %d, restored %d\n", outcome(result), handlers,
	       first_blocked, second_blocked, blocked(SIGUSR1));
	reap();
	handlers = 0;
	raise(SIGUSR1);
	sigsuspend(&none);
	raise(SIGUSR1);
	sigsuspend(&none);
	printf("sigsuspend twice: %d\n", handlers);

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	printf("timeout: %s\n", outcome(sigtimedwait(&set, &info, &soon)));
	raise(SIGUSR1);
	result = sigtimedwait(&set, &info, &long_time);
	printf("at once: %s, sent by me %d\n", result == SIGUSR1 ? "USR1" : "?", info.si_pid == getpid());
	later(SIGUSR2, 50);
	result = sigwaitinfo(&set, &info);
	printf("from a child: %s, pid %d\n", result == SIGUSR2 ? "USR2" : "?", waitpid(info.si_pid, NULL, 0) == info.si_pid);
	handlers = 0;
	handle(SIGALRM, note, SA_RESTART);
	later(SIGALRM, 50);
	result = sigtimedwait(&set, &info, &long_time);
	printf("other signal: %s, handler %d\n", outcome(result), handlers);
	reap();
	printf("bad timeout: %s\n", outcome(sigtimedwait(&set, &info, &bad)));

	handlers = 0;
	handle(SIGSEGV, note, 0);
	handle(SIGFPE, note, 0);
	set_mask(SIG_BLOCK, SIGSEGV);
	set_mask(SIG_BLOCK, SIGFPE);
	sigemptyset(&set);
	sigaddset(&set, SIGSEGV);
	later(SIGSEGV, 50);
	result = sigtimedwait(&set, &info, &long_time);
	printf("blocked SIGSEGV waited for: %s, handler %d\n", result == SIGSEGV ? "SEGV" : outcome(result), handlers);
	reap();
	raise(SIGFPE);
	sigpending(&pending);
	printf("blocked SIGFPE pending: %d, ", sigismember(&pending, SIGFPE) && !handlers);
	set_mask(SIG_UNBLOCK, SIGFPE);
	printf("delivered on unblocking %d\n", handlers);

	MUST(pipe(pipes) == 0);
	struct pollfd entry = { pipes[0], POLLIN, 0 };
	sigemptyset(&pending);
	handlers = 0;
	later(SIGUSR1, 50);
	result = ppoll(&entry, 1, &long_time, &none);
	printf("ppoll: %s, handler %d, mask restored %d\n", outcome(result), handlers, blocked(SIGUSR1));
	reap();
	handlers = 0;
	raise(SIGUSR1);
	MUST(write(pipes[1], "x", 1) == 1);
	result = ppoll(&entry, 1, &long_time, NULL);
	sigpending(&pending);
	printf("ppoll with ready file: %s, handler %d, pending %d\n", outcome(result), handlers, sigismember(&pending, SIGUSR1));
	char c;
	MUST(read(pipes[0], &c, 1) == 1);
	fd_set files;
	FD_ZERO(&files);
	FD_SET(pipes[0], &files);
	result = pselect(pipes[0] + 1, &files, NULL, NULL, &long_time, &none);
	printf("pselect: %s, handler %d, mask restored %d\n", outcome(result), handlers, blocked(SIGUSR1));
	int epoll = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN };
	MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, pipes[0], &event) == 0);
	handlers = 0;
	later(SIGUSR1, 50);
	result = epoll_pwait(epoll, &event, 1, 5000, &none);
	printf("epoll_pwait: %s, handler %d, mask restored %d\n", outcome(result), handlers, blocked(SIGUSR1));
	reap();

	/* a parent and a child that wake each other: one lost signal and both wait for ever */
	handlers = 0;
	pid_t parent = getpid(), child = fork();
	for (int i = 0; i < 500; i++) {
		while (child == 0 ? handlers <= i : handlers < i)
			sigsuspend(&none);
		kill(child ? child : parent, SIGUSR1);
	}
	if (!child)
		_exit(0);
	while (handlers < 500)
		sigsuspend(&none);
	printf("no wake-up lost: %d\n", handlers);
	reap();
	return 0;
}
