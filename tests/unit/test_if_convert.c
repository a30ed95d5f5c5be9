/* SPDX-License-Identifier: MIT */
/* If-conversion: what becomes a selection, in both shapes of a branch, what stays a branch and why, and that each computes as before. */
#include <check.h>

#include "tests/unit/suite.h"
#include "tests/unit/test_cpu.h"

static bool hard;                       /* all branches */
static bool answer(uint64_t pc, unsigned cost) { return pc && cost <= 64 && hard; }

static unsigned there;                  /* the label that the branch leads to */

static Ref c(uint64_t value) { return ir_const(ir, value); }
static void mark(uint64_t pc) { ir_mark(ir, pc, "\1\0\0", 4); }

static void count(enum IrOp op, uint64_t amount, uint64_t cell)
{
	Ref value = c(amount), address = c(cell);
	struct Ins *ins = ir_append(ir, op, IR_I64);

	ins->a[0] = value;
	if (op == IR_SLOTADD)
		ins->imm = cell;
	else
		ins->a[1] = address;
}

enum { SLOT = offsetof(struct TestCpu, slot), STATE = offsetof(struct TestCpu, state) };

/* 0x1000 branches past one instruction, at 0x1004, to 0x1008. Blocks overlap: what begins at 0x1004 has a copy of what is at 0x1008. */
static void branch(enum IrType type, enum IrCond cond, Ref a, Ref b)
{
	there = ir_label(ir);
	ir_brcond(ir, type, cond, a, b, there);
	mark(0x1004);
}

static void join(void (*more)(void))
{
	mark(0x1008);
	if (more)
		more();
	ir_into2(ir, IR_ADD, IR_I64, 5, 5, 1);
	ir_exit(ir, 0x100c, EXIT_JUMP, 0);
	ir_emit_label(ir, there);
	mark(0x1008);
	if (more)
		more();
	ir_into2(ir, IR_ADD, IR_I64, 5, 5, 1);
	ir_exit(ir, 0x100c, EXIT_JUMP, 0);
}

static unsigned number_of(enum IrOp op)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ir->nins; i++)
		n += ir->ins[i].op == op;
	return n;
}

struct State {
	uint64_t r[NREGS], slot, state, pc;
};

static struct State run(uint64_t a, uint64_t b)
{
	struct State s = { .r = { 0 } };

	code_used = meta_used = 0;
	for (unsigned i = 0; i < NREGS; i++)
		cpu->r[i] = 1000 + i;
	cpu->r[3] = a;
	cpu->r[4] = b;
	cpu->slot = cpu->state = 0;
	run_unit();
	memcpy(s.r, cpu->r, sizeof s.r);
	s.slot = cpu->slot;
	s.state = cpu->state;
	s.pc = cpu->cpu.pc;
	return s;
}

/* Converts the unit; whether its branches went. It computes as before in any case. */
static bool converted(void)
{
	static const uint64_t values[] = { 0, 1, 5, 0xffffffff, 0x100000001, ~0ull };
	struct State before[36];
	unsigned n = 0, branches = number_of(IR_BRCOND);

	for (unsigned i = 0; i < 36; i++)
		before[n++] = run(values[i / 6], values[i % 6]);
	ir_if_convert(ir, answer);
	for (unsigned i = 0; i < n; i++) {
		struct State after = run(values[i / 6], values[i % 6]);
		ck_assert_msg(!memcmp(&before[i], &after, sizeof after), "values %u and %u", i / 6, i % 6);
	}
	ck_assert(number_of(IR_BRCOND) == 0 || number_of(IR_BRCOND) == branches);
	return number_of(IR_BRCOND) == 0;
}

