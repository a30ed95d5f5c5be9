/* SPDX-License-Identifier: MIT */
/* The table of system calls holds together, and its argument kinds print as strace prints them. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>

#include "target/linux/strace.h"
#include "tests/unit/suite.h"

/* Guest memory is ours here; a low address stands for one that is not mapped. */
static bool copy(void *to, uint64_t from, size_t len)
{
	if (from < 4096)
		return false;
	memcpy(to, (const void *)from, len);
	return true;
}

static char *format(const char *name, const uint64_t a[6], int64_t result)
{
	const struct SyscallRow *row = NULL;
	for (unsigned i = 0; i < syscall_rows_count; i++)
		if (!strcmp(syscall_rows[i].name, name))
			row = &syscall_rows[i];
	ck_assert_ptr_nonnull(row);
	struct Strace strace = { .text = g_string_new(NULL), .a = a, .read = copy };
	unsigned from = strace_begin(&strace, row);
	strace.result = result;
	strace_rest(&strace, row, from);
	return g_string_free(strace.text, FALSE);
}

/* CALL of the arguments prints TEXT. */
#define PRINTS(text, name, result, ...) do { \
	char *line = format(name, (const uint64_t[6]){ __VA_ARGS__ }, result); \
	ck_assert_str_eq(line, text); \
	g_free(line); \
} while (0)

#define P(pointer) ((uint64_t)(pointer))

START_TEST(rows_ascend)
{
	for (unsigned i = 1; i < syscall_rows_count; i++)
		ck_assert_msg(syscall_rows[i].number > syscall_rows[i - 1].number, "%s is out of order", syscall_rows[i].name);
	for (unsigned i = 0; i < syscall_rows_count; i++)
		ck_assert_ptr_eq(syscall_row(syscall_rows[i].number), &syscall_rows[i]);
	ck_assert_ptr_null(syscall_row(-1));
	ck_assert_ptr_null(syscall_row(244));
	ck_assert_ptr_null(syscall_row(1 << 20));
	ck_assert_str_eq(syscall_row(64)->name, "write");
	ck_assert_str_eq(syscall_row(222)->name, "mmap");
	ck_assert_str_eq(syscall_row(291)->name, "statx");
}
END_TEST

START_TEST(kinds_are_known)
{
	for (unsigned i = 0; i < syscall_rows_count; i++) {
		const struct SyscallRow *row = &syscall_rows[i];
		char **words = g_strsplit(row->arguments, " ", -1);
		unsigned count = *row->arguments ? g_strv_length(words) : 0;
		ck_assert_msg(count <= 6, "%s has %u arguments", row->name, count);
		for (unsigned j = 0; j < count; j++) {
			const char *colon = strchr(words[j], ':');
			size_t length = colon ? (size_t)(colon - words[j]) : strlen(words[j]);
			ck_assert_msg(strace_knows(words[j], length), "%s: unknown kind '%s'", row->name, words[j]);
			ck_assert_msg(!colon || (colon[1] >= '0' && colon[1] < (char)('0' + count) && !colon[2]), "%s: '%s'", row->name, words[j]);
		}
		g_strfreev(words);
		ck_assert_msg(strace_knows(row->result, strlen(row->result)), "%s: unknown result '%s'", row->name, row->result);
		/* what sleeps says how it is interrupted */
		if (row->function == pass_blocking)
			ck_assert_msg(row->restart != RESTART_none, "%s blocks", row->name);
	}
}
END_TEST

START_TEST(every_row_prints)
{
	/* bad pointers and zeroes in all arguments: a line in any case */
	static const uint64_t zeroes[6], bad[6] = { 8, 8, 8, 8, 8, 8 };
	for (unsigned i = 0; i < syscall_rows_count; i++) {
		const int64_t results[] = { 0, -EFAULT, -GUEST_ERESTARTSYS };
		for (unsigned j = 0; j < 3; j++) {
			char *line = format(syscall_rows[i].name, zeroes, results[j]);
			ck_assert(g_str_has_prefix(line, syscall_rows[i].name) && strstr(line, ") = "));
			g_free(line);
			line = format(syscall_rows[i].name, bad, results[j]);
			ck_assert_msg(strstr(line, ") = ") && !strstr(line, "(,") && !strstr(line, ", ,"), "%s", line);
			g_free(line);
		}
	}
}
END_TEST

