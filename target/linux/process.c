/* SPDX-License-Identifier: MIT */
/* Guest processes: their tasks, how those stop and end, and waiting for children. */
#include "target/linux/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "instrument/log.h"
#include "instrument/probe.h"
#include "target/linux/mm.h"
#include "target/linux/signal.h"
#include "target/linux/syscalls.h"
#include "translator/fault.h"
#include "translator/translator.h"

/* The order of locks: the translator's, tasks.lock, the actions' locks, mm's, the log's. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t resumed;
	struct Task *first;
	struct Task *stopper;           /* the task that has stopped all others, or NULL */
	struct HostStack *stacks, **last_stack; /* not in use, longest ago first */
} tasks = { .lock = PTHREAD_MUTEX_INITIALIZER, .resumed = PTHREAD_COND_INITIALIZER, .last_stack = &tasks.stacks };

/* -- tasks --------------------------------------------------------------------------------------------------------- */

struct Task *task_new(struct Cpu *cpu)
{
	struct Task *task = calloc(1, sizeof *task);

	if (!task)
		abort();
	task->cpu = cpu;
	task->tid = host_syscall(SYS_gettid);
	cpu->task = task;
	return task;
}

struct Task *task_copy(struct Task *parent, struct SignalActions *actions)
{
	const struct Cpu *from = parent->cpu;
	struct Task *task = task_new(cpu_new(from->guest, from->env, NULL));

	from->guest->copy(task->cpu, from);
	from->guest->linux_abi->syscall_result(task->cpu, 0);
	task->actions = actions;
	task->signal_mask = parent->signal_mask;
	task->alt_stack = parent->alt_stack;
	return task;
}

void task_free(struct Task *task)
{
	signal_actions_drop(task->actions);
	exec_free(task->exec);
	cpu_free(task->cpu);
	free(task);
}

void task_join(struct Task *task)
{
	pthread_mutex_lock(&tasks.lock);
	task->next = tasks.first;
	tasks.first = task;
	if (tasks.stopper) {
		atomic_store(&task->exiting, true);
		task->attention = 1;
		cpu_interrupt(task->cpu);
	}
	pthread_mutex_unlock(&tasks.lock);
}

void task_tell_end(struct Task *task)
{
	pthread_mutex_lock(&tasks.lock);
	bool only = tasks.first == task && !task->next;
	pthread_mutex_unlock(&tasks.lock);
	if (!only)
		instrument_cpu_exit(task->cpu);
}

bool task_leave(struct Task *task)
{
	pthread_mutex_lock(&tasks.lock);
	struct Task **link = &tasks.first;
	while (*link != task)
		link = &(*link)->next;
	*link = task->next;
	bool last = !tasks.first;
	pthread_mutex_unlock(&tasks.lock);
	return last;
}

/* -- host stacks --------------------------------------------------------------------------------------------------- */

static bool gone(pid_t tid)
{
	return tid == 0 || host_syscall(SYS_tgkill, getpid(), tid, 0) == -ESRCH;
}

struct HostStack *host_stack_take(void)
{
	pthread_mutex_lock(&tasks.lock);
	struct HostStack *stack = tasks.stacks;
	if (stack && gone(stack->tid)) {
		tasks.stacks = stack->next;
		if (!tasks.stacks)
			tasks.last_stack = &tasks.stacks;
	} else {
		stack = NULL;
	}
	pthread_mutex_unlock(&tasks.lock);
	if (stack)
		return stack;

	stack = calloc(1, sizeof *stack);
	char *memory = mmap(NULL, MM_PAGE + HOST_STACK_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!stack || memory == MAP_FAILED || mprotect(memory + MM_PAGE, HOST_STACK_SIZE, PROT_READ | PROT_WRITE) != 0) {
		if (memory != MAP_FAILED)
			munmap(memory, MM_PAGE + HOST_STACK_SIZE);
		free(stack);
		return NULL;
	}
	stack->base = memory + MM_PAGE;
	return stack;
}

void host_stack_give(struct HostStack *stack, pid_t tid)
{
	pthread_mutex_lock(&tasks.lock);
	stack->tid = tid;
	stack->next = NULL;
	*tasks.last_stack = stack;
	tasks.last_stack = &stack->next;
	pthread_mutex_unlock(&tasks.lock);
}

/* -- fork ----------------------------------------------------------------------------------------------------------- */

void process_fork_prepare(struct Task *task)
{
	log_flush();
	translator_fork_prepare();
	pthread_mutex_lock(&tasks.lock);
	pthread_mutex_lock(&task->actions->lock);
	mm_fork_prepare();
	limit_fork_prepare();
	log_fork_prepare();
}

void process_fork_done(struct Task *task, bool child)
{
	log_fork_done(child);
	limit_fork_done();
	mm_fork_done(child);
	pthread_mutex_unlock(&task->actions->lock);
	if (child) {
		/* the other tasks and their cpus keep their memory, which nobody uses */
		tasks.first = task;
		tasks.stopper = NULL;
		task->next = NULL;
		task->tid = host_syscall(SYS_gettid);
		task->vfork_child = false;
		task->host_stack = NULL;        /* ends as a first thread does */
		atomic_store(&task->exiting, false);
		task->held_signals = 0;
		task->pace = (struct Pace){ 0 };        /* the timer is the parent's */
		task->attention = 0;
		pthread_cond_init(&tasks.resumed, NULL);
	}
	pthread_mutex_unlock(&tasks.lock);
	translator_fork_done(child);
}