START_TEST(a_body_behind_the_branch)
{
	for (enum IrCond cond = COND_EQ; cond <= COND_GTU; cond++)
		for (unsigned type = IR_I32; type <= IR_I64; type++) {
			begin(0x1000);
			branch(type, cond, 3, 4);
			ir_into2(ir, IR_XOR, IR_I64, 5, 5, c(77));
			join(NULL);
			ck_assert(converted());
			/* the copy behind the body is reached by no way any more */
			ck_assert_uint_eq(number_of(IR_EXIT), 1);
			ck_assert_uint_eq(number_of(IR_SELECT), 1);
		}
}
END_TEST

START_TEST(a_body_that_the_branch_leads_to)
{
	unsigned next;

	begin(0x1000);
	there = ir_label(ir);
	next = ir_label(ir);
	ir_brcond(ir, IR_I64, COND_LTU, 3, 4, there);
	ir_br(ir, next);
	ir_emit_label(ir, there);
	mark(0x2000);
	ir_into2(ir, IR_ADD, IR_I64, 3, 3, c(1));
	mark(0x2004);
	ir_br(ir, next);
	ir_emit_label(ir, next);
	mark(0x1004);
	ir_into2(ir, IR_ADD, IR_I64, 5, 5, 3);
	ir_exit(ir, 0x100c, EXIT_JUMP, 0);
	ck_assert(converted());
	ck_assert_uint_eq(number_of(IR_LABEL), 1);
}
END_TEST

START_TEST(results_that_the_condition_or_the_body_reads)
{
	begin(0x1000);
	branch(IR_I64, COND_GEU, 3, 4);
	ir_into2(ir, IR_SUB, IR_I64, 3, 3, 4);
	mark(0x1006);
	ir_into2(ir, IR_SHL, IR_I64, 3, 3, 3);
	ir_into1(ir, IR_SEXT32, IR_I64, 3, ir_op2(ir, IR_ADD, IR_I32, 3, 5));
	join(NULL);
	ck_assert(converted());
}
END_TEST

START_TEST(bodies_that_change_nothing)
{
	begin(0x1000);
	branch(IR_I64, COND_GEU, 3, 4);
	join(NULL);
	ck_assert(converted());
	ck_assert_uint_eq(number_of(IR_SELECT), 0);
}
END_TEST

static void load(void) { ir_load(ir, IR_I64, MEM_64, 5, c((uintptr_t)memory), 0); }
static void store(void) { ir_store(ir, IR_I64, MEM_64, c((uintptr_t)memory), 0, 5); }
static void multiply(void) { ir_into2(ir, IR_MUL, IR_I64, 5, 5, 4); }
static void divide(void) { ir_into2(ir, IR_DIVU, IR_I64, 5, 5, 4); }
static void poll(void) { ir_poll(ir); }
static void leave(void) { ir_exit_cond(ir, IR_I64, COND_EQ, 5, 4, 0x3000); }
static void put(void) { ir_put(ir, MEM_64, STATE, 5); }
static void two(void) { ir_into1(ir, IR_MOV, IR_I64, 5, 4), ir_into1(ir, IR_MOV, IR_I64, 4, 3); }
static void many(void) { for (unsigned i = 0; i < 7; i++) ir_into2(ir, IR_ADD, IR_I64, 5, 5, 3); }
static void see(void) { ir_append(ir, IR_SLOTGET, IR_I64)->d = 5, ir->ins[ir->nins - 1].imm = SLOT; }
static void three_counts(void) { count(IR_SLOTADD, 1, SLOT), count(IR_SLOTADD, 2, STATE), count(IR_HOSTADD, 1, (uintptr_t)memory); }
static uint64_t callee(void) { return 0; }
static void call(void) { ir_call(ir, REF_NONE, callee, "callee", 0, 0, NULL); }

