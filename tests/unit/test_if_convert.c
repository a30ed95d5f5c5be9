/* SPDX-License-Identifier: MIT */
/* If-conversion: what becomes a selection, in both shapes of a branch, what stays a branch and why, and that each computes as before. */
#include <check.h>

#include "tests/unit/suite.h"
#include "tests/unit/test_cpu.h"

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
	ir_if_convert(ir);
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
	ir_if_convert(ir);
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
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
