/* SPDX-License-Identifier: MIT */
/* How -strace prints each kind of argument. */
#include "target/linux/strace_kinds.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>

#include "target/linux/ioctl.h"

enum { STRING_MAX = 32, ITEMS_MAX = 32 };

typedef unsigned long long ull;

static void put(struct Strace *strace, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put(struct Strace *strace, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	g_string_append_vprintf(strace->text, format, args);
	va_end(args);
}

static void put_flags(struct Strace *strace, const char *kind, uint64_t value)
{
	strace_flags(strace->text, strace_flags_find(kind, strlen(kind)), value);
}

/* Reads a structure, or prints the bare pointer and returns false: NULL, not accessible, or not filled in because the call failed. */
static bool get(struct Strace *strace, uint64_t addr, void *to, size_t size)
{
	if (!addr) {
		put(strace, "NULL");
		return false;
	}
	if ((strace->after && strace->result < 0) || !strace->read(to, addr, size)) {
		put(strace, "0x%llx", (ull)addr);
		return false;
	}
	return true;
}

/* Begins print_KIND(), which prints the TYPE at an address: its body has the structure as VALUE, once that could be read. */
#define PRINT_AT(kind, type, value) \
	static void put_read_##kind(struct Strace *strace, const type value); \
	static void print_##kind(struct Strace *strace, uint64_t addr, uint64_t length) \
	{ \
		type read; \
		(void)length; \
		if (get(strace, addr, &read, sizeof read)) \
			put_read_##kind(strace, read); \
	} \
	static void put_read_##kind(struct Strace *strace, const type value)

/* -- numbers ---------------------------------------------------------------------------------------------------------------- */

static void print_int(struct Strace *strace, uint64_t value, uint64_t length)
{
	(void)length;
	put(strace, "%lld", (long long)value);
}

static void print_int32(struct Strace *strace, uint64_t value, uint64_t length)
{
	(void)length;
	put(strace, "%d", (int)value);
}

static void print_uint(struct Strace *strace, uint64_t value, uint64_t length)
{
	(void)length;
	put(strace, "%llu", (ull)value);
}

static void print_hex(struct Strace *strace, uint64_t value, uint64_t length)
{
	(void)length;
	put(strace, value ? "0x%llx" : "%llu", (ull)value);
}

static void print_ptr(struct Strace *strace, uint64_t value, uint64_t length)
{
	(void)length;
	if (value)
		put(strace, "0x%llx", (ull)value);
	else
		put(strace, "NULL");
}

static void print_dirfd(struct Strace *strace, uint64_t value, uint64_t length)
{
	(void)length;
	if ((int)value == AT_FDCWD)
		put(strace, "AT_FDCWD");
	else
		put(strace, "%d", (int)value);
}

static void print_mode(struct Strace *strace, uint64_t value, uint64_t length)
{
	static const struct { mode_t type; const char *name; } types[] = {
		{ S_IFREG, "S_IFREG" }, { S_IFDIR, "S_IFDIR" }, { S_IFCHR, "S_IFCHR" }, { S_IFBLK, "S_IFBLK" }, { S_IFIFO, "S_IFIFO" },
		{ S_IFLNK, "S_IFLNK" }, { S_IFSOCK, "S_IFSOCK" },
	};
	(void)length;
	for (unsigned i = 0; i < G_N_ELEMENTS(types); i++)
		if ((value & S_IFMT) == types[i].type) {
			put(strace, "%s|", types[i].name);
			value &= ~(uint64_t)S_IFMT;
		}
	put(strace, "0%03llo", (ull)(uint32_t)value);
}

static void print_open_mode(struct Strace *strace, uint64_t value, uint64_t flags)
{
	if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE)
		print_mode(strace, value, 0);
	else
		strace->text->len -= 2, strace->text->str[strace->text->len] = 0;      /* not an argument: takes ", " away */
}

static void print_signal(struct Strace *strace, uint64_t value, uint64_t length)
{
	const char *name = value < 32 ? sigabbrev_np(value) : NULL;
	(void)length;
	if (name)
		put(strace, "SIG%s", name);
	else if (value >= 32 && value <= 64)
		put(strace, "SIGRT_%llu", (ull)value - 32);
	else
		put(strace, "%d", (int)value);
}

/* -- bytes and strings ------------------------------------------------------------------------------------------------------ */

void strace_quote(GString *text, const void *bytes, size_t length, bool cut)
{
	static const char plain[] = "\t\n\v\f\r\"\\", letters[] = "tnvfr\"\\";
	const unsigned char *p = bytes;
	if (length > STRING_MAX) {
		length = STRING_MAX;
		cut = true;
	}
	g_string_append_c(text, '"');
	for (size_t i = 0; i < length; i++) {
		const char *special = p[i] ? strchr(plain, p[i]) : NULL;
		bool digit_next = i + 1 < length && p[i + 1] >= '0' && p[i + 1] <= '9';
		if (special)
			g_string_append_printf(text, "\\%c", letters[special - plain]);
		else if (p[i] >= ' ' && p[i] < 127)
			g_string_append_c(text, p[i]);
		else
			g_string_append_printf(text, digit_next ? "\\%03o" : "\\%o", p[i]);
	}
	g_string_append(text, cut ? "\"..." : "\"");
}

