/* SPDX-License-Identifier: MIT */
/* The smallest useful plugin, to start from: counts the instructions of one guest address range.
 *
 * args=START-END: hexadecimal addresses; without args, all instructions. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "plugins.h"

const char plugin_description[] = "start from this: instructions executed in args=START-END (hexadecimal)";
const bool plugin_needs_is_static = true;

static uint64_t start, end = UINT64_MAX;
static _Atomic uint64_t executed;

bool plugin_init(const char *args)
{
	if (args && sscanf(args, "%" SCNx64 "-%" SCNx64, &start, &end) != 2) {
		fprintf(stderr, "template: write args=START-END, both hexadecimal, not '%s'\n", args);
		return false;
	}
	return true;
}

bool plugin_needs_before_insn(uint64_t pc, void *cpu)
{
	(void)cpu;
	return pc >= start && pc < end;
}

void plugin_before_insn(uint64_t pc, void *cpu)
{
	(void)pc;
	(void)cpu;
	executed++;
}

void plugin_exit(void)
{
	qemulib_log("%" PRIu64 " instructions\n", executed);
}
