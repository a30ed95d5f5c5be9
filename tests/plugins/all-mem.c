/* SPDX-License-Identifier: MIT */
/* Test plugin: a callback at every memory access that looks whether the memory is there and the size is one. */
#include <stdbool.h>
#include <stdint.h>

#include "plugins.h"

static _Atomic uint64_t loads, stores, wrong;

bool plugin_init(const char *args)
{
	(void)args;
	return true;
}

bool plugin_needs_before_mem(uint64_t pc, void *cpu)
{
	(void)pc, (void)cpu;
	return true;
}

/* An access may be to memory that is not there: guests fault. So only the size can be judged. */
void plugin_before_mem(uint64_t pc, void *cpu, uint64_t vaddr, int size, bool is_store)
{
	(void)pc, (void)cpu, (void)vaddr;
	if (size < 1 || size > 64 || (size & (size - 1)))
		wrong++;
	if (is_store)
		stores++;
	else
		loads++;
}

void plugin_exit(void)
{
	qemulib_log("all-mem: %llu loads, %llu stores\n", (unsigned long long)loads, (unsigned long long)stores);
	if (wrong)
		qemulib_log("all-mem: WRONG: %llu sizes\n", (unsigned long long)wrong);
}