static void print_bytes(struct Strace *strace, uint64_t addr, uint64_t length)
{
	char bytes[STRING_MAX];
	if (addr && !strace->read(bytes, addr, length < STRING_MAX ? length : STRING_MAX))
		put(strace, "0x%llx", (ull)addr);
	else if (!addr)
		put(strace, "NULL");
	else
		strace_quote(strace->text, bytes, length < STRING_MAX ? length : STRING_MAX, length > STRING_MAX);
}

static void print_in(struct Strace *strace, uint64_t addr, uint64_t length)
{
	print_bytes(strace, addr, length);
}

static void print_out(struct Strace *strace, uint64_t addr, uint64_t length)
{
	(void)length;
	if (strace->result < 0)
		print_ptr(strace, addr, 0);
	else
		print_bytes(strace, addr, strace->result);
}

/* A string in guest memory, cut at LIMIT. */
static void put_string(struct Strace *strace, uint64_t addr, size_t limit)
{
	char bytes[PATH_MAX];
	size_t length = 0;
	while (addr && length < limit && length < sizeof(bytes)) {
		if (!strace->read(&bytes[length], addr + length, 1)) {
			print_ptr(strace, addr, 0);
			return;
		}
		if (!bytes[length])
			break;
		length++;
	}
	if (!addr) {
		put(strace, "NULL");
		return;
	}
	/* in pieces as long as strace_quote() takes, each without its quotes at the seams */
	g_string_append_c(strace->text, '"');
	for (size_t done = 0; done < length; done += STRING_MAX) {
		GString *piece = g_string_new(NULL);
		strace_quote(piece, bytes + done, length - done < STRING_MAX ? length - done : STRING_MAX, false);
		g_string_append_len(strace->text, piece->str + 1, piece->len - 2);
		g_string_free(piece, TRUE);
	}
	g_string_append(strace->text, length == limit ? "\"..." : "\"");
}

static void print_path(struct Strace *strace, uint64_t addr, uint64_t length)
{
	(void)length;
	put_string(strace, addr, PATH_MAX - 1);
}

static void print_str(struct Strace *strace, uint64_t addr, uint64_t length)
{
	(void)length;
	put_string(strace, addr, STRING_MAX);
}

static void print_str_out(struct Strace *strace, uint64_t addr, uint64_t length)
{
	(void)length;
	if (strace->result < 0)
		print_ptr(strace, addr, 0);
	else
		put_string(strace, addr, PATH_MAX - 1);
}

static void put_iov(struct Strace *strace, uint64_t addr, uint64_t count, bool with_bytes, uint64_t total)
{
	struct iovec entry;
	if (!addr || count > IOV_MAX) {
		print_ptr(strace, addr, 0);
		return;
	}
	put(strace, "[");
	for (uint64_t i = 0; i < count; i++) {
		put(strace, "%s", i ? ", " : "");
		if (i == ITEMS_MAX) {
			put(strace, "...");
			break;
		}
		if (!strace->read(&entry, addr + i * sizeof(entry), sizeof(entry))) {
			put(strace, "0x%llx", (ull)(addr + i * sizeof(entry)));
			break;
		}
		put(strace, "{iov_base=");
		uint64_t filled = entry.iov_len < total ? entry.iov_len : total;
		if (with_bytes)
			print_bytes(strace, (uint64_t)entry.iov_base, filled);
		else
			print_ptr(strace, (uint64_t)entry.iov_base, 0);
		total -= filled;
		put(strace, ", iov_len=%zu}", entry.iov_len);
	}
	put(strace, "]");
}

static void print_iov_in(struct Strace *strace, uint64_t addr, uint64_t count)
{
	put_iov(strace, addr, count, true, UINT64_MAX);
}

static void print_iov_out(struct Strace *strace, uint64_t addr, uint64_t count)
{
	put_iov(strace, addr, count, strace->result >= 0, strace->result);
}

static void print_argv(struct Strace *strace, uint64_t addr, uint64_t length)
{
	uint64_t item;
	(void)length;
	if (!addr) {
		put(strace, "NULL");
		return;
	}
	put(strace, "[");
	for (unsigned i = 0; strace->read(&item, addr + i * sizeof(item), sizeof(item)) && item; i++) {
		put(strace, "%s", i ? ", " : "");
		if (i == ITEMS_MAX) {
			put(strace, "...");
			break;
		}
		print_str(strace, item, 0);
	}
	put(strace, "]");
}

static void print_envp(struct Strace *strace, uint64_t addr, uint64_t length)
{
	uint64_t item;
	unsigned count = 0;
	(void)length;
	print_ptr(strace, addr, 0);
	if (!addr)
		return;
	while (strace->read(&item, addr + count * sizeof(item), sizeof(item)) && item)
		count++;
	put(strace, " /* %u var%s */", count, count == 1 ? "" : "s");
}

