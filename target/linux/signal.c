/* SPDX-License-Identifier: MIT */
/* Signals from the host's kernel to the guest's handlers. The model is told in task.h; the system calls are in signal_calls.c.
 *
 * Host handlers run with all asynchronous signals blocked and do no more than store, ask and block: they take no lock and write no log. A handler that finds the place
 * taken (the interrupted code was itself a fault handler, whose return opens the mask) sends the signal to its own thread again, where it waits blocked.
 *
 * Delivery blocks all signals, builds the frame, changes Task.signal_mask, and opens the host's mask to it. The kernel then hands out the next signal
 * that the new mask lets through, whose frame goes on top: the order of a real kernel's nested frames. */
#include "target/linux/signal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "instrument/log.h"
#include "instrument/probe.h"
#include "target/linux/host/kernel.h"
#include "target/linux/process.h"
#include "translator/fault.h"
#include "translator/translator.h"

enum { GUEST_SIG_DFL = 0, GUEST_SIG_IGN = 1 };

uint64_t signal_trampoline;
volatile bool signal_guest_aborts;

/* -- what signals do by default -------------------------------------------------------------------------------------- */

enum Default { DEFAULT_DIE, DEFAULT_IGNORE, DEFAULT_STOP };

static enum Default default_of(int sig)
{
	switch (sig) {
	case SIGCHLD: case SIGCONT: case SIGURG: case SIGWINCH:
		return DEFAULT_IGNORE;
	case SIGSTOP: case SIGTSTP: case SIGTTIN: case SIGTTOU:
		return DEFAULT_STOP;
	default:
		return DEFAULT_DIE;
	}
}

/* -- the host's mask --------------------------------------------------------------------------------------------------- */

uint64_t signal_host_mask(uint64_t mask)
{
	return mask & ~SYNCHRONOUS_SIGNALS;
}

static void set_host_mask(uint64_t mask)
{
	mask = signal_host_mask(mask);
	host_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
}

void signal_block_all(void)
{
	set_host_mask(~0ull);
}

void signal_open_mask(struct Task *task)
{
	uint64_t put_off;

	pace_mask_opens(task);
	do {
		put_off = task->pace.put_off;
		set_host_mask(task->signal_mask | put_off);
	} while (put_off != task->pace.put_off);        /* ended meanwhile */
}

bool signal_hold(struct Task *task)
{
	signal_block_all();
	return !task->has_captured;
}

/* -- host handlers: async-signal-safe ------------------------------------------------------------------------------------ */

const volatile uint32_t *task_attention(void)
{
	static const volatile uint32_t nobody;
	struct Task *task = task_current();

	if (!task)
		return &nobody;
	pace_call_sleeps(task);
	return &task->attention;
}

/* The interrupted code goes on with all asynchronous signals blocked. The kernel's own set has 8 bytes, the C library's more. */
static void block_in_context(void *ucontext)
{
	uint64_t all = ~SYNCHRONOUS_SIGNALS;

	memcpy(&((ucontext_t *)ucontext)->uc_sigmask, &all, sizeof all);
}

/* Gives a signal back to the kernel, for the calling thread, which blocks it. */
static void send_again(const siginfo_t *info)
{
	host_syscall(SYS_rt_tgsigqueueinfo, getpid(), host_syscall(SYS_gettid), info->si_signo, info);
}

/* On a thread that is no guest's (a plugin's), which blocks the signal now: the process has others for it. The kernel lets only the first thread
 * of a process imitate a sender of every kind. */
static void pass_to_process(siginfo_t *info)
{
	if (host_syscall(SYS_rt_sigqueueinfo, getpid(), info->si_signo, info) == 0)
		return;
	info->si_code = SI_QUEUE;
	host_syscall(SYS_rt_sigqueueinfo, getpid(), info->si_signo, info);
}

static void call_attention(struct Task *task, void *ucontext)
{
	task->attention = 1;
	cpu_interrupt(task->cpu);
	kernel_break_off(ucontext);
}

