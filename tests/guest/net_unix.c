/* SPDX-License-Identifier: MIT */
/* Local sockets: pairs, names, the abstract space, descriptors and credentials as ancillary data, datagrams, sequenced packets. */
/* expect:
pair
descriptors: 3 through one message
credentials
named
abstract
packets keep their bounds
several at once
shutdown
*/
#include "must.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void descriptors(void)
{
	int s[2], p[2], fds[3], got[3];
	char text[8] = "take", b[16] = { 0 };
	union { struct cmsghdr align; char space[CMSG_SPACE(sizeof fds)]; } control;
	struct iovec v = { text, 4 }, in = { b, sizeof b };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };

	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s) == 0 && pipe(p) == 0);
	fds[0] = p[1], fds[1] = open("f", O_CREAT | O_RDWR, 0600), fds[2] = 1;
	memset(&control, 0, sizeof control);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof fds);
	memcpy(CMSG_DATA(c), fds, sizeof fds);
	MUST(sendmsg(s[0], &m, 0) == 4);
	memset(&control, 0, sizeof control);
	m.msg_iov = &in, m.msg_controllen = sizeof control;
	MUST(recvmsg(s[1], &m, MSG_CMSG_CLOEXEC) == 4 && !(m.msg_flags & MSG_CTRUNC) && (c = CMSG_FIRSTHDR(&m)) && c->cmsg_type == SCM_RIGHTS);
	MUST(c->cmsg_len == CMSG_LEN(sizeof got));
	memcpy(got, CMSG_DATA(c), sizeof got);
	MUST(got[0] > 2 && got[0] != p[1] && fcntl(got[0], F_GETFD) == FD_CLOEXEC && !CMSG_NXTHDR(&m, c));
	MUST(write(got[0], "by", 2) == 2 && read(p[0], b, 16) == 2 && !memcmp(b, "by", 2) && write(got[1], "x", 1) == 1 && lseek(fds[1], 0, SEEK_CUR) == 1);
	/* No room for what comes: it says so. */
	m.msg_iov = &v, m.msg_controllen = sizeof control;
	c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(sizeof fds);
	memcpy(CMSG_DATA(c), fds, sizeof fds);
	MUST(sendmsg(s[0], &m, 0) == 4);
	m.msg_iov = &in, m.msg_controllen = 0;
	MUST(recvmsg(s[1], &m, 0) == 4 && (m.msg_flags & MSG_CTRUNC) && m.msg_controllen == 0);
	puts("descriptors: 3 through one message");
}

static void credentials(void)
{
	int s[2], one = 1;
	char b[4];
	union { struct cmsghdr align; char space[CMSG_SPACE(sizeof(struct ucred))]; } control;
	struct iovec v = { b, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control };
	struct ucred who;
	socklen_t size = sizeof who;

	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, s) == 0 && setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one) == 0);
	MUST(send(s[0], "c", 1, 0) == 1 && recvmsg(s[1], &m, 0) == 1);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	MUST(c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS);
	memcpy(&who, CMSG_DATA(c), sizeof who);
	MUST(who.pid == getpid() && who.uid == getuid() && who.gid == getgid());
	MUST(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && size == sizeof who && who.pid == getpid());
	puts("credentials");
}

static void named(struct sockaddr_un *at, socklen_t size, const char *name)
{
	int l = socket(AF_UNIX, SOCK_STREAM, 0), status;
	struct sockaddr_un seen;
	socklen_t length = sizeof seen;
	char b[8];

	MUST(bind(l, (void *)at, size) == 0 && listen(l, 5) == 0 && getsockname(l, (void *)&seen, &length) == 0 && length == size && !memcmp(&seen, at, 3));
	int twice = socket(AF_UNIX, SOCK_STREAM, 0);
	MUST(bind(twice, (void *)at, size) == -1 && errno == EADDRINUSE);
	if (fork() == 0) {
		int c = socket(AF_UNIX, SOCK_STREAM, 0);
		_exit(connect(c, (void *)at, size) == 0 && write(c, "hello", 5) == 5 && read(c, b, 8) == 2 ? 0 : 1);
	}
	length = sizeof seen;
	int a = accept4(l, (void *)&seen, &length, SOCK_CLOEXEC);
	MUST(a >= 0 && length == sizeof seen.sun_family && seen.sun_family == AF_UNIX && recv(a, b, 5, MSG_WAITALL) == 5 && write(a, "ok", 2) == 2);
	MUST(wait(&status) > 0 && status == 0);
	close(a);
	close(l);
	puts(name);
}

int main(void)
{
	struct sockaddr_un path = { AF_UNIX, "sock" }, abstract = { .sun_family = AF_UNIX };
	struct stat st;
	char b[16] = { 0 }, c[16] = { 0 };
	int s[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s) == 0 && send(s[0], "abc", 3, MSG_NOSIGNAL) == 3);
	MUST(recv(s[1], b, 16, MSG_PEEK) == 3 && recv(s[1], b, 2, 0) == 2 && recv(s[1], b, 16, MSG_DONTWAIT) == 1 && b[0] == 'c');
	MUST(recv(s[1], b, 16, MSG_DONTWAIT) == -1 && errno == EAGAIN && socketpair(AF_INET, SOCK_STREAM, 0, s) == -1 && errno == EOPNOTSUPP);
	puts("pair");
	descriptors();
	credentials();
	named(&path, sizeof path.sun_family + 5, "named");
	MUST(stat("sock", &st) == 0 && S_ISSOCK(st.st_mode) && unlink("sock") == 0);
	snprintf(abstract.sun_path + 1, 60, "forerun-test-%d", getpid());
	named(&abstract, sizeof abstract.sun_family + 1 + strlen(abstract.sun_path + 1), "abstract");

	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s) == 0 && write(s[0], "first", 5) == 5 && write(s[0], "second", 6) == 6);
	MUST(recv(s[1], b, 2, MSG_TRUNC) == 5 && read(s[1], b, 16) == 6 && !memcmp(b, "second", 6));
	puts("packets keep their bounds");

	struct iovec v[2] = { { "one", 3 }, { "two!", 4 } }, w[2] = { { b, 16 }, { c, 16 } };
	struct mmsghdr out[2] = { { .msg_hdr = { .msg_iov = v, .msg_iovlen = 1 } }, { .msg_hdr = { .msg_iov = v + 1, .msg_iovlen = 1 } } };
	struct mmsghdr in[2] = { { .msg_hdr = { .msg_iov = w, .msg_iovlen = 1 } }, { .msg_hdr = { .msg_iov = w + 1, .msg_iovlen = 1 } } };
	struct timespec limit = { 1, 0 };
	MUST(sendmmsg(s[0], out, 2, 0) == 2 && out[1].msg_len == 4 && recvmmsg(s[1], in, 2, 0, &limit) == 2);
	MUST(in[0].msg_len == 3 && in[1].msg_len == 4 && !memcmp(c, "two!", 4));
	puts("several at once");
	MUST(shutdown(s[0], SHUT_WR) == 0 && read(s[1], b, 1) == 0 && send(s[0], "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
	puts("shutdown");
	return 0;
}
