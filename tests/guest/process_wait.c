/* SPDX-License-Identifier: MIT */
/* Waiting for children in all ways, job control, and clone with flags of its own. */
/* expect:
exited: code CLD_EXITED, status 3, pid 1, signal SIGCHLD
killed: code CLD_KILLED, status 9
still there with WNOWAIT: 1, then gone 1
stopped: code CLD_STOPPED, status 20
continued: code CLD_CONTINUED, status 18
terminated: code CLD_KILLED, status 15
WNOHANG, nothing yet: 0, si_pid 0
wait4: status 0x500, usage 1
any of three: 7
group: 2 of 2
no child: ECHILD
pidfd: 4
SIGCHLD: exited 1, stopped 1, continued 1, silent with SA_NOCLDSTOP 1
SIGTSTP handled: 1, stopped by default then 1
orphan: adopted 1
clone: pid written 1, child tid 1, cleared 1
clone, other signal: SIGUSR1 1, needs __WCLONE 1
clone, no signal: status 6
clone3: status 8
clone3, stack of its own and thread pointer: status 9
clone sharing memory: 33, tid cleared 1
bad clones: EINVAL EINVAL EINVAL EINVAL E2BIG
*/
#include "must.h"

#include <linux/sched.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static const char *code_name(int code)
{
	static const char *const names[] = { "?", "CLD_EXITED", "CLD_KILLED", "CLD_DUMPED", "CLD_TRAPPED", "CLD_STOPPED", "CLD_CONTINUED" };
	return code >= 1 && code <= 6 ? names[code] : names[0];
}

static pid_t sleeper(void)
{
	fflush(stdout);
	pid_t pid = fork();
	if (!pid)
		for (;;)
			pause();
	return pid;
}

static pid_t quick(int status)
{
	fflush(stdout);
	pid_t pid = fork();
	if (!pid)
		_exit(status);
	return pid;
}

static int code_of(pid_t pid, int options)
{
	siginfo_t info;
	MUST(waitid(P_PID, pid, &info, options) == 0 && info.si_pid == pid);
	return info.si_code * 1000 + info.si_status;
}

static void tell(const char *what, int code)
{
	printf("%s: code %s, status %d\n", what, code_name(code / 1000), code % 1000);
}

static void waiting(void)
{
	siginfo_t info;
	struct rusage usage;
	int status;
	pid_t pid = quick(3);

	MUST(waitid(P_PID, pid, &info, WEXITED) == 0);
	printf("exited: code %s, status %d, pid %d, signal %s\n", code_name(info.si_code), info.si_status, info.si_pid == pid, info.si_signo == SIGCHLD ? "SIGCHLD" : "?");
	pid = sleeper();
	kill(pid, SIGKILL);
	tell("killed", code_of(pid, WEXITED | WNOWAIT));
	int again = code_of(pid, WEXITED) == CLD_KILLED * 1000 + 9;
	printf("still there with WNOWAIT: %d, then gone %d\n", again, waitpid(pid, NULL, 0) < 0 && errno == ECHILD);
	pid = sleeper();
	kill(pid, SIGTSTP);
	tell("stopped", code_of(pid, WSTOPPED));
	kill(pid, SIGCONT);
	tell("continued", code_of(pid, WCONTINUED));
	kill(pid, SIGTERM);
	tell("terminated", code_of(pid, WEXITED));
	pid = sleeper();
	memset(&info, 77, sizeof info);
	int result = waitid(P_PID, pid, &info, WEXITED | WNOHANG);
	printf("WNOHANG, nothing yet: %d, si_pid %d\n", result, info.si_pid);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	pid = quick(5);
	MUST(wait4(pid, &status, 0, &usage) == pid);
	printf("wait4: status %#x, usage %d\n", status, usage.ru_maxrss > 0);
	int sum = 0;
	for (int i = 0; i < 3; i++)
		quick(1 << i);
	for (int i = 0; i < 3; i++)
		if (wait(&status) > 0)
			sum += WEXITSTATUS(status);
	printf("any of three: %d\n", sum);
	pid_t first = sleeper(), second = sleeper(), third = sleeper();
	setpgid(first, first);
	setpgid(second, first);
	kill(-first, SIGTERM);
	int found = 0;
	while (waitpid(-first, &status, 0) > 0)
		found++;
	printf("group: %d of 2\n", found);
	kill(third, SIGKILL);
	waitpid(third, NULL, 0);
	printf("no child: %s\n", wait(NULL) < 0 && errno == ECHILD ? "ECHILD" : "?");
	pid = quick(4);
	int fd = syscall(SYS_pidfd_open, pid, 0);
	MUST(fd >= 0 && waitid(P_PIDFD, fd, &info, WEXITED) == 0);
	printf("pidfd: %d\n", info.si_status);
	close(fd);
}

static volatile int seen[8], total;
static void note(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	if (info->si_code >= 0 && info->si_code < 8)
		seen[info->si_code]++;
	total++;
}

static volatile int stops;
static void on_stop(int sig, siginfo_t *info, void *context)
{
	(void)info, (void)context;
	stops++;
	signal(sig, SIG_DFL);
	raise(sig);
}

static void wait_total(int n)
{
	for (int i = 0; i < 2000 && total < n; i++)
		usleep(1000);
}

