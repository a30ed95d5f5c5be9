/* SPDX-License-Identifier: MIT */
/* Division by constants: what becomes of it computes what the interpreter does, and has no division left. */
#include <check.h>

#include "tests/unit/suite.h"
#include "tests/unit/test_cpu.h"
#include "translator/ir_eval.h"

static Ref c(uint64_t value) { return ir_const(ir, value); }

static uint64_t seed = 88172645463325252u;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1d;
}

/* The unit: quotient and remainder of r0, signed and unsigned, go to r1 to r4; FIRST: in which order. EXTENDED: by how many bits r0 was extended before, and
 * whether by the sign. */
static void build(enum IrType type, uint64_t divisor, unsigned first, unsigned extended, bool sign)
{
	static const uint8_t ops[] = { IR_DIVS, IR_REMS, IR_DIVU, IR_REMU };

	arena_reset(&arena);
	begin(0x1000);
	if (extended) {
		ir_into2(ir, IR_SHL, IR_I64, 0, 0, c(extended));
		ir_into2(ir, sign ? IR_SAR : IR_SHR, IR_I64, 0, 0, c(extended));
	}
	ir_into1(ir, IR_MOV, IR_I64, 5, c(divisor));
	for (unsigned i = 0; i < 4; i++) {
		unsigned k = i ^ first;
		ir_into2(ir, ops[k], type, 1 + k, 0, 5);
	}
	ir_exit(ir, 0x2000, EXIT_JUMP, 0);
	ir_optimise(ir);
	ir_check(ir, "optimise");
}

static uint64_t *values;        /* by variable */

static uint64_t value_of(Ref r) { return ref_is_const(r) ? ir_value(ir, r) : values[r]; }

/* Runs the unit, which is pure. */
static void compute(uint64_t x)
{
	values[0] = x;
	for (unsigned i = 0; i < ir->nins; i++) {
		const struct Ins *ins = &ir->ins[i];
		if (!(ir_op_info[ins->op].flags & OPF_PURE))
			continue;
		uint64_t a = value_of(ins->a[0]), b = ins->a[1] == REF_NONE ? 0 : value_of(ins->a[1]);
		values[ins->d] = ins->op == IR_SETCOND ? ir_eval_cond(ins->cond, ins->type, a, b) : ir_eval(ins->op, ins->type, a, b);
	}
}

static unsigned count(enum IrOp op)
{
	unsigned n = 0;

	for (unsigned i = 0; i < ir->nins; i++)
		n += ir->ins[i].op == op;
	return n;
}

static uint64_t extend(uint64_t x, unsigned by, bool sign) { return sign ? (uint64_t)((int64_t)(x << by) >> by) : x << by >> by; }

static void check_divisor(enum IrType type, uint64_t divisor, unsigned extended, bool sign)
{
	static const uint64_t near[] = {
		0, 1, 2, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff, 0x100000000, 0x7ffffffffffffffe, 0x7fffffffffffffff, 0x8000000000000000,
		0x8000000000000001, 0xfffffffffffffffe, 0xffffffffffffffff, 0xffffffff80000000, 0xffffffff7fffffff,
	};
	uint64_t most = type == IR_I32 ? UINT32_MAX : ~(uint64_t)0;
	uint64_t step = type == IR_I32 ? (uint32_t)divisor : divisor, multiple = step ? most / step * step : 0;

	build(type, divisor, rnd() & 3, extended, sign);
	ck_assert_msg(!count(IR_DIVS) && !count(IR_DIVU) && !count(IR_REMS) && !count(IR_REMU), "a division by %#lx is left", divisor);
	values = g_realloc(values, ir->nvars * sizeof *values);
	for (unsigned i = 0; i < G_N_ELEMENTS(near) + 24; i++) {
		uint64_t factor = rnd() >> (rnd() & 63), base = i & 1 ? factor * divisor : i & 2 ? multiple : multiple >> 1;
		uint64_t x = i < G_N_ELEMENTS(near) ? near[i] : i & 4 ? rnd() >> (rnd() & 63) : base + (rnd() % 5 - 2);
		uint64_t a = extended ? extend(x, extended, sign) : x;
		compute(x);
		uint64_t want[] = { ir_eval(IR_DIVS, type, a, divisor), ir_eval(IR_REMS, type, a, divisor), ir_eval(IR_DIVU, type, a, divisor), ir_eval(IR_REMU, type, a, divisor) };
		for (unsigned k = 0; k < 4; k++)
			if (values[1 + k] != want[k])   /* an assertion that holds costs more than all else */
				ck_abort_msg("%#lx by %#lx, operation %u, %u bits: %#lx, not %#lx", a, divisor, k, type == IR_I32 ? 32 : 64, values[1 + k], want[k]);
	}
}

