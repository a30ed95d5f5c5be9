/* SPDX-License-Identifier: MIT */
/* Polls that go and polls that stay: in units with cycles of all shapes, nobody runs for ever without one, and no more are left than that takes. */
#include <check.h>

#include "tests/unit/suite.h"
#include "tests/unit/test_cpu.h"

enum { HEAD = 0x1000 };                 /* where all units begin */

static Ref c(uint64_t value) { return ir_const(ir, value); }
static void mark(uint64_t pc) { ir_mark(ir, pc, "\1\0\0", 4); }
static void work(void) { ir_into2(ir, IR_ADD, IR_I64, 5, 5, 1); }

static void guard(Ref target, uint64_t expected)
{
	Ref k = c(expected);

	ir_exit_indirect(ir, target, EXIT_RETURN, 0);
	struct Ins *ins = &ir->ins[ir->nins - 1];
	ins->op = IR_GUARD;
	ins->a[1] = k;
}

static unsigned number_of(enum IrOp op)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ir->nins; i++)
		n += ir->ins[i].op == op;
	return n;
}

/* -- what must hold ------------------------------------------------------------------------------------------------- */

static unsigned label_at(unsigned label)
{
	for (unsigned i = 0; i < ir->nins; i++)
		if (ir->ins[i].op == IR_LABEL && (unsigned)ir->ins[i].imm == label)
			return i;
	ck_abort_msg("label %u is nowhere", label);
}

enum { WHITE, GREY, BLACK };

/* Whether a way from instruction AT on comes back to one that it has come by, without a poll; leaving the unit for its beginning, for what is before that, or for
 * anywhere counts as going on at the beginning. The poll at WITHOUT is not there. */
static bool runs_round(unsigned at, uint8_t *colour, unsigned without)
{
	const struct Ins *ins = &ir->ins[at];
	bool found = false;

	if (colour[at] != WHITE)
		return colour[at] == GREY;
	if (ins->op == IR_POLL && at != without)
		return false;
	colour[at] = GREY;
	if (ins->op == IR_BR || ins->op == IR_BRCOND)
		found = runs_round(label_at(ins->imm), colour, without);
	else if (ins->op == IR_EXITIND || ins->op == IR_GUARD || ((ins->op == IR_EXIT || ins->op == IR_EXITCOND) && ir->exits[ins->imm].pc <= HEAD))
		found = runs_round(0, colour, without);
	if (!found && !(ir_op_info[ins->op].flags & OPF_EXIT))
		found = runs_round(at + 1, colour, without);
	colour[at] = BLACK;
	return found;
}

static bool polls_suffice(unsigned without)
{
	uint8_t colour[4096] = { WHITE };
	bool round = runs_round(0, colour, without);

	ck_assert_uint_le(ir->nins, sizeof colour);
	/* behind a poll all begins anew */
	for (unsigned i = 0; i < ir->nins && !round; i++)
		if (ir->ins[i].op == IR_POLL)
			round = runs_round(i + 1, colour, without);
	return !round;
}

static bool same(const struct Ins *a, const struct Ins *b) { return !memcmp(a, b, sizeof *a); }

/* Drops polls; returns how many are left. Each of them is needed, and all else is as it was. */
static unsigned polls_left(void)
{
	struct Ins before[4096];
	unsigned nbefore = ir->nins, k = 0;

	ck_assert(polls_suffice(UINT_MAX));
	memcpy(before, ir->ins, nbefore * sizeof *before);
	ir_drop_polls(ir);
	ir_check(ir, "polls");
	for (unsigned i = 0; i < nbefore; i++) {
		bool stays = k < ir->nins && same(&before[i], &ir->ins[k]);
		ck_assert(stays || before[i].op == IR_POLL);
		k += stays;
	}
	ck_assert_uint_eq(k, ir->nins);
	ck_assert(polls_suffice(UINT_MAX));
	for (unsigned i = 0; i < ir->nins; i++)
		ck_assert(ir->ins[i].op != IR_POLL || !polls_suffice(i));
	return number_of(IR_POLL);
}