START_TEST(what_stays_a_branch)
{
	static void (*const bodies[])(void) = {
		load, store, multiply, divide, poll, leave, put, two, many, see, three_counts, call,
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(bodies); i++) {
		begin(0x1000);
		branch(IR_I64, COND_EQ, 3, 4);
		bodies[i]();
		join(NULL);
		ck_assert_msg(!converted(), "body %u", i);
	}
	/* ways that do not meet soon, or never */
	begin(0x1000);
	branch(IR_I64, COND_EQ, 3, 4);
	ir_exit(ir, 0x100c, EXIT_JUMP, 0);
	join(NULL);
	ck_assert(!converted());
	begin(0x1000);
	there = ir_label(ir);
	ir_emit_label(ir, there);
	mark(0x1004);
	ir_into2(ir, IR_ADD, IR_I64, 3, 3, c(1));
	mark(0x1008);
	ir_brcond(ir, IR_I64, COND_LTU, 3, 4, there);
	ir_exit(ir, 0x100c, EXIT_JUMP, 0);
	ir_if_convert(ir, answer);
	ck_assert_uint_eq(number_of(IR_BRCOND), 1);
}
END_TEST

START_TEST(counters_of_a_body)
{
	/* counts of one cell become one; the cells of both kinds are added to where the body is executed alone */
	begin(0x1000);
	branch(IR_I64, COND_EQ, 3, 4);
	count(IR_SLOTADD, 3, SLOT);
	ir_into2(ir, IR_XOR, IR_I64, 5, 5, c(77));
	mark(0x1006);
	count(IR_SLOTADD, 4, SLOT);
	count(IR_HOSTADD, 5, (uintptr_t)&cpu->state);
	join(NULL);
	ck_assert(converted());
	ck_assert_uint_eq(number_of(IR_SELECT), 3);
	ck_assert_uint_eq(run(1, 2).slot, 7);
	ck_assert_uint_eq(run(1, 2).state, 5);
	ck_assert_uint_eq(run(2, 2).slot, 0);
	ck_assert_uint_eq(run(2, 2).state, 0);
}
END_TEST

static void one(void) { count(IR_SLOTADD, 1, SLOT); }

START_TEST(both_sides_are_watched_alike)
{
	begin(0x1000);
	branch(IR_I64, COND_EQ, 3, 4);
	one();
	ir_into2(ir, IR_XOR, IR_I64, 5, 5, c(77));
	join(one);
	ck_assert(converted());
	/* the block at 0x1008 is counted where it is entered, not where it follows the body; another amount, another cell, a call */
	for (unsigned kind = 0; kind < 4; kind++) {
		begin(0x1000);
		branch(IR_I64, COND_EQ, 3, 4);
		ir_into2(ir, IR_XOR, IR_I64, 5, 5, c(77));
		mark(0x1008);
		if (kind)
			one();
		ir_exit(ir, 0x100c, EXIT_JUMP, 0);
		ir_emit_label(ir, there);
		mark(0x1008);
		if (kind == 3)
			call();
		else
			count(IR_SLOTADD, kind == 1 ? 2 : 1, kind == 2 ? STATE : SLOT);
		ir_exit(ir, 0x100c, EXIT_JUMP, 0);
		ck_assert_msg(!converted(), "kind %u", kind);
	}
}
END_TEST

/* -- what is only converted if it is hard to predict -- */

/* 0x1000 branches to 0x1010 or goes on at 0x1004; both sides end at 0x1020, those who are not taken by a jump. */
static void two_sides(enum IrCond cond, Ref a, Ref b, void (*here)(void), void (*other)(void), void (*more)(void))
{
	unsigned end = ir_label(ir);

	there = ir_label(ir);
	ir_brcond(ir, IR_I64, cond, a, b, there);
	mark(0x1004);
	here();
	mark(0x1008);
	ir_br(ir, end);
	ir_emit_label(ir, there);
	mark(0x1010);
	other();
	mark(0x1020);
	if (more)
		more();
	ir_into2(ir, IR_ADD, IR_I64, 5, 5, 1);
	ir_exit(ir, 0x1024, EXIT_JUMP, 0);
	ir_emit_label(ir, end);
	mark(0x1020);
	if (more)
		more();
	ir_into2(ir, IR_ADD, IR_I64, 5, 5, 1);
	ir_exit(ir, 0x1024, EXIT_JUMP, 0);
}