static void check_all(uint64_t divisor)
{
	for (unsigned type = IR_I32; type <= IR_I64; type++) {
		check_divisor(type, divisor, 0, false);
		check_divisor(type, divisor, 1 + rnd() % 63, rnd() & 1);
		check_divisor(type, divisor, 32, rnd() & 1);
	}
}

START_TEST(small_divisors)
{
	for (uint64_t d = 0; d < 5000; d++) {
		check_all(d);
		check_all(-d);
	}
}
END_TEST

START_TEST(divisors_about_powers)
{
	for (unsigned k = 2; k < 64; k++)
		for (int near = -3; near <= 3; near++) {
			check_all(((uint64_t)1 << k) + near);
			check_all(-(((uint64_t)1 << k) + near));
			check_all(~(uint64_t)0 / ((1u << k % 31) | 1) + near);
			check_all(UINT32_MAX / ((1u << k % 31) | 1) + near);
		}
}
END_TEST

START_TEST(random_divisors)
{
	for (unsigned i = 0; i < 20000; i++)
		check_all(rnd() >> (rnd() & 63));
}
END_TEST

/* What these become, and that quotient and remainder share a multiplication, whichever is first. */
START_TEST(shared_quotients)
{
	static const struct { uint64_t divisor; uint8_t type, muls, highs; } rows[] = {
		{ 9, IR_I32, 4, 0 }, { 7, IR_I32, 3, 1 }, { 9, IR_I64, 2, 2 }, { 7, IR_I64, 2, 2 }, { 16, IR_I64, 0, 0 },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
		for (unsigned first = 0; first < 4; first++) {
			build(rows[i].type, rows[i].divisor, first, 0, false);
			ck_assert_msg(count(IR_MUL) == rows[i].muls && count(IR_MULHU) + count(IR_MULHS) == rows[i].highs, "row %u: %u and %u", i, count(IR_MUL),
				      count(IR_MULHU) + count(IR_MULHS));
		}
	/* not where the operand has changed, and nothing that is known may be in the way */
	begin(0x1000);
	ir_into2(ir, IR_DIVU, IR_I32, 1, 0, c(9));
	ir_into2(ir, IR_ADD, IR_I64, 0, 0, c(1));
	ir_into2(ir, IR_REMU, IR_I32, 2, 0, c(9));
	ir_exit(ir, 0x2000, EXIT_JUMP, 0);
	ir_optimise(ir);
	ck_assert_uint_eq(count(IR_MUL), 3);
	/* a remainder below the divisor is no wider than that: it is a word already */
	begin(0x1000);
	Ref t = ir_op2(ir, IR_REMU, IR_I32, 0, c(9));
	ir_into1(ir, IR_SEXT32, IR_I64, 0, t);
	ir_exit(ir, 0x2000, EXIT_JUMP, 0);
	ir_optimise(ir);
	ck_assert_uint_eq(count(IR_SEXT32), 0);
}
END_TEST

/* Many divisions: when there is no room left, they stay what they are. */
START_TEST(more_than_there_is_room_for)
{
	for (unsigned n = 1; n < 60; n++) {
		begin(0x1000);
		for (unsigned i = 0; i < n; i++)
			ir_into2(ir, i & 1 ? IR_REMS : IR_DIVU, IR_I64, 1 + i % 5, 1 + (i + 1) % 5, c(7 + i));
		ir_exit(ir, 0x2000, EXIT_JUMP, 0);
		uint64_t want[6];
		for (unsigned pass = 0; pass < 2; pass++) {
			code_used = meta_used = 0;
			for (unsigned i = 0; i < 6; i++)
				cpu->r[i] = 0xfedcba9876543210 * (i + 1);
			if (pass)
				ir_optimise(ir);
			run_unit();
			if (!pass)
				memcpy(want, cpu->r, sizeof want);
			ck_assert(!memcmp(want, cpu->r, sizeof want));
		}
		arena_reset(&arena);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fold_divide");
	TCase *all = tcase_create("all");

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_set_timeout(all, 0);
	tcase_add_test(all, small_divisors);
	tcase_add_test(all, divisors_about_powers);
	tcase_add_test(all, random_divisors);
	tcase_add_test(all, shared_quotients);
	tcase_add_test(all, more_than_there_is_room_for);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
