/* SPDX-License-Identifier: MIT */
/* Signal actions and interrupted system calls of an x86-64 Linux host. */
#include "target/linux/host/kernel.h"

#include <sys/syscall.h>
#include <ucontext.h>

#include "target/linux/task.h"

/* syscall.S */
extern const char blocking_check[], blocking_syscall[], blocking_not_entered[], blocking_restart[];
void kernel_restorer(void);
_Static_assert(GUEST_ERESTARTSYS == 512 && GUEST_ERESTARTNOINTR == 513, "syscall.S returns these");

#define RESTORER 0x04000000ul

struct Raw {
	void (*handler)(int sig, siginfo_t *info, void *ucontext);
	unsigned long flags;
	void (*restorer)(void);
	uint64_t mask;
};

int kernel_sigaction(int sig, const struct KernelAction *new, struct KernelAction *old)
{
	struct Raw set, got;

	if (new)
		set = (struct Raw){ new->handler, new->flags | SA_SIGINFO | RESTORER, kernel_restorer, new->mask };
	int error = host_syscall(SYS_rt_sigaction, sig, new ? &set : NULL, old ? &got : NULL, sizeof set.mask);
	if (!error && old)
		*old = (struct KernelAction){ got.handler, got.flags & ~RESTORER, got.mask };
	return error;
}

void kernel_break_off(void *ucontext)
{
	greg_t *regs = ((ucontext_t *)ucontext)->uc_mcontext.gregs;
	const char *pc = (const char *)regs[REG_RIP];

	if (pc >= blocking_check && pc <= blocking_syscall)
		regs[REG_RIP] = (greg_t)(regs[REG_RCX] ? blocking_restart : blocking_not_entered);
}