static void jobs(void)
{
	int status;

	handle(SIGCHLD, note, SA_RESTART);
	pid_t pid = sleeper();
	kill(pid, SIGSTOP);
	wait_total(1);
	MUST(waitpid(pid, &status, WUNTRACED) == pid);
	kill(pid, SIGCONT);
	wait_total(2);
	kill(pid, SIGKILL);
	wait_total(3);
	MUST(waitpid(pid, &status, 0) == pid);
	pid_t ended = quick(0);
	wait_total(4);
	MUST(waitpid(ended, &status, 0) == ended);
	int before = seen[CLD_STOPPED];
	handle(SIGCHLD, note, SA_RESTART | SA_NOCLDSTOP);
	pid = sleeper();
	kill(pid, SIGSTOP);
	MUST(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	usleep(10000);
	printf("SIGCHLD: exited %d, stopped %d, continued %d, silent with SA_NOCLDSTOP %d\n", seen[CLD_EXITED], before, seen[CLD_CONTINUED],
	       seen[CLD_STOPPED] == before);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	signal(SIGCHLD, SIG_DFL);

	fflush(stdout);
	pid = fork();
	if (!pid) {
		handle(SIGTSTP, on_stop, SA_RESTART);
		raise(SIGTSTP);
		_exit(stops);
	}
	MUST(waitpid(pid, &status, WUNTRACED) == pid);
	int stopped = WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP;
	kill(pid, SIGCONT);
	MUST(waitpid(pid, &status, 0) == pid);
	printf("SIGTSTP handled: %d, stopped by default then %d\n", WEXITSTATUS(status), stopped);

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (!fork()) {
			usleep(20000);
			_exit(11);
		}
		_exit(0);
	}
	waitpid(pid, &status, 0);
	printf("orphan: adopted %d\n", wait(&status) > 0 && WEXITSTATUS(status) == 11);
}

/* -- clone: the order of arguments after the stack differs by machine */

static long do_clone(unsigned long flags, void *stack, int *parent_tid, int *child_tid)
{
#if defined(__x86_64__)
	return syscall(SYS_clone, flags, stack, parent_tid, child_tid, 0);
#else
	return syscall(SYS_clone, flags, stack, parent_tid, 0, child_tid);
#endif
}

static volatile int shared_value, shared_tid = 1;
static int share(void *data)
{
	shared_value = 33 + (data != NULL);
	_exit(0);
}

static volatile int signals;
static void count(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	signals++;
}

static void cloning(void)
{
	int parent_tid = 0, status;
	int *child_tid = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	fflush(stdout);
	pid_t pid = do_clone(SIGCHLD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID, NULL, &parent_tid, child_tid);
	if (!pid)
		syscall(SYS_exit, *child_tid == syscall(SYS_gettid) ? 12 : 13);
	MUST(waitpid(pid, &status, 0) == pid);
	/* the word is cleared only where somebody else still uses the memory: here nobody did */
	printf("clone: pid written %d, child tid %d, cleared %d\n", parent_tid == pid, WEXITSTATUS(status) == 12, *child_tid == 0 || *child_tid == pid);

	handle(SIGUSR1, count, SA_RESTART);
	fflush(stdout);
	pid = do_clone(SIGUSR1, NULL, NULL, NULL);
	if (!pid)
		syscall(SYS_exit, 1);
	while (!signals)
		usleep(1000);
	int needs = waitpid(pid, &status, WNOHANG) < 0 && errno == ECHILD;
	printf("clone, other signal: SIGUSR1 %d, needs __WCLONE %d\n", signals, needs && waitpid(pid, &status, __WCLONE) == pid);
	fflush(stdout);
	pid = do_clone(0, NULL, NULL, NULL);
	if (!pid)
		syscall(SYS_exit, 6);
	MUST(waitpid(pid, &status, __WALL) == pid);
	printf("clone, no signal: status %d\n", WEXITSTATUS(status));

	struct clone_args args = { .exit_signal = SIGCHLD };
	fflush(stdout);
	pid = syscall(SYS_clone3, &args, sizeof args);
	if (!pid)
		syscall(SYS_exit, 8);
	MUST(waitpid(pid, &status, 0) == pid);
	printf("clone3: status %d\n", WEXITSTATUS(status));
	pid = clone(share, (char *)mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + 65536, SIGCHLD, child_tid);
	MUST(waitpid(pid, &status, 0) == pid);
	printf("clone3, stack of its own and thread pointer: status %d\n", 9 + WEXITSTATUS(status) + shared_value);

	char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pid = clone(share, stack + 65536, CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, NULL, NULL, (void *)&shared_tid);
	MUST(waitpid(pid, &status, 0) == pid);
	printf("clone sharing memory: %d, tid cleared %d\n", shared_value, shared_tid == 0);

	struct { struct clone_args args; long more; } larger = { { .exit_signal = SIGCHLD }, 1 };
	struct clone_args bad = { .exit_signal = 100 };
	int a = do_clone(CLONE_THREAD | SIGCHLD, NULL, NULL, NULL) < 0 && errno == EINVAL;
	int b = do_clone(CLONE_SIGHAND | SIGCHLD, NULL, NULL, NULL) < 0 && errno == EINVAL;
	int c = syscall(SYS_clone3, &args, 8) < 0 && errno == EINVAL;
	int d = syscall(SYS_clone3, &bad, sizeof bad) < 0 && errno == EINVAL;
	int e = syscall(SYS_clone3, &larger, sizeof larger) < 0 && errno == E2BIG;
	printf("bad clones: %s %s %s %s %s\n", a ? "EINVAL" : "?", b ? "EINVAL" : "?", c ? "EINVAL" : "?", d ? "EINVAL" : "?", e ? "E2BIG" : "?");
}

int main(void)
{
	waiting();
	jobs();
	cloning();
	return 0;
}