/* -- shapes ---------------------------------------------------------------------------------------------------------- */

static unsigned begin_loop(void)
{
	unsigned label = ir_label(ir);

	ir_emit_label(ir, label);
	mark(HEAD + 8);
	work();
	return label;
}

static void end_loop(unsigned label)
{
	mark(HEAD + 0x100);
	ir_poll(ir);
	ir_brcond(ir, IR_I64, COND_NE, 1, 2, label);
	mark(HEAD + 0x104);
	work();
}

START_TEST(nested_loops_have_one_poll)
{
	unsigned outer = begin_loop(), middle = begin_loop(), inner = begin_loop();

	end_loop(inner);
	end_loop(middle);
	end_loop(outer);
	ir_exit(ir, HEAD + 0x200, EXIT_JUMP, 0);
	unsigned first = 0;
	while (ir->ins[first].op != IR_POLL)
		first++;
	ck_assert_uint_eq(polls_left(), 1);
	ck_assert_int_eq(ir->ins[first].op, IR_POLL);
}
END_TEST

START_TEST(loops_past_which_there_is_a_way_have_their_own)
{
	unsigned outer = begin_loop(), past = ir_label(ir);

	ir_brcond(ir, IR_I64, COND_LT, 3, 4, past);
	unsigned inner = begin_loop();
	end_loop(inner);
	ir_emit_label(ir, past);
	end_loop(outer);
	inner = begin_loop();   /* and one behind */
	end_loop(inner);
	ir_exit(ir, HEAD + 0x200, EXIT_JUMP, 0);
	ck_assert_uint_eq(polls_left(), 3);
}
END_TEST

START_TEST(returns_into_the_unit_need_none)
{
	unsigned loop = begin_loop();

	for (unsigned i = 0; i < 3; i++) {
		ir_poll(ir);
		guard(3, 0x1234);
		mark(0x1234);
	}
	end_loop(loop);
	ir_exit(ir, HEAD + 0x200, EXIT_JUMP, 0);
	ck_assert_uint_eq(polls_left(), 1);
}
END_TEST

START_TEST(several_ways_into_a_loop)
{
	unsigned middle = ir_label(ir), above = ir_label(ir), tail = ir_label(ir);

	ir_brcond(ir, IR_I64, COND_EQ, 1, 2, middle);
	ir_emit_label(ir, above);
	work();
	ir_brcond(ir, IR_I64, COND_EQ, 3, 4, tail);
	ir_emit_label(ir, middle);
	work();
	mark(HEAD + 0x20);
	ir_poll(ir);
	ir_brcond(ir, IR_I64, COND_NE, 1, 4, above);    /* two cycles: this one */
	ir_exit(ir, HEAD + 0x80, EXIT_JUMP, 0);
	ir_emit_label(ir, tail);
	mark(HEAD + 0x24);
	ir_poll(ir);
	ir_br(ir, above);                               /* and this */
	ck_assert_uint_eq(polls_left(), 2);

	begin(HEAD);
	middle = ir_label(ir), above = ir_label(ir);
	ir_brcond(ir, IR_I64, COND_EQ, 1, 2, middle);
	ir_emit_label(ir, above);
	mark(HEAD + 0x1c);
	ir_poll(ir);
	work();
	ir_emit_label(ir, middle);
	mark(HEAD + 0x20);
	ir_poll(ir);
	ir_brcond(ir, IR_I64, COND_NE, 1, 4, above);
	ir_poll(ir);
	ir_brcond(ir, IR_I64, COND_NE, 1, 3, middle);
	ir_exit(ir, HEAD + 0x80, EXIT_JUMP, 0);
	ck_assert_uint_eq(polls_left(), 1);
}
END_TEST

