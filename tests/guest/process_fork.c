/* SPDX-License-Identifier: MIT */
/* fork, from one thread and from many; vfork, which shares memory; posix_spawn and what it reports. */
/* expect:
fork: 42, memory its own 1, tid 1
from eight threads: 160 of 160
child allocates: 1
child makes threads: 4
vfork: status 7, memory shared 1, stack kept 1
vfork, killed: signal 9
vfork, handlers its own: 1
vfork in threads while others run: 40
spawn: status 3
spawn, nothing there: ENOENT
spawn, no permission: EACCES
spawn with actions: "hello" through a pipe, mask 1, default 1, group 1
exec after vfork, error seen: ENOENT
fork in vfork: 5
atfork: 1 1 1
deep: 20
*/
#include "must.h"

#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static char *program;
static int variable = 1;
static atomic_int forked, stop;

static int status_of(pid_t pid)
{
	int status;
	MUST(waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void *fork_often(void *data)
{
	for (int i = 0; i < 20; i++) {
		char *text = malloc(1000);
		pid_t pid = fork();
		if (!pid) {
			free(text);
			text = malloc(5000);
			memset(text, 1, 5000);
			free(text);
			_exit(i);
		}
		if (status_of(pid) == i)
			forked++;
		free(text);
	}
	return data;
}

static void *busy(void *data)
{
	while (!stop)
		free(malloc(rand() % 10000));
	return data;
}

static void *one(void *data)
{
	atomic_fetch_add((atomic_int *)data, 1);
	return NULL;
}

static void *vfork_often(void *data)
{
	for (volatile int i = 0; i < 10; i++) {
		pid_t pid = vfork();
		if (!pid)
			_exit(i + 1);
		if (status_of(pid) == i + 1)
			forked++;
	}
	return data;
}

static int prepared, in_parent, in_child;
static void prepare(void) { prepared++; }
static void parent(void) { in_parent++; }
static void child(void) { in_child++; }

static volatile int handled;
static void note(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	handled++;
}

static int deep(int level)
{
	if (level == 0)
		return 0;
	pid_t pid = fork();
	if (!pid)
		_exit(deep(level - 1));
	return status_of(pid) + 1;
}

static const char *name(int error)
{
	return error == ENOENT ? "ENOENT" : error == EACCES ? "EACCES" : error ? strerror(error) : "none";
}

static void spawning(void)
{
	char *three[] = { program, "3", NULL }, *hello[] = { program, "hello", NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t set;
	int pipes[2];
	char text[64] = "";
	pid_t pid;

	MUST(posix_spawn(&pid, program, NULL, NULL, three, environ) == 0);
	printf("spawn: status %d\n", status_of(pid));
	printf("spawn, nothing there: %s\n", name(posix_spawn(&pid, "/nowhere/at/all", NULL, NULL, three, environ)));
	printf("spawn, no permission: %s\n", name(posix_spawn(&pid, "/dev/null", NULL, NULL, three, environ)));

	MUST(pipe(pipes) == 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
	posix_spawn_file_actions_addclose(&actions, pipes[0]);
	posix_spawn_file_actions_addclose(&actions, pipes[1]);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	posix_spawnattr_setsigmask(&attributes, &set);
	sigaddset(&set, SIGHUP);
	posix_spawnattr_setsigdefault(&attributes, &set);
	posix_spawnattr_setpgroup(&attributes, 0);
	signal(SIGHUP, SIG_IGN);
	MUST(posix_spawn(&pid, program, &actions, &attributes, hello, environ) == 0);
	signal(SIGHUP, SIG_DFL);
	close(pipes[1]);
	int length = 0, n;
	while ((n = read(pipes[0], text + length, sizeof text - 1 - length)) > 0)
		length += n;
	MUST(status_of(pid) == 0);
	printf("spawn with actions: %s\n", text);
}

static int spawned(const char *what)
{
	struct sigaction action;
	if (strcmp(what, "hello"))
		return atoi(what);
	sigaction(SIGHUP, NULL, &action);
	printf("\"hello\" through a pipe, mask %d, default %d, group %d", blocked(SIGUSR2) && !blocked(SIGUSR1), action.sa_handler == SIG_DFL, getpgrp() == getpid());
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t threads[8];
	int stack_word = 5;

	if (argc > 1)
		return spawned(argv[1]);
	program = "/proc/self/exe";
	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		variable = 2;
		_exit(getpid() == syscall(SYS_gettid) ? 42 : 1);
	}
	int status = status_of(pid);
	printf("fork: %d, memory its own %d, tid %d\n", status, variable == 1, status == 42);

	for (int i = 0; i < 2; i++)
		MUST(pthread_create(&threads[i], NULL, busy, NULL) == 0);
	pthread_t forkers[8];
	for (int i = 0; i < 8; i++)
		MUST(pthread_create(&forkers[i], NULL, fork_often, NULL) == 0);
	for (int i = 0; i < 8; i++)
		pthread_join(forkers[i], NULL);
	printf("from eight threads: %d of 160\n", forked);
	fflush(stdout);
	pid = fork();
	if (!pid) {
		for (int i = 0; i < 1000; i++)
			free(malloc(i * 100));
		_exit(1);
	}
	printf("child allocates: %d\n", status_of(pid));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		atomic_int made = 0;
		pthread_t more[4];
		for (int i = 0; i < 4; i++)
			MUST(pthread_create(&more[i], NULL, one, &made) == 0);
		for (int i = 0; i < 4; i++)
			pthread_join(more[i], NULL);
		_exit(made);
	}
	printf("child makes threads: %d\n", status_of(pid));

	pid = vfork();
	if (!pid) {
		variable = 3;
		_exit(7);
	}
	printf("vfork: status %d, memory shared %d, stack kept %d\n", status_of(pid), variable == 3, stack_word == 5);
	pid = vfork();
	if (!pid)
		kill(getpid(), SIGKILL);
	printf("vfork, killed: signal %d\n", -status_of(pid));
	handle(SIGUSR1, note, 0);
	pid = vfork();
	if (!pid) {
		signal(SIGUSR1, SIG_IGN);
		raise(SIGUSR1);
		_exit(handled);
	}
	status = status_of(pid);
	raise(SIGUSR1);
	printf("vfork, handlers its own: %d\n", status == 0 && handled == 1);
	forked = 0;
	for (int i = 2; i < 6; i++)
		MUST(pthread_create(&threads[i], NULL, vfork_often, NULL) == 0);
	for (int i = 2; i < 6; i++)
		pthread_join(threads[i], NULL);
	printf("vfork in threads while others run: %d\n", forked);
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);

	spawning();
	volatile int error = 0;
	pid = vfork();
	if (!pid) {
		char *args[] = { "x", NULL };
		execv("/nowhere/at/all", args);
		error = errno;
		_exit(0);
	}
	status_of(pid);
	printf("exec after vfork, error seen: %s\n", name(error));
	fflush(stdout);
	pid = vfork();
	if (!pid) {
		pid_t inner = fork();
		if (!inner)
			_exit(5);
		_exit(status_of(inner));
	}
	printf("fork in vfork: %d\n", status_of(pid));

	pthread_atfork(prepare, parent, child);
	fflush(stdout);
	pid = fork();
	if (!pid)
		_exit(in_child * 10 + in_parent);
	printf("atfork: %d %d %d\n", prepared, in_parent, status_of(pid) == 10);
	fflush(stdout);
	printf("deep: %d\n", deep(20));
	return 0;
}
