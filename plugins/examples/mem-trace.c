/* SPDX-License-Identifier: MIT */
/* Logs every memory access, and at the end how many there were of each size.
 *
 * args=summary: only the end. args=START-END: accesses to that range of addresses (hexadecimal). */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "plugins.h"

const char plugin_description[] = "memory accesses: cpu, pc, direction, size, address (args=summary or START-END)";
const bool plugin_needs_is_static = true;

enum { CPUS = 1024, SIZES = 6 };        /* 1 to 32 bytes */

static struct {
	_Alignas(64) uint64_t accesses[SIZES][2];
} counts[CPUS + 1];
static uint64_t start, end = UINT64_MAX;
static bool summary;

bool plugin_init(const char *args)
{
	summary = args && strcmp(args, "summary") == 0;
	if (args && *args && !summary && sscanf(args, "%" SCNx64 "-%" SCNx64, &start, &end) != 2) {
		fprintf(stderr, "mem-trace: args is summary or START-END (hexadecimal), not '%s'\n", args);
		return false;
	}
	return true;
}

bool plugin_needs_before_mem(uint64_t pc, void *cpu)
{
	(void)pc;
	(void)cpu;
	return true;
}

void plugin_before_mem(uint64_t pc, void *cpu, uint64_t vaddr, int size, bool is_store)
{
	int index = qemulib_get_cpuid(cpu), log2 = __builtin_ctz(size);

	if (vaddr + size <= start || vaddr >= end)
		return;
	/* Threads beyond the table share a row. */
	if (index < CPUS)
		counts[index].accesses[log2][is_store]++;
	else
		__atomic_fetch_add(&counts[CPUS].accesses[log2][is_store], 1, __ATOMIC_RELAXED);
	if (!summary)
		qemulib_log("%d 0x%012" PRIx64 " %s%d 0x%012" PRIx64 "\n", index, pc, is_store ? "W" : "R", size, vaddr);
}

void plugin_exit(void)
{
	uint64_t total[2] = { 0, 0 };

	qemulib_log("%-8s %15s %15s\n", "bytes", "loads", "stores");
	for (int s = 0; s < SIZES; s++) {
		uint64_t sum[2] = { 0, 0 };
		for (int i = 0; i <= CPUS; i++)
			for (int d = 0; d < 2; d++)
				sum[d] += counts[i].accesses[s][d];
		if (sum[0] || sum[1])
			qemulib_log("%-8d %15" PRIu64 " %15" PRIu64 "\n", 1 << s, sum[0], sum[1]);
		total[0] += sum[0];
		total[1] += sum[1];
	}
	qemulib_log("%-8s %15" PRIu64 " %15" PRIu64 "\n", "all", total[0], total[1]);
}