/* -- small structures -------------------------------------------------------------------------------------------------------- */

PRINT_AT(int_pointer, int, value)
{
	put(strace, "[%d]", value);
}

PRINT_AT(offset, int64_t, value)
{
	put(strace, "[%lld]", (long long)value);
}

static void print_fd_pair(struct Strace *strace, uint64_t addr, uint64_t length)
{
	int fds[2];
	(void)length;
	if (get(strace, addr, fds, sizeof(fds)))
		put(strace, "[%d, %d]", fds[0], fds[1]);
}

static void put_timespec(struct Strace *strace, const struct timespec *time)
{
	if (time->tv_nsec == UTIME_NOW)
		put(strace, "UTIME_NOW");
	else if (time->tv_nsec == UTIME_OMIT)
		put(strace, "UTIME_OMIT");
	else
		put(strace, "{tv_sec=%lld, tv_nsec=%lld}", (long long)time->tv_sec, (long long)time->tv_nsec);
}

PRINT_AT(timespec, struct timespec, time)
{
	put_timespec(strace, &time);
}

static void print_timespec_pair(struct Strace *strace, uint64_t addr, uint64_t length)
{
	struct timespec time[2];
	(void)length;
	if (!get(strace, addr, time, sizeof(time)))
		return;
	put(strace, "[");
	put_timespec(strace, &time[0]);
	put(strace, ", ");
	put_timespec(strace, &time[1]);
	put(strace, "]");
}

static void put_timeval(struct Strace *strace, const struct timeval *time)
{
	put(strace, "{tv_sec=%lld, tv_usec=%lld}", (long long)time->tv_sec, (long long)time->tv_usec);
}

PRINT_AT(timeval, struct timeval, time)
{
	put_timeval(strace, &time);
}

PRINT_AT(itimerspec, struct itimerspec, timer)
{
	put(strace, "{it_interval=");
	put_timespec(strace, &timer.it_interval);
	put(strace, ", it_value=");
	put_timespec(strace, &timer.it_value);
	put(strace, "}");
}

PRINT_AT(itimerval, struct itimerval, timer)
{
	put(strace, "{it_interval=");
	put_timeval(strace, &timer.it_interval);
	put(strace, ", it_value=");
	put_timeval(strace, &timer.it_value);
	put(strace, "}");
}

static void put_time_limit(struct Strace *strace, const char *name, uint64_t value)
{
	if (value == RLIM_INFINITY)
		put(strace, "%s=RLIM_INFINITY", name);
	else if (value >= 1024 && value % 1024 == 0)
		put(strace, "%s=%llu*1024", name, (ull)value / 1024);
	else
		put(strace, "%s=%llu", name, (ull)value);
}

PRINT_AT(rlimit, struct rlimit, limit)
{
	put_time_limit(strace, "{rlim_cur", limit.rlim_cur);
	put_time_limit(strace, ", rlim_max", limit.rlim_max);
	put(strace, "}");
}

PRINT_AT(rusage, struct rusage, usage)
{
	put(strace, "{ru_utime=");
	put_timeval(strace, &usage.ru_utime);
	put(strace, ", ru_stime=");
	put_timeval(strace, &usage.ru_stime);
	put(strace, ", ...}");
}

PRINT_AT(utsname, struct utsname, name)
{
	put(strace, "{sysname=\"%s\", nodename=\"%s\", release=\"%s\", machine=\"%s\", ...}", name.sysname, name.nodename, name.release, name.machine);
}

PRINT_AT(sysinfo, struct sysinfo, info)
{
	put(strace, "{uptime=%ld, totalram=%lu, freeram=%lu, procs=%u, ...}", info.uptime, info.totalram, info.freeram, info.procs);
}

/* asm-generic's struct stat up to what is printed. */
static void print_stat(struct Strace *strace, uint64_t addr, uint64_t length)
{
	struct {
		uint64_t dev, ino;
		uint32_t mode, links, uid, gid;
		uint64_t rdev, pad;
		int64_t size;
	} st;
	(void)length;
	if (!get(strace, addr, &st, sizeof(st)))
		return;
	put(strace, "{st_mode=");
	print_mode(strace, st.mode, 0);
	if (S_ISCHR(st.mode) || S_ISBLK(st.mode))
		put(strace, ", st_rdev=makedev(0x%x, 0x%x), ...}", major(st.rdev), minor(st.rdev));
	else
		put(strace, ", st_size=%lld, ...}", (long long)st.size);
}

PRINT_AT(statx, struct statx, st)
{
	put(strace, "{stx_mask=");
	put_flags(strace, "statx_mask", st.stx_mask);
	put(strace, ", stx_mode=");
	print_mode(strace, st.stx_mode, 0);
	put(strace, ", stx_size=%llu, ...}", (ull)st.stx_size);
}

