/* SPDX-License-Identifier: MIT */
/* The instruction mix: how often each mnemonic was executed, counted inline.
 *
 * top=N: that many lines (30). Output needs -d plugin. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QEMU_PLUGIN_VERSION 4   /* QEMU 9.2 to 11.0 load it too */
#include "qemu-plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;
const char plugin_description[] = "how often each kind of instruction was executed (top=N: that many; -d plugin)";

enum { KINDS = 1024 };

/* A kind is an index of the cells: one scoreboard, one cell for each mnemonic. */
static struct qemu_plugin_scoreboard *score;
static GHashTable *kinds;               /* mnemonic -> kind + 1 */
static const char *names[KINDS];
static unsigned nkinds;
static guint64 top = 30;

static qemu_plugin_u64 cell(unsigned kind)
{
	return (qemu_plugin_u64){ score, kind * sizeof(uint64_t) };
}

/* Translations come one at a time, so the table needs no lock. */
static unsigned kind_of(struct qemu_plugin_insn *insn)
{
	char *text = qemu_plugin_insn_disas(insn);

	text[strcspn(text, " \t")] = 0;
	unsigned kind = GPOINTER_TO_UINT(g_hash_table_lookup(kinds, text));
	if (kind) {
		g_free(text);
		return kind - 1;
	}
	if (nkinds == KINDS - 1) {
		g_free(text);
		return KINDS - 1;
	}
	names[nkinds] = text;
	g_hash_table_insert(kinds, text, GUINT_TO_POINTER(nkinds + 1));
	return nkinds++;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64, cell(kind_of(insn)), 1);
	}
}

struct Row {
	const char *name;
	uint64_t count;
};

static int most_first(const void *a, const void *b)
{
	const struct Row *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return strcmp(x->name, y->name);
}

static void at_exit(qemu_plugin_id_t id, void *data)
{
	struct Row *rows = g_new0(struct Row, KINDS);
	uint64_t all = 0;
	char line[160];

	(void)id, (void)data;
	names[KINDS - 1] = "(others)";
	for (unsigned i = 0; i < KINDS; i++) {
		rows[i].name = names[i] ? names[i] : "";
		rows[i].count = i < nkinds || i == KINDS - 1 ? qemu_plugin_u64_sum(cell(i)) : 0;
		all += rows[i].count;
	}
	qsort(rows, KINDS, sizeof *rows, most_first);
	snprintf(line, sizeof line, "%-16s %15" PRIu64 "\n", "all", all);
	qemu_plugin_outs(line);
	for (unsigned i = 0; i < KINDS && i < top && rows[i].count; i++) {
		snprintf(line, sizeof line, "%-16s %15" PRIu64 " %6.2f%%\n", rows[i].name, rows[i].count, 100.0 * rows[i].count / all);
		qemu_plugin_outs(line);
	}
	g_free(rows);
	qemu_plugin_scoreboard_free(score);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++)
		if (!g_str_has_prefix(argv[i], "top=") || !g_ascii_string_to_unsigned(argv[i] + 4, 10, 0, KINDS, &top, NULL)) {
			fprintf(stderr, "tcg-insn-mix: top=N, at most %d, is what it takes, not '%s'\n", KINDS, argv[i]);
			return -1;
		}
	kinds = g_hash_table_new(g_str_hash, g_str_equal);
	score = qemu_plugin_scoreboard_new(KINDS * sizeof(uint64_t));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
