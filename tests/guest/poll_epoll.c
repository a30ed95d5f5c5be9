/* SPDX-License-Identifier: MIT */
/* epoll: the layout of events, level, edge and one-shot, many descriptors, nesting, wake-up from another thread, errors. */
/* expect:
event of 16 bytes
level
edge
one-shot
many 100
nested
woken
errors
*/
/* The size is riscv64's; x86-64 packs the structure. */
#include "must.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <unistd.h>

static int p[2];

static void *wake(void *unused)
{
	usleep(30000);
	MUST(write(p[1], "w", 1) == 1);
	return unused;
}

int main(void)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = 0x1122334455667788 }, got[128];
	int ep = epoll_create1(EPOLL_CLOEXEC), many[100][2];
	char b[8];

#ifdef __x86_64__
	_Static_assert(sizeof e == 12, "packed");
	puts("event of 16 bytes");
#else
	printf("event of %zu bytes\n", sizeof e);
#endif
	MUST(ep >= 0 && pipe(p) == 0 && epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e) == 0 && epoll_wait(ep, got, 8, 0) == 0);
	MUST(write(p[1], "ab", 2) == 2 && epoll_wait(ep, got, 8, -1) == 1 && got[0].events == EPOLLIN && got[0].data.u64 == 0x1122334455667788);
	MUST(epoll_wait(ep, got, 8, 0) == 1 && read(p[0], b, 8) == 2 && epoll_wait(ep, got, 8, 10) == 0);
	puts("level");

	e.events = EPOLLIN | EPOLLET, e.data.fd = 77;
	MUST(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e) == 0 && write(p[1], "c", 1) == 1 && epoll_wait(ep, got, 8, 0) == 1 && got[0].data.fd == 77);
	MUST(epoll_wait(ep, got, 8, 0) == 0 && write(p[1], "d", 1) == 1 && epoll_wait(ep, got, 8, 0) == 1 && read(p[0], b, 8) == 2);
	puts("edge");

	e.events = EPOLLIN | EPOLLONESHOT;
	MUST(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e) == 0 && write(p[1], "e", 1) == 1 && epoll_wait(ep, got, 8, 0) == 1 && epoll_wait(ep, got, 8, 0) == 0);
	MUST(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e) == 0 && epoll_wait(ep, got, 8, 0) == 1 && read(p[0], b, 8) == 1);
	puts("one-shot");

	unsigned seen = 0;
	for (int i = 0; i < 100; i++) {
		struct epoll_event each = { .events = EPOLLIN | EPOLLHUP, .data.u32 = i };
		MUST(pipe(many[i]) == 0 && epoll_ctl(ep, EPOLL_CTL_ADD, many[i][0], &each) == 0 && write(many[i][1], "x", 1) == 1);
	}
	int n = epoll_wait(ep, got, 128, 0);
	for (int i = 0; i < n; i++)
		seen += got[i].data.u32;
	MUST(seen == 4950 && epoll_wait(ep, got, 7, 0) == 7);
	printf("many %d\n", n);
	for (int i = 0; i < 100; i++)
		MUST(close(many[i][0]) == 0 && close(many[i][1]) == 0);
	MUST(epoll_wait(ep, got, 128, 0) == 0);

	int outer = epoll_create(1);
	e.events = EPOLLIN, e.data.u64 = 5;
	MUST(epoll_ctl(outer, EPOLL_CTL_ADD, ep, &e) == 0 && epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &e) == 0 && write(p[1], "n", 1) == 1);
	MUST(epoll_wait(outer, got, 8, 0) == 1 && got[0].data.u64 == 5 && read(p[0], b, 8) == 1 && epoll_ctl(ep, EPOLL_CTL_ADD, outer, &e) == -1 && errno == ELOOP);
	puts("nested");

	pthread_t thread;
	sigset_t none;
	sigemptyset(&none);
	MUST(pthread_create(&thread, NULL, wake, NULL) == 0 && epoll_pwait(ep, got, 8, 10000, &none) == 1 && pthread_join(thread, NULL) == 0);
	puts("woken");

	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e) == -1 && errno == EEXIST && epoll_ctl(ep, EPOLL_CTL_DEL, p[1], NULL) == -1 && errno == ENOENT);
	MUST(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL) == 0 && epoll_ctl(ep, EPOLL_CTL_ADD, ep, &e) == -1 && errno == EINVAL);
	MUST(epoll_wait(ep, got, 0, 0) == -1 && errno == EINVAL && epoll_wait(0, got, 1, 0) == -1 && (errno == EINVAL || errno == EBADF));
	puts("errors");
	return 0;
}
