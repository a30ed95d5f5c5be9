/* SPDX-License-Identifier: MIT */
/* The same measurements through forerun's API of 2017: -DMODE_empty_insn, count_insn, count_block or count_mem. */
#include <stdbool.h>
#include <stdint.h>

#include "plugins.h"

/* The answers depend on nothing: forerun may ask at translation only. */
const bool plugin_needs_is_static = true;
static uint64_t count;

bool plugin_init(const char *args)
{
	(void)args;
	return true;
}

#if defined MODE_empty_insn || defined MODE_count_insn
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
#elif defined MODE_count_mem
bool plugin_needs_before_mem(uint64_t pc, void *cpu)
{
	(void)pc, (void)cpu;
	return true;
}

void plugin_before_mem(uint64_t pc, void *cpu, uint64_t vaddr, int size, bool is_store)
{
	(void)pc, (void)cpu, (void)vaddr, (void)size, (void)is_store;
	count++;
}
#endif

void plugin_exit(void)
{
	qemulib_log("count %llu\n", (unsigned long long)count);
}
