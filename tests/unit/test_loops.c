/* SPDX-License-Identifier: MIT */
/* How often instructions are taken to be executed: by what leads back, wherever the unit begins and however its pieces lie. */
#include <check.h>

#include "tests/unit/suite.h"
#include "tests/unit/test_cpu.h"
#include "translator/loops.h"

static const unsigned *weight;
static unsigned entry;

static void mark(uint64_t pc) { ir_mark(ir, pc, "\1\0\0", 4); }
static void branch(unsigned label) { ir_brcond(ir, IR_I64, COND_NE, 1, 2, label); }

/* A piece at PC. */
static void piece(unsigned label, uint64_t pc)
{
	ir_emit_label(ir, label);
	mark(pc);
}

static void weigh(void)
{
	weight = ir_loop_weights(ir, &entry);
	ck_assert_ptr_nonnull(weight);
	for (unsigned i = 0; i < ir->nins; i++)
		ck_assert_uint_ge(weight[i], 1);
}

/* Of the first instruction at PC in a piece. */
static unsigned at(uint64_t pc)
{
	for (unsigned i = 1; i < ir->nins; i++)
		if (ir->ins[i].op == IR_MARK && ir->insns[ir->ins[i].imm].pc == pc)
			return weight[i];
	ck_abort_msg("nothing there");
}

/* Three loops, 0x1020 in 0x1010 in 0x1000, as a region has them that got hot in the innermost: that comes first, and each way into it from without has its
 * first round once more. */
START_TEST(loops_nest_as_in_the_guest)
{
	begin(0x1020);
	unsigned inner = ir_label(ir), middle = ir_label(ir), outer = ir_label(ir);
	piece(inner, 0x1020);
	branch(inner);
	mark(0x1030);
	branch(middle);
	mark(0x1040);
	branch(outer);
	ir_exit(ir, 0x1050, EXIT_JUMP, 0);
	piece(outer, 0x1000);
	mark(0x1010);
	mark(0x1020);
	branch(inner);
	mark(0x1030);
	branch(middle);
	ir_exit(ir, 0x1040, EXIT_JUMP, 0);
	piece(middle, 0x1010);
	mark(0x1020);
	branch(inner);
	ir_exit(ir, 0x1030, EXIT_JUMP, 0);
	weigh();
	ck_assert_uint_gt(at(0x1020), 4 * at(0x1030));
	ck_assert_uint_gt(at(0x1030), 4 * at(0x1040));
	ck_assert_uint_gt(at(0x1030), 4 * at(0x1000));
	ck_assert_uint_gt(at(0x1020), 4 * entry);
}
END_TEST

/* What is tested in the middle of a loop keeps it going mostly; what comes behind the loop leads round it again. */
START_TEST(branches_out_are_seldom_taken)
{
	begin(0x1000);
	unsigned head = ir_label(ir), out = ir_label(ir);
	piece(head, 0x1000);
	branch(out);
	mark(0x1010);
	branch(head);
	piece(out, 0x1020);
	mark(0x1030);
	ir_br(ir, head);
	weigh();
	ck_assert_uint_gt(at(0x1010), 2 * at(0x1020));
	ck_assert_uint_gt(8 * at(0x1020), at(0x1000));
}
END_TEST

/* Comparisons that leave the unit before its loop do not make that rare. */
START_TEST(branches_that_leave_do_not_count)
{
	begin(0x1000);
	unsigned head = ir_label(ir), failed = ir_label(ir);
	for (unsigned i = 0; i < 6; i++)
		branch(failed);
	piece(head, 0x1000);
	branch(head);
	ir_exit(ir, 0x1004, EXIT_JUMP, 0);
	piece(failed, 0x1000);
	ir_exit(ir, 0x1000, EXIT_JUMP, 0);
	weigh();
	ck_assert_uint_gt(at(0x1000), 4 * entry);
	ck_assert_uint_gt(entry, 4 * weight[ir->nins - 1]);
}
END_TEST

START_TEST(without_loop_nothing_counts)
{
	begin(0x1000);
	ck_assert_ptr_null(ir_loop_weights(ir, &entry));
	unsigned label = ir_label(ir);
	branch(label);
	mark(0x1004);
	piece(label, 0x1008);
	ir_exit(ir, 0x100c, EXIT_JUMP, 0);
	ck_assert_ptr_null(ir_loop_weights(ir, NULL));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("loops");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, loops_nest_as_in_the_guest);
	tcase_add_test(all, branches_out_are_seldom_taken);
	tcase_add_test(all, branches_that_leave_do_not_count);
	tcase_add_test(all, without_loop_nothing_counts);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
