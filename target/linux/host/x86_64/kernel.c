/* SPDX-License-Identifier: MIT */
/* Interrupted system calls of an x86-64 Linux host. */
#include "target/linux/host/kernel.h"

#include <ucontext.h>

#include "target/linux/task.h"

/* syscall.S */
extern const char blocking_check[], blocking_syscall[], blocking_not_entered[], blocking_restart[];
_Static_assert(GUEST_ERESTARTSYS == 512 && GUEST_ERESTARTNOINTR == 513, "syscall.S returns these");

void kernel_break_off(void *ucontext)
{
	greg_t *regs = ((ucontext_t *)ucontext)->uc_mcontext.gregs;
	const char *pc = (const char *)regs[REG_RIP];

	if (pc >= blocking_check && pc <= blocking_syscall)
		regs[REG_RIP] = (greg_t)(regs[REG_RCX] ? blocking_restart : blocking_not_entered);
}
