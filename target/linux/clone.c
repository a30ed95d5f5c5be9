/* SPDX-License-Identifier: MIT */
/* New guest threads and processes: clone, clone3.
 *
 * A thread is made by the C library on a stack of ours, a process with memory of its own by its fork(), which keeps its locks whole; what fork() cannot
 * express (namespaces, other exit signals, cgroups) goes to the kernel directly.
 *
 * A process that shares our memory (vfork, posix_spawn) runs a copy of the cpu on a host stack of its own, while the host thread that made it is suspended by
 * CLONE_VFORK: so it can use that thread's thread-local data. Where the guest does not ask for the suspension, a helper thread is made to be suspended in its place. */
#include "target/linux/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "instrument/fork.h"
#include "instrument/probe.h"
#include "target/linux/path.h"
#include "target/linux/signal.h"
#include "target/linux/syscalls.h"
#include "translator/translator.h"

#ifndef CLONE_CLEAR_SIGHAND
#define CLONE_CLEAR_SIGHAND 0x100000000ull
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ull
#endif

/* struct clone_args of the kernel: the same for all architectures. */
struct CloneArgs {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
enum { CLONE_ARGS_FIRST = 64, CLONE_ARGS_NOW = sizeof(struct CloneArgs) };
_Static_assert(CLONE_ARGS_NOW == 88, "as of Linux 5.7");

static void wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore) != 0)
		;
}

/* Registers of the child: those of the parent but for stack and thread pointer. */
static void set_registers(struct Cpu *cpu, const struct CloneArgs *args)
{
	const struct LinuxAbi *abi = cpu->guest->linux_abi;

	abi->syscall_result(cpu, 0);
	if (args->stack)
		abi->set_stack_pointer(cpu, args->stack + args->stack_size);
	if (args->flags & CLONE_SETTLS)
		abi->set_tls(cpu, args->tls);
}

static void write_tid(uint64_t addr, pid_t tid)
{
	guest_write(addr, &tid, sizeof tid);    /* the kernel ignores a bad address too */
}

/* -- threads ------------------------------------------------------------------------------------------------------- */

struct ThreadStart {
	struct Task *task;
	const struct CloneArgs *args;
	sem_t ready;                    /* the new thread no longer needs this struct */
	pid_t tid;
};

static void *thread_main(void *data)
{
	struct ThreadStart *start = data;
	struct Task *task = start->task;
	uint64_t flags = start->args->flags;
	uint64_t separate = ~flags & (CLONE_FS | CLONE_FILES);

	cpu_set_current(task->cpu);
	task->tid = host_syscall(SYS_gettid);
	/* The C library does not join this thread nor own its stack, so the kernel's record of these is the guest's. */
	host_syscall(SYS_set_tid_address, flags & CLONE_CHILD_CLEARTID ? start->args->child_tid : 0);
	host_syscall(SYS_set_robust_list, NULL, 3 * sizeof(void *));
	if (separate)
		unshare(separate);
	if (flags & CLONE_PARENT_SETTID)
		write_tid(start->args->parent_tid, task->tid);
	if (flags & CLONE_CHILD_SETTID)
		write_tid(start->args->child_tid, task->tid);
	start->tid = task->tid;
	sem_post(&start->ready);

	instrument_cpu_init(task->cpu);
	signal_open_mask(task);
	cpu_run(task->cpu);
	task_end(task);
	return NULL;
}

static int64_t make_thread(struct Task *parent, const struct CloneArgs *args)
{
	struct ThreadStart start = { .args = args };
	struct HostStack *stack = host_stack_take();
	pthread_attr_t attributes;
	pthread_t thread;

	if (!stack)
		return -ENOMEM;
	struct Task *task = task_copy(parent, signal_actions_share(parent->actions));
	set_registers(task->cpu, args);
	task->alt_stack = (stack_t){ .ss_flags = SS_DISABLE };
	task->host_stack = stack;
	start.task = task;
	sem_init(&start.ready, 0, 0);
	task_join(task);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstack(&attributes, stack->base, HOST_STACK_SIZE);
	int error = pthread_create(&thread, &attributes, thread_main, &start);
	pthread_attr_destroy(&attributes);
	signal_actions_reclaim(parent->actions);
	if (error) {
		task_leave(task);
		task_free(task);
		host_stack_give(stack, 0);
	} else {
		wait_for(&start.ready);
	}
	sem_destroy(&start.ready);
	return error ? -error : start.tid;
}

/* -- processes that share our memory ---------------------------------------------------------------------------------- */

struct SharedStart {
	struct Task *task;              /* the child's */
	struct CloneArgs args;
	struct HostStack *stack;
	sem_t started;                  /* the child runs, or could not be made: RESULT is known */
	int64_t result;                 /* its pid or -errno */
	struct HostStack *helper_stack;
	unsigned users;
};