PRINT_AT(statfs, struct statfs, st)
{
	put(strace, "{f_type=0x%llx, f_bsize=%lld, f_blocks=%llu, f_bfree=%llu, ...}", (ull)st.f_type, (long long)st.f_bsize, (ull)st.f_blocks, (ull)st.f_bfree);
}

static void print_dirents(struct Strace *strace, uint64_t addr, uint64_t length)
{
	(void)length;
	print_ptr(strace, addr, 0);
	unsigned count = 0;
	uint16_t size;
	for (int64_t at = 0; at < strace->result && strace->read(&size, addr + at + 16, sizeof(size)) && size; at += size)
		count++;
	if (strace->result >= 0)
		put(strace, " /* %u entries */", count);
}

static void print_wait_status(struct Strace *strace, uint64_t addr, uint64_t length)
{
	int status;
	(void)length;
	if (strace->result == 0 || !get(strace, addr, &status, sizeof(status))) {
		if (strace->result == 0)
			print_ptr(strace, addr, 0);
		return;
	}
	if (WIFEXITED(status)) {
		put(strace, "[{WIFEXITED(s) && WEXITSTATUS(s) == %d}]", WEXITSTATUS(status));
	} else if (WIFSIGNALED(status)) {
		put(strace, "[{WIFSIGNALED(s) && WTERMSIG(s) == ");
		print_signal(strace, WTERMSIG(status), 0);
		put(strace, "%s}]", WCOREDUMP(status) ? " && WCOREDUMP(s)" : "");
	} else if (WIFSTOPPED(status)) {
		put(strace, "[{WIFSTOPPED(s) && WSTOPSIG(s) == ");
		print_signal(strace, WSTOPSIG(status), 0);
		put(strace, "}]");
	} else {
		put(strace, "[{WIFCONTINUED(s)}]");
	}
}

static void print_termios(struct Strace *strace, uint64_t addr, uint64_t length)
{
	uint32_t flags[4];
	(void)length;
	if (get(strace, addr, flags, sizeof(flags)))
		put(strace, "{c_iflag=0x%x, c_oflag=0x%x, c_cflag=0x%x, c_lflag=0x%x, ...}", flags[0], flags[1], flags[2], flags[3]);
}

static void print_winsize(struct Strace *strace, uint64_t addr, uint64_t length)
{
	uint16_t size[4];
	(void)length;
	if (get(strace, addr, size, sizeof(size)))
		put(strace, "{ws_row=%u, ws_col=%u, ws_xpixel=%u, ws_ypixel=%u}", size[0], size[1], size[2], size[3]);
}

static void print_cpu_set(struct Strace *strace, uint64_t addr, uint64_t size)
{
	uint64_t words[16] = { 0 };
	bool first = true;
	if (strace->after && strace->result > 0)
		size = strace->result;
	if (size > sizeof(words))
		size = sizeof(words);
	if (!get(strace, addr, words, size))
		return;
	put(strace, "[");
	for (unsigned i = 0; i < sizeof(words) * 8; i++)
		if (words[i / 64] >> (i % 64) & 1) {
			put(strace, "%s%u", first ? "" : " ", i);
			first = false;
		}
	put(strace, "]");
}

/* -- signals ------------------------------------------------------------------------------------------------------------------ */

static void put_sigset(struct Strace *strace, uint64_t set)
{
	bool inverted = __builtin_popcountll(set) > 32, first = true;
	if (inverted)
		set = ~set;
	put(strace, inverted ? "~[" : "[");
	for (unsigned sig = 1; sig <= 64; sig++) {
		if (!(set >> (sig - 1) & 1))
			continue;
		const char *name = sig < 32 ? sigabbrev_np(sig) : NULL;
		if (name)
			put(strace, "%s%s", first ? "" : " ", name);
		else
			put(strace, "%sRT_%u", first ? "" : " ", sig - 32);
		first = false;
	}
	put(strace, "]");
}

PRINT_AT(sigset, uint64_t, set)
{
	put_sigset(strace, set);
}

static void print_sigset_pair(struct Strace *strace, uint64_t addr, uint64_t length)
{
	uint64_t pair[2];
	(void)length;
	if (!get(strace, addr, pair, sizeof(pair)))
		return;
	put(strace, "{sigmask=");
	print_sigset(strace, pair[0], 0);
	put(strace, ", sigsetsize=%llu}", (ull)pair[1]);
}

static void print_sigaction(struct Strace *strace, uint64_t addr, uint64_t length)
{
	struct { uint64_t handler, flags, mask; } action;       /* riscv64: no restorer */
	(void)length;
	if (!get(strace, addr, &action, sizeof(action)))
		return;
	put(strace, "{sa_handler=");
	if (action.handler <= 1)
		put(strace, "%s", action.handler ? "SIG_IGN" : "SIG_DFL");
	else
		put(strace, "0x%llx", (ull)action.handler);
	put(strace, ", sa_mask=");
	put_sigset(strace, action.mask);
	put(strace, ", sa_flags=");
	put_flags(strace, "sigaction_flags", action.flags);
	put(strace, "}");
}

