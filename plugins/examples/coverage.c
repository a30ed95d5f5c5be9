/* SPDX-License-Identifier: MIT */
/* Writes which code ran, in DynamoRIO's drcov format (version 2), as lighthouse, bncov and others read it.
 *
 * args=FILE: the file to write; without args, drcov.PID.log. A block counts when it is translated, which is just before it first runs: nothing
 * is called while the guest runs. */
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plugins.h"

const char plugin_description[] = "code coverage as a drcov file (args=FILE)";
const bool plugin_needs_is_static = true;

enum { MODULES = 1024, PATH = 512 };

static struct Module {
	uint64_t base, start, end;      /* base: where offset 0 of the file would be */
	char path[PATH];
} modules[MODULES];
static size_t nmodules;

/* A row of the file's table. */
static struct Row {
	uint32_t offset;
	uint16_t size, module;
} *rows;
static uint64_t *row_pc;
static size_t nrows, room;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const char *file;

bool plugin_init(const char *args)
{
	file = args && *args ? args : NULL;
	return true;
}

static void add_module(const char *path, uint64_t start, uint64_t end, uint64_t offset, void *data)
{
	(void)data;
	for (size_t i = 0; i < nmodules; i++)
		if (modules[i].start == start && modules[i].end == end && strncmp(modules[i].path, path, PATH - 1) == 0)
			return;
	if (nmodules == MODULES)
		return;
	struct Module *m = &modules[nmodules++];
	*m = (struct Module){ .base = start - offset, .start = start, .end = end };
	snprintf(m->path, sizeof m->path, "%s", path);
}

/* The latest module that PC lies in; -1: none. */
static int find_module(uint64_t pc)
{
	for (size_t i = nmodules; i-- > 0;)
		if (pc >= modules[i].start && pc < modules[i].end)
			return i;
	return -1;
}

/* A block begins; its instructions are asked for next, by the same thread, and no other in between. */
bool plugin_needs_before_tb(uint64_t pc, void *cpu)
{
	(void)cpu;
	pthread_mutex_lock(&lock);
	if (find_module(pc) < 0)
		qemulib_for_each_module(add_module, NULL);
	int module = find_module(pc);
	if (module >= 0 && nrows == room) {
		room = room ? room * 2 : 4096;
		rows = realloc(rows, room * sizeof *rows);
		row_pc = realloc(row_pc, room * sizeof *row_pc);
		if (!rows || !row_pc)
			abort();
	}
	if (module >= 0) {
		row_pc[nrows] = pc;
		rows[nrows++] = (struct Row){ .offset = pc - modules[module].base, .module = module };
	}
	pthread_mutex_unlock(&lock);
	return false;
}

bool plugin_needs_before_insn(uint64_t pc, void *cpu)
{
	uint8_t first = 0;

	pthread_mutex_lock(&lock);
	if (nrows && pc >= row_pc[nrows - 1] && pc - row_pc[nrows - 1] == rows[nrows - 1].size &&
	    qemulib_read_memory(cpu, pc, &first, 1) == 0)
		rows[nrows - 1].size += (first & 3) == 3 ? 4 : 2;       /* riscv's lengths */
	pthread_mutex_unlock(&lock);
	return false;
}

void plugin_exit(void)
{
	char name[64];
	FILE *out;

	snprintf(name, sizeof name, "drcov.%d.log", (int)getpid());
	out = fopen(file ? file : name, "we");
	if (!out) {
		fprintf(stderr, "coverage: cannot write %s\n", file ? file : name);
		return;
	}
	pthread_mutex_lock(&lock);
	fprintf(out, "DRCOV VERSION: 2\nDRCOV FLAVOR: drcov\nModule Table: version 2, count %zu\n", nmodules);
	fprintf(out, "Columns: id, base, end, entry, checksum, timestamp, path\n");
	for (size_t i = 0; i < nmodules; i++)
		fprintf(out, "%3zu, 0x%016" PRIx64 ", 0x%016" PRIx64 ", 0x%016x, 0x%08x, 0x%08x, %s\n", i, modules[i].base, modules[i].end, 0, 0, 0,
			modules[i].path);
	fprintf(out, "BB Table: %zu bbs\n", nrows);
	fwrite(rows, sizeof *rows, nrows, out);
	if (fclose(out) != 0)
		fprintf(stderr, "coverage: cannot write %s\n", file ? file : name);
	else
		qemulib_log("coverage: %zu blocks of %zu modules in %s\n", nrows, nmodules, file ? file : name);
	pthread_mutex_unlock(&lock);
}