static int shared_main(void *data)
{
	struct SharedStart *start = data;
	struct Task *task = start->task;

	cpu_set_current(task->cpu);
	task->tid = host_syscall(SYS_gettid);
	if (start->args.flags & CLONE_PARENT_SETTID)
		write_tid(start->args.parent_tid, task->tid);
	if (start->args.flags & CLONE_CLEAR_SIGHAND)
		signal_actions_clear(task->actions);
	start->result = task->tid;
	sem_post(&start->started);
	instrument_cpu_init(task->cpu);
	signal_open_mask(task);
	cpu_run(task->cpu);
	task_end(task);
	_exit(0);
}

/* Makes the child and returns when it has ended or called exec. */
static void run_shared(struct SharedStart *start)
{
	struct Cpu *outer = cpu_current();
	struct Task *task = start->task;
	uint64_t hidden = CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CLEAR_SIGHAND;
	int flags = (int)((start->args.flags & ~hidden) | CLONE_VM | CLONE_VFORK | start->args.exit_signal);

	int pid = clone(shared_main, (char *)start->stack->base + HOST_STACK_SIZE, flags, start, (void *)(uintptr_t)start->args.pidfd, NULL,
			(void *)(uintptr_t)start->args.child_tid);
	int error = errno;
	if (pid >= 0) {
		cpu_set_current(task->cpu);
		instrument_cpu_exit(task->cpu);
	} else {
		start->result = -error;
		sem_post(&start->started);
	}
	cpu_set_current(outer);
	task_free(task);
	host_stack_give(start->stack, 0);
}

/* START belongs to the helper and the requester: the later of the two frees it. */
static void drop_start(struct SharedStart *start)
{
	if (__atomic_sub_fetch(&start->users, 1, __ATOMIC_ACQ_REL) == 0) {
		sem_destroy(&start->started);
		free(start);
	}
}

static void *helper_main(void *data)
{
	struct SharedStart *start = data;
	struct HostStack *own = start->helper_stack;

	run_shared(start);
	drop_start(start);
	host_stack_give(own, host_syscall(SYS_gettid));
	return NULL;
}

/* The child runs while we go on. */
static int64_t run_beside(struct SharedStart *start)
{
	struct HostStack *stack = host_stack_take();
	pthread_attr_t attributes;
	pthread_t thread;
	int error = ENOMEM;

	if (stack) {
		start->helper_stack = stack;
		pthread_attr_init(&attributes);
		pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
		pthread_attr_setstack(&attributes, stack->base, HOST_STACK_SIZE);
		error = pthread_create(&thread, &attributes, helper_main, start);
		pthread_attr_destroy(&attributes);
		if (error)
			host_stack_give(stack, 0);
	}
	if (error) {
		task_free(start->task);
		host_stack_give(start->stack, 0);
		start->result = -error;
		drop_start(start);
	} else {
		wait_for(&start->started);
	}
	int64_t result = start->result;
	drop_start(start);
	return result;
}

static int64_t make_shared(struct Task *parent, const struct CloneArgs *args)
{
	struct SharedStart *start = calloc(1, sizeof *start);
	struct HostStack *stack = host_stack_take();

	if (!start || !stack) {
		free(start);
		if (stack)
			host_stack_give(stack, 0);
		return -ENOMEM;
	}
	bool share = args->flags & CLONE_SIGHAND;
	struct Task *task = task_copy(parent, share ? signal_actions_share(parent->actions) : signal_actions_copy(parent->actions));
	set_registers(task->cpu, args);
	task->vfork_child = true;
	if (!(args->flags & CLONE_VFORK))
		task->alt_stack = (stack_t){ .ss_flags = SS_DISABLE };
	*start = (struct SharedStart){ .task = task, .args = *args, .stack = stack, .users = 2 };
	sem_init(&start->started, 0, 0);
	if (!(args->flags & CLONE_VFORK))
		return run_beside(start);
	run_shared(start);
	int64_t result = start->result;
	start->users = 1;
	drop_start(start);
	return result;
}

/* -- processes with memory of their own -------------------------------------------------------------------------------- */

/* The flags that fork() or we ourselves can do. */
#define FORK_FLAGS (CLONE_VFORK | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_SETTLS | CLONE_PIDFD | CLONE_SYSVSEM | \
		    CLONE_UNTRACED | CLONE_CLEAR_SIGHAND)
#define OWN_FLAGS (CLONE_VFORK | CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_SETTLS)

static int64_t kernel_fork(const struct CloneArgs *args)
{
	struct CloneArgs host = *args;

	if (!(args->flags & ~FORK_FLAGS) && args->exit_signal == SIGCHLD && !args->set_tid_size) {
		pid_t pid = fork();
		return pid < 0 ? -errno : pid;
	}
	host.flags &= ~(uint64_t)OWN_FLAGS;
	host.stack = host.stack_size = host.tls = host.parent_tid = host.child_tid = 0;
	fork_prepare();
	int64_t pid = host_syscall(SYS_clone3, &host, sizeof host);
	fork_done(pid == 0);
	return pid;
}

static void become_child(struct Task *task, const struct CloneArgs *args)
{
	host_syscall(SYS_set_robust_list, NULL, 3 * sizeof(void *));
	host_syscall(SYS_set_tid_address, args->flags & CLONE_CHILD_CLEARTID ? args->child_tid : 0);
	if (args->flags & CLONE_CHILD_SETTID)
		write_tid(args->child_tid, task->tid);
	if (args->flags & CLONE_CLEAR_SIGHAND)
		signal_actions_clear(task->actions);
	set_registers(task->cpu, args);
}

