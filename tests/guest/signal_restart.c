/* SPDX-License-Identifier: MIT */
/* Which calls go on after a handler: with SA_RESTART and without. */
/* expect:
read, SA_RESTART: data, 1 handler
read: EINTR, 1 handler
waitpid, SA_RESTART: 7, 1 handler
waitpid: EINTR, 1 handler
socket, SA_RESTART: data, 1 handler
socket with timeout, SA_RESTART: EINTR, 1 handler
nanosleep, SA_RESTART: EINTR, time left 1, 1 handler
poll, SA_RESTART: EINTR, 1 handler
pause, SA_RESTART: EINTR, 1 handler
sem_wait, SA_RESTART: done, 1 handler
sem_wait: EINTR, 1 handler
write to a full pipe: partial 1, 1 handler
flock, SA_RESTART: done, 1 handler
ignored signal: data, 0 handlers
*/
#include "must.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t handlers;
static pthread_t main_thread;
static sem_t semaphore;
static int lock_fd = -1;

static void count(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	handlers++;
}

static void rest(long milliseconds)
{
	struct timespec time = { 0, milliseconds * 1000000 };
	while (nanosleep(&time, &time) != 0)
		;
}

/* What the other thread does once the call waits: sends the signal, later makes the call succeed. */
struct Plan {
	int sig, fd;
	int post, unlock;
};

static void *disturb(void *data)
{
	struct Plan *plan = data;
	rest(150);
	pthread_kill(main_thread, plan->sig);
	rest(150);
	if (plan->fd >= 0)
		MUST(write(plan->fd, "x", 1) == 1);
	if (plan->post)
		sem_post(&semaphore);
	if (plan->unlock)
		flock(lock_fd, LOCK_UN);
	return NULL;
}

static pthread_t helper;
static void begin(struct Plan *plan, int flags)
{
	sigset_t set, old;
	handlers = 0;
	handle(SIGUSR1, count, flags);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, &old);
	MUST(pthread_create(&helper, NULL, disturb, plan) == 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void end(const char *what, const char *result)
{
	pthread_join(helper, NULL);
	printf("%s: %s, %d handler%s\n", what, result, (int)handlers, handlers == 1 ? "" : "s");
}

static const char *read_result(int fd)
{
	char c;
	return read(fd, &c, 1) == 1 ? "data" : errno == EINTR ? "EINTR" : strerror(errno);
}

static void drain(int fd)
{
	char c;
	while (recv(fd, &c, 1, MSG_DONTWAIT) > 0)
		;
}

static pid_t child(void)
{
	pid_t pid = fork();
	if (!pid) {
		rest(350);
		_exit(7);
	}
	return pid;
}

static const char *wait_result(pid_t pid)
{
	static char text[16];
	int status;
	if (waitpid(pid, &status, 0) == pid)
		snprintf(text, sizeof text, "%d", WEXITSTATUS(status));
	else
		snprintf(text, sizeof text, "%s", errno == EINTR ? "EINTR" : "error");
	return text;
}

int main(void)
{
	int pipes[2], sockets[2], status;
	struct timeval timeout = { 5, 0 };
	struct timespec time = { 5, 0 };
	struct Plan quiet = { SIGUSR1, -1, 0, 0 }, plan;
	char text[64];
	pid_t pid;

	main_thread = pthread_self();
	MUST(pipe(pipes) == 0 && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0 && sem_init(&semaphore, 0, 0) == 0);

	plan = (struct Plan){ SIGUSR1, pipes[1], 0, 0 };
	begin(&plan, SA_RESTART);
	end("read, SA_RESTART", read_result(pipes[0]));
	begin(&quiet, 0);
	end("read", read_result(pipes[0]));

	pid = child();
	begin(&quiet, SA_RESTART);
	end("waitpid, SA_RESTART", wait_result(pid));
	pid = child();
	begin(&quiet, 0);
	end("waitpid", wait_result(pid));
	MUST(waitpid(pid, &status, 0) == pid);

	plan = (struct Plan){ SIGUSR1, sockets[1], 0, 0 };
	begin(&plan, SA_RESTART);
	end("socket, SA_RESTART", read_result(sockets[0]));
	MUST(setsockopt(sockets[0], SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0);
	begin(&plan, SA_RESTART);
	end("socket with timeout, SA_RESTART", read_result(sockets[0]));
	drain(sockets[0]);

	begin(&quiet, SA_RESTART);
	int result = nanosleep(&time, &time);
	snprintf(text, sizeof text, "%s, time left %d", result && errno == EINTR ? "EINTR" : "?", time.tv_sec == 4 && time.tv_nsec > 500000000);
	end("nanosleep, SA_RESTART", text);
	begin(&quiet, SA_RESTART);
	struct pollfd entry = { pipes[0], POLLIN, 0 };
	end("poll, SA_RESTART", poll(&entry, 1, 5000) < 0 && errno == EINTR ? "EINTR" : "?");
	begin(&quiet, SA_RESTART);
	end("pause, SA_RESTART", pause() < 0 && errno == EINTR ? "EINTR" : "?");

	plan = (struct Plan){ SIGUSR1, -1, 1, 0 };
	begin(&plan, SA_RESTART);
	end("sem_wait, SA_RESTART", sem_wait(&semaphore) == 0 ? "done" : "?");
	begin(&quiet, 0);
	end("sem_wait", sem_wait(&semaphore) < 0 && errno == EINTR ? "EINTR" : "?");

	static char big[1 << 20];
	begin(&quiet, 0);
	ssize_t written = write(pipes[1], big, sizeof big);
	snprintf(text, sizeof text, "partial %d", written > 0 && written < (ssize_t)sizeof big);
	end("write to a full pipe", text);
	close(pipes[0]);
	close(pipes[1]);
	MUST(pipe(pipes) == 0);

	char name[] = "lockXXXXXX";
	lock_fd = mkstemp(name);
	int other = open(name, O_RDWR);
	MUST(lock_fd >= 0 && other >= 0 && unlink(name) == 0 && flock(lock_fd, LOCK_EX) == 0);
	plan = (struct Plan){ SIGUSR1, -1, 0, 1 };
	begin(&plan, SA_RESTART);
	end("flock, SA_RESTART", flock(other, LOCK_EX) == 0 ? "done" : "?");

	signal(SIGUSR2, SIG_IGN);
	plan = (struct Plan){ SIGUSR2, pipes[1], 0, 0 };
	begin(&plan, 0);
	end("ignored signal", read_result(pipes[0]));
	return 0;
}
