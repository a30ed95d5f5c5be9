/* SPDX-License-Identifier: MIT */
/* Guest program: threads that are signalled all the time make and end threads and processes by every way there is, for a number of seconds, and check each status.
 *
 * usage: processes [SECONDS [verbose]]
 *
 * Prints "ok" and exits 0 if all went well; what went wrong and 1 otherwise. "processes child KIND" is what it executes. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WORKERS = 4, SPINNERS = 2, STATUS = 7, PAGE = 4096 };

extern char **environ;
static char program[4096];
static atomic_bool stop;
static _Atomic uint64_t done[8], errors, seen, spins;
static pthread_t spinners[SPINNERS], workers[WORKERS];

static void on_signal(int sig)
{
	(void)sig;
	atomic_fetch_add(&seen, 1);
}

/* -- what goes on meanwhile ------------------------------------------------------------------------------------------- */

/* Code of its own that changes, so that others' translations and forks meet it. */
static int fresh_code(unsigned value)
{
	uint8_t *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		return -1;
#if defined __riscv
	uint32_t insns[] = { 0x00000513 | (value & 2047) << 20, 0x00008067 };
#elif defined __x86_64__
	uint8_t insns[] = { 0xb8, value & 0xff, value >> 8 & 7, 0, 0, 0xc3 };
#elif defined __aarch64__
	uint32_t insns[] = { 0x52800000 | (value & 2047) << 5, 0xd65f03c0 };
#endif
	memcpy(page, insns, sizeof insns);
	__builtin___clear_cache((char *)page, (char *)page + sizeof insns);
	int result = ((int (*)(void))page)();
	munmap(page, PAGE);
	return result == (int)(value & 2047) ? 0 : -1;
}

static void *spin(void *arg)
{
	unsigned n = (uintptr_t)arg;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		for (unsigned i = 0; i < 2000; i++)
			atomic_fetch_add(&spins, 1);
		if (++n % 16 == 0 && fresh_code(n) != 0)
			atomic_fetch_add(&errors, 1);
	}
	return NULL;
}

static __attribute__((noreturn)) void *spin_for_ever(void *arg)
{
	(void)arg;
	for (unsigned n = 0;; n++) {
		atomic_fetch_add(&spins, 1);
		if (n % 4096 == 0)
			fresh_code(n);
	}
}

/* -- what an executed child does ------------------------------------------------------------------------------------------ */

static void execute(const char *kind)
{
	char *argv[] = { program, "child", (char *)kind, NULL };
	execv(program, argv);
	_exit(99);
}

static void *exec_thread(void *arg)
{
	usleep(2000);
	execute(arg);
	return NULL;
}

/* Not exit(): the static C library frees the tables of the unwinder, which the first thread's pthread_exit() may still be reading. */
static __attribute__((noreturn)) void *exit_thread(void *arg)
{
	usleep(2000);
	_exit((int)(intptr_t)arg);
}

static void *late_thread(void *arg)
{
	usleep(2000);
	return arg;
}

static __attribute__((noreturn)) void *abort_thread(void *arg)
{
	(void)arg;
	usleep(2000);
	kill(getpid(), SIGTERM);
	for (;;)
		pause();
}

static int child(const char *kind)
{
	pthread_t thread;

	if (!strcmp(kind, "plain"))
		return STATUS;
	if (strcmp(kind, "last"))
		for (unsigned i = 0; i < 3; i++)
			pthread_create(&thread, NULL, spin_for_ever, NULL);
	if (!strcmp(kind, "exec"))              /* by a thread that is not the first, others running */
		pthread_create(&thread, NULL, exec_thread, "plain");
	else if (!strcmp(kind, "exit"))
		pthread_create(&thread, NULL, exit_thread, (void *)(intptr_t)STATUS);
	else if (!strcmp(kind, "die"))
		pthread_create(&thread, NULL, abort_thread, NULL);
	else if (!strcmp(kind, "last"))
		pthread_create(&thread, NULL, late_thread, NULL);
	pthread_exit(NULL);                     /* the first thread ends before the others */
}

/* -- what the workers do --------------------------------------------------------------------------------------------------- */

static int wait_for(pid_t pid)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

static bool expect(int status, const char *kind)
{
	if (kind && !strcmp(kind, "die"))
		return WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
	return WIFEXITED(status) && WEXITSTATUS(status) == (kind && !strcmp(kind, "last") ? 0 : STATUS);
}

