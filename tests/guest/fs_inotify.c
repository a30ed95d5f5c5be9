/* SPDX-License-Identifier: MIT */
/* inotify: events in order with names and cookies, their layout, a watch that goes away. */
/* expect:
create one
modify one
close one
moved from one
moved to two (same cookie)
delete two
ignored
*/
#include "must.h"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

int main(void)
{
	char buffer[4096] __attribute__((aligned(8)));
	uint32_t cookie = 0;
	int in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

	MUST(in >= 0 && mkdir("w", 0700) == 0 && read(in, buffer, sizeof buffer) == -1 && errno == EAGAIN);
	int w = inotify_add_watch(in, "w", IN_CREATE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVE | IN_DELETE);
	MUST(w > 0 && inotify_add_watch(in, "none", IN_CREATE) == -1 && errno == ENOENT);
	int fd = open("w/one", O_CREAT | O_WRONLY, 0600), pending;
	MUST(fd >= 0 && write(fd, "x", 1) == 1 && close(fd) == 0 && rename("w/one", "w/two") == 0 && unlink("w/two") == 0);
	MUST(ioctl(in, FIONREAD, &pending) == 0 && pending > 0 && read(in, buffer, 4) == -1 && errno == EINVAL);
	MUST(inotify_rm_watch(in, w) == 0 && inotify_rm_watch(in, w) == -1 && errno == EINVAL);

	long got = read(in, buffer, sizeof buffer);
	MUST(got > 0);
	for (long at = 0; at < got; ) {
		struct inotify_event *e = (struct inotify_event *)(buffer + at);
		MUST(e->wd == w);
		switch (e->mask) {
		case IN_CREATE: printf("create %s\n", e->name); break;
		case IN_MODIFY: printf("modify %s\n", e->name); break;
		case IN_CLOSE_WRITE: printf("close %s\n", e->name); break;
		case IN_MOVED_FROM: printf("moved from %s\n", e->name); cookie = e->cookie; break;
		case IN_MOVED_TO: printf("moved to %s (%s cookie)\n", e->name, e->cookie == cookie && cookie ? "same" : "other"); break;
		case IN_DELETE: printf("delete %s\n", e->name); break;
		case IN_IGNORED: puts("ignored"); break;
		default: printf("mask %x\n", e->mask);
		}
		at += sizeof *e + e->len;
	}
	return 0;
}