/* The body of a short branch is a part of the loop's line. */
START_TEST(loops_with_selections)
{
	unsigned loop = begin_loop(), past = ir_label(ir);

	mark(HEAD + 0x10);
	ir_poll(ir);
	ir_brcond(ir, IR_I64, COND_LT, 3, 4, past);
	mark(HEAD + 0x14);
	ir_into2(ir, IR_XOR, IR_I64, 4, 4, c(3));
	mark(HEAD + 0x18);
	end_loop(loop);
	ir_exit(ir, HEAD + 0x200, EXIT_JUMP, 0);
	ir_emit_label(ir, past);
	mark(HEAD + 0x18);
	end_loop(loop);
	ir_exit(ir, HEAD + 0x200, EXIT_JUMP, 0);
	ir_if_convert(ir, NULL);
	ck_assert_uint_eq(number_of(IR_SELECT), 1);
	ck_assert_uint_eq(polls_left(), 1);
}
END_TEST

/* Rounds that are written down without tests may be left for what is before the loop, in the unit or by way of others. */
START_TEST(loops_of_known_rounds)
{
	for (unsigned out = 0; out < 2; out++) {
		begin(HEAD);
		unsigned outer = ir_label(ir), inner = ir_label(ir), branches;

		ir_emit_label(ir, outer);
		mark(HEAD);
		ir_into1(ir, IR_MOV, IR_I64, 0, c(0));
		ir_emit_label(ir, inner);
		mark(HEAD + 4);
		ir_poll(ir);
		if (out)
			ir_exit_cond(ir, IR_I64, COND_EQ, 1, 2, HEAD - 4);
		else
			ir_brcond(ir, IR_I64, COND_EQ, 1, 2, outer);
		mark(HEAD + 8);
		ir_into2(ir, IR_ADD, IR_I64, 0, 0, c(1));
		mark(HEAD + 12);
		ir_poll(ir);
		ir_brcond(ir, IR_I64, COND_NE, 0, c(5), inner);
		mark(HEAD + 16);
		ir_exit(ir, HEAD + 20, EXIT_JUMP, 0);
		branches = number_of(IR_BRCOND) + number_of(IR_EXITCOND);
		ir_unroll(ir);
		ck_assert_uint_eq(number_of(IR_BRCOND) + number_of(IR_EXITCOND), branches + 3);
		ck_assert_uint_eq(polls_left(), 1);
	}
}
END_TEST

/* A function that calls itself: down at its calls, up at its returns, which lead to behind each of two calls. */
START_TEST(recursion_polls_on_both_ways)
{
	unsigned entry = ir_label(ir), one = ir_label(ir), two = ir_label(ir), leaf = ir_label(ir);

	ir_emit_label(ir, entry);
	mark(HEAD);
	ir_brcond(ir, IR_I64, COND_EQ, 1, 2, leaf);
	mark(HEAD + 4);
	ir_poll(ir);
	ir_br(ir, entry);
	ir_emit_label(ir, one);
	mark(HEAD + 8);
	ir_poll(ir);
	ir_br(ir, entry);
	ir_emit_label(ir, two);
	mark(HEAD + 12);
	ir_emit_label(ir, leaf);
	mark(HEAD + 16);
	ir_poll(ir);
	ir_brcond(ir, IR_I64, COND_EQ, 3, c(HEAD + 8), one);
	ir_brcond(ir, IR_I64, COND_EQ, 3, c(HEAD + 12), two);
	ir_exit_indirect(ir, 3, EXIT_RETURN, 0);
	/* the first call closes a cycle, the return closes another; the second call is between returns */
	ck_assert_uint_eq(polls_left(), 2);
}
END_TEST

