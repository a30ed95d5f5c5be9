/* SPDX-License-Identifier: MIT */
/* Host signals on x86-64 Linux: the program counter in a context, and actions as the kernel has them. */
#include <errno.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "translator/fault.h"

const void *ucontext_pc(const void *ucontext)
{
	const ucontext_t *uc = ucontext;

	return (const void *)uc->uc_mcontext.gregs[REG_RIP];
}

/* Where handlers return to: rt_sigreturn(). Debuggers and unwinders know a signal frame by these very bytes. */
void kernel_restorer(void);
__asm__(".text\n"
	".globl kernel_restorer\n"
	".hidden kernel_restorer\n"
	".type kernel_restorer, @function\n"
	"nop\n"
	"kernel_restorer:\n"
	"movq $15, %rax\n"
	"syscall\n"
	".size kernel_restorer, . - kernel_restorer\n");
_Static_assert(SYS_rt_sigreturn == 15, "the number in kernel_restorer");

#define RESTORER 0x04000000ul

/* struct kernel_sigaction of the kernel. */
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
	if (syscall(SYS_rt_sigaction, sig, new ? &set : NULL, old ? &got : NULL, sizeof set.mask) != 0)
		return -errno;
	if (old)
		*old = (struct KernelAction){ got.handler, got.flags & ~RESTORER, got.mask };
	return 0;
}
