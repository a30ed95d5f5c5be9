/* SPDX-License-Identifier: MIT */
/* The measurements through forerun's API of 2017; -DMODE_name with a name of the table in bench/modes.py. */
#include <stdbool.h>
#include <stdint.h>

#include "plugins.h"
#include "regnum.h"

#ifndef MODE_ask_insn
/* The answers depend on nothing: forerun may ask at translation only. */
const bool plugin_needs_is_static = true;
#endif
static uint64_t count;

bool plugin_init(const char *args)
{
	(void)args;
	return true;
}

#if defined MODE_empty_insn || defined MODE_count_insn || defined MODE_ask_insn || defined MODE_read_register
bool plugin_needs_before_insn(uint64_t pc, void *cpu)
{
	(void)pc, (void)cpu;
	return true;
}

void plugin_before_insn(uint64_t pc, void *cpu)
{
	(void)pc, (void)cpu;
#ifdef MODE_count_insn
	count++;
#elif defined MODE_read_register
	uint64_t value;
	qemulib_read_register(cpu, (uint8_t *)&value, RISCV64_X10_REGNUM);
	count += value;
#endif
}
#elif defined MODE_count_block
bool plugin_needs_before_tb(uint64_t pc, void *cpu)
{
	(void)pc, (void)cpu;
	return true;
}

void plugin_before_tb(uint64_t pc, void *cpu)
{
	(void)pc, (void)cpu;
	count++;
}
#elif defined MODE_count_mem || defined MODE_empty_mem
bool plugin_needs_before_mem(uint64_t pc, void *cpu)
{
	(void)pc, (void)cpu;
	return true;
}

void plugin_before_mem(uint64_t pc, void *cpu, uint64_t vaddr, int size, bool is_store)
{
	(void)pc, (void)cpu, (void)vaddr, (void)size, (void)is_store;
#ifdef MODE_count_mem
	count++;
#endif
}
#endif

void plugin_exit(void)
{
	qemulib_log("count %llu\n", (unsigned long long)count);
}
