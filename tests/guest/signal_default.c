/* SPDX-License-Identifier: MIT */
/* What kills, and with which status; what does not. */
/* expect:
SIGTERM: signal 15
SIGKILL: signal 9
SIGPIPE: signal 13
SIGALRM: signal 14
SIGUSR1: signal 10
realtime: signal 40
abort: signal 6
fault: signal 11
fault, SIGSEGV ignored: signal 11
fault, SIGSEGV blocked with a handler: signal 11
illegal, default: signal 4
trap, default: signal 5
raise SIGFPE, ignored: exit 0
raise SIGFPE, default: signal 8
fault in the handler of the fault: signal 11
handler on no stack: signal 11
SIGCHLD SIGURG SIGWINCH SIGCONT: exit 0
blocked, pending at exit: exit 0
SIGTERM in a thread of many: signal 15
ignored children leave no zombies: ECHILD
SA_NOCLDWAIT: ECHILD, handler 1
*/
#include "must.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int handlers;
static void note(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	handlers++;
}

static volatile uintptr_t nowhere = 16;
static void fault(void) { *(volatile int *)nowhere = 1; }
static void fault_again(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)info, (void)context;
	fault();
}

static void illegal(void)
{
#if defined(__riscv)
	asm volatile(".word 0xffffffff");
#else
	asm volatile("ud2");
#endif
}

static void trap(void)
{
#if defined(__riscv)
	asm volatile("ebreak");
#else
	asm volatile("int3");
#endif
}

static void *spin(void *data)
{
	volatile long *counter = data;
	for (;;)
		++*counter;
	return NULL;
}

static void *killer(void *data)
{
	usleep(20000);
	raise(SIGTERM);
	return data;
}

static void raise_term(void) { raise(SIGTERM); }
static void raise_kill(void) { raise(SIGKILL); }
static void raise_alarm(void) { alarm(1); pause(); }
static void raise_user(void) { kill(getpid(), SIGUSR1); }
static void raise_realtime(void) { raise(40); }
static void break_pipe(void)
{
	int pipes[2];
	MUST(pipe(pipes) == 0 && close(pipes[0]) == 0);
	MUST(write(pipes[1], "x", 1) == 1);
}
static void fault_ignored(void) { signal(SIGSEGV, SIG_IGN); fault(); }
static void fault_blocked(void) { handle(SIGSEGV, note, 0); set_mask(SIG_BLOCK, SIGSEGV); fault(); }
static void raise_ignored(void) { signal(SIGFPE, SIG_IGN); raise(SIGFPE); }
static void raise_fpe(void) { raise(SIGFPE); }
static void fault_twice(void) { handle(SIGSEGV, fault_again, 0); fault(); }
static void no_stack(void)
{
	handle(SIGUSR1, note, 0);
#if defined(__riscv)
	asm volatile("mv a0, %0\nli a1, 10\nli a7, 129\nli sp, 64\necall" : : "r"((long)getpid()) : "a0", "a1", "a7", "memory");
#else
	asm volatile("movl $62, %%eax\nmovl $10, %%esi\nmovl $64, %%esp\nsyscall" : : "D"((long)getpid()) : "rax", "rsi", "rcx", "r11", "memory");
#endif
}
static void harmless(void) { raise(SIGCHLD); raise(SIGURG); raise(SIGWINCH); raise(SIGCONT); }
static void pending(void) { set_mask(SIG_BLOCK, SIGTERM); raise(SIGTERM); }
static void many_threads(void)
{
	static long counters[4];
	pthread_t thread;
	for (int i = 0; i < 4; i++)
		pthread_create(&thread, NULL, spin, &counters[i]);
	pthread_create(&thread, NULL, killer, NULL);
	for (;;)
		pause();
}

static void run(const char *what, void (*function)(void))
{
	int status;

	fflush(stdout);
	pid_t pid = fork();
	if (!pid) {
		function();
		_exit(0);
	}
	MUST(waitpid(pid, &status, 0) == pid);
	if (WIFSIGNALED(status))
		printf("%s: signal %d\n", what, WTERMSIG(status));
	else
		printf("%s: exit %d\n", what, WEXITSTATUS(status));
}

int main(void)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	run("SIGTERM", raise_term);
	run("SIGKILL", raise_kill);
	run("SIGPIPE", break_pipe);
	run("SIGALRM", raise_alarm);
	run("SIGUSR1", raise_user);
	run("realtime", raise_realtime);
	run("abort", abort);
	run("fault", fault);
	run("fault, SIGSEGV ignored", fault_ignored);
	run("fault, SIGSEGV blocked with a handler", fault_blocked);
	run("illegal, default", illegal);
	run("trap, default", trap);
	run("raise SIGFPE, ignored", raise_ignored);
	run("raise SIGFPE, default", raise_fpe);
	run("fault in the handler of the fault", fault_twice);
	run("handler on no stack", no_stack);
	run("SIGCHLD SIGURG SIGWINCH SIGCONT", harmless);
	run("blocked, pending at exit", pending);
	run("SIGTERM in a thread of many", many_threads);

	signal(SIGCHLD, SIG_IGN);
	fflush(stdout);
	if (!fork())
		_exit(3);
	printf("ignored children leave no zombies: %s\n", wait(NULL) < 0 && errno == ECHILD ? "ECHILD" : "?");
	handle(SIGCHLD, note, SA_NOCLDWAIT | SA_RESTART);
	fflush(stdout);
	if (!fork())
		_exit(3);
	int result = wait(NULL);
	printf("SA_NOCLDWAIT: %s, handler %d\n", result < 0 && errno == ECHILD ? "ECHILD" : "?", handlers);
	return 0;
}
