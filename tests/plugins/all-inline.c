/* SPDX-License-Identifier: MIT */
/* Test plugin: two inline counters before every instruction, and now and then a callback that must find both as they are by then. */
#include "tcg.h"

static qemu_plugin_u64 first, second, checked;
static _Atomic uint64_t wrong;

ON_EXEC(compare)
{
	uint64_t a = qemu_plugin_u64_get(first, vcpu), b = qemu_plugin_u64_get(second, vcpu);

	/* at least the instruction that this is called for has been counted since the last time */
	if (a != b || a <= qemu_plugin_u64_get(checked, vcpu))
		wrong++;
	qemu_plugin_u64_set(checked, vcpu, a);
}

ON_TRANS(translated)
{
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64, first, 1);
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64, second, 1);
		if ((qemu_plugin_insn_vaddr(insn) >> 1) % 11 == 0)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, compare, QEMU_PLUGIN_CB_NO_REGS, NULL);
	}
}

/* The runner fails a test whose log has the word WRONG. */
ON_EXIT(ended)
{
	uint64_t a = qemu_plugin_u64_sum(first), b = qemu_plugin_u64_sum(second);

	say("all-inline: %" PRIu64 " instructions%s", a, wrong || a != b || !a ? ", WRONG" : "");
}

INSTALL
{
	first = qemu_plugin_scoreboard_u64(qemu_plugin_scoreboard_new(sizeof(uint64_t)));
	second = qemu_plugin_scoreboard_u64(qemu_plugin_scoreboard_new(sizeof(uint64_t)));
	checked = qemu_plugin_scoreboard_u64(qemu_plugin_scoreboard_new(sizeof(uint64_t)));
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated WITH(NULL));
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