PRINT_AT(stack, stack_t, stack)
{
	put(strace, "{ss_sp=");
	print_ptr(strace, (uint64_t)stack.ss_sp, 0);
	put(strace, ", ss_flags=");
	put_flags(strace, "stack_flags", (uint32_t)stack.ss_flags);
	put(strace, ", ss_size=%zu}", stack.ss_size);
}

PRINT_AT(siginfo, siginfo_t, info)
{
	put(strace, "{si_signo=");
	print_signal(strace, info.si_signo, 0);
	put(strace, ", si_code=%d", info.si_code);
	if (info.si_code <= 0 || info.si_signo == SIGCHLD)
		put(strace, ", si_pid=%d, si_uid=%d", info.si_pid, info.si_uid);
	if (info.si_signo == SIGCHLD)
		put(strace, ", si_status=%d", info.si_status);
	put(strace, "}");
}

static void print_sigevent(struct Strace *strace, uint64_t addr, uint64_t length)
{
	struct { uint64_t value; int32_t signal, notify; } event;
	(void)length;
	if (!get(strace, addr, &event, sizeof(event)))
		return;
	put(strace, "{sigev_value=0x%llx, sigev_signo=", (ull)event.value);
	print_signal(strace, event.signal, 0);
	put(strace, ", sigev_notify=%d}", event.notify);
}

/* -- waiting ------------------------------------------------------------------------------------------------------------------- */

static void print_pollfds(struct Strace *strace, uint64_t addr, uint64_t count)
{
	struct pollfd entry;
	if (!addr) {
		put(strace, "NULL");
		return;
	}
	put(strace, "[");
	for (uint64_t i = 0; i < count; i++) {
		put(strace, "%s", i ? ", " : "");
		if (i == ITEMS_MAX || !strace->read(&entry, addr + i * sizeof(entry), sizeof(entry))) {
			put(strace, "...");
			break;
		}
		put(strace, "{fd=%d, events=", entry.fd);
		put_flags(strace, "poll_mask", (uint16_t)entry.events);
		put(strace, "}");
	}
	put(strace, "]");
}

static void print_fd_set(struct Strace *strace, uint64_t addr, uint64_t count)
{
	uint64_t words[16];
	bool first = true;
	count = (int)count < 0 ? 0 : count > 1024 ? 1024 : count;
	if (!get(strace, addr, words, (count + 63) / 64 * 8))
		return;
	put(strace, "[");
	for (unsigned fd = 0; fd < count; fd++)
		if (words[fd / 64] >> (fd % 64) & 1) {
			put(strace, "%s%u", first ? "" : " ", fd);
			first = false;
		}
	put(strace, "]");
}

static void put_epoll_event(struct Strace *strace, const uint32_t event[4])
{
	put(strace, "{events=");
	put_flags(strace, "epoll_mask", event[0]);
	put(strace, ", data=0x%llx}", (ull)event[3] << 32 | event[2]);
}

static void print_epoll_event(struct Strace *strace, uint64_t addr, uint64_t length)
{
	uint32_t event[4];
	(void)length;
	if (get(strace, addr, event, sizeof(event)))
		put_epoll_event(strace, event);
}

static void print_epoll_events(struct Strace *strace, uint64_t addr, uint64_t length)
{
	uint32_t event[4];
	(void)length;
	if (strace->result < 0) {
		print_ptr(strace, addr, 0);
		return;
	}
	put(strace, "[");
	for (int64_t i = 0; i < strace->result; i++) {
		put(strace, "%s", i ? ", " : "");
		if (i == ITEMS_MAX || !strace->read(event, addr + i * sizeof(event), sizeof(event))) {
			put(strace, "...");
			break;
		}
		put_epoll_event(strace, event);
	}
	put(strace, "]");
}

static void print_futex_timeout(struct Strace *strace, uint64_t value, uint64_t operation)
{
	/* in these operations the argument is a number */
	static const uint8_t numbers[] = { 3 /* REQUEUE */, 4 /* CMP_REQUEUE */, 5 /* WAKE_OP */, 12 /* CMP_REQUEUE_PI */ };
	for (unsigned i = 0; i < sizeof(numbers); i++)
		if ((operation & 127) == numbers[i]) {
			print_hex(strace, value, 0);
			return;
		}
	if ((operation & 127) == 1 || (operation & 127) == 10)          /* WAKE, WAKE_BITSET: not looked at */
		print_ptr(strace, value, 0);
	else
		print_timespec(strace, value, 0);
}

static void print_sembufs(struct Strace *strace, uint64_t addr, uint64_t count)
{
	struct sembuf entry;
	put(strace, "[");
	for (uint64_t i = 0; i < count; i++) {
		put(strace, "%s", i ? ", " : "");
		if (i == ITEMS_MAX || !strace->read(&entry, addr + i * sizeof(entry), sizeof(entry))) {
			put(strace, "...");
			break;
		}
		put(strace, "{%u, %d, 0x%x}", entry.sem_num, entry.sem_op, entry.sem_flg);
	}
	put(strace, "]");
}

