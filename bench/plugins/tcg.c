/* SPDX-License-Identifier: MIT */
/* The measurements through QEMU's plugin API, for any host of it: -DMODE_name with a name of bench/modes.py, -DQEMU_PLUGIN_VERSION=number. */
#include <stdio.h>
#include <string.h>

#include "qemu-plugin.h"

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static uint64_t count;
#if QEMU_PLUGIN_VERSION >= 2
static qemu_plugin_u64 cell;
#endif

#if defined MODE_count_insn || defined MODE_count_block
static void each(unsigned vcpu, void *data)
{
	(void)vcpu, (void)data;
	count++;
}
#elif defined MODE_add_scoreboard
static void each(unsigned vcpu, void *data)
{
	(void)data;
	qemu_plugin_u64_add(cell, vcpu, 1);
}
#elif defined MODE_read_register
static struct qemu_plugin_register *wanted;
static GByteArray *bytes;

static void each(unsigned vcpu, void *data)
{
	uint64_t value;

	(void)vcpu, (void)data;
	g_byte_array_set_size(bytes, 0);
	qemu_plugin_read_register(wanted, bytes);
	memcpy(&value, bytes->data, sizeof value);
	count += value;
}

/* Registers can be listed from the first vcpu's start on. */
static void find_register(void)
{
	GArray *all = qemu_plugin_get_registers();

	for (guint i = 0; i < all->len; i++) {
		const qemu_plugin_reg_descriptor *d = &g_array_index(all, qemu_plugin_reg_descriptor, i);
		if (!strcmp(d->name, "a0") || !strcmp(d->name, "x10"))
			wanted = d->handle;
	}
	g_array_free(all, TRUE);
}

#if QEMU_PLUGIN_VERSION >= 7
static void started(unsigned vcpu, void *data) { (void)vcpu, (void)data; find_register(); }
#else
static void started(qemu_plugin_id_t id, unsigned vcpu) { (void)id, (void)vcpu; find_register(); }
#endif
#elif defined MODE_empty_mem || defined MODE_count_mem
static void each(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
	(void)vcpu, (void)info, (void)vaddr, (void)data;
#ifdef MODE_count_mem
	count++;
#endif
}
#elif !defined MODE_inline_insn
static void each(unsigned vcpu, void *data)
{
	(void)vcpu, (void)data;
}
#endif

static void instrument(struct qemu_plugin_tb *tb)
{
#if defined MODE_empty_block || defined MODE_count_block
	qemu_plugin_register_vcpu_tb_exec_cb(tb, each, QEMU_PLUGIN_CB_NO_REGS, NULL);
#else
	for (size_t i = 0, n = qemu_plugin_tb_n_insns(tb); i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
#if defined MODE_empty_insn || defined MODE_count_insn || defined MODE_add_scoreboard
		qemu_plugin_register_vcpu_insn_exec_cb(insn, each, QEMU_PLUGIN_CB_NO_REGS, NULL);
#elif defined MODE_read_register
		qemu_plugin_register_vcpu_insn_exec_cb(insn, each, QEMU_PLUGIN_CB_R_REGS, NULL);
#elif defined MODE_empty_mem || defined MODE_count_mem
		qemu_plugin_register_vcpu_mem_cb(insn, each, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
#elif defined MODE_never_insn
		/* the cell stays 0 */
		qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, each, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_COND_GT, cell, 0, NULL);
#elif defined MODE_inline_insn && QEMU_PLUGIN_VERSION >= 2
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64, cell, 1);
#elif defined MODE_inline_insn
		qemu_plugin_register_vcpu_insn_exec_inline(insn, QEMU_PLUGIN_INLINE_ADD_U64, &count, 1);
#else
#error "no such mode: see bench/modes.py"
#endif
	}
#endif
}

static void end(void)
{
	char line[64];

#if QEMU_PLUGIN_VERSION >= 2
	count += qemu_plugin_u64_sum(cell);
#endif
	snprintf(line, sizeof line, "count %" PRIu64 "\n", count);
	qemu_plugin_outs(line);
}

#if QEMU_PLUGIN_VERSION >= 7
static void translated(struct qemu_plugin_tb *tb, void *data) { (void)data; instrument(tb); }
static void ended(void *data) { (void)data; end(); }
#else
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb) { (void)id; instrument(tb); }
static void ended(qemu_plugin_id_t id, void *data) { (void)id, (void)data; end(); }
#endif

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info, (void)argc, (void)argv;
#if QEMU_PLUGIN_VERSION >= 2
	cell = qemu_plugin_scoreboard_u64(qemu_plugin_scoreboard_new(sizeof(uint64_t)));
#endif
#if QEMU_PLUGIN_VERSION >= 7
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated, NULL);
#else
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
#endif
#ifdef MODE_read_register
	bytes = g_byte_array_new();
#if QEMU_PLUGIN_VERSION >= 7
	qemu_plugin_register_vcpu_init_cb(id, started, NULL);
#else
	qemu_plugin_register_vcpu_init_cb(id, started);
#endif
#endif
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
