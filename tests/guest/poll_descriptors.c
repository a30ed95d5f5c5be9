/* SPDX-License-Identifier: MIT */
/* poll, ppoll, select and pselect with masks; eventfd, timerfd, signalfd. */
/* expect:
poll
select
masks
eventfd
timerfd
signalfd
*/
#include "must.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t hits;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	hits++;
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int main(void)
{
	int p[2], q[2];
	uint64_t v;
	char b[8];

	MUST(pipe(p) == 0 && pipe(q) == 0);
	struct pollfd f[] = { { p[0], POLLIN, 0 }, { p[1], POLLOUT, 0 }, { -1, POLLIN, 7 }, { 99, POLLIN, 0 } };
	MUST(poll(f, 4, -1) == 2 && f[0].revents == 0 && f[1].revents == POLLOUT && f[2].revents == 0 && f[3].revents == POLLNVAL);
	MUST(write(p[1], "x", 1) == 1 && poll(f, 1, 0) == 1 && f[0].revents == POLLIN && read(p[0], b, 1) == 1);
	int64_t start = now_ms();
	MUST(poll(f, 1, 40) == 0 && now_ms() - start >= 39 && close(p[1]) == 0 && poll(f, 1, -1) == 1 && f[0].revents == POLLHUP);
	puts("poll");

	fd_set in, out;
	struct timeval limit = { 0, 30000 };
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(q[0], &in);
	FD_SET(q[1], &out);
	MUST(select(q[1] + 1, &in, &out, NULL, NULL) == 1 && !FD_ISSET(q[0], &in) && FD_ISSET(q[1], &out));
	FD_SET(q[0], &in);
	MUST(select(q[0] + 1, &in, NULL, NULL, &limit) == 0 && !FD_ISSET(q[0], &in) && limit.tv_sec == 0 && limit.tv_usec == 0);
	MUST(fcntl(q[0], F_DUPFD, 200) >= 200 && write(q[1], "x", 1) == 1);
	FD_SET(200, &in);
	FD_SET(q[0], &in);
	MUST(select(201, &in, NULL, NULL, NULL) == 2 && FD_ISSET(200, &in) && close(200) == 0 && select(201, &in, NULL, NULL, NULL) == -1 && errno == EBADF && read(q[0], b, 8) == 1);
	puts("select");

	/* A blocked and pending signal gets through exactly while the call waits. */
	sigset_t empty;
	struct timespec second = { 5, 0 };
	sigemptyset(&empty);
	handle(SIGUSR1, on_signal, SA_RESTART);
	set_mask(SIG_BLOCK, SIGUSR1);
	MUST(raise(SIGUSR1) == 0 && hits == 0 && ppoll(NULL, 0, &second, &empty) == -1 && errno == EINTR && hits == 1 && blocked(SIGUSR1));
	MUST(raise(SIGUSR1) == 0 && pselect(0, NULL, NULL, NULL, &second, &empty) == -1 && errno == EINTR && hits == 2 && blocked(SIGUSR1));
	puts("masks");

	int e = eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC), s = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK);
	MUST(read(e, &v, 8) == 8 && v == 3 && read(e, &v, 8) == -1 && errno == EAGAIN && read(e, &v, 4) == -1 && errno == EINVAL);
	v = 2;
	MUST(write(s, &v, 8) == 8 && read(s, &v, 8) == 8 && v == 1 && read(s, &v, 8) == 8 && v == 1 && read(s, &v, 8) == -1);
	v = -2;
	MUST(write(e, &v, 8) == 8 && (v = 1) && write(e, &v, 8) == -1 && errno == EAGAIN);
	puts("eventfd");

	int t = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
	struct itimerspec set = { .it_interval = { 0, 10000000 }, .it_value = { 0, 20000000 } }, old;
	MUST(read(t, &v, 8) == -1 && errno == EAGAIN && timerfd_settime(t, 0, &set, NULL) == 0 && timerfd_gettime(t, &old) == 0 && old.it_interval.tv_nsec == 10000000 && old.it_value.tv_nsec > 0);
	struct pollfd tp = { t, POLLIN, 0 };
	MUST(poll(&tp, 1, 5000) == 1 && usleep(50000) == 0 && read(t, &v, 8) == 8 && v >= 4);
	MUST(timerfd_settime(t, 0, &(struct itimerspec){ 0 }, &old) == 0 && old.it_interval.tv_nsec == 10000000 && timerfd_gettime(t, &old) == 0 && !old.it_value.tv_nsec);
	puts("timerfd");

	sigset_t set_two;
	struct signalfd_siginfo info;
	sigemptyset(&set_two), sigaddset(&set_two, SIGUSR2), sigaddset(&set_two, SIGRTMIN + 1);
	MUST(sigprocmask(SIG_BLOCK, &set_two, NULL) == 0);
	int sf = signalfd(-1, &set_two, SFD_NONBLOCK | SFD_CLOEXEC);
	MUST(sf >= 0 && sizeof info == 128 && read(sf, &info, sizeof info) == -1 && errno == EAGAIN);
	MUST(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){ .sival_int = 4711 }) == 0 && kill(getpid(), SIGUSR2) == 0);
	MUST(read(sf, &info, sizeof info) == sizeof info && info.ssi_signo == SIGUSR2 && (int)info.ssi_pid == getpid());
	MUST(read(sf, &info, sizeof info) == sizeof info && (int)info.ssi_signo == SIGRTMIN + 1 && info.ssi_int == 4711 && info.ssi_code == SI_QUEUE);
	puts("signalfd");
	return 0;
}
