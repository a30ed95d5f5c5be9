/* SPDX-License-Identifier: MIT */
/* Loops that are written down several times: which are, how often, and that each number of rounds computes what it did. */
#include <check.h>

#include "tests/unit/suite.h"
#include "tests/unit/test_cpu.h"

static unsigned loop;                   /* the loop's label */

static Ref c(uint64_t value) { return ir_const(ir, value); }
static void mark(uint64_t pc) { ir_mark(ir, pc, "\1\0\0", 4); }

static unsigned number_of(enum IrOp op)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ir->nins; i++)
		n += ir->ins[i].op == op;
	return n;
}

/* A loop of r3 rounds that counts in r0, with BODY inside. */
static void make_loop(void (*body)(void))
{
	begin(0x1000);
	loop = ir_label(ir);
	ir_into1(ir, IR_MOV, IR_I64, 0, c(0));
	ir_emit_label(ir, loop);
	mark(0x1004);
	if (body)
		body();
	ir_into2(ir, IR_ADD, IR_I64, 0, 0, c(1));
	mark(0x1010);
	ir_poll(ir);
	ir_brcond(ir, IR_I64, COND_NE, 0, 3, loop);
	mark(0x1014);
	ir_into2(ir, IR_ADD, IR_I64, 1, 1, 0);
	ir_exit(ir, 0x1018, EXIT_JUMP, 0);
}

struct State { uint64_t r[NREGS], slot, pc; uint8_t memory[MEMORY]; };

static struct State run(uint64_t rounds)
{
	struct State s = { .r = { 0 } };

	code_used = meta_used = 0;
	for (unsigned i = 0; i < NREGS; i++)
		cpu->r[i] = 7000 + i;
	cpu->r[3] = rounds;
	cpu->r[4] = (uintptr_t)memory;
	cpu->slot = 0;
	memset(memory, 0, MEMORY);
	run_unit();
	memcpy(s.r, cpu->r, sizeof s.r);
	s.slot = cpu->slot;
	s.pc = cpu->cpu.pc;
	memcpy(s.memory, memory, MEMORY);
	return s;
}

/* Unrolls; returns how many rounds are there, 1 if nothing changed. It computes as before, and one poll is enough. */
static unsigned unrolled(void)
{
	enum { ROUNDS = 12 };
	struct State before[ROUNDS + 1];
	unsigned branches = number_of(IR_BRCOND), polls = number_of(IR_POLL);

	for (unsigned i = 1; i <= ROUNDS; i++)
		before[i] = run(i);
	ir_unroll(ir);
	unsigned rounds = number_of(IR_BRCOND) - branches + 1;
	ck_assert_uint_eq(number_of(IR_POLL), polls + rounds - 1);
	ir_drop_polls(ir);
	ck_assert_uint_eq(number_of(IR_POLL), 1);
	for (unsigned i = 1; i <= ROUNDS; i++) {
		struct State after = run(i);
		ck_assert_msg(!memcmp(&before[i], &after, sizeof after), "%u rounds", i);
	}
	ir_optimise(ir);
	for (unsigned i = 1; i <= ROUNDS; i++) {
		struct State after = run(i);
		ck_assert_msg(!memcmp(&before[i], &after, sizeof after), "%u rounds, optimised", i);
	}
	return rounds;
}

static unsigned nadds;

static void adds(void)
{
	for (unsigned i = 0; i < nadds; i++)
		ir_into2(ir, IR_ADD, IR_I64, 2, 2, i % 2 ? 0 : 2);
}

START_TEST(rounds_by_size)
{
	static const struct { unsigned adds, rounds; } rows[] = { { 0, 4 }, { 22, 4 }, { 23, 3 }, { 30, 3 }, { 31, 2 }, { 46, 2 }, { 47, 1 }, { 200, 1 } };

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		nadds = rows[i].adds;
		make_loop(adds);
		ck_assert_msg(unrolled() == rows[i].rounds, "%u additions", nadds);
	}
}
END_TEST