/* -- sockets ---------------------------------------------------------------------------------------------------------------------- */

static void put_sockaddr(struct Strace *strace, uint64_t addr, uint64_t length)
{
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_nl nl;
		char bytes[sizeof(struct sockaddr_storage)];
	} u;
	char name[INET6_ADDRSTRLEN];
	memset(&u, 0, sizeof(u));
	if (length < sizeof(sa_family_t) || length > sizeof(u) || !strace->read(&u, addr, length)) {
		print_ptr(strace, addr, 0);
		return;
	}
	put(strace, "{sa_family=");
	put_flags(strace, "socket_family", u.any.sa_family);
	switch (u.any.sa_family) {
	case AF_UNIX: {
		size_t room = length - offsetof(struct sockaddr_un, sun_path);
		if (length <= offsetof(struct sockaddr_un, sun_path))
			break;
		bool abstract = !u.un.sun_path[0];
		put(strace, ", sun_path=%s", abstract ? "@" : "");
		strace_quote(strace->text, u.un.sun_path + abstract, abstract ? room - 1 : strnlen(u.un.sun_path, room), false);
		break;
	}
	case AF_INET:
		inet_ntop(AF_INET, &u.in.sin_addr, name, sizeof(name));
		put(strace, ", sin_port=htons(%u), sin_addr=inet_addr(\"%s\")", ntohs(u.in.sin_port), name);
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &u.in6.sin6_addr, name, sizeof(name));
		put(strace, ", sin6_port=htons(%u), inet_pton(AF_INET6, \"%s\", &sin6_addr)", ntohs(u.in6.sin6_port), name);
		break;
	case AF_NETLINK:
		put(strace, ", nl_pid=%u, nl_groups=%08x", u.nl.nl_pid, u.nl.nl_groups);
		break;
	default:
		put(strace, ", sa_data=");
		strace_quote(strace->text, u.bytes + sizeof(sa_family_t), length - sizeof(sa_family_t), false);
	}
	put(strace, "}");
}

static void print_sockaddr(struct Strace *strace, uint64_t addr, uint64_t length)
{
	if (addr)
		put_sockaddr(strace, addr, (uint32_t)length);
	else
		put(strace, "NULL");
}

static void print_sockaddr_out(struct Strace *strace, uint64_t addr, uint64_t length_addr)
{
	uint32_t length;
	if (!addr || strace->result < 0 || !strace->read(&length, length_addr, sizeof(length)) || !length)
		print_ptr(strace, addr, 0);
	else
		put_sockaddr(strace, addr, length < sizeof(struct sockaddr_storage) ? length : sizeof(struct sockaddr_storage));
}

static void print_sockopt(struct Strace *strace, uint64_t value, uint64_t level)
{
	if (level == SOL_SOCKET)
		put_flags(strace, "sockopt_socket", value);
	else if (level == IPPROTO_TCP)
		put_flags(strace, "sockopt_tcp", value);
	else
		print_hex(strace, value, 0);
}

static void print_sockval(struct Strace *strace, uint64_t addr, uint64_t length)
{
	if (length == sizeof(int))
		print_int_pointer(strace, addr, 0);
	else
		print_bytes(strace, addr, (uint32_t)length);
}

static void print_sockval_out(struct Strace *strace, uint64_t addr, uint64_t length_addr)
{
	uint32_t length;
	if (strace->result < 0 || !strace->read(&length, length_addr, sizeof(length)))
		print_ptr(strace, addr, 0);
	else
		print_sockval(strace, addr, length);
}

static void put_msghdr(struct Strace *strace, uint64_t addr, uint64_t total)
{
	struct msghdr header;
	if (!get(strace, addr, &header, sizeof(header)))
		return;
	put(strace, "{msg_name=");
	if (header.msg_name && header.msg_namelen)
		put_sockaddr(strace, (uint64_t)header.msg_name, header.msg_namelen);
	else
		print_ptr(strace, (uint64_t)header.msg_name, 0);
	put(strace, ", msg_namelen=%u, msg_iov=", header.msg_namelen);
	put_iov(strace, (uint64_t)header.msg_iov, header.msg_iovlen, true, total);
	put(strace, ", msg_iovlen=%zu, msg_controllen=%zu, msg_flags=", header.msg_iovlen, header.msg_controllen);
	put_flags(strace, "msg_flags", (uint32_t)header.msg_flags);
	put(strace, "}");
}

static void print_msghdr(struct Strace *strace, uint64_t addr, uint64_t length)
{
	(void)length;
	put_msghdr(strace, addr, UINT64_MAX);
}

static void print_msghdr_out(struct Strace *strace, uint64_t addr, uint64_t length)
{
	(void)length;
	put_msghdr(strace, addr, strace->result);
}