static void fail(const char *what, int status)
{
	char text[128];
	int n = snprintf(text, sizeof text, "wrong: %s: status %#x\n", what, status);
	if (write(1, text, n) == n)
		atomic_fetch_add(&errors, 1);
}

static void *count_up(void *arg)
{
	atomic_fetch_add((_Atomic uint64_t *)arg, 1);
	return arg;
}

static void some_threads(void)
{
	_Atomic uint64_t counter = 0;
	pthread_t thread[4];
	void *result;

	for (unsigned i = 0; i < 4; i++)
		if (pthread_create(&thread[i], NULL, count_up, &counter) != 0)
			fail("pthread_create", errno);
	for (unsigned i = 0; i < 4; i++)
		if (pthread_join(thread[i], &result) != 0 || result != &counter)
			fail("pthread_join", 0);
	if (counter != 4)
		fail("threads", counter);
}

static void by_fork(const char *kind)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (kind)
			execute(kind);
		_exit(fresh_code(33) == 0 ? STATUS : 98);
	}
	int status = pid < 0 ? -1 : wait_for(pid);
	if (!expect(status, kind))
		fail(kind ? kind : "fork", status);
}

static void by_vfork(void)
{
	char *argv[] = { program, "child", "plain", NULL };
	pid_t pid = vfork();

	if (pid == 0) {
		execv(program, argv);
		_exit(99);
	}
	int status = pid < 0 ? -1 : wait_for(pid);
	if (!expect(status, NULL))
		fail("vfork", status);
}

static void by_spawn(void)
{
	char *argv[] = { program, "child", "plain", NULL };
	pid_t pid;
	int error = posix_spawn(&pid, program, NULL, NULL, argv, environ), status = error ? -1 : wait_for(pid);

	if (!expect(status, NULL))
		fail("posix_spawn", status);
}

/* A child with threads of its own. */
static void fork_threads(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		some_threads();
		_exit(STATUS);
	}
	int status = pid < 0 ? -1 : wait_for(pid);
	if (!expect(status, NULL))
		fail("threads of a child", status);
}

static void *work(void *arg)
{
	static const char *const kinds[] = { "plain", "exec", "exit", "die", "last" };
	unsigned n = (uintptr_t)arg;

	for (; !atomic_load(&stop); n++) {
		unsigned what = n % 8;
		switch (what) {
		case 0: case 4: some_threads(); break;
		case 1: case 5: by_fork(NULL); break;
		case 2: by_fork(kinds[n / 8 % 5]); break;
		case 3: by_spawn(); break;
		case 6: by_vfork(); break;
		case 7: fork_threads(); break;
		}
		atomic_fetch_add(&done[what], 1);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	unsigned seconds = argc > 1 ? atoi(argv[1]) : 5, rounds = 0;
	struct timespec start, now, pause = { .tv_nsec = 3000000 };

	if (readlink("/proc/self/exe", program, sizeof program - 1) < 0)
		return 1;
	if (argc > 2 && !strcmp(argv[1], "child"))
		return child(argv[2]);
	sigaction(SIGUSR1, &action, NULL);
	for (uintptr_t i = 0; i < SPINNERS; i++)
		pthread_create(&spinners[i], NULL, spin, (void *)i);
	for (uintptr_t i = 0; i < WORKERS; i++)
		pthread_create(&workers[i], NULL, work, (void *)(i * 3));
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		nanosleep(&pause, NULL);
		pthread_kill(rounds & 1 ? spinners[rounds / 2 % SPINNERS] : workers[rounds / 2 % WORKERS], SIGUSR1);
		rounds++;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - start.tv_sec < seconds);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < WORKERS; i++)
		pthread_join(workers[i], NULL);
	for (unsigned i = 0; i < SPINNERS; i++)
		pthread_join(spinners[i], NULL);
	if (argc > 2)
		printf("%lu sets of threads, %lu forks, %lu forks and execs, %lu spawns, %lu vforks, %lu children with threads, %lu signals\n",
		       done[0] + done[4], done[1] + done[5], done[2], done[3], done[6], done[7], seen);
	if (errors || !seen || seen > rounds) {
		printf("wrong: %lu errors, %lu signals of %u\n", errors, seen, rounds);
		return 1;
	}
	puts("ok");
	return 0;
}