static void temporaries(void)
{
	Ref t = ir_op2(ir, IR_AND, IR_I64, 0, c(7)), u = ir_op2(ir, IR_SHL, IR_I64, t, c(3));
	Ref at = ir_op2(ir, IR_ADD, IR_I64, 4, u), old = ir_temp(ir, IR_INT);

	ir_load(ir, IR_I64, MEM_64, old, at, 0);
	ir_store(ir, IR_I64, MEM_64, at, 0, ir_op2(ir, IR_ADD, IR_I64, old, 0));
	ir_into2(ir, IR_XOR, IR_I64, 2, 2, old);
}

static void counted(void)
{
	Ref one = c(1);
	struct Ins *ins = ir_append(ir, IR_SLOTADD, IR_I64);

	ins->a[0] = one;
	ins->imm = offsetof(struct TestCpu, slot);
}

START_TEST(what_bodies_may_have)
{
	make_loop(temporaries);
	ck_assert_uint_eq(unrolled(), 4);
	/* each round has temporaries of its own: hosts count their uses */
	for (unsigned i = 0; i < ir->nins; i++)
		for (unsigned k = 0; k < i; k++)
			ck_assert(!ref_is_var(ir->ins[i].d) || ir_is_global(ir, ir->ins[i].d) || ir->ins[i].d != ir->ins[k].d);
	make_loop(counted);
	ck_assert_uint_eq(unrolled(), 4);
}
END_TEST

static void leaves(void)
{
	ir_exit_cond(ir, IR_I64, COND_EQ, 0, c(6), 0x2000);
	ir_exit_indirect(ir, 2, EXIT_RETURN, 0);
	ir->ins[ir->nins - 1].op = IR_GUARD;
	Ref expected = c(7002);
	ir->ins[ir->nins - 1].a[1] = expected;
}

START_TEST(exits_of_each_round)
{
	make_loop(leaves);
	ck_assert_uint_eq(unrolled(), 4);
	for (unsigned i = 0; i < ir->nins; i++)
		for (unsigned k = 0; k < i; k++) {
			const struct Ins *a = &ir->ins[i], *b = &ir->ins[k];
			bool exits = (a->op == IR_EXITCOND || a->op == IR_GUARD) && (b->op == IR_EXITCOND || b->op == IR_GUARD);
			ck_assert(!exits || a->imm != b->imm);
		}
}
END_TEST

static void calls(void)
{
	ir_call(ir, REF_NONE, (void *)clearenv, "called", IRC_PROBE, 0, NULL);
	ir->ins[ir->nins - 1].cond = COND_NEVER;
	Ref zero = c(0);
	ir->ins[ir->nins - 1].a[0] = ir->ins[ir->nins - 1].a[1] = zero;
}

static void branches(void)
{
	unsigned past = ir_label(ir);

	ir_brcond(ir, IR_I64, COND_EQ, 0, c(2), past);
	ir_into2(ir, IR_ADD, IR_I64, 2, 2, c(5));
	ir_emit_label(ir, past);
}

START_TEST(what_stays_a_loop)
{
	unsigned label;

	make_loop(calls);
	ck_assert_uint_eq(unrolled(), 1);
	make_loop(branches);
	ck_assert_uint_eq(unrolled(), 1);
	/* what is behind it knows of what is in it */
	begin(0x1000);
	label = ir_label(ir);
	ir_into1(ir, IR_MOV, IR_I64, 0, c(0));
	ir_emit_label(ir, label);
	mark(0x1004);
	ir_into2(ir, IR_ADD, IR_I64, 0, 0, c(1));
	ir_poll(ir);
	Ref t = ir_op2(ir, IR_ADD, IR_I64, 0, c(3));
	ir_brcond(ir, IR_I64, COND_NE, 0, 3, label);
	ir_into2(ir, IR_ADD, IR_I64, 1, 1, t);
	ir_exit(ir, 0x1018, EXIT_JUMP, 0);
	ck_assert_uint_eq(unrolled(), 1);
}
END_TEST

