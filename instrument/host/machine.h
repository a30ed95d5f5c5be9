/* SPDX-License-Identifier: MIT */
/* What plugin libraries and crash reports need to know of the host processor: one constant in each folder here. */
#ifndef FORERUN_INSTRUMENT_HOST_MACHINE_H
#define FORERUN_INSTRUMENT_HOST_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "instrument/capstone.h"

struct Machine {
	const char *name;               /* as a user would say it */
	uint16_t elf_machine;           /* EM_*; EM_NONE: not known, any library is tried */
	enum CapstoneCode code;         /* what its instructions are to capstone */
	/* Whether the instruction that capstone prints with this mnemonic may raise floating-point flags or change how they or rounding work. */
	bool (*computes)(const char *mnemonic);
	/* Whether a relocation of this type stores the whole address of its symbol: entries of jump and data tables. */
	bool (*stores_address)(unsigned type);
	/* The stack pointer in a signal's context, 0 if not known. Async-signal-safe. */
	uint64_t (*stack_pointer)(const void *ucontext);
};
extern const struct Machine machine;

#endif
