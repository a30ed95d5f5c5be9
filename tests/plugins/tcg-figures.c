/* SPDX-License-Identifier: MIT */
/* For tests/tcg/compare: for each function, instructions, blocks that began in it, and accesses by size and direction; system calls with their results. */
#include <glib.h>

#include "tcg.h"

struct figures {
	const char *name;
	uint64_t insns, blocks, bytes, reads[4], writes[4];
};
static GHashTable *functions;
static uint64_t block_lengths;

static struct figures *figures_of(struct qemu_plugin_insn *insn)
{
	const char *name = qemu_plugin_insn_symbol(insn);
	struct figures *f;

	name = name ? name : "-";
	f = g_hash_table_lookup(functions, name);
	if (!f) {
		f = g_new0(struct figures, 1);
		f->name = g_strdup(name);
		g_hash_table_insert(functions, (char *)f->name, f);
	}
	return f;
}

struct place {
	struct figures *f;
	unsigned n;
};

static struct place *place(struct qemu_plugin_insn *insn, unsigned n)
{
	struct place *p = g_new(struct place, 1);

	*p = (struct place){ figures_of(insn), n };
	return p;
}

ON_EXEC(in_block)
{
	((struct place *)data)->f->blocks++;
	block_lengths += ((struct place *)data)->n;
}

ON_EXEC(in_insn)
{
	((struct place *)data)->f->insns++;
	((struct place *)data)->f->bytes += ((struct place *)data)->n;
}

ON_MEM(accessed)
{
	struct figures *f = ((struct place *)data)->f;

	(qemu_plugin_mem_is_store(info) ? f->writes : f->reads)[qemu_plugin_mem_size_shift(info) & 3]++;
}

ON_TRANS(translated)
{
	size_t n = qemu_plugin_tb_n_insns(tb);

	qemu_plugin_register_vcpu_tb_exec_cb(tb, in_block, QEMU_PLUGIN_CB_NO_REGS, place(qemu_plugin_tb_get_insn(tb, 0), n));
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		struct place *p = place(insn, qemu_plugin_insn_size(insn));
		qemu_plugin_register_vcpu_insn_exec_cb(insn, in_insn, QEMU_PLUGIN_CB_NO_REGS, p);
		qemu_plugin_register_vcpu_mem_cb(insn, accessed, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, p);
	}
}

ON_RESULT(returned)
{
	say("call %" PRId64 ": %" PRId64, num, num == 178 || num == 172 ? 0 : ret);
}

static gint by_name(gconstpointer a, gconstpointer b)
{
	return strcmp(((const struct figures *)a)->name, ((const struct figures *)b)->name);
}

ON_EXIT(at_exit)
{
	struct figures all = { .name = "all" };

	for (GList *l = g_list_sort(g_hash_table_get_values(functions), by_name); l; l = l->next) {
		struct figures *f = l->data;
		say("%s: %" PRIu64 " instructions of %" PRIu64 " bytes, %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " reads, %" PRIu64 " %" PRIu64
		    " %" PRIu64 " %" PRIu64 " writes", f->name, f->insns, f->bytes, f->reads[0], f->reads[1], f->reads[2], f->reads[3], f->writes[0],
		    f->writes[1], f->writes[2], f->writes[3]);
		say("%s: %" PRIu64 " blocks", f->name, f->blocks);
		all.insns += f->insns;
	}
	EXPECT(all.insns == block_lengths);
}

INSTALL
{
	functions = g_hash_table_new(g_str_hash, g_str_equal);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated WITH(NULL));
	qemu_plugin_register_vcpu_syscall_ret_cb(id, returned WITH(NULL));
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
