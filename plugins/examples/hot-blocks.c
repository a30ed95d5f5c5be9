/* SPDX-License-Identifier: MIT */
/* Shows where the guest spends its time: the blocks that ran most often, with their functions.
 *
 * args=N: that many lines (20). */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "plugins.h"

const char plugin_description[] = "the blocks that ran most often, with their functions (args=N: that many)";
const bool plugin_needs_is_static = true;

enum { BUCKETS = 1 << 16 };

/* One for each block address. Entries are added at translation, by one thread at a time, and stay: finding one needs no lock. */
struct Block {
	uint64_t pc;
	_Atomic uint64_t executed;
	struct Block *next;
};
static _Atomic(struct Block *) buckets[BUCKETS];
static size_t nblocks, nlines = 20;

static struct Block *find(uint64_t pc)
{
	struct Block *block = buckets[(pc >> 1) % BUCKETS];

	while (block && block->pc != pc)
		block = block->next;
	return block;
}

bool plugin_init(const char *args)
{
	char *rest = NULL;

	if (args && *args)
		nlines = strtoul(args, &rest, 10);
	if ((rest && *rest) || !nlines) {
		fprintf(stderr, "hot-blocks: args is a number of lines, not '%s'\n", args);
		return false;
	}
	return true;
}

bool plugin_needs_before_tb(uint64_t pc, void *cpu)
{
	struct Block *block;

	(void)cpu;
	if (find(pc))
		return true;
	block = calloc(1, sizeof *block);
	if (!block)
		return false;
	block->pc = pc;
	block->next = buckets[(pc >> 1) % BUCKETS];
	buckets[(pc >> 1) % BUCKETS] = block;
	nblocks++;
	return true;
}

void plugin_before_tb(uint64_t pc, void *cpu)
{
	(void)cpu;
	__atomic_fetch_add((uint64_t *)&find(pc)->executed, 1, __ATOMIC_RELAXED);
}

static int by_count(const void *a, const void *b)
{
	uint64_t x = (*(struct Block *const *)a)->executed, y = (*(struct Block *const *)b)->executed;
	return x < y ? 1 : -(x > y);
}

void plugin_exit(void)
{
	struct Block **sorted = calloc(nblocks + 1, sizeof *sorted);
	uint64_t total = 0;
	size_t n = 0;

	if (!sorted)
		return;
	for (int i = 0; i < BUCKETS; i++)
		for (struct Block *block = buckets[i]; block && n <= nblocks; block = block->next) {
			sorted[n++] = block;
			total += block->executed;
		}
	qsort(sorted, n, sizeof *sorted, by_count);
	qemulib_log("%15s %6s  %-14s %s\n", "executed", "share", "block", "function");
	for (size_t i = 0; i < n && i < nlines; i++) {
		uint64_t offset = 0, pc = sorted[i]->pc, permille = sorted[i]->executed * 1000 / (total ? total : 1);
		const char *name = qemulib_lookup_symbol_offset(pc, &offset);
		char where[24] = "";
		if (name && offset)
			snprintf(where, sizeof where, "+0x%" PRIx64, offset);
		qemulib_log("%15" PRIu64 " %3" PRIu64 ".%" PRIu64 "%%  0x%012" PRIx64 " %s%s\n", (uint64_t)sorted[i]->executed,
			    permille / 10, permille % 10, pc, name ? name : "?", where);
	}
	qemulib_log("%15" PRIu64 " in all, of %zu blocks\n", total, n);
	free(sorted);
}
