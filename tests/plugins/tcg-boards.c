/* SPDX-License-Identifier: MIT */
/* Passes what is no scoreboard, or no longer one, wherever one can be passed; frees one that translated code adds to, on and on: what comes next must not
 * be added to, and when that code is gone the memory is to be had again. */
/* versions: 3 7 */
/* guest: counted busy */
/* static */
#include <stdatomic.h>

#include "tcg.h"

static qemu_plugin_id_t self;
static struct qemu_plugin_scoreboard *used, *next, *freed;
static char *memory_of_used;
static atomic_uint calls;

ON_EXEC(never) { say("called for a scoreboard that is none"); }

static struct qemu_plugin_scoreboard *wild(unsigned i)
{
	static uint64_t local[8];
	uintptr_t good = (uintptr_t)used;
	/* what a plugin may have in its hand: small numbers, memory of its own, nothing, and numbers near a good one */
	uintptr_t all[] = { 1, 8, (uintptr_t)local, (uintptr_t)stdout, (uintptr_t)-1, 0x4141414141414141, (uintptr_t)freed, good + 1, good - 1, good + 64,
			    good ^ 1ull << 63, good ^ 1ull << 40, good << 1 };

	return i < sizeof all / sizeof *all ? (struct qemu_plugin_scoreboard *)all[i] : NULL;
}

static void pass_wild(struct qemu_plugin_tb *tb)
{
	struct qemu_plugin_scoreboard *score;

	for (unsigned i = 0; (score = wild(i)); i++) {
		qemu_plugin_u64 cell = { score, 0 };
		struct qemu_plugin_insn *insn = tb ? qemu_plugin_tb_get_insn(tb, 0) : NULL;
		EXPECT(!qemu_plugin_scoreboard_find(score, 0));
		qemu_plugin_scoreboard_free(score);
		qemu_plugin_u64_add(cell, 0, 1);
		qemu_plugin_u64_set(cell, 0, 1);
		EXPECT(qemu_plugin_u64_get(cell, 0) == 0 && qemu_plugin_u64_sum(cell) == 0);
		if (!tb)
			continue;
		qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, cell, 1);
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_STORE_U64, cell, 1);
		qemu_plugin_register_vcpu_mem_inline_per_vcpu(insn, QEMU_PLUGIN_MEM_RW, QEMU_PLUGIN_INLINE_ADD_U64, cell, 1);
		qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, never, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_COND_GE, cell, 0, NULL);
		qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, never, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_COND_GE, cell, 0, NULL);
	}
}

ON_SIMPLE(reset)
{
	struct qemu_plugin_scoreboard *again = qemu_plugin_scoreboard_new(8);

	/* nothing is left that adds to the first */
	EXPECT(qemu_plugin_scoreboard_find(again, 0) == memory_of_used);
	EXPECT(qemu_plugin_u64_sum(qemu_plugin_scoreboard_u64(again)) == 0);
	EXPECT(qemu_plugin_u64_sum(qemu_plugin_scoreboard_u64(next)) == 0);
	say("reset");
}

ON_EXEC(in_block)
{
	switch (atomic_fetch_add(&calls, 1)) {
	case 5:
		memory_of_used = qemu_plugin_scoreboard_find(used, 0);
		freed = used;
		qemu_plugin_scoreboard_free(used);
		used = next = qemu_plugin_scoreboard_new(8);
		EXPECT(qemu_plugin_scoreboard_find(next, 0) != memory_of_used);
		break;
	case 20:
		pass_wild(NULL);
		qemu_plugin_reset(self, reset WITH(NULL));
	}
}

ON_TRANS(translated)
{
	pass_wild(tb);
	if (!freed)
		for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++)
			qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(qemu_plugin_tb_get_insn(tb, i), QEMU_PLUGIN_INLINE_ADD_U64,
									    qemu_plugin_scoreboard_u64(used), 1);
	qemu_plugin_register_vcpu_tb_exec_cb(tb, in_block, QEMU_PLUGIN_CB_NO_REGS, NULL);
}

INSTALL
{
	self = id;
	used = qemu_plugin_scoreboard_new(8);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated WITH(NULL));
	return 0;
}

/* complaints: qemu_plugin_scoreboard_find qemu_plugin_scoreboard_free qemu_plugin_u64_add qemu_plugin_u64_set qemu_plugin_u64_get qemu_plugin_u64_sum
 * qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu
 * qemu_plugin_register_vcpu_mem_inline_per_vcpu qemu_plugin_register_vcpu_tb_exec_cond_cb qemu_plugin_register_vcpu_insn_exec_cond_cb */
/* expect:
reset
*/