START_TEST(ways_out)
{
	static const struct { uint64_t pc; unsigned polls; } rows[] = {
		{ HEAD + 2, 0 }, { HEAD, 1 }, { HEAD - 2, 1 }, { 0, 1 }, { ~0ull, 0 },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
		for (unsigned conditional = 0; conditional < 2; conditional++) {
			begin(HEAD);
			ir_poll(ir);
			if (conditional)
				ir_exit_cond(ir, IR_I64, COND_EQ, 1, 2, rows[i].pc);
			ir_exit(ir, conditional ? HEAD + 8 : rows[i].pc, EXIT_JUMP, 0);
			ck_assert_uint_eq(polls_left(), rows[i].polls);
		}
	begin(HEAD);
	ir_poll(ir);
	ir_exit_indirect(ir, 3, EXIT_CALL_INDIRECT, 0);
	ck_assert_uint_eq(polls_left(), 1);
	begin(HEAD);
	ir_poll(ir);
	ir_raise(ir, CAUSE_BREAKPOINT);
	ck_assert_uint_eq(polls_left(), 0);
	/* behind a loop that always polls */
	begin(HEAD);
	unsigned loop = begin_loop();
	end_loop(loop);
	ir_poll(ir);
	ir_exit_indirect(ir, 3, EXIT_RETURN, 0);
	ck_assert_uint_eq(polls_left(), 1);
}
END_TEST

/* -- random units ------------------------------------------------------------------------------------------------------ */

static uint64_t state = 88172645463325252u;

static unsigned below(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 20) % n;
}

enum { PIECES = 12, OUTSIDE = 4 };

/* Blocks at random addresses in random order, the first at HEAD, that lead to each other and elsewhere; what leads back or anywhere polls, as a guest says. */
static void random_unit(void)
{
	unsigned label[PIECES], n = 1 + below(PIECES), outs = below(4);
	uint64_t pc[PIECES] = { HEAD };

	begin(HEAD);
	for (unsigned i = 0; i < n; i++) {
		label[i] = ir_label(ir);
		pc[i] = i ? HEAD - 0x100 + 0x10 * below(0x20) : HEAD;
	}
	for (unsigned i = 0; i < n; i++) {
		ir_emit_label(ir, label[i]);
		mark(pc[i]);
		work();
		bool last = false;
		for (unsigned left = 1 + below(4); left && !last; left--) {
			unsigned to = below(n), kind = below(outs ? 6 : 3);
			uint64_t at = pc[i] + 8 - left, out = HEAD - 0x100 + 0x10 * below(0x20);
			bool back = kind == 5 || (kind < 3 ? pc[to] : out) <= at;
			last = left == 1;
			mark(at);
			if (back || kind == 5)
				ir_poll(ir);
			Ref a = below(5), b = below(5);
			if (kind == 5 && last)
				ir_exit_indirect(ir, a, EXIT_RETURN, 0);
			else if (kind == 5)
				guard(a, 0x4000);
			else if (kind >= 3 && last)
				ir_exit(ir, out, EXIT_JUMP, 0);
			else if (kind >= 3)
				ir_exit_cond(ir, IR_I64, below(COND_ALWAYS), a, b, out);
			else if (last)
				ir_br(ir, label[to]);
			else
				ir_brcond(ir, IR_I64, below(COND_ALWAYS), a, b, label[to]);
		}
	}
}

START_TEST(random_units_poll_in_each_cycle)
{
	unsigned before = 0, after = 0;

	for (unsigned round = 0; round < 20000; round++) {
		random_unit();
		before += number_of(IR_POLL);
		after += polls_left();
		/* who has been asked to leave does, whatever the registers say */
		code_used = meta_used = 0;
		for (unsigned i = 0; i < NREGS; i++)
			cpu->r[i] = below(3);
		atomic_store(&cpu->cpu.interrupt, 1);
		run_unit();
		arena_reset(&arena);
	}
	ck_assert_uint_lt(after, before * 3 / 4);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("polls");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_set_timeout(all, 60);
	tcase_add_test(all, nested_loops_have_one_poll);
	tcase_add_test(all, loops_past_which_there_is_a_way_have_their_own);
	tcase_add_test(all, returns_into_the_unit_need_none);
	tcase_add_test(all, several_ways_into_a_loop);
	tcase_add_test(all, loops_with_selections);
	tcase_add_test(all, loops_of_known_rounds);
	tcase_add_test(all, recursion_polls_on_both_ways);
	tcase_add_test(all, ways_out);
	tcase_add_test(all, random_units_poll_in_each_cycle);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
