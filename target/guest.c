/* SPDX-License-Identifier: MIT */
/* The list of guests. */
#include <string.h>

#include "target/guest.h"

const struct Guest *const guests[] = { &guest_riscv64, NULL };

const struct Guest *guest_by_name(const char *name)
{
	for (const struct Guest *const *guest = guests; *guest; guest++)
		if (!strcmp((*guest)->name, name))
			return *guest;
	return NULL;
}

const struct Guest *guest_by_elf(unsigned machine, unsigned class, unsigned data)
{
	for (const struct Guest *const *guest = guests; *guest; guest++)
		if ((*guest)->elf_machine == machine && (*guest)->elf_class == class && (*guest)->elf_data == data)
			return *guest;
	return NULL;
}