START_TEST(files)
{
	PRINTS("openat(AT_FDCWD, \"/etc/passwd\", O_RDONLY|O_CLOEXEC) = 3", "openat", 3, AT_FDCWD, P("/etc/passwd"), O_RDONLY | O_CLOEXEC, 0);
	PRINTS("openat(7, \"a\\tb\", O_WRONLY|O_CREAT|O_TRUNC, 0644) = -1 EACCES (Permission denied)", "openat", -EACCES, 7, P("a\tb"),
	       O_WRONLY | O_CREAT | O_TRUNC, 0644);
	PRINTS("openat(AT_FDCWD, NULL, O_RDONLY) = -1 EFAULT (Bad address)", "openat", -EFAULT, AT_FDCWD, 0, 0);
}
END_TEST

START_TEST(bytes)
{
	char text[64] = "0123456789abcdefghijklmnopqrstuvwxyz";
	PRINTS("write(1, \"hi\\n\", 3) = 3", "write", 3, 1, P("hi\n"), 3);
	PRINTS("write(1, \"0123456789abcdefghijklmnopqrstuv\"..., 36) = 36", "write", 36, 1, P(text), 36);
	PRINTS("read(5, \"0123\", 36) = 4", "read", 4, 5, P(text), 36);
	PRINTS("read(5, 0x10, 36) = -1 EBADF (Bad file descriptor)", "read", -EBADF, 5, 16, 36);
	PRINTS("write(1, \"\\0\\0011\\377\\\"\\\\\", 6) = 6", "write", 6, 1, P("\0\1" "1\377\"\\"), 6);
	PRINTS("read(0, 0x10, 1) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)", "read", -GUEST_ERESTARTSYS, 0, 16, 1);
	struct iovec iov[2] = { { (void *)"ab", 2 }, { (void *)"cde", 3 } };
	PRINTS("writev(1, [{iov_base=\"ab\", iov_len=2}, {iov_base=\"cde\", iov_len=3}], 2) = 5", "writev", 5, 1, P(iov), 2);
	PRINTS("readv(1, [{iov_base=\"ab\", iov_len=2}, {iov_base=\"c\", iov_len=3}], 2) = 3", "readv", 3, 1, P(iov), 2);
}
END_TEST

