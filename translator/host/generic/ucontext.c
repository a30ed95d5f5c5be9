/* SPDX-License-Identifier: MIT */
/* The program counter in a host signal's context, where nothing is known of the machine. */
#include <stddef.h>

#include "translator/fault.h"

const void *ucontext_pc(const void *ucontext)
{
	(void)ucontext;
	return NULL;
}
