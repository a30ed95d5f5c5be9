/* SPDX-License-Identifier: MIT */
/* Reference plugin for qemu-riscv64: -DMODE=empty_insn, count_insn, count_block, empty_mem or count_mem. */
#include "tcg1.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

int qemu_plugin_version = 1;
static uint64_t count;

static void nothing(unsigned vcpu, void *data)
{
	(void)vcpu, (void)data;
}

static void add(unsigned vcpu, void *data)
{
	(void)vcpu, (void)data;
	count++;
}

static void nothing_mem(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
	(void)vcpu, (void)info, (void)vaddr, (void)data;
}

static void add_mem(unsigned vcpu, qemu_plugin_meminfo_t info, uint64_t vaddr, void *data)
{
	(void)vcpu, (void)info, (void)vaddr, (void)data;
	count++;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	static const char mode[] = TEXT(MODE);
	size_t n = qemu_plugin_tb_n_insns(tb);

	(void)id;
	if (!strcmp(mode, "count_block"))
		qemu_plugin_register_vcpu_tb_exec_cb(tb, add, QEMU_PLUGIN_CB_NO_REGS, NULL);
	else
		for (size_t i = 0; i < n; i++) {
			struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
			if (!strcmp(mode + strlen(mode) - 4, "_mem"))
				qemu_plugin_register_vcpu_mem_cb(insn, !strcmp(mode, "count_mem") ? add_mem : nothing_mem, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
			else
				qemu_plugin_register_vcpu_insn_exec_cb(insn, !strcmp(mode, "count_insn") ? add : nothing,
								       QEMU_PLUGIN_CB_NO_REGS, NULL);
		}
}

static void ended(qemu_plugin_id_t id, void *data)
{
	char line[64];

	(void)id, (void)data;
	snprintf(line, sizeof line, "count %" PRIu64 "\n", count);
	qemu_plugin_outs(line);
}

__attribute__((visibility("default")))
int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	(void)info, (void)argc, (void)argv;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