/* Whether INFO tells of abort() in C code, a failed assertion for one: in forerun or in a plugin. */
static bool abort_of_ours(const siginfo_t *info)
{
	return info->si_signo == SIGABRT && !signal_guest_aborts && (info->si_code == SI_TKILL || info->si_code == SI_USER) && info->si_pid == getpid();
}

static void asynchronous(int sig, siginfo_t *info, void *ucontext)
{
	int saved = errno;
	struct Task *task = task_current();

	if (abort_of_ours(info))
		instrument_crash(sig, NULL, ucontext, cpu_current());
	block_in_context(ucontext);
	if (!task) {
		pass_to_process(info);
	} else if (task->has_captured) {
		send_again(info);
	} else {
		task->captured = *info;
		task->has_captured = true;
		call_attention(task, ucontext);
	}
	errno = saved;
}

static const int synchronous[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
enum { NSYNCHRONOUS = sizeof synchronous / sizeof *synchronous };
_Static_assert(NSYNCHRONOUS == sizeof ((struct Task *)0)->held / sizeof(siginfo_t), "one place for each");

/* A synchronous signal that a process sent: held until the guest takes it. The kernel's choice among threads is lost where the one it chose
 * blocks the signal. */
static IN_SIGNAL_HANDLERS bool foreign(int sig, siginfo_t *info, void *ucontext)
{
	struct Task *task = task_current();

	if (!task)
		return false;
	if (pace_rang(task, info, ucontext))
		return true;
	if (task->actions->of[sig].handler == GUEST_SIG_IGN && !(task->signal_mask & signal_bit(sig)))
		return true;
	for (unsigned i = 0; i < NSYNCHRONOUS; i++) {
		if (synchronous[i] != sig || task->held_signals & signal_bit(sig))
			continue;
		task->held[i] = *info;
		__atomic_or_fetch(&task->held_signals, signal_bit(sig), __ATOMIC_SEQ_CST);
	}
	call_attention(task, ucontext);
	return true;
}

bool signal_take_held(struct Task *task, uint64_t set, siginfo_t *info)
{
	for (int sig = 1; sig <= SIGNALS; sig++) {
		if (!(task->held_signals & set & signal_bit(sig)))
			continue;
		for (unsigned i = 0; i < NSYNCHRONOUS; i++)
			if (synchronous[i] == sig)
				*info = task->held[i];
		__atomic_and_fetch(&task->held_signals, ~signal_bit(sig), __ATOMIC_SEQ_CST);
		return true;
	}
	return false;
}

/* The translator's handlers of these signals, to be put back. */
static struct KernelAction fault_actions[NSYNCHRONOUS];

/* -- actions ---------------------------------------------------------------------------------------------------------- */

/* Tells the host what the guest does on SIG. */
static void install(int sig, const struct SignalAction *action)
{
	struct KernelAction host = { .flags = action->flags & (SA_NOCLDSTOP | SA_NOCLDWAIT), .mask = ~SYNCHRONOUS_SIGNALS };

	if (signal_synchronous(sig) || UNBLOCKABLE_SIGNALS & signal_bit(sig))
		return;
	if (action->handler == GUEST_SIG_IGN) {
		host.handler = (void *)SIG_IGN;
	} else if (action->handler == GUEST_SIG_DFL && default_of(sig) != DEFAULT_DIE) {
		host.handler = (void *)SIG_DFL;
	} else {
		host.handler = asynchronous;
		host.flags |= SA_RESTART;
	}
	kernel_sigaction(sig, &host, NULL);
}

struct SignalActions *signal_actions_share(struct SignalActions *actions)
{
	__atomic_add_fetch(&actions->users, 1, __ATOMIC_RELAXED);
	return actions;
}

struct SignalActions *signal_actions_copy(struct SignalActions *actions)
{
	struct SignalActions *copy = calloc(1, sizeof *copy);

	if (!copy)
		abort();
	pthread_mutex_init(&copy->lock, NULL);
	copy->users = 1;
	if (actions) {
		pthread_mutex_lock(&actions->lock);
		memcpy(copy->of, actions->of, sizeof copy->of);
		pthread_mutex_unlock(&actions->lock);
	}
	return copy;
}

void signal_actions_drop(struct SignalActions *actions)
{
	if (__atomic_sub_fetch(&actions->users, 1, __ATOMIC_ACQ_REL) == 0)
		free(actions);
}

void signal_actions_set(struct SignalActions *actions, int sig, const struct SignalAction *new, struct SignalAction *old)
{
	pthread_mutex_lock(&actions->lock);
	*old = actions->of[sig];
	if (new) {
		actions->of[sig] = *new;
		install(sig, new);
	}
	pthread_mutex_unlock(&actions->lock);
}

static void install_all(struct SignalActions *actions)
{
	for (unsigned i = 0; i < NSYNCHRONOUS; i++)
		kernel_sigaction(synchronous[i], &fault_actions[i], NULL);
	for (int sig = 1; sig <= SIGNALS; sig++)
		install(sig, &actions->of[sig]);
}

void signal_actions_clear(struct SignalActions *actions)
{
	pthread_mutex_lock(&actions->lock);
	for (int sig = 1; sig <= SIGNALS; sig++)
		if (actions->of[sig].handler != GUEST_SIG_IGN)
			actions->of[sig] = (struct SignalAction){ .handler = GUEST_SIG_DFL };
	install_all(actions);
	pthread_mutex_unlock(&actions->lock);
}

void signal_actions_reclaim(struct SignalActions *actions)
{
	pthread_mutex_lock(&actions->lock);
	for (int sig = 32; sig < SIGRTMIN; sig++)
		install(sig, &actions->of[sig]);
	pthread_mutex_unlock(&actions->lock);
}

static void *do_nothing(void *data)
{
	return data;
}

/* The C library takes a signal for itself when it makes its first thread: that is to be over before the guest has handlers. */
static void make_first_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, do_nothing, NULL) == 0)
		pthread_join(thread, NULL);
}