/* -- stopping ------------------------------------------------------------------------------------------------------- */

void process_park(struct Task *task)
{
	pthread_mutex_lock(&tasks.lock);
	while (atomic_load(&task->exiting))
		pthread_cond_wait(&tasks.resumed, &tasks.lock);
	pthread_mutex_unlock(&tasks.lock);
}

/* Alone: no cpu runs guest code until this returns, and the others' next look is at what it leaves. */
static void mark_others(void *data)
{
	struct Task *self = data;

	pthread_mutex_lock(&tasks.lock);
	if (!tasks.stopper) {
		tasks.stopper = self;
		for (struct Task *task = tasks.first; task; task = task->next) {
			if (task == self)
				continue;
			atomic_store(&task->exiting, true);
			task->attention = 1;
			cpu_interrupt(task->cpu);
		}
	}
	pthread_mutex_unlock(&tasks.lock);
}

void process_stop_other_tasks(void)
{
	struct Task *self = task_current();

	do {
		cpu_exclusive(mark_others, self);
		process_park(self);     /* if another one was faster */
	} while (tasks.stopper != self);
}

void process_resume_other_tasks(void)
{
	pthread_mutex_lock(&tasks.lock);
	tasks.stopper = NULL;
	for (struct Task *task = tasks.first; task; task = task->next)
		atomic_store(&task->exiting, false);
	pthread_cond_broadcast(&tasks.resumed);
	pthread_mutex_unlock(&tasks.lock);
}

/* -- ends ----------------------------------------------------------------------------------------------------------- */

void process_report(void)
{
	instrument_exit();
	translator_log_statistics();
	log_flush();
}

/* What is left to do for a process that no longer runs guest code. One that runs in its parent's memory leaves the plugins and the log to it. */
static void finish(struct Task *task)
{
	signal_block_all();
	if (task && task->vfork_child)
		return;
	if (task)
		process_stop_other_tasks();
	process_report();
}

void process_finish(void)
{
	finish(task_current());
}

void process_exit(int status)
{
	finish(task_current());
	for (;;)
		host_syscall(SYS_exit_group, status);
}

void process_die(int sig)
{
	struct KernelAction action = { .handler = (void *)SIG_DFL };
	uint64_t mask = signal_bit(sig);

	finish(task_current());
	kernel_sigaction(sig, &action, NULL);
	host_syscall(SYS_tgkill, getpid(), host_syscall(SYS_gettid), sig);
	host_syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, &mask, NULL, sizeof mask);
	for (;;)
		host_syscall(SYS_exit_group, 128 + sig);
}

void task_end(struct Task *task)
{
	int status = task->exit_status;
	pid_t tid = task->tid;
	struct HostStack *stack = task->host_stack;

	signal_block_all();
	pace_drop(task);
	if (task->vfork_child)
		for (;;)
			host_syscall(SYS_exit, status);
	task_tell_end(task);
	/* The status of a process whose tasks end one by one is the last one's. The host's own last thread may be another. */
	if (task_leave(task))
		process_exit(status);
	task_free(task);
	if (stack)
		host_stack_give(stack, tid);
	else
		for (;;)
			host_syscall(SYS_exit, status);
}

int64_t sys_exit(struct Cpu *cpu, const uint64_t a[6])
{
	cpu->task->ended = true;
	cpu->task->exit_status = (int)a[0];
	return -GUEST_ENORESULT;
}

int64_t sys_exit_group(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	process_exit((int)a[0]);
}

int64_t sys_set_tid_address(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	return host_syscall(SYS_set_tid_address, a[0]);
}

/* -- children --------------------------------------------------------------------------------------------------------- */

int64_t sys_wait4(struct Cpu *cpu, const uint64_t a[6])
{
	int status;
	struct rusage usage;
	(void)cpu;

	long pid = host_syscall_blocking(SYS_wait4, a[0], &status, a[2], a[3] ? &usage : NULL);
	if (pid > 0) {
		if (a[1] && !guest_write(a[1], &status, sizeof status))
			return -EFAULT;
		if (a[3] && !guest_write(a[3], &usage, sizeof usage))
			return -EFAULT;
	}
	return pid;
}

int64_t sys_waitid(struct Cpu *cpu, const uint64_t a[6])
{
	siginfo_t info = { .si_signo = 0 };
	struct rusage usage;
	(void)cpu;

	long result = host_syscall_blocking(SYS_waitid, a[0], a[1], a[2] ? &info : NULL, a[3], a[4] ? &usage : NULL);
	if (result < 0)
		return result;
	if (a[4] && info.si_signo && !guest_write(a[4], &usage, sizeof usage))
		return -EFAULT;
	/* the kernel writes these fields alone; without a child they are zero */
	struct { int signo, error, code, pad, pid, uid, status; } fields = {
		info.si_signo, 0, info.si_code, 0, info.si_pid, (int)info.si_uid, info.si_status,
	};
	if (a[2] && !(guest_write(a[2], &fields, 3 * sizeof(int)) && guest_write(a[2] + 16, &fields.pid, 3 * sizeof(int))))
		return -EFAULT;
	return result;
}