static void set_four(void) { ir_into2(ir, IR_ADD, IR_I64, 4, 3, c(9)); }
static void set_five(void) { ir_into2(ir, IR_XOR, IR_I64, 5, 5, 4); }
static void set_three(void) { ir_into1(ir, IR_SEXT32, IR_I64, 3, ir_op2(ir, IR_SHL, IR_I32, 3, c(1))); }
static void swap(void) { ir_into2(ir, IR_XOR, IR_I64, 3, 3, 4), ir_into2(ir, IR_XOR, IR_I64, 4, 3, 4), ir_into2(ir, IR_XOR, IR_I64, 3, 3, 4); }
static void nothing(void) { }
static void set_all(void) { set_three(), set_four(), set_five(), ir_into1(ir, IR_NOT, IR_I64, 2, 3); }

START_TEST(two_sides_if_hard)
{
	static void (*const sides[])(void) = { set_four, set_five, set_three, swap, nothing, two, set_all };

	for (unsigned i = 0; i < G_N_ELEMENTS(sides) * G_N_ELEMENTS(sides); i++)
		for (enum IrCond cond = COND_EQ; cond <= COND_GTU; cond++) {
			void (*a)(void) = sides[i / G_N_ELEMENTS(sides)], (*b)(void) = sides[i % G_N_ELEMENTS(sides)];
			hard = false;
			begin(0x1000);
			two_sides(cond, 3, 4, a, b, NULL);
			ck_assert_msg(!converted(), "sides %u, not hard", i);
			hard = true;
			begin(0x1000);
			two_sides(cond, 3, 4, a, b, NULL);
			ck_assert_msg(converted(), "sides %u", i);
			ck_assert_uint_eq(number_of(IR_EXIT), 1);
		}
}
END_TEST

/* What both sides compute alike is computed once, and what is the same then needs no selection. */
START_TEST(sides_that_compute_alike)
{
	hard = true;
	begin(0x1000);
	two_sides(COND_GE, 3, 4, set_all, set_all, NULL);
	ck_assert(converted());
	ck_assert_uint_eq(number_of(IR_SELECT), 0);
	ck_assert_uint_eq(number_of(IR_XOR), 1);
	begin(0x1000);
	two_sides(COND_GE, 3, 4, set_four, set_all, NULL);
	ck_assert(converted());
	ck_assert_uint_eq(number_of(IR_SELECT), 4);
}
END_TEST

START_TEST(one_side_of_two_results_if_hard)
{
	for (unsigned i = 0; i < 2; i++) {
		hard = i;
		begin(0x1000);
		branch(IR_I64, COND_LT, 3, 4);
		two();
		join(NULL);
		ck_assert_int_eq(converted(), hard);
		begin(0x1000);
		branch(IR_I64, COND_LT, 3, 4);
		swap();
		join(NULL);
		ck_assert_int_eq(converted(), hard);
	}
}
END_TEST

START_TEST(what_stays_a_branch_even_if_hard)
{
	static void (*const sides[])(void) = { load, store, multiply, divide, leave, put, see, call };

	hard = true;
	for (unsigned i = 0; i < G_N_ELEMENTS(sides) * 2; i++) {
		begin(0x1000);
		if (i % 2)
			two_sides(COND_EQ, 3, 4, sides[i / 2], set_four, NULL);
		else
			two_sides(COND_EQ, 3, 4, set_four, sides[i / 2], NULL);
		ck_assert_msg(!converted(), "side %u", i);
	}
}
END_TEST

static void poll_and_four(void) { poll(), set_four(); }

