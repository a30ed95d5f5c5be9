/* SPDX-License-Identifier: MIT */
/* Test plugin: a callback before every instruction and block that counts, and reads a register so that the state must be exact there. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "plugins.h"

static _Atomic uint64_t insns, blocks, wrong;

bool plugin_init(const char *args)
{
	(void)args;
	return true;
}

bool plugin_needs_before_insn(uint64_t pc, void *cpu)
{
	(void)pc, (void)cpu;
	return true;
}

void plugin_before_insn(uint64_t pc, void *cpu)
{
	enum { RISCV_PC = 32 };
	uint64_t seen = 0;

	insns++;
	if (qemulib_read_register(cpu, (uint8_t *)&seen, RISCV_PC) != 8 || seen != pc)
		wrong++;
}

bool plugin_needs_before_tb(uint64_t pc, void *cpu)
{
	(void)pc, (void)cpu;
	return true;
}

void plugin_before_tb(uint64_t pc, void *cpu)
{
	(void)pc, (void)cpu;
	blocks++;
}

/* The runner fails a test whose log has the word WRONG. */
void plugin_exit(void)
{
	qemulib_log("all-insn: %llu instructions, %llu blocks\n", (unsigned long long)insns, (unsigned long long)blocks);
	if (wrong || blocks > insns || !insns)
		qemulib_log("all-insn: WRONG: pc differed %llu times\n", (unsigned long long)wrong);
}