void signal_init(struct Task *task)
{
	struct KernelAction action;
	uint64_t none = 0, mask = 0;

	host_syscall(SYS_rt_sigprocmask, SIG_BLOCK, &none, &mask, sizeof mask);
	task->signal_mask = mask & ~UNBLOCKABLE_SIGNALS;
	make_first_thread();
	signal_block_all();
	for (int sig = 1; sig <= SIGNALS; sig++) {
		if (kernel_sigaction(sig, NULL, &action) != 0)
			continue;
		if (!signal_synchronous(sig) && action.handler == (void *)SIG_IGN)
			task->actions->of[sig].handler = GUEST_SIG_IGN;
	}
	for (unsigned i = 0; i < NSYNCHRONOUS; i++)
		kernel_sigaction(synchronous[i], NULL, &fault_actions[i]);
	install_all(task->actions);
	fault_foreign = foreign;
	signal_open_mask(task);
}

/* -- frames ------------------------------------------------------------------------------------------------------------ */

bool signal_on_stack(const struct Task *task, uint64_t sp)
{
	uint64_t start = (uintptr_t)task->alt_stack.ss_sp;

	return !(task->alt_stack.ss_flags & (int)AUTODISARM) && sp > start && sp - start <= task->alt_stack.ss_size;
}

/* A line in strace's form. */
static void trace(const siginfo_t *info)
{
	const char *name = sigabbrev_np(info->si_signo);

	if (!log_wants(LOG_STRACE))
		return;
	if (!name)
		log_printf("--- SIGRT_%d {si_code=%d} ---\n", info->si_signo - 32, info->si_code);
	else if (signal_synchronous(info->si_signo) && info->si_code > 0)
		log_printf("--- SIG%s {si_signo=SIG%s, si_code=%d, si_addr=%p} ---\n", name, name, info->si_code, info->si_addr);
	else
		log_printf("--- SIG%s {si_signo=SIG%s, si_code=%d, si_pid=%d, si_uid=%u} ---\n", name, name, info->si_code, info->si_pid, info->si_uid);
}

