/* SPDX-License-Identifier: MIT */
/* Test plugin: crashes in the callback that args names (init, insn, exit), in a C library function it calls (library), or by a failed assertion (assert). */
#include <stdlib.h>
#include <string.h>

#include "plugins.h"

static const char *where = "insn";
static const char *volatile nothing;
static int *volatile bad = (int *)8;
static volatile int sink;

bool plugin_init(const char *args)
{
	if (args)
		where = args;
	if (strcmp(where, "init") == 0)
		*bad = 0;
	return true;
}

/* A function of the plugin between the callback and the crash. */
static void __attribute__((noinline)) inner(void)
{
	if (strcmp(where, "library") == 0)
		sink = strlen(nothing);
	else if (strcmp(where, "assert") == 0)
		abort();
	else
		*bad = 0;
	sink++;
}

bool plugin_needs_before_insn(uint64_t pc, void *cpu)
{
	(void)pc, (void)cpu;
	return strcmp(where, "insn") == 0 || strcmp(where, "library") == 0 || strcmp(where, "assert") == 0;
}

void plugin_before_insn(uint64_t pc, void *cpu)
{
	(void)pc;
	qemulib_log("cpu %d\n", qemulib_get_cpuid(cpu));
	inner();
	sink++;
}

void plugin_exit(void)
{
	if (strcmp(where, "exit") == 0)
		inner();
	sink++;
}