/* For CLONE_VFORK: a pipe whose writing end the child alone keeps until it ends or calls exec, high where it is in nobody's way. */
static bool open_leash(int leash[2])
{
	if (pipe2(leash, O_CLOEXEC) != 0)
		return false;
	int high = fd_dup_high(leash[1], F_DUPFD_CLOEXEC);
	if (high >= 0) {
		close(leash[1]);
		leash[1] = high;
	}
	return true;
}

static void wait_on_leash(int leash[2])
{
	char c;

	close(leash[1]);
	while (read(leash[0], &c, 1) < 0 && errno == EINTR)
		;
	close(leash[0]);
}

static int64_t make_process(struct Task *task, const struct CloneArgs *args)
{
	int leash[2] = { -1, -1 };
	bool wait = args->flags & CLONE_VFORK && open_leash(leash);

	process_fork_prepare(task);
	int64_t pid = kernel_fork(args);
	process_fork_done(task, pid == 0);
	if (pid == 0) {
		if (wait)
			close(leash[0]);
		become_child(task, args);
		return 0;
	}
	if (pid > 0 && args->flags & CLONE_PIDFD)
		write_tid(args->pidfd, host_syscall(SYS_pidfd_open, pid, 0));
	if (pid > 0 && args->flags & CLONE_PARENT_SETTID)
		write_tid(args->parent_tid, pid);
	if (wait)
		wait_on_leash(leash);
	return pid;
}

/* -- system calls ------------------------------------------------------------------------------------------------------ */

/* The combinations that the kernel refuses. */
static bool refused(const struct CloneArgs *args)
{
	uint64_t flags = args->flags;

	return (flags & CLONE_NEWNS && flags & CLONE_FS) || (flags & CLONE_NEWUSER && flags & CLONE_FS) ||
	       (flags & CLONE_THREAD && !(flags & CLONE_SIGHAND)) || (flags & CLONE_SIGHAND && !(flags & CLONE_VM)) ||
	       (flags & CLONE_THREAD && flags & (CLONE_NEWUSER | CLONE_NEWPID)) || (flags & CLONE_PIDFD && flags & CLONE_THREAD) ||
	       (flags & CLONE_CLEAR_SIGHAND && flags & CLONE_SIGHAND);
}

static int64_t do_clone(struct Cpu *cpu, const struct CloneArgs *args)
{
	struct Task *task = cpu->task;
	int64_t result;

	if (refused(args))
		return -EINVAL;
	if (!signal_hold(task))
		return -GUEST_ERESTARTNOINTR;
	if (!(args->flags & CLONE_VM))
		result = make_process(task, args);
	else if (args->set_tid_size || args->flags & CLONE_INTO_CGROUP)
		result = -EINVAL;       /* our limit: the C library's clone() has no room for them */
	else if (!(args->flags & CLONE_THREAD))
		result = make_shared(task, args);
	else if (task->vfork_child)
		result = -EAGAIN;       /* our limit: its thread-local data is another thread's */
	else
		result = make_thread(task, args);
	signal_open_mask(task);
	return result;
}

int64_t sys_clone(struct Cpu *cpu, const uint64_t a[6])
{
	bool tls_last = cpu->guest->linux_abi->clone_tls_last;
	struct CloneArgs args = {
		.flags = (uint32_t)a[0] & ~(uint32_t)CSIGNAL, .exit_signal = a[0] & CSIGNAL, .stack = a[1], .parent_tid = a[2],
		.tls = tls_last ? a[4] : a[3], .child_tid = tls_last ? a[3] : a[4],
	};

	if (args.flags & CLONE_PIDFD) {
		if (args.flags & CLONE_PARENT_SETTID)
			return -EINVAL;
		args.pidfd = a[2];
	}
	return do_clone(cpu, &args);
}

int64_t sys_clone3(struct Cpu *cpu, const uint64_t a[6])
{
	struct CloneArgs args = { 0 };
	uint64_t size = a[1];

	if (size > 4096)
		return -E2BIG;
	if (size < CLONE_ARGS_FIRST)
		return -EINVAL;
	if (!guest_read(&args, a[0], size < CLONE_ARGS_NOW ? size : CLONE_ARGS_NOW))
		return -EFAULT;
	for (uint64_t i = CLONE_ARGS_NOW; i < size; i++) {
		uint8_t byte;
		if (!guest_read(&byte, a[0] + i, 1))
			return -EFAULT;
		if (byte)
			return -E2BIG;
	}
	if (args.flags & (CLONE_DETACHED | (CSIGNAL & ~0x80ull /* CLONE_NEWTIME */)) || args.flags >> 34 || args.exit_signal > SIGNALS ||
	    !args.stack != !args.stack_size || !args.set_tid != !args.set_tid_size || args.set_tid_size > 32 ||
	    (args.flags & (CLONE_THREAD | CLONE_PARENT) && args.exit_signal))
		return -EINVAL;
	return do_clone(cpu, &args);
}
