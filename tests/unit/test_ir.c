/* SPDX-License-Identifier: MIT */
/* Building, printing and checking units; the arena. */
#include <check.h>
#include <glib.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/guest.h"
#include "tests/unit/suite.h"
#include "translator/ir.h"

static const struct IrGlobal globals[] = {
	{ "r0", offsetof(struct Cpu, reserved), IR_I64 }, { "r1", offsetof(struct Cpu, reserved) + 8, IR_I64 },
	{ "d0", offsetof(struct Cpu, reserved) + 16, IR_F64 },
};
static const struct Guest guest = { .name = "test", .elf_data = 1, .globals = globals, .nglobals = G_N_ELEMENTS(globals) };

static struct Arena arena;
static struct Ir *ir;

static void setup(void)
{
	ir = ir_new(&arena, &guest, 0x1000, 0);
}

static void teardown(void)
{
	arena_free(&arena);
}

START_TEST(arena_gives_zeroed_aligned_memory)
{
	for (unsigned round = 0; round < 3; round++) {
		for (size_t size = 1; size < 1 << 20; size *= 3) {
			unsigned char *p = arena_alloc(&arena, size);
			ck_assert_uint_eq((uintptr_t)p % 16, 0);
			size_t zeroed = 0;
			while (zeroed < size && !p[zeroed])
				zeroed++;
			ck_assert_uint_eq(zeroed, size);
			memset(p, 0xff, size);
		}
		arena_reset(&arena);
	}
	setup();
}
END_TEST

START_TEST(constants_are_shared)
{
	Ref five = ir_const(ir, 5);

	for (unsigned i = 0; i < 200; i++)
		ir_const(ir, i + 1000);
	ck_assert_uint_eq(ir_const(ir, 5), five);
	ck_assert(ref_is_const(five));
	ck_assert(!ref_is_var(five));
	ck_assert_uint_eq(ir_value(ir, five), 5);
	ck_assert_uint_eq(ir->nconsts, 201);
}
END_TEST

START_TEST(classes_of_results)
{
	Ref bits = ir_op1(ir, IR_FBITS, IR_F64, 2), back = ir_op1(ir, IR_BITSF, IR_F64, bits);
	Ref copy = ir_op1(ir, IR_MOV, IR_F64, back);

	ck_assert_int_eq(ir->var_class[bits], IR_INT);
	ck_assert_int_eq(ir->var_class[back], IR_VEC);
	ck_assert_int_eq(ir->var_class[copy], IR_VEC);
}
END_TEST

START_TEST(guests_may_take_turns)
{
	static const struct IrGlobal others[] = { { "v", offsetof(struct Cpu, reserved), IR_V128 }, { "r", offsetof(struct Cpu, reserved) + 16, IR_I64 } };
	static const struct Guest other = { .name = "other", .elf_data = 2, .globals = others, .nglobals = G_N_ELEMENTS(others) };
	static const uint8_t bytes[] = { 0x12, 0x34, 0x56, 0x78 };

	for (unsigned round = 0; round < 2; round++) {
		struct Ir *ours = ir_new(&arena, &guest, 0, 0), *theirs = ir_new(&arena, &other, 0, 0);
		ck_assert_int_eq(ours->var_class[0], IR_INT);
		ck_assert_int_eq(ours->var_class[2], IR_VEC);
		ck_assert_int_eq(theirs->var_class[0], IR_VEC);
		ck_assert_int_eq(theirs->var_class[1], IR_INT);
		for (unsigned length = 2; length <= 4; length += 2) {
			ir_mark(ours, 0, bytes, length);
			ir_mark(theirs, 0, bytes, length);
		}
		ck_assert_uint_eq(ours->insns[0].opcode, 0x3412);
		ck_assert_uint_eq(ours->insns[1].opcode, 0x78563412);
		ck_assert_uint_eq(theirs->insns[0].opcode, 0x1234);
		ck_assert_uint_eq(theirs->insns[1].opcode, 0x12345678);
	}
}
END_TEST

/* A call of f if variable 0 COND variable 1. */
static void conditional_call(enum IrType type, enum IrCond cond)
{
	ir_call(ir, REF_NONE, (void *)abort, "f", IRC_PROBE, 0, NULL);
	struct Ins *call = &ir->ins[ir->nins - 1];
	call->type = type;
	call->cond = cond;
	call->a[0] = 0;
	call->a[1] = 1;
}

/* A unit with one of many things, valid. */
static void build_sample(void)
{
	static const uint8_t bytes[] = { 0x78, 0x56, 0x34, 0x12 };
	unsigned label = ir_label(ir);

	ir_mark(ir, 0x1000, bytes, 4);
	ir_poll(ir);
	Ref sum = ir_op2(ir, IR_ADD, IR_I64, 0, ir_const(ir, 8));
	ir_load(ir, IR_I64, MEM_32 | MEM_SIGNED, 1, sum, -4);
	ir_store(ir, IR_F64, MEM_64, sum, 16, 2);
	ir_fp(ir, IR_FADD, IR_F64, ROUND_UP, 2, 2, 2, REF_NONE);
	ir_call(ir, REF_NONE, (void *)abort, "stop", IRC_RAISES, 2, (Ref[]){ REF_CPU, sum });
	ir_brcond(ir, IR_I64, COND_LTU, 0, 1, label);
	ir_exit_cond(ir, IR_I32, COND_EQ, 0, ir_const(ir, 0), 0x2000);
	ir_emit_label(ir, label);
	ir_fence(ir, IR_FENCE_RR | IR_FENCE_WW);
	conditional_call(IR_I64, COND_GEU);
	ir_exit(ir, 0x1004, EXIT_CALL, 0x1004);
}

