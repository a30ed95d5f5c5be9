/* SPDX-License-Identifier: MIT */
/* Sockets on loopback: streams between threads, datagrams, names, options, non-blocking connect, errors, interface requests. */
/* expect:
stream 1048576 bytes, sums agree
datagram
options
connect
errors
version 6
*/
/* needs: loopback */
#include "must.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { BYTES = 1 << 20 };

static int bound(int type, struct sockaddr_in *at)
{
	int s = socket(AF_INET, type, 0);
	socklen_t size = sizeof *at;

	*at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	MUST(s >= 0 && bind(s, (void *)at, sizeof *at) == 0 && getsockname(s, (void *)at, &size) == 0 && size == sizeof *at && at->sin_port);
	return s;
}

static void *send_all(void *argument)
{
	static unsigned char block[10000];
	int s = socket(AF_INET, SOCK_STREAM, 0);
	long sum = 0;

	MUST(connect(s, argument, sizeof(struct sockaddr_in)) == 0);
	for (int left = BYTES; left > 0; ) {
		int n = left < (int)sizeof block ? left : (int)sizeof block;
		for (int i = 0; i < n; i++)
			sum += block[i] = (left + i) * 7 >> 3;
		for (int done = 0, now; done < n; done += now)
			MUST((now = send(s, block + done, n - done, MSG_NOSIGNAL)) > 0);
		left -= n;
	}
	close(s);
	return (void *)sum;
}

int main(void)
{
	struct sockaddr_in at, peer;
	socklen_t size = sizeof peer;
	pthread_t thread;
	void *result;
	char b[65536];
	int l = bound(SOCK_STREAM, &at), value;
	long sum = 0, total = 0, n;

	MUST(listen(l, 8) == 0 && pthread_create(&thread, NULL, send_all, &at) == 0);
	int a = accept(l, (void *)&peer, &size);
	MUST(a >= 0 && size == sizeof peer && peer.sin_family == AF_INET && peer.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	while ((n = read(a, b, sizeof b)) > 0)
		for (long i = total += n, k = 0; k < n && i; k++)
			sum += (unsigned char)b[k];
	pthread_join(thread, &result);
	printf("stream %ld bytes, sums %s\n", total, sum == (long)result ? "agree" : "differ");

	struct sockaddr_in ua, ub;
	int u = bound(SOCK_DGRAM, &ua), w = bound(SOCK_DGRAM, &ub);
	MUST(sendto(u, "ping", 4, 0, (void *)&ub, sizeof ub) == 4 && (size = sizeof peer) && recvfrom(w, b, 99, 0, (void *)&peer, &size) == 4);
	MUST(peer.sin_port == ua.sin_port && connect(w, (void *)&ua, sizeof ua) == 0 && send(w, "pong", 4, 0) == 4 && recv(u, b, 2, MSG_TRUNC) == 4);
	MUST(ioctl(u, FIONREAD, &value) == 0 && value == 0);
	puts("datagram");

	struct linger linger = { 1, 3 }, linger_back;
	struct timeval wait = { 0, 50000 }, wait_back;
	MUST(setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) == 0 && (size = sizeof value) && getsockopt(l, SOL_SOCKET, SO_REUSEADDR, &value, &size) == 0 && value);
	MUST(setsockopt(a, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)) == 0 && getsockopt(a, IPPROTO_TCP, TCP_NODELAY, &value, &size) == 0 && value == 1 && size == 4);
	MUST(getsockopt(a, SOL_SOCKET, SO_TYPE, &value, &size) == 0 && value == SOCK_STREAM && getsockopt(l, SOL_SOCKET, SO_ACCEPTCONN, &value, &size) == 0 && value == 1);
	MUST(setsockopt(a, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0 && (size = sizeof linger_back) && getsockopt(a, SOL_SOCKET, SO_LINGER, &linger_back, &size) == 0 && linger_back.l_linger == 3);
	MUST(setsockopt(u, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 && (size = sizeof wait_back) && getsockopt(u, SOL_SOCKET, SO_RCVTIMEO, &wait_back, &size) == 0);
	MUST(size == sizeof wait_back && wait_back.tv_usec / 1000 >= 48 && recv(u, b, 1, 0) == -1 && errno == EAGAIN);
	puts("options");

	int c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	MUST((connect(c, (void *)&at, sizeof at) == 0 || errno == EINPROGRESS));
	struct pollfd p = { c, POLLOUT, 0 };
	MUST(poll(&p, 1, 5000) == 1 && p.revents == POLLOUT && (size = sizeof value) && getsockopt(c, SOL_SOCKET, SO_ERROR, &value, &size) == 0 && value == 0);
	MUST((size = sizeof peer) && getpeername(c, (void *)&peer, &size) == 0 && peer.sin_port == at.sin_port);
	puts("connect");

	close(l);
	int dead = socket(AF_INET, SOCK_STREAM, 0);
	MUST(connect(dead, (void *)&at, sizeof at) == -1 && errno == ECONNREFUSED && (size = sizeof peer) && getpeername(dead, (void *)&peer, &size) == -1 && errno == ENOTCONN);
	MUST(socket(99, SOCK_STREAM, 0) == -1 && errno == EAFNOSUPPORT && accept(dead, NULL, NULL) == -1 && errno == EINVAL && listen(0, 1) == -1 && (errno == ENOTSOCK || errno == EBADF));
	struct ifreq request = { .ifr_name = "lo" };
	MUST(ioctl(u, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_LOOPBACK) && if_nametoindex("lo") > 0);
	puts("errors");

	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int s6 = socket(AF_INET6, SOCK_STREAM, 0);
	MUST(s6 >= 0 || errno == EAFNOSUPPORT);
	if (s6 >= 0 && bind(s6, (void *)&six, sizeof six) == 0)
		MUST((size = sizeof six) && getsockname(s6, (void *)&six, &size) == 0 && size == sizeof six && six.sin6_port && IN6_IS_ADDR_LOOPBACK(&six.sin6_addr));
	puts("version 6");
	return 0;
}
