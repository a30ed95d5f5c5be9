/* SPDX-License-Identifier: MIT */
/* The execution log: every instruction, its memory accesses, and which registers it changed.
 *
 * reg=PATTERN: registers to watch, "*" all but pc and clocks (none); may be repeated. in=NAME: only instructions of that function. Output needs -d plugin. */
#include <stdio.h>
#include <string.h>

#define QEMU_PLUGIN_VERSION 4   /* QEMU 9.2 to 11.0 load it too */
#include "qemu-plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;
const char plugin_description[] = "every instruction with accesses and changed registers (reg=PATTERN, in=FUNCTION; -d plugin)";

struct Watched {
	struct qemu_plugin_register *handle;
	const char *name;
	GByteArray *value, *fresh;
};

/* A vcpu's line is complete when its next instruction begins. */
struct Vcpu {
	GString *line;          /* empty: none is begun */
	struct Watched *watched;
	unsigned nwatched;
};

static struct qemu_plugin_scoreboard *vcpus;
static GPtrArray *patterns;
static const char *in;
static bool met;                /* that function, when it was translated */

static bool wanted(const char *name)
{
	static const char *const restless[] = { "pc", "time", "cycle", "instret", NULL };

	for (unsigned i = 0; i < patterns->len && !g_strv_contains(restless, name); i++)
		if (g_pattern_match_simple(patterns->pdata[i], name))
			return true;
	return false;
}

static void vcpu_started(qemu_plugin_id_t id, unsigned index)
{
	struct Vcpu *vcpu = qemu_plugin_scoreboard_find(vcpus, index);
	GArray *all = qemu_plugin_get_registers();

	(void)id;
	if (!vcpu->line) {
		vcpu->line = g_string_new(NULL);
		vcpu->watched = g_new0(struct Watched, all->len);
		for (unsigned i = 0; i < all->len; i++) {
			qemu_plugin_reg_descriptor *d = &g_array_index(all, qemu_plugin_reg_descriptor, i);
			if (wanted(d->name))
				vcpu->watched[vcpu->nwatched++] = (struct Watched){ d->handle, d->name, g_byte_array_new(), g_byte_array_new() };
		}
		if (patterns->len && !vcpu->nwatched && !index)
			fprintf(stderr, "tcg-exec-log: no register is named like '%s'\n", (char *)patterns->pdata[0]);
	}
	for (unsigned i = 0; i < vcpu->nwatched; i++) {
		g_byte_array_set_size(vcpu->watched[i].value, 0);
		qemu_plugin_read_register(vcpu->watched[i].handle, vcpu->watched[i].value);
	}
	g_array_free(all, TRUE);
}

static void add_changes(struct Vcpu *vcpu)
{
	for (unsigned i = 0; i < vcpu->nwatched; i++) {
		struct Watched *w = &vcpu->watched[i];
		g_byte_array_set_size(w->fresh, 0);
		if (qemu_plugin_read_register(w->handle, w->fresh) <= 0 ||
		    (w->fresh->len == w->value->len && !memcmp(w->fresh->data, w->value->data, w->fresh->len)))
			continue;
		*w = (struct Watched){ w->handle, w->name, w->fresh, w->value };
		if (!vcpu->line->len)
			continue;       /* of an instruction that is not shown */
		g_string_append_printf(vcpu->line, ", %s=0x", w->name);
		for (unsigned k = w->value->len; k-- > 0;)
			g_string_append_printf(vcpu->line, "%02x", w->value->data[k]);
	}
}

static void finish_line(struct Vcpu *vcpu)
{
	if (vcpu->line->len)
		qemu_plugin_outs(g_string_append_c(vcpu->line, '\n')->str);
	g_string_truncate(vcpu->line, 0);
}

/* DATA: the instruction's text, or NULL where it is not shown. */
static void executed(unsigned index, void *data)
{
	struct Vcpu *vcpu = qemu_plugin_scoreboard_find(vcpus, index);

	add_changes(vcpu);
	finish_line(vcpu);
	if (data)
		g_string_printf(vcpu->line, "%u, %s", index, (char *)data);
}

static void accessed(unsigned index, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
	struct Vcpu *vcpu = qemu_plugin_scoreboard_find(vcpus, index);

	(void)data;
	g_string_append_printf(vcpu->line, ", %s 0x%" PRIx64, qemu_plugin_mem_is_store(info) ? "store" : "load", vaddr);
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		const char *symbol = qemu_plugin_insn_symbol(insn);
		char *text = NULL, *disas = qemu_plugin_insn_disas(insn);
		if (!in || (symbol && !strcmp(symbol, in) && (met = true)))
			text = g_strdup_printf("0x%" PRIx64 " %s: %s", qemu_plugin_insn_vaddr(insn), symbol ? symbol : "?", disas);
		g_free(disas);
		qemu_plugin_register_vcpu_insn_exec_cb(insn, executed, QEMU_PLUGIN_CB_R_REGS, text);
		if (text)
			qemu_plugin_register_vcpu_mem_cb(insn, accessed, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
	}
}

static void at_exit(qemu_plugin_id_t id, void *data)
{
	(void)id, (void)data;
	for (int i = 0; i < qemu_plugin_num_vcpus(); i++)
		finish_line(qemu_plugin_scoreboard_find(vcpus, i));
	if (in && !met)
		fprintf(stderr, "tcg-exec-log: no instruction of a function '%s' was executed\n", in);
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info;
	patterns = g_ptr_array_new();
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "reg=", 4) && argv[i][4])
			g_ptr_array_add(patterns, argv[i] + 4);
		else if (!strncmp(argv[i], "in=", 3) && argv[i][3])
			in = argv[i] + 3;
		else
			return fprintf(stderr, "tcg-exec-log: reg=PATTERN and in=FUNCTION are what it takes, not '%s'\n", argv[i]), -1;
	vcpus = qemu_plugin_scoreboard_new(sizeof(struct Vcpu));
	qemu_plugin_register_vcpu_init_cb(id, vcpu_started);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