START_TEST(a_valid_unit_passes)
{
	build_sample();
	ir_check(ir, "test");
	ck_assert_uint_eq(ir->insns[0].opcode, 0x12345678);
}
END_TEST

START_TEST(listing_names_everything)
{
	GString *text = g_string_new(NULL);

	build_sample();
	ir_print(ir, "unit", text);
	static const char *const wanted[] = {
		"unit 0x1000", "-- 0x1000", "poll", "add.i64", "t0 = r0, 8", "load.i64.s32", "r1 = t0, -4", "store.f64.u64", "t0, d0, +16",
		"fadd.f64.rup", "stop(cpu, t0) reads raises", "brcond.i64.ltu", "r0, r1 L0", "exitcond.i32.eq", "-> 0x2000", "label", "fence.rr.ww",
		"-> 0x1004 (call)",
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(wanted); i++)
		ck_assert_msg(strstr(text->str, wanted[i]) != NULL, "no '%s' in\n%s", wanted[i], text->str);
	g_string_free(text, TRUE);
}
END_TEST

START_TEST(uses_reach_into_calls)
{
	Ref *uses[4 + IR_MAXARGS];

	ir_call(ir, REF_NONE, (void *)abort, "f", 0, 3, (Ref[]){ 0, REF_CPU, ir_const(ir, 3) });
	ck_assert_uint_eq(ir_uses(ir, &ir->ins[0], uses), 2);
	ck_assert_uint_eq(*uses[0], 0);
	*uses[1] = 1;
	ck_assert_uint_eq(ir->calls[0].args[2], 1);
}
END_TEST

START_TEST(observers)
{
	ck_assert(ir_observes(ir, &(struct Ins){ .op = IR_LOAD }));
	ck_assert(ir_observes(ir, &(struct Ins){ .op = IR_POLL }));
	ck_assert(!ir_observes(ir, &(struct Ins){ .op = IR_ADD }));
	ir_call(ir, REF_NONE, (void *)abort, "quiet", IRC_PROBE, 0, NULL);
	ir_call(ir, REF_NONE, (void *)abort, "writes", IRC_WRITES, 0, NULL);
	ck_assert(!ir_observes(ir, &ir->ins[0]));
	ck_assert(ir_observes(ir, &ir->ins[1]));
	ck_assert(ir->calls[1].flags & IRC_READS);
}
END_TEST

/* Each of these breaks one rule; the checker aborts. */
static void no_exit(void) { ir_into1(ir, IR_MOV, IR_I64, 0, 1); }
static void undefined_temp(void) { ir_into1(ir, IR_MOV, IR_I64, 0, ir_temp(ir, IR_INT)); }
static void temp_over_label(void)
{
	Ref t = ir_op1(ir, IR_NEG, IR_I64, 0);
	ir_emit_label(ir, ir_label(ir));
	ir_into1(ir, IR_MOV, IR_I64, 0, t);
}
static void wrong_class(void) { ir_into2(ir, IR_ADD, IR_I64, 0, 1, 2); }
static void wrong_result(void) { ir_into1(ir, IR_FBITS, IR_F64, 2, 2); }
static void vector_constant(void) { ir_into1(ir, IR_FNEG, IR_F64, 2, ir_const(ir, 1)); }
static void missing_operand(void) { ir_into1(ir, IR_ADD, IR_I64, 0, 1); }
static void late_operand(void) { ir_append(ir, IR_POLL, IR_I64)->a[1] = 0; }
static void missing_result(void) { ir_into1(ir, IR_NEG, IR_I64, REF_NONE, 1); }
static void lost_label(void) { ir_br(ir, ir_label(ir)); }
static void no_condition(void) { ir_setcond(ir, IR_I64, 99, 0, 0, 1); }
static void narrow_call(void) { conditional_call(IR_I32, COND_EQ); }
static void call_without_condition(void) { conditional_call(IR_I64, 99); }

static void (*const broken[])(void) = {
	no_exit, undefined_temp, temp_over_label, wrong_class, wrong_result, vector_constant, missing_operand, late_operand, missing_result, lost_label,
	no_condition, narrow_call, call_without_condition,
};

START_TEST(broken_units_are_caught)
{
	ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
	broken[_i]();
	if (broken[_i] != no_exit)
		ir_exit(ir, 0x2000, EXIT_JUMP, 0);
	ir_check(ir, "test");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ir");
	TCase *tc = tcase_create("units");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, arena_gives_zeroed_aligned_memory);
	tcase_add_test(tc, constants_are_shared);
	tcase_add_test(tc, classes_of_results);
	tcase_add_test(tc, guests_may_take_turns);
	tcase_add_test(tc, a_valid_unit_passes);
	tcase_add_test(tc, listing_names_everything);
	tcase_add_test(tc, uses_reach_into_calls);
	tcase_add_test(tc, observers);
	tcase_add_loop_test_raise_signal(tc, broken_units_are_caught, SIGABRT, 0, G_N_ELEMENTS(broken));
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