/* Points the interrupted system call at its result or at its repetition. */
static void settle_call(struct Task *task, bool handled, bool restarts)
{
	const struct LinuxAbi *abi = task->cpu->guest->linux_abi;
	int restart = task->restart;

	task->restart = 0;
	if (restart == 0 || restart == GUEST_ENORESULT)
		return;
	if (!handled || restart == GUEST_ERESTARTNOINTR || (restart == GUEST_ERESTARTSYS && restarts))
		task->cpu->pc -= abi->syscall_length;
	else
		abi->syscall_result(task->cpu, -EINTR);
}

/* Makes the cpu enter the handler of ACTION. False if the stack cannot take the frame. */
static bool enter_handler(struct Task *task, const struct SignalAction *action, const siginfo_t *info)
{
	struct Cpu *cpu = task->cpu;
	const struct LinuxAbi *abi = cpu->guest->linux_abi;
	int sig = info->si_signo;

	settle_call(task, true, action->flags & SA_RESTART);
	uint64_t sp = abi->stack_pointer(cpu);
	uint64_t mask = task->restore_mask ? task->saved_mask : task->signal_mask;
	if (signal_on_stack(task, sp)) {
		if (!signal_on_stack(task, sp - abi->signal_frame_size))
			return false;
	} else if (action->flags & SA_ONSTACK && task->alt_stack.ss_size) {
		sp = (uintptr_t)task->alt_stack.ss_sp + task->alt_stack.ss_size;
	}
	if (!abi->push_signal(cpu, sp, sig, info, mask, &task->alt_stack, action->handler, signal_trampoline))
		return false;
	pace_signal_taken(task, info);
	task->restore_mask = false;
	task->signal_mask |= action->mask | (action->flags & SA_NODEFER ? 0 : signal_bit(sig));
	task->signal_mask &= ~UNBLOCKABLE_SIGNALS;
	if (task->alt_stack.ss_flags & (int)AUTODISARM)
		task->alt_stack = (stack_t){ .ss_flags = SS_DISABLE };
	return true;
}

/* The action of SIG, which a one-shot handler has been taken from. */
static struct SignalAction use_action(struct Task *task, int sig)
{
	static const struct SignalAction by_default = { .handler = GUEST_SIG_DFL };
	struct SignalAction action, old;

	pthread_mutex_lock(&task->actions->lock);
	action = task->actions->of[sig];
	pthread_mutex_unlock(&task->actions->lock);
	if (action.handler > GUEST_SIG_IGN && action.flags & (unsigned)SA_RESETHAND)
		signal_actions_set(task->actions, sig, &by_default, &old);
	return action;
}

void signal_force(struct Task *task, const siginfo_t *info)
{
	int sig = info->si_signo;
	struct SignalAction action = use_action(task, sig);

	trace(info);
	if (task->signal_mask & signal_bit(sig) || action.handler <= GUEST_SIG_IGN)
		process_die(sig);
	if (enter_handler(task, &action, info))
		return;
	if (sig == SIGSEGV)
		process_die(SIGSEGV);
	signal_force(task, &(siginfo_t){ .si_signo = SIGSEGV, .si_code = SI_KERNEL });
}

/* Does what the guest wants done on INFO. */
static void deliver(struct Task *task, const siginfo_t *info)
{
	int sig = info->si_signo;
	struct SignalAction action = use_action(task, sig);

	if (action.handler == GUEST_SIG_IGN)
		return;
	if (action.handler == GUEST_SIG_DFL) {
		switch (default_of(sig)) {
		case DEFAULT_IGNORE:
			return;
		case DEFAULT_STOP:      /* it had a handler when the kernel gave it to us: the kernel stops us now */
			send_again(info);
			return;
		case DEFAULT_DIE:
			trace(info);
			process_die(sig);
		}
	}
	trace(info);
	if (enter_handler(task, &action, info))
		return;
	if (sig == SIGSEGV)
		process_die(SIGSEGV);
	signal_force(task, &(siginfo_t){ .si_signo = SIGSEGV, .si_code = SI_KERNEL });
}

