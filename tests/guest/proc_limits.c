/* SPDX-License-Identifier: MIT */
/* Limits, names, random bytes, system facts, prctl, scheduling, groups and identities, terminals. */
/* expect:
limits
limits in children
names
random
system
prctl
scheduling
identities
terminal
calls that do not exist
*/
#include "must.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static void terminal(void)
{
	int primary, secondary, n, status;
	struct winsize size = { 40, 100, 1, 2 }, got;
	struct termios t;
	struct pollfd arrives = { .events = POLLIN };
	char name[64], b[64];

	MUST(openpty(&primary, &secondary, name, NULL, &size) == 0 && isatty(secondary) && !strncmp(ttyname(secondary), "/dev/pts/", 9));
	MUST(ioctl(secondary, TIOCGWINSZ, &got) == 0 && !memcmp(&got, &size, sizeof got) && tcgetattr(secondary, &t) == 0);
	MUST((t.c_lflag & ECHO) && (t.c_lflag & ICANON) && t.c_cc[VINTR] == 3 && cfgetospeed(&t) == B38400);
	MUST(write(primary, "ab\x7f" "c\n", 5) == 5 && read(secondary, b, 64) == 3 && !memcmp(b, "ac\n", 3) && read(primary, b, 64) > 0);
	t.c_lflag &= ~(ECHO | ICANON), t.c_cc[VMIN] = 1, t.c_cc[VTIME] = 0;
	MUST(tcsetattr(secondary, TCSANOW, &t) == 0 && write(primary, "xy", 2) == 2 && read(secondary, b, 64) == 2);
	arrives.fd = secondary;         /* the kernel carries it over when it gets to it */
	MUST(write(primary, "z", 1) == 1 && poll(&arrives, 1, 60000) == 1 && ioctl(secondary, FIONREAD, &n) == 0 && n == 1 && tcflush(secondary, TCIFLUSH) == 0);
	MUST(write(secondary, "out\n", 4) == 4 && read(primary, b, 64) == 5 && !memcmp(b, "out\r\n", 5) && ioctl(1, TIOCGWINSZ, &got) == -1 && errno == ENOTTY);
	if (fork() == 0) {
		if (setsid() < 0 || ioctl(secondary, TIOCSCTTY, 0) || tcgetsid(secondary) != getpid() || tcgetpgrp(secondary) != getpid())
			_exit(1);
		write(secondary, "ready", 5);
		pause();
	}
	MUST(read(primary, b, 5) == 5 && write(primary, "\x03", 1) == 1 && wait(&status) > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
	puts("terminal");
}

static volatile int enough;

static void *ask(void *data)
{
	struct rlimit limit;

	while (!enough)
		getrlimit(RLIMIT_STACK, &limit);
	return data;
}

/* A child that is made while other threads ask for limits may ask, too. */
static void limits_in_children(void)
{
	struct rlimit limit;
	pthread_t threads[2];
	int status;

	for (int i = 0; i < 2; i++)
		MUST(pthread_create(&threads[i], NULL, ask, NULL) == 0);
	for (int i = 0; i < 1000; i++) {
		pid_t child = fork();
		if (child == 0) {
			alarm(20);
			_exit(getrlimit(RLIMIT_STACK, &limit));
		}
		MUST(child > 0 && waitpid(child, &status, 0) == child && status == 0);
	}
	enough = 1;
	for (int i = 0; i < 2; i++)
		MUST(pthread_join(threads[i], NULL) == 0);
	puts("limits in children");
}

int main(void)
{
	struct rlimit old, now;
	struct utsname u;
	struct sysinfo info;
	unsigned char r[2][32];
	cpu_set_t set;
	char name[17] = { 0 };
	gid_t groups[256];
	int n;

	MUST(getrlimit(RLIMIT_NOFILE, &old) == 0 && old.rlim_cur > 10);
	now = (struct rlimit){ 50, old.rlim_max };
	MUST(setrlimit(RLIMIT_NOFILE, &now) == 0 && prlimit(0, RLIMIT_NOFILE, NULL, &now) == 0 && now.rlim_cur == 50 && dup2(0, 49) == 49 && dup2(0, 50) == -1 && errno == EBADF);
	MUST(close(49) == 0 && setrlimit(RLIMIT_NOFILE, &old) == 0 && getrlimit(RLIMIT_STACK, &now) == 0 && now.rlim_cur >= 65536);
	MUST(setrlimit(RLIMIT_CORE, &(struct rlimit){ 5, 1 }) == -1 && errno == EINVAL && getrlimit(999, &now) == -1 && errno == EINVAL);
	puts("limits");
	limits_in_children();

	MUST(uname(&u) == 0 && !strcmp(u.sysname, "Linux") && u.release[0] >= '3' && gethostname(name, 1) <= 0);
#ifdef __riscv
	MUST(!strcmp(u.machine, "riscv64"));
#endif
	puts("names");

	MUST(getrandom(r[0], 32, 0) == 32 && getrandom(r[1], 32, GRND_NONBLOCK) == 32 && memcmp(r[0], r[1], 32) && getrandom(r[0], 1, 1 << 20) == -1 && errno == EINVAL);
	puts("random");

	MUST(sysinfo(&info) == 0 && info.totalram && info.mem_unit && info.procs && info.uptime > 0 && sysconf(_SC_NPROCESSORS_ONLN) >= 1);
	puts("system");

	MUST(prctl(PR_SET_NAME, "guest-name") == 0 && prctl(PR_GET_NAME, name) == 0 && !strcmp(name, "guest-name"));
	MUST(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0 && prctl(PR_GET_PDEATHSIG, &n) == 0 && n == SIGUSR1 && prctl(PR_SET_PDEATHSIG, 0) == 0);
	MUST(prctl(PR_GET_DUMPABLE) >= 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && prctl(-1) == -1 && errno == EINVAL);
	puts("prctl");

	CPU_ZERO(&set);
	MUST(sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) >= 1 && sched_setaffinity(0, sizeof set, &set) == 0 && sched_yield() == 0);
	MUST(sched_getscheduler(0) == SCHED_OTHER && sched_get_priority_max(SCHED_FIFO) == 99 && (errno = 0, n = getpriority(PRIO_PROCESS, 0), errno == 0) && setpriority(PRIO_PROCESS, 0, n + 3) == 0);
	errno = 0;
	MUST(getpriority(PRIO_PROCESS, 0) == (n + 3 < 19 ? n + 3 : 19) && errno == 0 && nice(1) == (n + 4 < 19 ? n + 4 : 19) && sched_getcpu() >= 0);
	puts("scheduling");

	MUST(getuid() == geteuid() && (n = getgroups(256, groups)) >= 0 && getpgid(0) == getpgrp() && getsid(0) >= 0 && setuid(getuid()) == 0 && syscall(SYS_gettid) == getpid());
	puts("identities");
	fflush(stdout);
	terminal();

	MUST(syscall(5000) == -1 && errno == ENOSYS && syscall(-1) == -1 && errno == ENOSYS);
	puts("calls that do not exist");
	return 0;
}
