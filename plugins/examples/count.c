/* SPDX-License-Identifier: MIT */
/* Counts executed instructions and blocks, exactly, for each guest thread's cpu and in all.
 *
 * args=blocks: blocks only, which is faster. args=insns: instructions only. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "plugins.h"

const char plugin_description[] = "instructions and blocks executed, per cpu and in all (args=blocks or insns for one of them)";
const bool plugin_needs_is_static = true;

enum { CPUS = 4096 };

/* Each cpu writes its own cache line. Threads beyond the table share the last row. */
static struct {
	_Alignas(64) uint64_t insns, blocks;
} counts[CPUS];
static _Atomic uint64_t other_insns, other_blocks;
static bool want_insns = true, want_blocks = true;

bool plugin_init(const char *args)
{
	if (args && *args) {
		want_blocks = strcmp(args, "blocks") == 0;
		want_insns = strcmp(args, "insns") == 0;
	}
	if (!want_insns && !want_blocks)
		fprintf(stderr, "count: args is blocks or insns, not '%s'\n", args);
	return want_insns || want_blocks;
}

bool plugin_needs_before_insn(uint64_t pc, void *cpu)
{
	(void)pc;
	(void)cpu;
	return want_insns;
}

void plugin_before_insn(uint64_t pc, void *cpu)
{
	int i = qemulib_get_cpuid(cpu);

	(void)pc;
	if (i < CPUS)
		counts[i].insns++;
	else
		other_insns++;
}

bool plugin_needs_before_tb(uint64_t pc, void *cpu)
{
	(void)pc;
	(void)cpu;
	return want_blocks;
}

void plugin_before_tb(uint64_t pc, void *cpu)
{
	int i = qemulib_get_cpuid(cpu);

	(void)pc;
	if (i < CPUS)
		counts[i].blocks++;
	else
		other_blocks++;
}

static void print(const char *who, uint64_t insns, uint64_t blocks)
{
	char line[128];
	int n = snprintf(line, sizeof line, "%-8s", who);

	if (want_insns)
		n += snprintf(line + n, sizeof line - n, " %15" PRIu64 " insns", insns);
	if (want_blocks)
		n += snprintf(line + n, sizeof line - n, " %15" PRIu64 " blocks", blocks);
	if (want_insns && want_blocks && blocks)
		n += snprintf(line + n, sizeof line - n, " %3" PRIu64 ".%" PRIu64 " insns/block", insns / blocks, insns % blocks * 10 / blocks);
	qemulib_log("%s\n", line);
}

void plugin_exit(void)
{
	uint64_t insns = other_insns, blocks = other_blocks;
	int used = 0;

	for (int i = 0; i < CPUS; i++) {
		insns += counts[i].insns;
		blocks += counts[i].blocks;
		used += counts[i].insns || counts[i].blocks;
	}
	for (int i = 0; i < CPUS && used > 1; i++) {
		char who[24];
		if (!counts[i].insns && !counts[i].blocks)
			continue;
		snprintf(who, sizeof who, "cpu %d", i);
		print(who, counts[i].insns, counts[i].blocks);
	}
	if (other_insns || other_blocks)
		print("others", other_insns, other_blocks);
	print("total", insns, blocks);
}
