/* SPDX-License-Identifier: MIT */
/* Keeps the handles of one translation and uses them in later ones, in callbacks and at the end: nothing is to come of it but a line for each function. */
/* versions: 0 1 2 3 4 7 */
/* guest: counted threads */
#include "tcg.h"

static struct qemu_plugin_tb *old_tb;
static struct qemu_plugin_insn *old_insn;
static bool executed, accessed;

ON_EXEC(never)
{
	say("a callback for a handle of before");
}

ON_MEM(never_mem)
{
	say("a callback for a handle of before");
}

#if QEMU_PLUGIN_VERSION < 2
static uint64_t cell;
#else
static struct qemu_plugin_scoreboard *score;
#define cell qemu_plugin_scoreboard_u64(score)
#endif

static void use_old(void)
{
	EXPECT(qemu_plugin_tb_n_insns(old_tb) == 0);
	EXPECT(qemu_plugin_tb_vaddr(old_tb) == 0);
	EXPECT(qemu_plugin_tb_get_insn(old_tb, 0) == NULL);
	EXPECT(qemu_plugin_insn_size(old_insn) == 0);
	EXPECT(qemu_plugin_insn_vaddr(old_insn) == 0);
	EXPECT(qemu_plugin_insn_haddr(old_insn) == NULL);
	EXPECT(qemu_plugin_insn_symbol(old_insn) == NULL);
	char *text = qemu_plugin_insn_disas(old_insn);
	EXPECT(text && !*text);
	free(text);
#if QEMU_PLUGIN_VERSION >= 3
	uint32_t opcode = 4711;
	EXPECT(qemu_plugin_insn_data(old_insn, &opcode, 4) == 0 && opcode == 4711);
	qemu_plugin_register_vcpu_tb_exec_cond_cb(old_tb, never, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_COND_GE, cell, 0, NULL);
	qemu_plugin_register_vcpu_insn_exec_cond_cb(old_insn, never, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_COND_GE, cell, 0, NULL);
#else
	EXPECT(qemu_plugin_insn_data(old_insn) == NULL);
#endif
	qemu_plugin_register_vcpu_tb_exec_cb(old_tb, never, QEMU_PLUGIN_CB_NO_REGS, NULL);
	qemu_plugin_register_vcpu_insn_exec_cb(old_insn, never, QEMU_PLUGIN_CB_NO_REGS, NULL);
	qemu_plugin_register_vcpu_mem_cb(old_insn, never_mem, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
#if QEMU_PLUGIN_VERSION < 2
	qemu_plugin_register_vcpu_tb_exec_inline(old_tb, QEMU_PLUGIN_INLINE_ADD_U64, &cell, 1);
	qemu_plugin_register_vcpu_insn_exec_inline(old_insn, QEMU_PLUGIN_INLINE_ADD_U64, &cell, 1);
	qemu_plugin_register_vcpu_mem_inline(old_insn, QEMU_PLUGIN_MEM_RW, QEMU_PLUGIN_INLINE_ADD_U64, &cell, 1);
#else
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(old_tb, QEMU_PLUGIN_INLINE_ADD_U64, cell, 1);
	qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(old_insn, QEMU_PLUGIN_INLINE_ADD_U64, cell, 1);
	qemu_plugin_register_vcpu_mem_inline_per_vcpu(old_insn, QEMU_PLUGIN_MEM_RW, QEMU_PLUGIN_INLINE_ADD_U64, cell, 1);
#endif
}

ON_EXEC(in_exec)
{
	if (!executed)
		use_old();
	executed = true;
}

ON_MEM(in_mem)
{
	if (!accessed)
		use_old();
	accessed = true;
}

ON_TRANS(translated)
{
	struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, 0);

	EXPECT(qemu_plugin_tb_n_insns(tb) > 0 && insn && qemu_plugin_insn_vaddr(insn) == qemu_plugin_tb_vaddr(tb));
	EXPECT(qemu_plugin_tb_get_insn(tb, qemu_plugin_tb_n_insns(tb)) == NULL && qemu_plugin_tb_get_insn(tb, SIZE_MAX) == NULL);
	if (!old_tb) {
		old_tb = tb;
		old_insn = insn;
		return;
	}
	EXPECT(tb != old_tb && insn != old_insn);
	use_old();
	qemu_plugin_register_vcpu_tb_exec_cb(tb, in_exec, QEMU_PLUGIN_CB_NO_REGS, NULL);
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++)
		qemu_plugin_register_vcpu_mem_cb(qemu_plugin_tb_get_insn(tb, i), in_mem, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, NULL);
}

ON_EXIT(at_exit)
{
	use_old();
	EXPECT(executed);
#if QEMU_PLUGIN_VERSION < 2
	EXPECT(cell == 0);
#else
	EXPECT(qemu_plugin_u64_sum(cell) == 0);
#endif
}

INSTALL
{
#if QEMU_PLUGIN_VERSION >= 2
	score = qemu_plugin_scoreboard_new(8);
#endif
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated WITH(NULL));
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}

/* complaints: qemu_plugin_tb_n_insns qemu_plugin_tb_vaddr qemu_plugin_tb_get_insn qemu_plugin_insn_size qemu_plugin_insn_vaddr
 * qemu_plugin_insn_haddr qemu_plugin_insn_symbol qemu_plugin_insn_disas qemu_plugin_insn_data qemu_plugin_register_vcpu_tb_exec_cb
 * qemu_plugin_register_vcpu_tb_exec_cond_cb qemu_plugin_register_vcpu_tb_exec_inline qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu
 * qemu_plugin_register_vcpu_insn_exec_cb qemu_plugin_register_vcpu_insn_exec_cond_cb qemu_plugin_register_vcpu_insn_exec_inline
 * qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu qemu_plugin_register_vcpu_mem_cb qemu_plugin_register_vcpu_mem_inline
 * qemu_plugin_register_vcpu_mem_inline_per_vcpu */
/* expect:
*/
