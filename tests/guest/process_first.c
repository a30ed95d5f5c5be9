/* SPDX-License-Identifier: MIT */
/* The first process of a pid namespace survives the SIGKILL that it sends itself, by each call, and its plugins and log go on; another one there does not. */
/* needs: namespaces */
/* expect:
pid 1
kill: alive
kill of the group: alive
tkill: alive
tgkill: alive
rt_sigqueueinfo: alive
rt_tgsigqueueinfo: alive
pidfd_send_signal: alive
second: killed by 9
first: status 7
*/
#include "must.h"

#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what)
{
	printf("%s: alive\n", what);
	fflush(stdout);
}

static void be_first(void)
{
	siginfo_t info = { .si_code = SI_QUEUE };
	int status;

	printf("pid %d\n", (int)getpid());
	fflush(stdout);
	MUST(setpgid(0, 0) == 0);               /* so that the group is this process */
	MUST(kill(getpid(), SIGKILL) == 0);
	say("kill");
	MUST(kill(0, SIGKILL) == 0);
	say("kill of the group");
	MUST(syscall(SYS_tkill, gettid(), SIGKILL) == 0);
	say("tkill");
	MUST(syscall(SYS_tgkill, getpid(), gettid(), SIGKILL) == 0);
	say("tgkill");
	MUST(syscall(SYS_rt_sigqueueinfo, getpid(), SIGKILL, &info) == 0);
	say("rt_sigqueueinfo");
	MUST(syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGKILL, &info) == 0);
	say("rt_tgsigqueueinfo");
	int fd = syscall(434 /* pidfd_open */, getpid(), 0);
	MUST(fd >= 0 && syscall(424 /* pidfd_send_signal */, fd, SIGKILL, NULL, 0) == 0);
	say("pidfd_send_signal");

	pid_t second = fork();
	if (second == 0) {
		kill(getpid(), SIGKILL);
		_exit(1);
	}
	MUST(waitpid(second, &status, 0) == second && WIFSIGNALED(status));
	printf("second: killed by %d\n", WTERMSIG(status));
	fflush(stdout);
	_exit(7);
}

int main(void)
{
	int status;

	MUST(unshare(CLONE_NEWUSER | CLONE_NEWPID) == 0);
	pid_t first = fork();
	if (first == 0)
		be_first();
	MUST(waitpid(first, &status, 0) == first);
	printf("first: status %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
	return 0;
}
