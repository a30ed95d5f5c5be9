/* SPDX-License-Identifier: MIT */
/* Logs every executed instruction: cpu, address, bytes, function.
 *
 * args=FUNCTION: only instructions of that function. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins.h"

const char plugin_description[] = "each executed instruction: cpu, address, bytes, symbol (args=FUNCTION: only that one's)";
const bool plugin_needs_is_static = true;

enum { BUCKETS = 1 << 20 };

/* The text of an instruction is made when it is translated, and found by address when it runs: a hash table that only grows, so
 * that readers need no lock. Code that changes gets a new entry before the old one. */
struct Line {
	uint64_t pc;
	struct Line *next;
	char text[];
};
static _Atomic(struct Line *) lines[BUCKETS];
static const char *only;

static _Atomic(struct Line *) *bucket(uint64_t pc)
{
	return &lines[(pc >> 1) & (BUCKETS - 1)];
}

static const struct Line *find(uint64_t pc)
{
	const struct Line *line = *bucket(pc);

	while (line && line->pc != pc)
		line = line->next;
	return line;
}

bool plugin_init(const char *args)
{
	only = args && *args ? args : NULL;
	return true;
}

/* The opcode as it is written in listings: riscv's parcels of 16 bits, the first one lowest. */
static void format_bytes(uint64_t pc, void *cpu, char *text, size_t room)
{
	uint8_t bytes[4] = { 0 };

	if (qemulib_read_memory(cpu, pc, bytes, 2) == 0 && (bytes[0] & 3) == 3 && qemulib_read_memory(cpu, pc + 2, bytes + 2, 2) == 0)
		snprintf(text, room, "%02x%02x%02x%02x", bytes[3], bytes[2], bytes[1], bytes[0]);
	else
		snprintf(text, room, "%02x%02x", bytes[1], bytes[0]);
}

/* One thread at a time is asked at translation. */
bool plugin_needs_before_insn(uint64_t pc, void *cpu)
{
	char bytes[16], text[256];
	uint64_t offset = 0;
	const char *name = qemulib_lookup_symbol_offset(pc, &offset);
	const struct Line *known = find(pc);

	if (only && (!name || strcmp(name, only) != 0))
		return false;
	format_bytes(pc, cpu, bytes, sizeof bytes);
	int length = name ? snprintf(text, sizeof text, "%-8s  %s+0x%" PRIx64, bytes, name, offset) :
			    snprintf(text, sizeof text, "%s", bytes);
	if (length >= (int)sizeof text)
		length = sizeof text - 1;
	if (known && strcmp(known->text, text) == 0)
		return true;
	struct Line *line = malloc(sizeof *line + length + 1);
	if (!line)
		return false;
	line->pc = pc;
	memcpy(line->text, text, length + 1);
	line->next = *bucket(pc);
	*bucket(pc) = line;
	return true;
}

void plugin_before_insn(uint64_t pc, void *cpu)
{
	const struct Line *line = find(pc);

	qemulib_log("%d 0x%012" PRIx64 " %s\n", qemulib_get_cpuid(cpu), pc, line ? line->text : "");
}
