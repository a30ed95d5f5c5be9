/* SPDX-License-Identifier: MIT */
/* How processes with threads end: the first thread before the others, exit_group from any, exec from any. */
/* expect:
first thread gone, others work: exit 0
first thread gone, _exit by another: exit 9
exit with others spinning and waiting: exit 5
exit_group by a thread: exit 6
return from main with others: exit 4
exec by a thread: exit 8
fatal signal with the first thread gone: signal 15
a hundred in a row: 100
two exit at once: 1
*/
#include "must.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char **arguments;
static pthread_barrier_t barrier;

static void *spin(void *data)
{
	volatile long x = 0;
	for (;;)
		x++;
	return data;
}

static void *wait_for_ever(void *data)
{
	for (;;)
		pause();
	return data;
}

static void *finish_last(void *data)
{
	usleep(30000);
	return data;
}

static void *leave(void *data)
{
	usleep(30000);
	_exit((int)(long)data);
}

static void *die(void *data)
{
	usleep(30000);
	kill(getpid(), SIGTERM);
	return wait_for_ever(data);
}

static void *execute(void *data)
{
	char *args[] = { arguments[0], "8", NULL };
	usleep(30000);
	execv("/proc/self/exe", args);
	return data;
}

static void *leave_together(void *data)
{
	pthread_barrier_wait(&barrier);
	_exit((int)(long)data);
}

static void start(void *(*function)(void *), long data)
{
	pthread_t thread;
	MUST(pthread_create(&thread, NULL, function, (void *)data) == 0);
}

static void first_gone(void) { start(finish_last, 0); start(finish_last, 0); pthread_exit(NULL); }
static void first_gone_exit(void) { start(wait_for_ever, 0); start(leave, 9); pthread_exit(NULL); }
static void exit_among(void) { start(spin, 0); start(wait_for_ever, 0); usleep(10000); _exit(5); }
static void exit_by_thread(void) { start(spin, 0); start(leave, 6); wait_for_ever(NULL); }
static void exec_by_thread(void) { start(spin, 0); start(wait_for_ever, 0); start(execute, 0); wait_for_ever(NULL); }
static void killed(void) { start(wait_for_ever, 0); start(die, 0); pthread_exit(NULL); }

static int outcome(void (*function)(void), const char *what, int returned)
{
	int status;

	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		if (function)
			function();
		start(spin, 0);
		start(wait_for_ever, 0);
		exit(returned);
	}
	MUST(waitpid(pid, &status, 0) == pid);
	if (!what)
		return WEXITSTATUS(status);
	if (WIFSIGNALED(status))
		printf("%s: signal %d\n", what, WTERMSIG(status));
	else
		printf("%s: exit %d\n", what, WEXITSTATUS(status));
	return 0;
}

static void both(void)
{
	pthread_barrier_init(&barrier, NULL, 2);
	start(leave_together, 1);
	leave_together((void *)1);
}

int main(int argc, char **argv)
{
	int good = 0;

	arguments = argv;
	if (argc > 1)
		return atoi(argv[1]);
	outcome(first_gone, "first thread gone, others work", 0);
	outcome(first_gone_exit, "first thread gone, _exit by another", 0);
	outcome(exit_among, "exit with others spinning and waiting", 0);
	outcome(exit_by_thread, "exit_group by a thread", 0);
	outcome(NULL, "return from main with others", 4);
	outcome(exec_by_thread, "exec by a thread", 0);
	outcome(killed, "fatal signal with the first thread gone", 0);
	for (int i = 0; i < 100; i++)
		good += outcome(NULL, NULL, i) == i;
	printf("a hundred in a row: %d\n", good);
	good = 0;
	for (int i = 0; i < 20; i++)
		good += outcome(both, NULL, 0);
	printf("two exit at once: %d\n", good == 20);
	return 0;
}
