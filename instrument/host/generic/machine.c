/* SPDX-License-Identifier: MIT */
/* A host processor of which nothing is known. */
#include <elf.h>
#include <stddef.h>

#include "instrument/host/machine.h"

static uint64_t stack_pointer(const void *ucontext)
{
	(void)ucontext;
	return 0;
}

static bool stores_address(unsigned type)
{
	(void)type;
	return false;
}

const struct Machine machine = {
	.name = "this machine", .elf_machine = EM_NONE, .stores_address = stores_address,
	.stack_pointer = stack_pointer,
};
