/* SPDX-License-Identifier: MIT */
/* The system calls about signals. Sending is the host's; masks, actions and stacks are kept here and told to the host. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "target/linux/signal.h"
#include "target/linux/syscalls.h"
#include "translator/translator.h"

enum { SIGSET_BYTES = 8 };

/* Makes MASK the guest's, for guest and host. Signals blocked. */
static void change_mask(struct Task *task, uint64_t mask)
{
	task->signal_mask = mask & ~UNBLOCKABLE_SIGNALS;
	if (task->held_signals & ~task->signal_mask)
		task->attention = 1;
	signal_open_mask(task);
}

int64_t sys_rt_sigprocmask(struct Cpu *cpu, const uint64_t a[6])
{
	struct Task *task = cpu->task;
	uint64_t set, old = task->signal_mask, mask;

	if (a[3] != SIGSET_BYTES)
		return -EINVAL;
	if (a[1]) {
		if (!guest_read(&set, a[1], sizeof set))
			return -EFAULT;
		switch ((int)a[0]) {
		case SIG_BLOCK:
			mask = old | set;
			break;
		case SIG_UNBLOCK:
			mask = old & ~set;
			break;
		case SIG_SETMASK:
			mask = set;
			break;
		default:
			return -EINVAL;
		}
		if (!signal_hold(task))
			return -GUEST_ERESTARTNOINTR;
		change_mask(task, mask);
	}
	if (a[2] && !guest_write(a[2], &old, sizeof old))
		return -EFAULT;
	return 0;
}

/* struct sigaction of a kernel without SA_RESTORER. */
struct GuestAction {
	uint64_t handler, flags, mask;
};

/* Flags the kernel keeps; it clears the others, by which programs find out what it knows. */
#define KNOWN_FLAGS (SA_NOCLDSTOP | SA_NOCLDWAIT | SA_SIGINFO | 0x800 /* SA_EXPOSE_TAGBITS */ | SA_ONSTACK | SA_RESTART | SA_NODEFER | 0x80000000u)

int64_t sys_rt_sigaction(struct Cpu *cpu, const uint64_t a[6])
{
	struct Task *task = cpu->task;
	struct GuestAction action;
	struct SignalAction new, old;
	int sig = (int)a[0];

	if (a[3] != SIGSET_BYTES)
		return -EINVAL;
	if (a[1] && !guest_read(&action, a[1], sizeof action))
		return -EFAULT;
	if (sig < 1 || sig > SIGNALS || (a[1] && UNBLOCKABLE_SIGNALS & signal_bit(sig)))
		return -EINVAL;
	if (a[1])
		new = (struct SignalAction){ action.handler, action.flags & KNOWN_FLAGS, action.mask & ~UNBLOCKABLE_SIGNALS };
	signal_actions_set(task->actions, sig, a[1] ? &new : NULL, &old);
	if (a[1] && new.handler == 1 && signal_synchronous(sig)) {
		siginfo_t dropped;
		signal_take_held(task, signal_bit(sig), &dropped);
	}
	action = (struct GuestAction){ old.handler, old.flags, old.mask };
	if (a[2] && !guest_write(a[2], &action, sizeof action))
		return -EFAULT;
	return 0;
}

int64_t sys_rt_sigpending(struct Cpu *cpu, const uint64_t a[6])
{
	uint64_t pending = 0;

	if (a[1] > SIGSET_BYTES)
		return -EINVAL;
	host_syscall(SYS_rt_sigpending, &pending, sizeof pending);
	pending = (pending | cpu->task->held_signals) & cpu->task->signal_mask;
	return guest_write(a[0], &pending, a[1]) ? 0 : -EFAULT;
}

/* The result of a wait for INFO, which the guest wants at ADDR unless that is 0. */
static int64_t sent_signal(uint64_t addr, const siginfo_t *info)
{
	return addr && !guest_write(addr, info, sizeof *info) ? -EFAULT : info->si_signo;
}