START_TEST(outer_loops_stay)
{
	make_loop(NULL);
	ir->nins -= 1;
	ir_into1(ir, IR_MOV, IR_I64, 0, c(0));
	ir_into2(ir, IR_SUB, IR_I64, 3, 3, c(1));
	mark(0x1018);
	ir_poll(ir);
	ir_brcond(ir, IR_I64, COND_NE, 3, c(0), loop);
	mark(0x101c);
	ir_exit(ir, 0x1020, EXIT_JUMP, 0);
	/* the inner one's three more; the outer one leads to the same label */
	ck_assert_uint_eq(unrolled(), 4);
}
END_TEST

START_TEST(units_do_not_grow_without_end)
{
	begin(0x1000);
	for (unsigned i = 0; i < 60; i++) {
		unsigned label = ir_label(ir);
		ir_emit_label(ir, label);
		mark(0x1004 + 8 * i);
		for (unsigned k = 0; k < 20; k++)
			ir_into2(ir, IR_ADD, IR_I64, 0, 0, c(1));
		ir_brcond(ir, IR_I64, COND_LT, 0, c(i), label);
	}
	mark(0x2000);
	ir_exit(ir, 0x2004, EXIT_JUMP, 0);
	unsigned before = ir->nins;
	ir_unroll(ir);
	ir_check(ir, "unroll");
	ck_assert_uint_gt(ir->nins, before);
	ck_assert_uint_le(ir->nins, 2048);
}
END_TEST

/* -- loops whose rounds are known -- */

/* A loop that counts r0 from FIRST to LAST by STEP, as words if WORD, with BODY inside; then r5 = r0. It may be entered in r3 ways with the counters FIRST + STEP and so on. */
static void known_loop(uint64_t first, uint64_t last, uint64_t step, enum IrCond cond, bool word, void (*body)(void))
{
	begin(0x1000);
	loop = ir_label(ir);
	unsigned ways[2] = { ir_label(ir), ir_label(ir) };
	ir_brcond(ir, IR_I64, COND_EQ, 3, c(1), ways[0]);
	ir_brcond(ir, IR_I64, COND_EQ, 3, c(2), ways[1]);
	ir_into1(ir, IR_MOV, IR_I64, 0, c(first));
	ir_emit_label(ir, loop);
	mark(0x1004);
	if (body)
		body();
	if (word)
		ir_into1(ir, IR_SEXT32, IR_I64, 0, ir_op2(ir, IR_ADD, IR_I32, 0, c(step)));
	else
		ir_into2(ir, IR_ADD, IR_I64, 0, 0, c(step));
	mark(0x1010);
	ir_poll(ir);
	ir_brcond(ir, IR_I64, cond, 0, c(last), loop);
	mark(0x1014);
	ir_into1(ir, IR_MOV, IR_I64, 5, 0);
	ir_exit(ir, 0x1018, EXIT_JUMP, 0);
	for (unsigned i = 0; i < 2; i++) {
		ir_emit_label(ir, ways[i]);
		mark(0x1020 + 8 * i);
		ir_into1(ir, IR_MOV, IR_I64, 0, c(first + (i + 1) * step));
		ir_br(ir, loop);
	}
}

/* How many copies of its test a unit keeps that is unrolled, and computes as before. */
static unsigned tests_left(void)
{
	enum { WAYS = 3 };
	struct State before[WAYS];

	for (unsigned i = 0; i < WAYS; i++)
		before[i] = run(i);
	ir_unroll(ir);
	ir_check(ir, "unroll");
	unsigned left = number_of(IR_BRCOND) - 2;
	for (unsigned pass = 0; pass < 3; pass++) {
		for (unsigned i = 0; i < WAYS; i++) {
			struct State after = run(i);
			ck_assert_msg(!memcmp(&before[i], &after, sizeof after), "way %u, pass %u", i, pass);
		}
		if (pass == 0)
			ir_drop_polls(ir);
		else if (pass == 1)
			ir_optimise(ir);
	}
	return left;
}

