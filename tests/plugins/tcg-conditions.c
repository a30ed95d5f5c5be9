/* SPDX-License-Identifier: MIT */
/* Conditional callbacks of every condition, and inline operations of every kind, at blocks, instructions and accesses, in the order of their registration. Each
 * callback compares for itself. */
/* versions: 3 5 7 */
/* guest: counted busy */
#include <stdatomic.h>

#include "tcg.h"

/* The cell walks through these, which tell signed from unsigned comparison and 32 bits from 64. */
static const uint64_t values[] = { 0, 1, 5, 6, 7, UINT32_MAX, 1ull << 32, (1ull << 32) + 6, INT64_MAX, 1ull << 63, UINT64_MAX };
enum { VALUES = sizeof values / sizeof *values, CONDITIONS = 8 };

struct cells {
	uint64_t test;                  /* what is compared */
	uint64_t step;                  /* index of values */
	uint64_t calls[2][CONDITIONS];  /* since the last step: made by conditional callbacks, of blocks and of instructions */
	uint64_t order;                 /* a number for each operation at an instruction */
	uint64_t sum, accesses;
	uint64_t blocks;
};
static struct qemu_plugin_scoreboard *score;
#define CELL(member) qemu_plugin_scoreboard_u64_in_struct(score, struct cells, member)
static const uint64_t imms[] = { 0, 6, (1ull << 32) + 6, 1ull << 63, UINT64_MAX };
enum { IMMS = sizeof imms / sizeof *imms };
static atomic_uint checks[CONDITIONS];

/* What is registered: USERDATA of a conditional callback. */
static struct Asked {
	enum qemu_plugin_cond cond;
	uint64_t imm;
	bool block;
} asked[2][CONDITIONS][IMMS];

static bool holds(enum qemu_plugin_cond cond, uint64_t cell, uint64_t imm)
{
	switch (cond) {
	case QEMU_PLUGIN_COND_NEVER: return false;
	case QEMU_PLUGIN_COND_ALWAYS: return true;
	case QEMU_PLUGIN_COND_EQ: return cell == imm;
	case QEMU_PLUGIN_COND_NE: return cell != imm;
	case QEMU_PLUGIN_COND_LT: return cell < imm;
	case QEMU_PLUGIN_COND_LE: return cell <= imm;
	case QEMU_PLUGIN_COND_GT: return cell > imm;
	case QEMU_PLUGIN_COND_GE: return cell >= imm;
	}
	return false;
}

ON_EXEC(conditional)
{
	const struct Asked *a = data;
	struct cells *cells = qemu_plugin_scoreboard_find(score, vcpu);

	EXPECT(holds(a->cond, cells->test, a->imm));
	cells->calls[a->block][a->cond]++;
}

/* Behind the conditional ones: each was called as often as it had to be. Then the cell changes. */
static void check(unsigned vcpu, bool block)
{
	struct cells *cells = qemu_plugin_scoreboard_find(score, vcpu);

	for (int cond = 0; cond < CONDITIONS; cond++) {
		uint64_t want = 0;
		for (int i = 0; i < IMMS; i++)
			want += holds(cond, cells->test, imms[i]);
		if (cells->calls[block][cond] != want)
			say("condition %d of %" PRIx64 ": %" PRIu64 " calls instead of %" PRIu64, cond, cells->test, cells->calls[block][cond], want);
		cells->calls[block][cond] = 0;
		checks[cond] += want;
	}
}

ON_EXEC(block_done)
{
	EXPECT(data == NULL);
	check(vcpu, true);
}

ON_EXEC(insn_done)
{
	struct cells *cells = qemu_plugin_scoreboard_find(score, vcpu);

	EXPECT(data == NULL);
	check(vcpu, false);
	cells->step = (cells->step + 1) % VALUES;
	cells->test = values[cells->step];
}

/* Operations and callbacks take turns: DATA is what the order must be. */
ON_EXEC(in_order)
{
	struct cells *cells = qemu_plugin_scoreboard_find(score, vcpu);

	EXPECT(cells->order == (uintptr_t)data);
}

