/* SPDX-License-Identifier: MIT */
/* The program counter in a host signal's context, on x86-64. */
#include <ucontext.h>

#include "translator/fault.h"

const void *ucontext_pc(const void *ucontext)
{
	const ucontext_t *uc = ucontext;

	return (const void *)uc->uc_mcontext.gregs[REG_RIP];
}