static void add_up(void) { ir_into2(ir, IR_ADD, IR_I64, 2, 2, 0); }

START_TEST(known_rounds)
{
	static const struct { uint64_t first, last, step; enum IrCond cond; bool word; unsigned left; } rows[] = {
		{ 0, 5, 1, COND_NE, false, 0 }, { 0, 5, 1, COND_NE, true, 0 }, { 8, 0, -1, COND_NE, true, 0 }, { 8, 0, -1, COND_NE, false, 0 },
		{ 0, 16, 1, COND_LT, false, 0 }, { 0, 160, 10, COND_LTU, false, 0 }, { 0xfffffffe, 5, 1, COND_NE, true, 0 },
		{ 100, 0, -7, COND_GT, true, 0 }, { 5, 5, 1, COND_LT, false, 0 },
		/* the way with most rounds has too many */
		{ 0, 18, 1, COND_LT, false, 4 }, { 0, 1000, 1, COND_NE, false, 4 },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		known_loop(rows[i].first, rows[i].last, rows[i].step, rows[i].cond, rows[i].word, add_up);
		ck_assert_msg(tests_left() == rows[i].left, "row %u", i);
	}
	/* never ends */
	known_loop(0, 5, 2, COND_NE, false, add_up);
	ir_unroll(ir);
	ck_assert_uint_eq(number_of(IR_BRCOND), 2 + 4);
}
END_TEST

/* The ways with 17 and 16 rounds have copies, that with 18 the loop. */
START_TEST(some_ways_have_copies)
{
	known_loop(0, 17, 1, COND_NE, false, NULL);
	unsigned label = loop;
	ir_unroll(ir);
	unsigned ways = 0;
	for (unsigned i = 0; i < ir->nins; i++)
		ways += ir->ins[i].op == IR_BR && (unsigned)ir->ins[i].imm == label;
	ck_assert_uint_eq(ways, 0);
	ck_assert_uint_eq(number_of(IR_BRCOND), 2 + 4);
}
END_TEST

START_TEST(bodies_of_known_rounds)
{
	static void (*const bodies[])(void) = { temporaries, counted, leaves, add_up, NULL };

	for (unsigned i = 0; i < G_N_ELEMENTS(bodies); i++) {
		known_loop(0, 5, 1, COND_NE, true, bodies[i]);
		ck_assert_msg(tests_left() == 0, "body %u", i);
	}
	known_loop(0, 7, 1, COND_NE, true, calls);
	ck_assert_uint_eq(tests_left(), 1);
	known_loop(0, 7, 1, COND_NE, true, branches);
	ck_assert_uint_eq(tests_left(), 2);
	/* the last round is not the one that is known to leave */
	known_loop(0, 7, 1, COND_NE, true, leaves);
	ck_assert_uint_eq(tests_left(), 4);
	/* 128 operations together */
	nadds = 16;
	known_loop(0, 7, 1, COND_NE, false, adds);
	ck_assert_uint_eq(tests_left(), 0);
	known_loop(0, 8, 1, COND_NE, false, adds);
	ck_assert_uint_ne(tests_left(), 0);
}
END_TEST

/* A body that changes the counter by what is not known, or a bound that is not. */
static void change_counter(void) { ir_into2(ir, IR_AND, IR_I64, 0, 0, 4); }

START_TEST(rounds_that_depend)
{
	known_loop(0, 7, 1, COND_LT, false, change_counter);
	ir_unroll(ir);
	ck_assert_uint_eq(number_of(IR_BRCOND), 2 + 4);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("unroll");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, rounds_by_size);
	tcase_add_test(all, what_bodies_may_have);
	tcase_add_test(all, exits_of_each_round);
	tcase_add_test(all, what_stays_a_loop);
	tcase_add_test(all, outer_loops_stay);
	tcase_add_test(all, units_do_not_grow_without_end);
	tcase_add_test(all, known_rounds);
	tcase_add_test(all, some_ways_have_copies);
	tcase_add_test(all, bodies_of_known_rounds);
	tcase_add_test(all, rounds_that_depend);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