START_TEST(memory)
{
	PRINTS("mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x3ff7ffe000", "mmap", 0x3ff7ffe000, 0, 4096,
	       PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	PRINTS("mmap(NULL, 4096, PROT_NONE, MAP_SHARED, 3, 0x1000) = -1 ENOMEM (Cannot allocate memory)", "mmap", -ENOMEM, 0, 4096, 0, MAP_SHARED, 3, 4096);
	PRINTS("brk(NULL) = 0x80000", "brk", 0x80000, 0);
	PRINTS("mprotect(0x1000, 4096, PROT_READ|PROT_EXEC) = 0", "mprotect", 0, 4096, 4096, PROT_READ | PROT_EXEC);
	PRINTS("madvise(0x1000, 4096, MADV_DONTNEED) = 0", "madvise", 0, 4096, 4096, MADV_DONTNEED);
}
END_TEST

START_TEST(signals)
{
	struct { uint64_t handler, flags, mask; } action = { 0x12340, SA_RESTART | SA_SIGINFO, 1 << (SIGCHLD - 1) };
	uint64_t set = 1ull << (SIGINT - 1) | 1ull << (SIGTERM - 1) | 1ull << 33;
	PRINTS("kill(123, SIGTERM) = 0", "kill", 0, 123, SIGTERM);
	PRINTS("tgkill(1, 2, SIGRT_2) = 0", "tgkill", 0, 1, 2, 34);
	PRINTS("rt_sigaction(SIGINT, {sa_handler=0x12340, sa_mask=[CHLD], sa_flags=SA_SIGINFO|SA_RESTART}, NULL, 8) = 0", "rt_sigaction", 0, SIGINT,
	       P(&action), 0, 8);
	PRINTS("rt_sigprocmask(SIG_BLOCK, [INT TERM RT_2], NULL, 8) = 0", "rt_sigprocmask", 0, SIG_BLOCK, P(&set), 0, 8);
	set = ~0ull;
	PRINTS("rt_sigprocmask(SIG_SETMASK, ~[], NULL, 8) = 0", "rt_sigprocmask", 0, SIG_SETMASK, P(&set), 0, 8);
}
END_TEST

START_TEST(structures)
{
	struct timespec time = { 1, 500000000 };
	int pair[2] = { 4, 5 }, status = 3 << 8, killed = SIGKILL;
	struct winsize size = { 24, 80, 0, 0 };
	PRINTS("nanosleep({tv_sec=1, tv_nsec=500000000}, NULL) = 0", "nanosleep", 0, P(&time), 0);
	PRINTS("clock_gettime(CLOCK_MONOTONIC, {tv_sec=1, tv_nsec=500000000}) = 0", "clock_gettime", 0, CLOCK_MONOTONIC, P(&time));
	PRINTS("pipe2([4, 5], O_CLOEXEC) = 0", "pipe2", 0, P(pair), O_CLOEXEC);
	PRINTS("wait4(-1, [{WIFEXITED(s) && WEXITSTATUS(s) == 3}], 0, NULL) = 77", "wait4", 77, -1, P(&status), 0, 0);
	PRINTS("wait4(-1, [{WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL}], WNOHANG, NULL) = 77", "wait4", 77, -1, P(&killed), 1, 0);
	PRINTS("ioctl(0, TIOCGWINSZ, {ws_row=24, ws_col=80, ws_xpixel=0, ws_ypixel=0}) = 0", "ioctl", 0, 0, TIOCGWINSZ, P(&size));
	PRINTS("fcntl(3, F_SETFD, FD_CLOEXEC) = 0", "fcntl", 0, 3, F_SETFD, FD_CLOEXEC);
	PRINTS("fcntl(3, F_GETFL) = 2", "fcntl", 2, 3, F_GETFL, 99);
	PRINTS("fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0", "fcntl", 0, 3, F_SETFL, O_RDWR | O_NONBLOCK);
	PRINTS("futex(0x10, FUTEX_WAIT|FUTEX_PRIVATE_FLAG, 2, NULL, NULL, 0) = 0", "futex", 0, 16, 128, 2, 0, 0, 0);
	PRINTS("exit_group(3) = ?", "exit_group", 0, 3);
	PRINTS("getpid() = 42", "getpid", 42, 0);
}
END_TEST

START_TEST(sockets)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX, .sun_path = "/tmp/s" };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(80), .sin_addr.s_addr = htonl(0x7f000001) };
	uint32_t length = sizeof(in);
	int one = 1;
	PRINTS("socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 0) = 3", "socket", 3, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	PRINTS("connect(3, {sa_family=AF_UNIX, sun_path=\"/tmp/s\"}, 110) = 0", "connect", 0, 3, P(&un), sizeof(un));
	PRINTS("bind(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}, 16) = 0", "bind", 0, 3, P(&in), sizeof(in));
	PRINTS("accept4(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"127.0.0.1\")}, [16], SOCK_CLOEXEC) = 4", "accept4", 4, 3, P(&in),
	       P(&length), SOCK_CLOEXEC);
	PRINTS("setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0", "setsockopt", 0, 3, SOL_SOCKET, SO_REUSEADDR, P(&one), 4);
	PRINTS("shutdown(3, SHUT_WR) = 0", "shutdown", 0, 3, SHUT_WR);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("strace");
	TCase *tcase = tcase_create("table");
	tcase_add_test(tcase, rows_ascend);
	tcase_add_test(tcase, kinds_are_known);
	tcase_add_test(tcase, every_row_prints);
	suite_add_tcase(suite, tcase);
	tcase = tcase_create("form");
	tcase_add_test(tcase, files);
	tcase_add_test(tcase, bytes);
	tcase_add_test(tcase, memory);
	tcase_add_test(tcase, signals);
	tcase_add_test(tcase, structures);
	tcase_add_test(tcase, sockets);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
