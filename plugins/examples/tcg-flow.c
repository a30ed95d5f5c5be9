/* SPDX-License-Identifier: MIT */
/* The control-flow log: each time execution does not go on with the next instruction in memory, a line with where it came from and where it went.
 *
 * from=NAME: only what leaves the function NAME. Output needs -d plugin. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QEMU_PLUGIN_VERSION 4   /* QEMU 9.2 to 11.0 load it too */
#include "qemu-plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;
const char plugin_description[] = "every jump, with functions (from=NAME: out of that one; -d plugin)";

/* An instruction, as far as lines show it; kept for the whole run. */
struct Place {
	uint64_t address;
	const char *function;
};

/* Inline operations keep these: no call is made but where the flow breaks. */
struct Vcpu {
	uint64_t begun;         /* the first instruction of the block that runs */
	uint64_t next;          /* the address behind the instruction before; 0: there is none */
	uint64_t last;          /* the struct Place of that */
};

static struct qemu_plugin_scoreboard *score;
static qemu_plugin_u64 cell_begun, cell_next, cell_last;
static GHashTable *places;      /* &Place.address -> struct Place; translations come one at a time */
static const char *from;        /* interned */
static bool met;                /* that function, when it was translated */

static struct Place *place_of(struct qemu_plugin_insn *insn)
{
	uint64_t address = qemu_plugin_insn_vaddr(insn);
	struct Place *place = g_hash_table_lookup(places, &address);

	if (!place) {
		const char *name = qemu_plugin_insn_symbol(insn);
		place = g_new(struct Place, 1);
		*place = (struct Place){ address, name ? g_intern_string(name) : "?" };
		met |= place->function == from;
		g_hash_table_insert(places, &place->address, place);
	}
	return place;
}

/* Before an instruction that is not the one behind its predecessor. */
static void broken(unsigned vcpu, void *data)
{
	const struct Vcpu *v = qemu_plugin_scoreboard_find(score, vcpu);
	const struct Place *to = data, *last = (const struct Place *)(uintptr_t)v->last;
	char line[256];

	if (!last || (from && last->function != from))
		return;
	snprintf(line, sizeof line, "%u 0x%" PRIx64 " %s -> 0x%" PRIx64 " %s\n", vcpu, last->address, last->function, to->address,
		 to->function);
	qemu_plugin_outs(line);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		struct Place *place = place_of(insn);
		/* Inside a block the flow cannot break, but what comes behind a fault begins a block. */
		if (i == 0)
			qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, broken, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_COND_NE, cell_next,
								  place->address, place);
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_STORE_U64, cell_next,
								    place->address + qemu_plugin_insn_size(insn));
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_STORE_U64, cell_last, (uintptr_t)place);
	}
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_STORE_U64, cell_begun, qemu_plugin_tb_vaddr(tb));
}

static void at_exit(qemu_plugin_id_t id, void *data)
{
	char line[128];

	(void)id, (void)data;
	for (int i = 0; i < qemu_plugin_num_vcpus(); i++) {
		snprintf(line, sizeof line, "%d ended in the block at 0x%" PRIx64 "\n", i, qemu_plugin_u64_get(cell_begun, i));
		qemu_plugin_outs(line);
	}
	if (from && !met)
		fprintf(stderr, "tcg-flow: no instruction of a function '%s' was executed\n", from);
	qemu_plugin_scoreboard_free(score);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], "from=", 5) || !argv[i][5])
			return fprintf(stderr, "tcg-flow: from=FUNCTION is what it takes, not '%s'\n", argv[i]), -1;
		from = g_intern_string(argv[i] + 5);
	}
	score = qemu_plugin_scoreboard_new(sizeof(struct Vcpu));
	cell_begun = qemu_plugin_scoreboard_u64_in_struct(score, struct Vcpu, begun);
	cell_next = qemu_plugin_scoreboard_u64_in_struct(score, struct Vcpu, next);
	cell_last = qemu_plugin_scoreboard_u64_in_struct(score, struct Vcpu, last);
	places = g_hash_table_new(g_int64_hash, g_int64_equal);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