/* A way keeps the polls that it had. */
START_TEST(polls_of_sides)
{
	hard = true;
	for (unsigned i = 0; i < 4; i++) {
		begin(0x1000);
		two_sides(COND_LTU, 3, 4, i & 1 ? poll_and_four : set_five, i & 2 ? poll_and_four : set_five, NULL);
		ck_assert_int_eq(converted(), i != 3);
	}
	/* a loop whose only poll is on one side, as the other has none: it was on the common way, and is */
	begin(0x1000);
	unsigned head = ir_label(ir), body = ir_label(ir), end = ir_label(ir);
	ir_br(ir, head);
	ir_emit_label(ir, head);
	mark(0x1000);
	ir_brcond(ir, IR_I64, COND_LTU, 3, 4, body);
	ir_br(ir, end);
	ir_emit_label(ir, body);
	mark(0x1004);
	set_five();
	mark(0x1008);
	poll();
	ir_br(ir, end);
	ir_emit_label(ir, end);
	mark(0x0ffc);
	ir_into2(ir, IR_ADD, IR_I64, 3, 3, c(1));
	poll();
	ir_brcond(ir, IR_I64, COND_NE, 3, c(100), head);
	ir_exit(ir, 0x100c, EXIT_JUMP, 0);
	ir_if_convert(ir, answer);
	ck_assert_uint_eq(number_of(IR_BRCOND), 1);
	ck_assert_uint_eq(number_of(IR_POLL), 1);
}
END_TEST

static void one_and_four(void) { one(), set_four(), one(); }
static void seven_and_three(void) { count(IR_SLOTADD, 7, SLOT), set_three(), count(IR_HOSTADD, 2, (uintptr_t)&cpu->state); }

START_TEST(counters_of_two_sides)
{
	hard = true;
	begin(0x1000);
	two_sides(COND_EQ, 3, 4, one_and_four, seven_and_three, one);
	ck_assert(converted());
	ck_assert_uint_eq(run(1, 2).slot, 3);
	ck_assert_uint_eq(run(1, 2).state, 0);
	ck_assert_uint_eq(run(2, 2).slot, 8);
	ck_assert_uint_eq(run(2, 2).state, 2);
	/* three counters are too many, and a call is no counter */
	begin(0x1000);
	two_sides(COND_EQ, 3, 4, three_counts, set_four, NULL);
	ck_assert(!converted());
	begin(0x1000);
	two_sides(COND_EQ, 3, 4, set_three, set_four, call);
	ck_assert(!converted());
}
END_TEST

/* The sides end in branches of their own: on COND to 0x1030, else to 0x1040, and by OTHER, A and B with both places exchanged if it is contrary. */
static void two_ends(enum IrCond cond, enum IrCond other, Ref a, Ref b, bool exchange, bool leave, bool jump)
{
	unsigned first = ir_label(ir), second = ir_label(ir), between = ir_label(ir);

	there = ir_label(ir);
	ir_brcond(ir, IR_I64, COND_LTU, 3, 4, there);
	mark(0x1004);
	set_four();
	mark(0x1008);
	ir_brcond(ir, IR_I64, cond, 2, 4, first);
	ir_br(ir, second);
	ir_emit_label(ir, there);
	mark(0x1010);
	set_all();
	mark(0x1014);
	poll();
	if (leave)
		ir_exit_cond(ir, IR_I64, other, a, b, exchange ? 0x1040 : 0x1030);
	else
		ir_brcond(ir, IR_I64, other, a, b, exchange ? second : first);
	if (jump) {
		ir_br(ir, between);
		ir_emit_label(ir, between);
		mark(0x1018);
		poll();
	}
	ir_br(ir, exchange ? first : second);
	ir_emit_label(ir, first);
	mark(0x1030);
	ir_into2(ir, IR_ADD, IR_I64, 5, 5, 1);
	ir_exit(ir, 0x1034, EXIT_JUMP, 0);
	ir_emit_label(ir, second);
	mark(0x1040);
	ir_into2(ir, IR_SUB, IR_I64, 5, 5, 1);
	ir_exit(ir, 0x1044, EXIT_JUMP, 0);
}