/* struct mmsghdr is a msghdr of 56 bytes and a length, padded. */
static void put_mmsghdrs(struct Strace *strace, uint64_t addr, uint64_t count, bool received)
{
	put(strace, "[");
	for (uint64_t i = 0; i < count; i++) {
		uint32_t length = 0;
		put(strace, "%s", i ? ", " : "");
		if (i == ITEMS_MAX || !strace->read(&length, addr + i * 64 + 56, sizeof(length))) {
			put(strace, "...");
			break;
		}
		put(strace, "{msg_hdr=");
		put_msghdr(strace, addr + i * 64, received ? length : UINT64_MAX);
		put(strace, received ? ", msg_len=%u}" : "}", length);
	}
	put(strace, "]");
}

static void print_mmsghdrs(struct Strace *strace, uint64_t addr, uint64_t count)
{
	put_mmsghdrs(strace, addr, (uint32_t)count, false);
}

static void print_mmsghdrs_out(struct Strace *strace, uint64_t addr, uint64_t length)
{
	(void)length;
	if (strace->result < 0)
		print_ptr(strace, addr, 0);
	else
		put_mmsghdrs(strace, addr, strace->result, true);
}

/* -- arguments whose kind another one decides ------------------------------------------------------------------------------------ */

static void print_fcntl_argument(struct Strace *strace, uint64_t value, uint64_t command)
{
	struct flock lock;
	switch (command) {
	case F_GETFD: case F_GETFL: case F_GETOWN: case F_GETSIG: case F_GETLEASE: case F_GETPIPE_SZ: case F_GET_SEALS:
		strace->text->len -= 2;                 /* not an argument: takes ", " away */
		strace->text->str[strace->text->len] = 0;
		break;
	case F_SETFD:
		put_flags(strace, "fd_flags", value);
		break;
	case F_SETFL:
		put_flags(strace, "open_flags", value);
		break;
	case F_ADD_SEALS:
		put_flags(strace, "seals", value);
		break;
	case F_GETLK: case F_SETLK: case F_SETLKW: case F_OFD_GETLK: case F_OFD_SETLK: case F_OFD_SETLKW:
		if (!get(strace, value, &lock, sizeof(lock)))
			break;
		put(strace, "{l_type=");
		put_flags(strace, "lock_type", lock.l_type);
		put(strace, ", l_whence=");
		put_flags(strace, "whence", lock.l_whence);
		put(strace, ", l_start=%lld, l_len=%lld}", (long long)lock.l_start, (long long)lock.l_len);
		break;
	case F_SETOWN_EX: case F_GETOWN_EX:
		print_ptr(strace, value, 0);
		break;
	default:
		print_int(strace, value, 0);
	}
}

static void print_ioctl_request(struct Strace *strace, uint64_t value, uint64_t length)
{
	const struct IoctlRow *row = ioctl_row(value);
	(void)length;
	if (row)
		put(strace, "%s", row->name);
	else
		put(strace, "_IOC(0x%x, 0x%x, 0x%x, 0x%x)", (unsigned)value >> 30, (unsigned)value >> 8 & 0xff, (unsigned)value & 0xff, (unsigned)value >> 16 & 0x3fff);
}

static void print_ioctl_argument(struct Strace *strace, uint64_t value, uint64_t request)
{
	const struct IoctlRow *row = ioctl_row(request);
	const char *kind = row ? row->kind : "hex";
	strace_argument(strace, kind, strlen(kind), value);
}

static void print_open_how(struct Strace *strace, uint64_t addr, uint64_t size)
{
	uint64_t how[3];
	if (size < sizeof(how)) {
		print_ptr(strace, addr, 0);
		return;
	}
	if (!get(strace, addr, how, sizeof(how)))
		return;
	put(strace, "{flags=");
	put_flags(strace, "open_flags", how[0]);
	put(strace, ", mode=");
	print_mode(strace, how[1], 0);
	put(strace, ", resolve=");
	put_flags(strace, "resolve_flags", how[2]);
	put(strace, "}");
}

static void print_clone_args(struct Strace *strace, uint64_t addr, uint64_t size)
{
	uint64_t args[8];       /* flags pidfd child_tid parent_tid exit_signal stack stack_size tls */
	if (size < sizeof(args)) {
		print_ptr(strace, addr, 0);
		return;
	}
	if (!get(strace, addr, args, sizeof(args)))
		return;
	put(strace, "{flags=");
	put_flags(strace, "clone_flags", args[0]);
	put(strace, ", exit_signal=");
	print_signal(strace, args[4], 0);
	put(strace, ", stack=");
	print_ptr(strace, args[5], 0);
	put(strace, ", stack_size=0x%llx, tls=", (ull)args[6]);
	print_ptr(strace, args[7], 0);
	put(strace, "}");
}

static void print_clone_flags(struct Strace *strace, uint64_t value, uint64_t length)
{
	(void)length;
	if (value & ~0xffull || !(value & 0xff))
		put_flags(strace, "clone_flags", value & ~0xffull);
	if (value & 0xff) {
		put(strace, "%s", value & ~0xffull ? "|" : "");
		print_signal(strace, value & 0xff, 0);
	}
}

static void print_none(struct Strace *strace, uint64_t value, uint64_t length)
{
	(void)value, (void)length;
	strace->text->len -= 2;                         /* not an argument: takes ", " away */
	strace->text->str[strace->text->len] = 0;
}