ON_MEM(in_order_mem)
{
	struct cells *cells = qemu_plugin_scoreboard_find(score, vcpu);

	EXPECT(cells->order == (uintptr_t)data);
	cells->accesses++;
}

ON_EXEC(sum_is)
{
	EXPECT(qemu_plugin_u64_get(CELL(sum), vcpu) == (uintptr_t)data);
}

ON_TRANS(translated)
{
	size_t n = qemu_plugin_tb_n_insns(tb);

	for (int cond = 0; cond < CONDITIONS; cond++)
		for (int i = 0; i < IMMS; i++)
			qemu_plugin_register_vcpu_tb_exec_cond_cb(tb, conditional, QEMU_PLUGIN_CB_NO_REGS, cond, CELL(test), imms[i],
								  &asked[1][cond][i]);
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block_done, QEMU_PLUGIN_CB_NO_REGS, NULL);
	/* block: store, add, as uint64_t that wraps */
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, CELL(blocks), 1);
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_STORE_U64, CELL(sum), UINT64_MAX);
	qemu_plugin_register_vcpu_tb_exec_cb(tb, sum_is, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)UINT64_MAX);
	qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, QEMU_PLUGIN_INLINE_ADD_U64, CELL(sum), 1ull << 40);
	qemu_plugin_register_vcpu_tb_exec_cb(tb, sum_is, QEMU_PLUGIN_CB_NO_REGS, (void *)(uintptr_t)((1ull << 40) - 1));
	for (size_t k = 0; k < n; k++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, k);
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_STORE_U64, CELL(order), 100);
		qemu_plugin_register_vcpu_insn_exec_cb(insn, in_order, QEMU_PLUGIN_CB_NO_REGS, (void *)100);
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64, CELL(order), 1);
		qemu_plugin_register_vcpu_insn_exec_inline_per_vcpu(insn, QEMU_PLUGIN_INLINE_ADD_U64, CELL(order), (uint64_t)-3);
		qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, in_order, QEMU_PLUGIN_CB_R_REGS, QEMU_PLUGIN_COND_LT, CELL(order), 99, (void *)98);
		qemu_plugin_register_vcpu_mem_cb(insn, in_order_mem, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, (void *)98);
		qemu_plugin_register_vcpu_mem_inline_per_vcpu(insn, QEMU_PLUGIN_MEM_RW, QEMU_PLUGIN_INLINE_STORE_U64, CELL(order), 7);
		qemu_plugin_register_vcpu_mem_inline_per_vcpu(insn, QEMU_PLUGIN_MEM_RW, QEMU_PLUGIN_INLINE_ADD_U64, CELL(order), 91);
		for (int cond = 0; cond < CONDITIONS; cond++)
			for (int i = 0; i < IMMS; i++)
				qemu_plugin_register_vcpu_insn_exec_cond_cb(insn, conditional, QEMU_PLUGIN_CB_NO_REGS, cond, CELL(test),
									    imms[i], &asked[0][cond][i]);
		qemu_plugin_register_vcpu_insn_exec_cb(insn, insn_done, QEMU_PLUGIN_CB_NO_REGS, NULL);
	}
}

ON_EXIT(at_exit)
{
	EXPECT(qemu_plugin_u64_sum(CELL(blocks)) > 0 && qemu_plugin_u64_sum(CELL(accesses)) > 0);
	/* none was left out */
	EXPECT(!checks[QEMU_PLUGIN_COND_NEVER]);
	for (int cond = QEMU_PLUGIN_COND_ALWAYS; cond < CONDITIONS; cond++)
		EXPECT(checks[cond] > 0);
	say("ended");
}

INSTALL
{
	score = qemu_plugin_scoreboard_new(sizeof(struct cells));
	for (int block = 0; block < 2; block++)
		for (int cond = 0; cond < CONDITIONS; cond++)
			for (int i = 0; i < IMMS; i++)
				asked[block][cond][i] = (struct Asked){ cond, imms[i], block };
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated WITH(NULL));
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}

/* expect:
ended
*/