int64_t sys_rt_sigtimedwait(struct Cpu *cpu, const uint64_t a[6])
{
	struct Task *task = cpu->task;
	uint64_t set, host_set;
	siginfo_t info;

	if (a[3] != SIGSET_BYTES)
		return -EINVAL;
	if (!guest_read(&set, a[0], sizeof set))
		return -EFAULT;
	host_set = signal_host_mask(set);
	if (signal_take_held(task, set, &info))
		return sent_signal(a[1], &info);
	long result = host_syscall_blocking(SYS_rt_sigtimedwait, &host_set, &info, a[2], sizeof host_set);
	/* one of the synchronous ones, which the kernel does not wait for, interrupts */
	if (result == -EINTR && signal_take_held(task, set, &info))
		return sent_signal(a[1], &info);
	return result > 0 ? sent_signal(a[1], &info) : result;
}

int64_t sys_rt_sigsuspend(struct Cpu *cpu, const uint64_t a[6])
{
	struct Task *task = cpu->task;
	uint64_t mask, host_mask;

	if (a[1] != SIGSET_BYTES)
		return -EINVAL;
	if (!guest_read(&mask, a[0], sizeof mask))
		return -EFAULT;
	if (!task_mask_begin(task, mask, &host_mask))
		return -GUEST_ERESTARTNOINTR;
	host_syscall_blocking(SYS_rt_sigsuspend, &host_mask, sizeof host_mask);
	return task_mask_end(task, -GUEST_ERESTARTNOHAND);
}

int64_t sys_rt_sigreturn(struct Cpu *cpu, const uint64_t a[6])
{
	struct Task *task = cpu->task;
	uint64_t mask;
	stack_t stack;
	(void)a;

	if (!signal_hold(task))
		return -GUEST_ERESTARTNOINTR;
	if (!cpu->guest->linux_abi->pop_signal(cpu, &mask, &stack)) {
		signal_force(task, &(siginfo_t){ .si_signo = SIGSEGV, .si_code = SI_KERNEL });
		task->attention = 1;
		return -GUEST_ENORESULT;
	}
	signal_set_stack(task, &stack);
	change_mask(task, mask);
	return -GUEST_ENORESULT;
}

/* -- alternate stacks ---------------------------------------------------------------------------------------------------- */

struct GuestStack {
	uint64_t sp;
	int32_t flags, pad;
	uint64_t size;
};

enum { GUEST_MINSIGSTKSZ = 2048 };

int64_t signal_set_stack(struct Task *task, const stack_t *stack)
{
	int mode = stack->ss_flags & ~(int)AUTODISARM;

	if (signal_on_stack(task, task->cpu->guest->linux_abi->stack_pointer(task->cpu)))
		return -EPERM;
	if (mode != SS_DISABLE && mode != SS_ONSTACK && mode != 0)
		return -EINVAL;
	if (mode == SS_DISABLE) {
		task->alt_stack = (stack_t){ .ss_flags = stack->ss_flags };
		return 0;
	}
	if (stack->ss_size < GUEST_MINSIGSTKSZ)
		return -ENOMEM;
	task->alt_stack = *stack;
	return 0;
}

int64_t sys_sigaltstack(struct Cpu *cpu, const uint64_t a[6])
{
	struct Task *task = cpu->task;
	const stack_t *now = &task->alt_stack;
	struct GuestStack new, old = { .sp = (uintptr_t)now->ss_sp, .size = now->ss_size, .flags = now->ss_flags & (int)AUTODISARM };

	if (!now->ss_size)
		old.flags |= SS_DISABLE;
	else if (signal_on_stack(task, cpu->guest->linux_abi->stack_pointer(cpu)))
		old.flags |= SS_ONSTACK;
	if (a[0]) {
		if (!guest_read(&new, a[0], sizeof new))
			return -EFAULT;
		int64_t error = signal_set_stack(task, &(stack_t){ .ss_sp = (void *)(uintptr_t)new.sp, .ss_flags = new.flags, .ss_size = new.size });
		if (error)
			return error;
	}
	/* the padding stays what it was */
	if (a[1] && !(guest_write(a[1], &old, 12) && guest_write(a[1] + offsetof(struct GuestStack, size), &old.size, sizeof old.size)))
		return -EFAULT;
	return 0;
}