/* The next signal to deliver. Signals blocked. */
static bool take(struct Task *task, siginfo_t *info)
{
	if (signal_take_held(task, ~task->signal_mask, info))
		return true;
	if (!task->has_captured)
		return false;
	*info = task->captured;
	task->has_captured = false;
	if (!(task->signal_mask & signal_bit(info->si_signo)))
		return true;
	/* the frame of a fault has blocked it meanwhile */
	send_again(info);
	return false;
}

bool signal_deliver(struct Task *task)
{
	siginfo_t info;

	do {
		signal_block_all();
		if (atomic_load(&task->exiting))
			process_park(task);
		task->attention = 0;
		while (take(task, &info))
			deliver(task, &info);
		settle_call(task, false, false);
		if (task->restore_mask) {
			task->signal_mask = task->saved_mask;
			task->restore_mask = false;
		}
		signal_open_mask(task);
		/* opening may have let the next one in, and the old mask a held one */
	} while (task->has_captured || task->held_signals & ~task->signal_mask || atomic_load(&task->exiting));
	return true;
}

void signal_fault(struct Task *task, int sig, int code, uint64_t addr)
{
	uint64_t pc = task->cpu->pc;
	siginfo_t info = { .si_signo = sig, .si_code = code };

	info.si_addr = (void *)(uintptr_t)addr;
	signal_block_all();
	if (atomic_load(&task->exiting))
		process_park(task);
	signal_force(task, &info);
	instrument_exception(task->cpu, pc);
	task->attention = 1;
}

/* -- masks while a call waits -------------------------------------------------------------------------------------------- */

bool task_mask_begin(struct Task *task, uint64_t mask, uint64_t *host_mask)
{
	if (!signal_hold(task))
		return false;
	task->saved_mask = task->signal_mask;
	task->signal_mask = mask & ~UNBLOCKABLE_SIGNALS;
	*host_mask = signal_host_mask(task->signal_mask);
	if (task->held_signals & ~task->signal_mask)
		task->attention = 1;
	return true;
}

int64_t task_mask_end(struct Task *task, int64_t result)
{
	/* All signals were blocked but inside the call, where the kernel had the mask: what was captured came in there. A call that is to be repeated
	 * begins with the old mask. */
	bool held = task->held_signals & ~task->signal_mask;

	if (task->has_captured || held) {
		task->restore_mask = true;
		task->attention = 1;
		if (result == -GUEST_ERESTARTNOINTR)
			result = -GUEST_ERESTARTNOHAND;
		return result;
	}
	task->signal_mask = task->saved_mask;
	signal_open_mask(task);
	return result;
}

/* -- exec --------------------------------------------------------------------------------------------------------------- */

void signal_exec(struct Task *task)
{
	struct SignalActions *actions = task->actions;
	struct KernelAction action = { .flags = 0 };

	signal_block_all();
	pace_end(task);
	pthread_mutex_lock(&actions->lock);
	for (int sig = 1; sig <= SIGNALS; sig++) {
		if (UNBLOCKABLE_SIGNALS & signal_bit(sig))
			continue;
		action.handler = actions->of[sig].handler == GUEST_SIG_IGN ? (void *)SIG_IGN : (void *)SIG_DFL;
		kernel_sigaction(sig, &action, NULL);
	}
	pthread_mutex_unlock(&actions->lock);
	uint64_t mask = task->signal_mask;
	host_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof mask);
}

void signal_exec_failed(struct Task *task)
{
	signal_block_all();
	pthread_mutex_lock(&task->actions->lock);
	install_all(task->actions);
	pthread_mutex_unlock(&task->actions->lock);
}