static bool merged(void)
{
	ir_if_convert(ir, answer);
	return number_of(IR_BRCOND) == 1;
}

START_TEST(sides_that_end_in_the_same_branch)
{
	static const uint64_t values[] = { 0, 1, 5, 0xffffffff, 0x100000001, ~0ull };

	hard = true;
	for (enum IrCond cond = COND_EQ; cond <= COND_GTU; cond++)
		for (unsigned contrary = 0; contrary < 2; contrary++)
			for (unsigned jump = 0; jump < 2; jump++) {
				struct State before[36];
				begin(0x1000);
				two_ends(cond, cond ^ contrary, 2, 4, contrary, false, jump);
				for (unsigned i = 0; i < 36; i++)
					before[i] = run(values[i / 6], values[i % 6]);
				ck_assert_msg(merged(), "condition %u, contrary %u, jump %u", cond, contrary, jump);
				for (unsigned i = 0; i < 36; i++) {
					struct State after = run(values[i / 6], values[i % 6]);
					ck_assert(!memcmp(&before[i], &after, sizeof after));
				}
			}
	/* an exit to where the other leads within the unit */
	begin(0x1000);
	two_ends(COND_LT, COND_LT, 2, 4, false, true, false);
	ck_assert(merged());
	/* other operands, another condition, other places */
	begin(0x1000);
	two_ends(COND_LT, COND_LT, 2, 3, false, false, false);
	ck_assert(!merged());
	begin(0x1000);
	two_ends(COND_LT, COND_LTU, 2, 4, false, false, false);
	ck_assert(!merged());
	begin(0x1000);
	two_ends(COND_LT, COND_LT, 2, 4, true, false, false);
	ck_assert(!merged());
	begin(0x1000);
	two_ends(COND_LT, COND_GE, 2, 4, false, false, false);
	ck_assert(!merged());
	/* something watches */
	begin(0x1000);
	one();
	two_ends(COND_LT, COND_LT, 2, 4, false, false, false);
	ck_assert(!merged());
}
END_TEST

START_TEST(what_could_be_asked)
{
	uint64_t pcs[4];

	begin(0x1000);
	two_sides(COND_EQ, 3, 4, set_three, set_four, NULL);
	ck_assert_uint_eq(ir_if_questions(ir, pcs, 4), 1);
	ck_assert_uint_eq(pcs[0], 0x1000);
	ck_assert_uint_eq(ir_if_questions(ir, pcs, 0), 0);
	/* one branch in two places, once */
	mark(0x1000);
	two_sides(COND_EQ, 3, 4, set_three, set_four, NULL);
	ck_assert_uint_eq(ir_if_questions(ir, pcs, 4), 1);
	begin(0x1000);
	branch(IR_I64, COND_LTU, 3, 4);
	set_five();
	join(NULL);
	ck_assert_uint_eq(ir_if_questions(ir, pcs, 4), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("if_convert");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, a_body_behind_the_branch);
	tcase_add_test(all, a_body_that_the_branch_leads_to);
	tcase_add_test(all, results_that_the_condition_or_the_body_reads);
	tcase_add_test(all, bodies_that_change_nothing);
	tcase_add_test(all, what_stays_a_branch);
	tcase_add_test(all, counters_of_a_body);
	tcase_add_test(all, both_sides_are_watched_alike);
	tcase_add_test(all, two_sides_if_hard);
	tcase_add_test(all, sides_that_compute_alike);
	tcase_add_test(all, one_side_of_two_results_if_hard);
	tcase_add_test(all, what_stays_a_branch_even_if_hard);
	tcase_add_test(all, polls_of_sides);
	tcase_add_test(all, counters_of_two_sides);
	tcase_add_test(all, sides_that_end_in_the_same_branch);
	tcase_add_test(all, what_could_be_asked);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