static const struct ArgumentKind kinds[] = {
	{ "int", print_int, false }, { "fd", print_int32, false }, { "uint", print_uint, false }, { "hex", print_hex, false },
	{ "ptr", print_ptr, false }, { "dirfd", print_dirfd, false }, { "mode", print_mode, false }, { "open_mode", print_open_mode, false },
	{ "signal", print_signal, false }, { "none", print_none, false }, { "exec", print_int, false },
	{ "in", print_in, false }, { "out", print_out, true }, { "path", print_path, false }, { "rpath", print_path, false },
	{ "lrpath", print_path, false }, { "str", print_str, false }, { "str_out", print_str_out, true }, { "iov_in", print_iov_in, false },
	{ "iov_out", print_iov_out, true }, { "argv", print_argv, false }, { "envp", print_envp, false },
	{ "int_in", print_int_pointer, false }, { "int_out", print_int_pointer, true }, { "socklen_out", print_int_pointer, true },
	{ "offset", print_offset, false }, { "fd_pair_out", print_fd_pair, true },
	{ "timespec", print_timespec, false }, { "timespec_out", print_timespec, true }, { "timespec_pair", print_timespec_pair, false },
	{ "timeval", print_timeval, false }, { "timeval_out", print_timeval, true },
	{ "itimerspec", print_itimerspec, false }, { "itimerspec_out", print_itimerspec, true },
	{ "itimerval", print_itimerval, false }, { "itimerval_out", print_itimerval, true },
	{ "rlimit", print_rlimit, false }, { "rlimit_out", print_rlimit, true }, { "rusage_out", print_rusage, true },
	{ "utsname_out", print_utsname, true }, { "sysinfo_out", print_sysinfo, true }, { "stat_out", print_stat, true },
	{ "statx_out", print_statx, true }, { "statfs_out", print_statfs, true }, { "dirents_out", print_dirents, true },
	{ "wait_status_out", print_wait_status, true }, { "termios", print_termios, false }, { "termios_out", print_termios, true },
	{ "winsize", print_winsize, false }, { "winsize_out", print_winsize, true }, { "cpu_set", print_cpu_set, false },
	{ "cpu_set_out", print_cpu_set, true }, { "sigset", print_sigset, false }, { "sigset_out", print_sigset, true },
	{ "sigset_pair", print_sigset_pair, false }, { "sigaction", print_sigaction, false }, { "sigaction_out", print_sigaction, true },
	{ "stack", print_stack, false }, { "stack_out", print_stack, true }, { "siginfo", print_siginfo, false },
	{ "siginfo_out", print_siginfo, true }, { "sigevent", print_sigevent, false }, { "pollfds", print_pollfds, false },
	{ "fd_set", print_fd_set, false }, { "epoll_event", print_epoll_event, false }, { "epoll_events_out", print_epoll_events, true },
	{ "futex_timeout", print_futex_timeout, false }, { "sembufs", print_sembufs, false }, { "sockaddr", print_sockaddr, false },
	{ "sockaddr_out", print_sockaddr_out, true }, { "sockopt", print_sockopt, false }, { "sockval", print_sockval, false },
	{ "sockval_out", print_sockval_out, true }, { "msghdr", print_msghdr, false }, { "msghdr_out", print_msghdr_out, true },
	{ "mmsghdrs", print_mmsghdrs, false }, { "mmsghdrs_out", print_mmsghdrs_out, true },
	{ "fcntl_argument", print_fcntl_argument, true }, { "ioctl_request", print_ioctl_request, false },
	{ "ioctl_argument", print_ioctl_argument, true }, { "open_how", print_open_how, false }, { "clone_args", print_clone_args, false },
	{ "clone_flags", print_clone_flags, false },
};

const struct ArgumentKind *strace_kind_find(const char *name, size_t length)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++)
		if (strlen(kinds[i].name) == length && !memcmp(kinds[i].name, name, length))
			return &kinds[i];
	return NULL;
}

static size_t kind_length(const char *word, size_t length)
{
	const char *colon = memchr(word, ':', length);
	return colon ? (size_t)(colon - word) : length;
}

void strace_argument(struct Strace *strace, const char *word, size_t word_length, uint64_t value)
{
	size_t length = kind_length(word, word_length);
	const struct ArgumentKind *kind = strace_kind_find(word, length);
	if (kind) {
		kind->print(strace, value, length < word_length ? strace->a[word[length + 1] - '0'] : 0);
		return;
	}
	const struct FlagSet *set = strace_flags_find(word, length);
	g_assert(set);
	strace_flags(strace->text, set, value);
}

bool strace_argument_after(const char *word, size_t word_length)
{
	const struct ArgumentKind *kind = strace_kind_find(word, kind_length(word, word_length));
	return kind && kind->after;
}

bool strace_knows(const char *word, size_t length)
{
	return strace_kind_find(word, length) || strace_flags_find(word, length);
}