/* -- sending: the kernel finds the receiver, which may be the sender, and checks everything -------------------------------
 *
 * SIGKILL at the guest's own process leaves nobody to write the log and to tell the plugins: that is done before. */

/* Notes that the guest sends SIG: SIGABRT from this process is then no longer that of a failed assertion. */
static void note(int sig)
{
	if (sig == SIGABRT)
		signal_guest_aborts = true;
}

/* What precedes SIGKILL at the own process; the first one of a pid namespace survives it. */
static void end_first(void)
{
	if (getpid() != 1)
		process_finish();
}

static bool own_thread(int tid)
{
	return tid > 0 && host_syscall(SYS_tgkill, getpid(), tid, 0) == 0;
}

/* Whether SIGKILL by kill(PID) reaches this process: by its id, or with its process group. -1 leaves out who calls. */
static bool own_process(int pid)
{
	return pid == getpid() || pid == 0 || (pid < -1 && pid == -getpgrp());
}

/* Whether the kernel would take the siginfo at ADDR. */
static bool readable_info(uint64_t addr)
{
	siginfo_t info;

	return guest_read(&info, addr, sizeof info);
}

/* /proc may number processes as another pid namespace does, but all of them. */
static bool own_pidfd(int fd)
{
	char name[64], line[256], self[16] = "";
	bool own = false;
	int pid;

	snprintf(name, sizeof name, "/proc/self/fdinfo/%d", fd);
	FILE *file = readlink("/proc/self", self, sizeof self - 1) > 0 ? fopen(name, "re") : NULL;
	while (file && !own && fgets(line, sizeof line, file))
		own = sscanf(line, "Pid: %d", &pid) == 1 && pid == atoi(self);
	if (file)
		fclose(file);
	return own;
}

int64_t sys_kill(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	note((int)a[1]);
	if ((int)a[1] == SIGKILL && own_process((int)a[0]))
		end_first();
	return host_syscall(SYS_kill, a[0], a[1]);
}

int64_t sys_tkill(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	note((int)a[1]);
	if ((int)a[1] == SIGKILL && own_thread((int)a[0]))
		end_first();
	return host_syscall(SYS_tkill, a[0], a[1]);
}

int64_t sys_tgkill(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	note((int)a[2]);
	if ((int)a[2] == SIGKILL && (int)a[0] == getpid() && own_thread((int)a[1]))
		end_first();
	return host_syscall(SYS_tgkill, a[0], a[1], a[2]);
}

int64_t sys_rt_sigqueueinfo(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	note((int)a[1]);
	if ((int)a[1] == SIGKILL && (int)a[0] == getpid() && readable_info(a[2]))
		end_first();
	return host_syscall(SYS_rt_sigqueueinfo, a[0], a[1], a[2]);
}

int64_t sys_rt_tgsigqueueinfo(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	note((int)a[2]);
	if ((int)a[2] == SIGKILL && (int)a[0] == getpid() && own_thread((int)a[1]) && readable_info(a[3]))
		end_first();
	return host_syscall(SYS_rt_tgsigqueueinfo, a[0], a[1], a[2], a[3]);
}

int64_t sys_pidfd_send_signal(struct Cpu *cpu, const uint64_t a[6])
{
	(void)cpu;
	note((int)a[1]);
	if ((int)a[1] == SIGKILL && !a[3] && own_pidfd((int)a[0]) && (!a[2] || readable_info(a[2])))
		end_first();
	return host_syscall(SYS_pidfd_send_signal, a[0], a[1], a[2], a[3]);
}
