/* SPDX-License-Identifier: MIT */
/* The optimiser: each rule by a row that fails when the rule is wrong or gone, liveness by cases, and random units run before and after. */
#include <check.h>
#include <stdio.h>

#include "tests/unit/suite.h"
#include "tests/unit/test_cpu.h"

static Ref c(uint64_t value) { return ir_const(ir, value); }
static void end(void) { ir_exit(ir, 0x2000, EXIT_JUMP, 0); }

/* The unit without marks and the spaces of its listing, instructions separated by "; ". */
static char *listing(void)
{
	GString *text = g_string_new(NULL);

	for (unsigned i = 0; i < ir->nins; i++) {
		if (ir->ins[i].op == IR_MARK)
			continue;
		GString *line = g_string_new(NULL);
		ir_print_ins(ir, &ir->ins[i], line);
		char **words = g_strsplit_set(line->str, " ", -1);
		if (text->len)
			g_string_append(text, "; ");
		gsize start = text->len;
		for (char **w = words; *w; w++)
			if (**w)
				g_string_append_printf(text, "%s%s", text->len > start ? " " : "", *w);
		g_strfreev(words);
		g_string_free(line, TRUE);
	}
	return g_string_free(text, FALSE);
}

static void expect(const char *want)
{
	ir_optimise(ir);
	ir_check(ir, "optimise");
	char *got = listing();
	ck_assert_str_eq(got, want);
	g_free(got);
}

/* -- rules ---------------------------------------------------------------------------------------------------------- */

/* Operands of rows: r0, r1, the result of the row's first instruction, a constant. */
enum { X = 0, Y = 1, T = 0xfffe, K1 = 0xfff0, K2 = 0xfff1, NO = 0xffff };

/* t = op1 a1, b1; r2 = op2 a2, b2 under cond; K1 and K2 are the constants. The first is absent if its type is IR_NTYPES. */
static const struct Row {
	struct { uint8_t op, type; uint16_t a, b; uint8_t cond; } first, second;
	uint64_t k1, k2;
	const char *want;
} rows[] = {
#define ONE(op, type, a, b, k1, want) { { 0, IR_NTYPES, 0, 0, 0 }, { IR_##op, IR_##type, a, b, 0 }, k1, 0, want }
#define TWO(op1, type1, a1, b1, op2, type2, a2, b2, k1, k2, want) \
	{ { IR_##op1, IR_##type1, a1, b1, 0 }, { IR_##op2, IR_##type2, a2, b2, 0 }, k1, k2, want }
#define COND(type, cond, a, b, k1, want) { { 0, IR_NTYPES, 0, 0, 0 }, { IR_SETCOND, IR_##type, a, b, COND_##cond }, k1, 0, want }
#define COND2(type1, cond1, a1, b1, cond2, a2, b2, k1, k2, want) \
	{ { IR_SETCOND, IR_##type1, a1, b1, COND_##cond1 }, { IR_SETCOND, IR_I64, a2, b2, COND_##cond2 }, k1, k2, want }
	/* fold_constants: every operation is compared with the interpreter below */
	ONE(ADD, I32, K1, K1, 0x80000001, "mov.i64 r2 = 2"), ONE(CLZ, I32, K1, NO, 1, "mov.i64 r2 = 31"),
	/* commute */
	ONE(ADD, I64, K1, X, 5, "add.i64 r2 = r0, 5"), ONE(AND, I64, K1, X, 5, "and.i64 r2 = r0, 5"), ONE(MULHU, I64, K1, X, 5, "mulhu.i64 r2 = r0, 5"),
	ONE(SHL, I64, K1, X, 5, "shl.i64 r2 = 5, r0"),
	/* zero_right */
	ONE(ADD, I64, X, K1, 0, "mov.i64 r2 = r0"), ONE(ADD, I32, X, K1, 0, "zext32.i64 r2 = r0"), ONE(ADD, I32, X, K1, 1ull << 32, "zext32.i64 r2 = r0"),
	ONE(SUB, I64, X, K1, 0, "mov.i64 r2 = r0"), ONE(OR, I64, K1, X, 0, "mov.i64 r2 = r0"), ONE(XOR, I64, X, K1, 0, "mov.i64 r2 = r0"),
	ONE(ANDN, I64, X, K1, 0, "mov.i64 r2 = r0"),
	/* shift_none */
	ONE(SHL, I64, X, K1, 64, "mov.i64 r2 = r0"), ONE(SHR, I32, X, K1, 32, "zext32.i64 r2 = r0"), ONE(SAR, I64, X, K1, 0, "mov.i64 r2 = r0"),
	ONE(ROTL, I64, X, K1, 0, "mov.i64 r2 = r0"), ONE(ROTR, I32, X, K1, 64, "zext32.i64 r2 = r0"), ONE(SHL, I64, X, K1, 32, "shl.i64 r2 = r0, 32"),
	/* one_right, rem_one */
	ONE(MUL, I64, X, K1, 1, "mov.i64 r2 = r0"), ONE(DIVU, I64, X, K1, 1, "mov.i64 r2 = r0"), ONE(DIVS, I32, X, K1, 1, "zext32.i64 r2 = r0"),
	ONE(REMU, I64, X, K1, 1, "mov.i64 r2 = 0"), ONE(REMS, I64, X, K1, 1, "mov.i64 r2 = 0"),
	/* and_ones, zero_absorbs, or_ones, andn_ones */
	ONE(AND, I64, X, K1, ~0ull, "mov.i64 r2 = r0"), ONE(AND, I32, X, K1, 0xffffffff, "zext32.i64 r2 = r0"), ONE(AND, I64, X, K1, 0, "mov.i64 r2 = 0"),
	ONE(MUL, I64, X, K1, 0, "mov.i64 r2 = 0"), ONE(MULHS, I64, X, K1, 0, "mov.i64 r2 = 0"), ONE(MULHU, I32, K1, X, 0, "mov.i64 r2 = 0"),
	ONE(MULHSU, I64, X, K1, 0, "mov.i64 r2 = 0"),
	ONE(OR, I64, X, K1, ~0ull, "mov.i64 r2 = -1"), ONE(OR, I32, X, K1, ~0ull, "mov.i64 r2 = 0xffffffff"), ONE(ANDN, I64, X, K1, ~0ull, "mov.i64 r2 = 0"),
	/* same_zero, same_value */
	ONE(SUB, I64, X, X, 0, "mov.i64 r2 = 0"), ONE(XOR, I32, X, X, 0, "mov.i64 r2 = 0"), ONE(ANDN, I64, X, X, 0, "mov.i64 r2 = 0"),
	ONE(AND, I64, X, X, 0, "mov.i64 r2 = r0"), ONE(OR, I32, X, X, 0, "zext32.i64 r2 = r0"),
	/* sub_const, zero_minus */
	ONE(SUB, I64, X, K1, 5, "add.i64 r2 = r0, -5"), ONE(SUB, I32, X, K1, 5, "add.i32 r2 = r0, 0xfffffffb"), ONE(SUB, I64, K1, X, 0, "neg.i64 r2 = r0"),
	ONE(SUB, I64, K1, X, 1, "sub.i64 r2 = 1, r0"),
	/* mul_power, divu_power, remu_power */
	ONE(MUL, I64, X, K1, 8, "shl.i64 r2 = r0, 3"), ONE(MUL, I32, X, K1, 1ull << 31, "shl.i32 r2 = r0, 31"), ONE(MUL, I64, X, K1, 12, "mul.i64 r2 = r0, 12"),
	ONE(DIVU, I64, X, K1, 16, "shr.i64 r2 = r0, 4"), ONE(DIVS, I64, X, K1, 16, "sar.i64 t0 = r0, 63; shr.i64 t1 = t0, 60; add.i64 t2 = r0, t1; sar.i64 r2 = t2, 4"),
	ONE(REMU, I64, X, K1, 16, "and.i64 r2 = r0, 15"), ONE(REMU, I32, X, K1, 2, "and.i32 r2 = r0, 1"), ONE(DIVU, I64, X, K1, 0, "mov.i64 r2 = -1"),
	/* associate */
	TWO(ADD, I64, X, K1, ADD, I64, T, K2, 5, 7, "add.i64 r2 = r0, 12"), TWO(ADD, I32, X, K1, ADD, I32, T, K2, 0xffffffff, 2, "add.i32 r2 = r0, 1"),
	TWO(ADD, I64, X, K1, SUB, I64, T, K2, 5, 5, "mov.i64 r2 = r0"), TWO(AND, I64, X, K1, AND, I64, T, K2, 12, 10, "and.i64 r2 = r0, 8"),
	TWO(OR, I64, X, K1, OR, I64, T, K2, 12, 10, "or.i64 r2 = r0, 14"), TWO(XOR, I64, X, K1, XOR, I64, T, K2, 12, 10, "xor.i64 r2 = r0, 6"),
	TWO(MUL, I64, X, K1, MUL, I64, T, K2, 3, 5, "mul.i64 r2 = r0, 15"),
	TWO(ADD, I32, X, K1, ADD, I64, T, K2, 5, 7, "add.i32 t0 = r0, 5; add.i64 r2 = t0, 7"),
	/* shift_chain, shift_extends */
	TWO(SHL, I64, X, K1, SHL, I64, T, K2, 5, 7, "shl.i64 r2 = r0, 12"), TWO(SHL, I64, X, K1, SHL, I64, T, K2, 32, 32, "mov.i64 r2 = 0"),
	TWO(SHR, I32, X, K1, SHR, I32, T, K2, 16, 15, "shr.i32 r2 = r0, 31"), TWO(SHR, I32, X, K1, SHR, I32, T, K2, 16, 16, "mov.i64 r2 = 0"),
	TWO(SAR, I64, X, K1, SAR, I64, T, K2, 40, 40, "sar.i64 r2 = r0, 63"), TWO(SAR, I32, X, K1, SAR, I32, T, K2, 20, 20, "sar.i32 r2 = r0, 31"),
	TWO(SHL, I64, X, K1, SHL, I64, T, K2, 65, 1, "shl.i64 r2 = r0, 2"),
	TWO(SHL, I64, X, K1, SHR, I64, T, K2, 32, 32, "zext32.i64 r2 = r0"), TWO(SHL, I64, X, K1, SAR, I64, T, K2, 32, 32, "sext32.i64 r2 = r0"),
	TWO(SHL, I64, X, K1, SHR, I64, T, K2, 48, 48, "zext16.i64 r2 = r0"), TWO(SHL, I64, X, K1, SAR, I64, T, K2, 48, 48, "sext16.i64 r2 = r0"),
	TWO(SHL, I64, X, K1, SHR, I64, T, K2, 56, 56, "zext8.i64 r2 = r0"), TWO(SHL, I64, X, K1, SAR, I64, T, K2, 56, 56, "sext8.i64 r2 = r0"),
	TWO(SHL, I64, X, K1, SHR, I64, T, K2, 32, 31, "zext32.i64 t1 = r0; shl.i64 r2 = t1, 1"),
	TWO(SHL, I64, X, K1, SAR, I64, T, K2, 32, 29, "sext32.i64 t1 = r0; shl.i64 r2 = t1, 3"), TWO(SHL, I64, X, K1, SHR, I64, T, K2, 56, 58, "zext8.i64 t1 = r0; shr.i64 r2 = t1, 2"),
	TWO(SHL, I64, X, K1, SAR, I64, T, K2, 48, 50, "sext16.i64 t1 = r0; sar.i64 r2 = t1, 2"), TWO(SHL, I64, X, K1, SHR, I64, T, K2, 30, 31, "shl.i64 t0 = r0, 30; shr.i64 r2 = t0, 31"),
	TWO(SHL, I32, X, K1, SHR, I32, T, K2, 24, 24, "shl.i32 t0 = r0, 24; shr.i32 r2 = t0, 24"),
	/* and_extends, and_not, xor_ones, involution */
	ONE(AND, I64, X, K1, 255, "zext8.i64 r2 = r0"), ONE(AND, I64, X, K1, 65535, "zext16.i64 r2 = r0"), ONE(AND, I64, X, K1, 0xffffffff, "zext32.i64 r2 = r0"),
	TWO(NOT, I64, Y, NO, AND, I64, X, T, 0, 0, "andn.i64 r2 = r0, r1"), TWO(NOT, I64, Y, NO, AND, I64, T, X, 0, 0, "andn.i64 r2 = r0, r1"),
	TWO(NOT, I32, Y, NO, AND, I64, X, T, 0, 0, "not.i32 t0 = r1; and.i64 r2 = r0, t0"),
	ONE(XOR, I64, X, K1, ~0ull, "not.i64 r2 = r0"), ONE(XOR, I32, X, K1, ~0ull, "not.i32 r2 = r0"),
	TWO(NOT, I64, X, NO, NOT, I64, T, NO, 0, 0, "mov.i64 r2 = r0"), TWO(NEG, I32, X, NO, NEG, I32, T, NO, 0, 0, "zext32.i64 r2 = r0"),
	TWO(BSWAP, I64, X, NO, BSWAP, I64, T, NO, 0, 0, "mov.i64 r2 = r0"), TWO(NEG, I64, X, NO, NEG, I32, T, NO, 0, 0, "neg.i64 t0 = r0; neg.i32 r2 = t0"),
	/* extend_nothing */
	TWO(SEXT8, I64, X, NO, SEXT32, I64, T, NO, 0, 0, "sext8.i64 r2 = r0"), TWO(SEXT32, I64, X, NO, SEXT32, I64, T, NO, 0, 0, "sext32.i64 r2 = r0"),
	TWO(ZEXT16, I64, X, NO, SEXT32, I64, T, NO, 0, 0, "zext16.i64 r2 = r0"), TWO(ZEXT16, I64, X, NO, SEXT16, I64, T, NO, 0, 0, "sext16.i64 r2 = r0"),
	TWO(ADD, I32, X, Y, ZEXT32, I64, T, NO, 0, 0, "add.i32 r2 = r0, r1"), TWO(ADD, I32, X, Y, SEXT32, I64, T, NO, 0, 0, "add.i32 t0 = r0, r1; sext32.i64 r2 = t0"),
	TWO(SETCOND, I64, X, Y, SEXT8, I64, T, NO, 0, 0, "setcond.i64.eq r2 = r0, r1"), TWO(SEXT8, I32, X, NO, SEXT32, I64, T, NO, 0, 0, "sext8.i32 t0 = r0; sext32.i64 r2 = t0"),
	/* extend_extended, extend_masked */
	TWO(ZEXT32, I64, X, NO, SEXT32, I64, T, NO, 0, 0, "sext32.i64 r2 = r0"), TWO(SEXT32, I64, X, NO, ZEXT8, I64, T, NO, 0, 0, "zext8.i64 r2 = r0"),
	TWO(SEXT8, I64, X, NO, ZEXT16, I64, T, NO, 0, 0, "sext8.i64 t0 = r0; zext16.i64 r2 = t0"),
	TWO(AND, I64, X, K1, ZEXT8, I64, T, NO, 0xfff, 0, "zext8.i64 r2 = r0"), TWO(AND, I64, X, K1, ZEXT8, I64, T, NO, 0x1fe, 0, "and.i64 t0 = r0, 510; zext8.i64 r2 = t0"),
	TWO(AND, I64, X, K1, ZEXT8, I64, T, NO, 0xfe, 0, "and.i64 r2 = r0, 254"),
	/* mov_narrow */
	ONE(MOV, I32, X, NO, 0, "zext32.i64 r2 = r0"), TWO(ADD, I32, X, Y, MOV, I32, T, NO, 0, 0, "add.i32 r2 = r0, r1"),
	/* commute_cond, setcond_known */
	COND(I64, LT, K1, X, 5, "setcond.i64.gt r2 = r0, 5"), COND(I64, GEU, K1, X, 5, "setcond.i64.leu r2 = r0, 5"), COND(I32, EQ, K1, X, 5, "setcond.i32.eq r2 = r0, 5"),
	COND(I64, LEU, K1, X, 5, "setcond.i64.geu r2 = r0, 5"), COND(I64, GT, K1, X, 5, "setcond.i64.lt r2 = r0, 5"),
	COND(I64, LE, K1, X, 5, "setcond.i64.ge r2 = r0, 5"), COND(I64, GE, K1, X, 5, "setcond.i64.le r2 = r0, 5"),
	COND(I64, LTU, K1, X, 5, "setcond.i64.gtu r2 = r0, 5"), COND(I64, GTU, K1, X, 5, "setcond.i64.ltu r2 = r0, 5"),
	COND(I64, EQ, X, X, 0, "mov.i64 r2 = 1"), COND(I64, LTU, X, X, 0, "mov.i64 r2 = 0"), COND(I64, LTU, X, K1, 0, "mov.i64 r2 = 0"),
	COND(I32, GEU, X, K1, 1ull << 32, "mov.i64 r2 = 1"), COND(I64, GEU, X, K1, 1ull << 32, "setcond.i64.geu r2 = r0, 0x100000000"),
	COND(I32, LT, K1, K1, 3, "mov.i64 r2 = 0"),
	/* setcond_of_bit, cond_of_setcond */
	COND2(I64, LT, X, Y, NE, T, K2, 0, 0, "setcond.i64.lt r2 = r0, r1"), COND2(I32, LT, X, Y, EQ, T, K2, 0, 0, "setcond.i32.ge r2 = r0, r1"),
	COND2(I32, LTU, X, Y, EQ, T, K2, 0, 1, "setcond.i32.ltu r2 = r0, r1"), COND2(I64, EQ, X, Y, NE, T, K2, 0, 1, "setcond.i64.ne r2 = r0, r1"),
	COND2(I64, EQ, X, Y, LT, T, K2, 0, 1, "setcond.i64.eq t0 = r0, r1; setcond.i32.lt r2 = t0, 1"),
};

static Ref row_operand(const struct Row *row, uint16_t operand, Ref t)
{
	return operand == T ? t : operand == K1 ? c(row->k1) : operand == K2 ? c(row->k2) : operand == NO ? REF_NONE : operand;
}

static void build_row(const struct Row *row)
{
	begin(0x1000);
	Ref t = REF_NONE;
	if (row->first.type != IR_NTYPES) {
		t = ir_temp(ir, IR_INT);
		ir_into2(ir, row->first.op, row->first.type, t, row_operand(row, row->first.a, t), row_operand(row, row->first.b, t));
		ir->ins[ir->nins - 1].cond = row->first.cond;
	}
	ir_into2(ir, row->second.op, row->second.type, 2, row_operand(row, row->second.a, t), row_operand(row, row->second.b, t));
	ir->ins[ir->nins - 1].cond = row->second.cond;
	end();
}

static uint64_t run_row(uint64_t x, uint64_t y)
{
	code_used = meta_used = 0;
	cpu->r[0] = x;
	cpu->r[1] = y;
	run_unit();
	return cpu->r[2];
}

START_TEST(rules_say_what_they_do)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		build_row(&rows[i]);
		ir_optimise(ir);
		ir_check(ir, "optimise");
		char *got = listing(), *want = g_strconcat(rows[i].want, "; exit -> 0x2000", NULL);
		ck_assert_msg(!strcmp(got, want), "row %u\n got %s\nwant %s", i, got, want);
		g_free(got);
		g_free(want);
	}
}
END_TEST

static const uint64_t samples[] = {
	0, 1, 2, 5, 31, 32, 63, 64, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x180000005,
	0x7fffffffffffffff, 0x8000000000000000, 0xffffffff80000000, ~0ull, 0x123456789abcdef0, 0xfedcba9876543210,
};

START_TEST(rules_keep_the_meaning)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++)
		for (unsigned a = 0; a < G_N_ELEMENTS(samples); a++) {
			uint64_t x = samples[a], y = samples[(a * 7 + 3) % G_N_ELEMENTS(samples)];
			build_row(&rows[i]);
			uint64_t before = run_row(x, y);
			ir_optimise(ir);
			uint64_t after = run_row(x, y);
			ck_assert_msg(before == after, "row %u of %#lx, %#lx: %#lx became %#lx", i, x, y, before, after);
			arena_reset(&arena);
		}
}
END_TEST

/* All integer operations on all pairs of samples: folded, and computed from registers. */
START_TEST(folding_computes_as_the_interpreter)
{
	for (unsigned op = IR_MOV; op <= IR_SETCOND; op++)
		for (unsigned type = IR_I32; type <= IR_I64; type++)
			for (unsigned cond = 0; cond <= (op == IR_SETCOND ? COND_NEVER : 0); cond++)
				for (unsigned a = 0; a < G_N_ELEMENTS(samples); a++)
					for (unsigned b = 0; b < G_N_ELEMENTS(samples); b += ir_op_info[op].nargs == 2 ? 1 : 99) {
						bool binary = ir_op_info[op].nargs == 2;
						if (type == IR_I32 && (op == IR_SEXT32 || op == IR_ZEXT32 || op == IR_CLMUL || op == IR_CLMULH))
							continue;
						begin(0x1000);
						ir_into2(ir, op, type, 2, c(samples[a]), binary ? c(samples[b]) : REF_NONE);
						ir->ins[ir->nins - 1].cond = cond;
						ir_into2(ir, op, type, 3, 0, binary ? 1 : REF_NONE);
						ir->ins[ir->nins - 1].cond = cond;
						end();
						ir_optimise(ir);
						ck_assert_uint_eq(ir->ins[1].op, IR_MOV);
						uint64_t folded = run_row(samples[a], samples[b]);
						ck_assert_msg(folded == cpu->r[3], "%s", ir_op_info[op].name);
						arena_reset(&arena);
					}
}
END_TEST

START_TEST(selects)
{
	Ref t = ir_temp(ir, IR_INT);
	ir_select(ir, IR_I64, COND_EQ, 2, c(1), c(1), 0, 1);
	ir_select(ir, IR_I64, COND_LT, 3, 0, 1, 5, 5);
	ir_select(ir, IR_I32, COND_LT, 4, 0, 1, c(0), c(1));
	ir_setcond(ir, IR_I32, COND_LTU, t, 0, 1);
	ir_select(ir, IR_I64, COND_EQ, 5, t, c(0), 0, 1);
	end();
	expect("mov.i64 r2 = r0; mov.i64 r3 = r5; setcond.i32.ge r4 = r0, r1; select.i32.geu r5 = r0, r1, r0, r1; exit -> 0x2000");
	/* the type is the comparison's: the result may be wide */
	begin(0x1000);
	ir_select(ir, IR_I32, COND_LT, 2, 0, 1, 2, 3);
	ir_into1(ir, IR_ZEXT32, IR_I64, 2, 2);
	end();
	expect("select.i32.lt r2 = r0, r1, r2, r3; zext32.i64 r2 = r2; exit -> 0x2000");
}
END_TEST

/* What an instruction made is looked through even if that overwrote its operand: the first goes. Not if it is seen in between. */
START_TEST(results_that_overwrite_operands)
{
	ir_into2(ir, IR_SHL, IR_I64, 0, 0, c(48));
	ir_mark(ir, 0x1004, "\1\0\0", 4);
	ir_into2(ir, IR_SHR, IR_I64, 0, 0, c(48));
	ir_poll(ir);
	ir_into2(ir, IR_SHL, IR_I64, 1, 1, c(32));
	ir_into2(ir, IR_SHR, IR_I64, 1, 1, c(30));
	ir_into2(ir, IR_ADD, IR_I64, 2, 2, c(3));
	ir_into2(ir, IR_ADD, IR_I64, 2, 2, c(4));
	ir_into2(ir, IR_SHL, IR_I64, 3, 3, c(32));
	ir_poll(ir);
	ir_into2(ir, IR_SHR, IR_I64, 3, 3, c(32));
	ir_into2(ir, IR_SHL, IR_I64, 4, 4, c(32));
	ir_into2(ir, IR_ADD, IR_I64, 4, 4, 4);
	ir_into2(ir, IR_SHR, IR_I64, 5, 5, c(7));
	ir_into2(ir, IR_SHR, IR_I64, 0, 5, c(7));
	end();
	expect("zext16.i64 r0 = r0; poll; zext32.i64 t0 = r1; shl.i64 r1 = t0, 2; add.i64 r2 = r2, 7; shl.i64 r3 = r3, 32; poll; shr.i64 r3 = r3, 32; "
	       "shl.i64 r4 = r4, 32; add.i64 r4 = r4, r4; shr.i64 r5 = r5, 7; shr.i64 r0 = r5, 7; exit -> 0x2000");
}
END_TEST

static void shift_words(unsigned left, unsigned right, unsigned from, unsigned count)
{
	ir_into1(ir, IR_SEXT32, IR_I64, left, ir_op2(ir, IR_SHL, IR_I32, from, c(count)));
	ir_into1(ir, IR_SEXT32, IR_I64, right, ir_op2(ir, IR_SHR, IR_I32, from, c(32 - count)));
}

/* turn: the value that is turned may be overwritten by the second shift, and not between the two. */
START_TEST(complementary_shifts_turn)
{
	shift_words(1, 2, 2, 7);
	ir_into2(ir, IR_OR, IR_I64, 1, 1, 2);
	end();
	expect("rotl.i32 t2 = r2, 7; shr.i32 r2 = r2, 25; sext32.i64 r1 = t2; exit -> 0x2000");
	begin(0x1000);
	ir_into2(ir, IR_SHR, IR_I64, 1, 3, c(60));
	ir_into2(ir, IR_SHL, IR_I64, 3, 3, c(4));
	ir_into2(ir, IR_XOR, IR_I64, 3, 3, 1);
	ir_into2(ir, IR_OR, IR_I64, 4, 3, 1);
	end();
	expect("shr.i64 r1 = r3, 60; rotl.i64 t0 = r3, 4; mov.i64 r3 = t0; or.i64 r4 = r3, r1; exit -> 0x2000");
	/* a word extended by zeros */
	begin(0x1000);
	Ref left = ir_op2(ir, IR_SHL, IR_I32, 0, c(8)), right = ir_op2(ir, IR_SHR, IR_I32, 0, c(24));
	ir_into2(ir, IR_OR, IR_I64, 2, left, right);
	end();
	expect("rotl.i32 r2 = r0, 8; exit -> 0x2000");
	/* counts that do not add up, another value, a shift in 64 bits of which the word is taken */
	begin(0x1000);
	ir_into2(ir, IR_SHL, IR_I64, 1, 3, c(4));
	ir_into2(ir, IR_SHR, IR_I64, 2, 3, c(61));
	ir_into2(ir, IR_OR, IR_I64, 4, 1, 2);
	ir_into2(ir, IR_SHL, IR_I64, 3, 3, c(4));
	ir_into2(ir, IR_SHR, IR_I64, 2, 3, c(60));
	ir_into2(ir, IR_OR, IR_I64, 5, 3, 2);
	end();
	expect("shl.i64 r1 = r3, 4; shr.i64 r2 = r3, 61; or.i64 r4 = r1, r2; shl.i64 r3 = r3, 4; shr.i64 r2 = r3, 60; or.i64 r5 = r3, r2; exit -> 0x2000");
	begin(0x1000);
	ir_into1(ir, IR_SEXT32, IR_I64, 1, ir_op2(ir, IR_SHL, IR_I64, 3, c(4)));
	ir_into2(ir, IR_SHR, IR_I64, 2, 3, c(60));
	ir_into2(ir, IR_OR, IR_I64, 4, 1, 2);
	end();
	expect("shl.i64 t0 = r3, 4; sext32.i64 r1 = t0; shr.i64 r2 = r3, 60; or.i64 r4 = r1, r2; exit -> 0x2000");
}
END_TEST

/* compute_both */
START_TEST(quotient_and_remainder_go_together)
{
	ir_into2(ir, IR_REMU, IR_I32, 2, 0, 1);
	ir_into2(ir, IR_ADD, IR_I64, 3, 3, 2);
	ir_into2(ir, IR_DIVU, IR_I32, 1, 0, 1);
	end();
	expect("remu.i32 r2 = r0, r1; divu.i32 r1 = r0, r1; add.i64 r3 = r3, r2; exit -> 0x2000");
	/* other operands, another kind, and a label or a call between */
	begin(0x1000);
	ir_into2(ir, IR_REMU, IR_I64, 0, 0, 1);
	ir_into2(ir, IR_DIVU, IR_I64, 2, 0, 1);
	ir_into2(ir, IR_DIVS, IR_I64, 3, 4, 5);
	ir_into2(ir, IR_REMU, IR_I64, 3, 4, 5);
	ir_into2(ir, IR_REMS, IR_I32, 3, 4, 5);
	end();
	expect("remu.i64 r0 = r0, r1; divu.i64 r2 = r0, r1; rems.i32 r3 = r4, r5; exit -> 0x2000");
}
END_TEST

/* compute_both: low and high half, in either order and with operands either way round */
START_TEST(halves_of_a_product_go_together)
{
	static const struct { enum IrOp first, second; bool turned; const char *want; } pairs[] = {
		{ IR_MUL, IR_MULHU, false, "mul.i64 r2 = r0, r1; mulhu.i64 t0 = r0, r1; load.i64.u8 r3 = r3; mov.i64 r1 = t0" },
		{ IR_MULHS, IR_MUL, false, "mulhs.i64 r2 = r0, r1; mul.i64 t0 = r0, r1; load.i64.u8 r3 = r3; mov.i64 r1 = t0" },
		{ IR_MUL, IR_MULHS, true, "mul.i64 r2 = r0, r1; mulhs.i64 t0 = r1, r0; load.i64.u8 r3 = r3; mov.i64 r1 = t0" },
		{ IR_MUL, IR_MULHSU, true, "mul.i64 r2 = r0, r1; mulhsu.i64 t0 = r1, r0; load.i64.u8 r3 = r3; mov.i64 r1 = t0" },
		{ IR_MULHSU, IR_MUL, true, "mulhsu.i64 r2 = r0, r1; mul.i64 t0 = r1, r0; load.i64.u8 r3 = r3; mov.i64 r1 = t0" },
		{ IR_MULHSU, IR_MULHU, false, "mulhsu.i64 r2 = r0, r1; load.i64.u8 r3 = r3; mulhu.i64 r1 = r0, r1" },
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(pairs); i++) {
		begin(0x1000);
		ir_into2(ir, pairs[i].first, IR_I64, 2, 0, 1);
		ir_load(ir, IR_I64, MEM_8, 3, 3, 0);
		ir_into2(ir, pairs[i].second, IR_I64, 1, pairs[i].turned, !pairs[i].turned);
		end();
		char *want = g_strconcat(pairs[i].want, "; exit -> 0x2000", NULL);
		expect(want);
		g_free(want);
	}
	/* several at once; an operand that changes between; words; a factor that was folded into another */
	begin(0x1000);
	ir_into2(ir, IR_MUL, IR_I64, 2, 0, 1);
	ir_into2(ir, IR_MULHU, IR_I64, 3, 4, 5);
	ir_into2(ir, IR_MULHU, IR_I64, 1, 0, 1);
	ir_into2(ir, IR_MUL, IR_I64, 4, 4, 5);
	end();
	expect("mul.i64 r2 = r0, r1; mulhu.i64 r1 = r0, r1; mulhu.i64 r3 = r4, r5; mul.i64 r4 = r4, r5; exit -> 0x2000");
	begin(0x1000);
	ir_into2(ir, IR_MUL, IR_I64, 2, 0, 1);
	ir_into2(ir, IR_ADD, IR_I64, 1, 1, c(1));
	ir_into2(ir, IR_MULHU, IR_I64, 3, 0, 1);
	ir_into2(ir, IR_MUL, IR_I32, 4, 0, 1);
	ir_into2(ir, IR_MULHU, IR_I32, 5, 0, 1);
	end();
	expect("mul.i64 r2 = r0, r1; add.i64 r1 = r1, 1; mulhu.i64 r3 = r0, r1; mul.i32 r4 = r0, r1; mulhu.i32 r5 = r0, r1; exit -> 0x2000");
	begin(0x1000);
	ir_into2(ir, IR_MUL, IR_I64, 2, 0, 1);
	ir_into2(ir, IR_MULHU, IR_I64, 3, 0, 1);
	ir_into2(ir, IR_ADD, IR_I64, 1, 1, c(1));
	ir_into2(ir, IR_MULHU, IR_I64, 4, 0, 1);
	end();
	expect("mul.i64 r2 = r0, r1; mulhu.i64 r3 = r0, r1; add.i64 r1 = r1, 1; mulhu.i64 r4 = r0, r1; exit -> 0x2000");
	begin(0x1000);
	Ref t = ir_op2(ir, IR_MUL, IR_I64, 0, c(3));
	ir_into2(ir, IR_MUL, IR_I64, 2, t, c(5));
	ir_into2(ir, IR_MULHU, IR_I64, 3, t, c(5));
	end();
	expect("mul.i64 t0 = r0, 3; mul.i64 r2 = r0, 15; mulhu.i64 r3 = t0, 5; exit -> 0x2000");
}
END_TEST

/* narrow_cond, and the widths that it and the extensions go by */
START_TEST(widths_go_on)
{
	ir_load(ir, IR_I64, MEM_32 | MEM_SIGNED, 1, 0, 0);
	ir_load(ir, IR_I64, MEM_16, 2, 0, 8);
	ir_into2(ir, IR_XOR, IR_I64, 3, 1, 2);
	ir_into1(ir, IR_SEXT32, IR_I64, 4, 3);
	ir_into2(ir, IR_SHR, IR_I64, 5, 2, c(8));
	ir_into1(ir, IR_ZEXT8, IR_I64, 5, 5);
	ir_exit_cond(ir, IR_I64, COND_LTU, 4, 2, 0x3000);
	ir_setcond(ir, IR_I64, COND_LT, 0, 3, c(-5));
	ir_into2(ir, IR_ADD, IR_I64, 2, 1, 2);
	ir_into1(ir, IR_SEXT32, IR_I64, 2, 2);
	ir_exit_cond(ir, IR_I64, COND_LTU, 4, c(0x80000000), 0x3000);
	end();
	expect("load.i64.s32 r1 = r0; load.i64.u16 r2 = r0, +8; xor.i64 r3 = r1, r2; mov.i64 r4 = r3; shr.i64 r5 = r2, 8; exitcond.i32.ltu r3, r2 -> 0x3000; "
	       "setcond.i32.lt r0 = r3, -5; add.i64 r2 = r1, r2; sext32.i64 r2 = r2; exitcond.i64.ltu r3, 0x80000000 -> 0x3000; exit -> 0x2000");
}
END_TEST

/* setcond_of_bit, where the comparison's operands are gone */
START_TEST(bits_are_conditions)
{
	Ref t = ir_temp(ir, IR_INT);
	ir_setcond(ir, IR_I64, COND_LT, t, 0, 1);
	ir_into1(ir, IR_MOV, IR_I64, 0, 3);
	ir_setcond(ir, IR_I64, COND_NE, 2, t, c(0));
	ir_setcond(ir, IR_I64, COND_EQ, 4, t, c(0));
	end();
	expect("setcond.i64.lt t0 = r0, r1; mov.i64 r0 = r3; mov.i64 r2 = t0; setcond.i32.eq r4 = t0, 0; exit -> 0x2000");
}
END_TEST

START_TEST(displacements)
{
	Ref t = ir_op2(ir, IR_ADD, IR_I64, 0, c(100)), u = ir_op2(ir, IR_ADD, IR_I64, 1, c(0x7fffffff));
	ir_load(ir, IR_I64, MEM_64, 2, t, -4);
	ir_store(ir, IR_I64, MEM_32, t, 8, 1);
	ir_load(ir, IR_I64, MEM_64, 3, u, 1);
	ir_into2(ir, IR_ADD, IR_I64, 0, 0, c(16));      /* r0 of before is gone */
	ir_load(ir, IR_I64, MEM_64, 4, t, 0);
	end();
	expect("add.i64 t0 = r0, 100; add.i64 t1 = r1, 0x7fffffff; load.i64.u64 r2 = r0, +96; store.i64.u32 r0, r1, +108; "
	       "load.i64.u64 r3 = t1, +1; add.i64 r0 = r0, 16; load.i64.u64 r4 = t0; exit -> 0x2000");
}
END_TEST

START_TEST(float_moves)
{
	Ref bits = ir_op1(ir, IR_BITSF, IR_F64, 0), single = ir_op1(ir, IR_BITSF, IR_F32, 1);
	ir_into1(ir, IR_FBITS, IR_F64, 2, bits);
	ir_into1(ir, IR_FBITS, IR_F32, 3, single);
	Ref value = ir_op1(ir, IR_UNBOX32, IR_F32, F0), boxed = ir_op1(ir, IR_BOX32, IR_F64, value);
	Ref again = ir_op1(ir, IR_UNBOX32, IR_F32, boxed);
	ir_into1(ir, IR_FNEG, IR_F32, F0 + 1, again);
	ir_into1(ir, IR_BOX32, IR_F64, F0 + 1, F0 + 1);
	end();
	expect("mov.i64 r2 = r0; zext32.i64 r3 = r1; unbox32.f32 t2 = f0; fneg.f32 f1 = t2; box32.f64 f1 = f1; exit -> 0x2000");
}
END_TEST

/* -- control -------------------------------------------------------------------------------------------------------- */

static uint64_t callee(void) { return 0; }

START_TEST(known_branches)
{
	unsigned label = ir_label(ir);
	ir_into1(ir, IR_MOV, IR_I64, 0, c(5));
	ir_exit_cond(ir, IR_I64, COND_NE, 0, c(5), 0x3000);
	ir_brcond(ir, IR_I64, COND_EQ, 0, c(5), label);
	ir_into1(ir, IR_MOV, IR_I64, 1, c(1));
	ir_emit_label(ir, label);
	ir_into2(ir, IR_ADD, IR_I64, 0, 0, 1);
	ir_brcond(ir, IR_I64, COND_EQ, 0, c(5), label);
	ir_exit_cond(ir, IR_I64, COND_ALWAYS, REF_NONE, REF_NONE, 0x4000);
	ir_into1(ir, IR_MOV, IR_I64, 2, c(2));
	end();
	/* behind the label nothing is known of r0 */
	ir->ins[ir->nins - 3].a[0] = ir->ins[ir->nins - 3].a[1] = 0;
	expect("mov.i64 r0 = 5; br L0; label L0; add.i64 r0 = r0, r1; brcond.i64.eq r0, 5 L0; exit -> 0x4000");
}
END_TEST

static void guard(Ref target, uint64_t expected)
{
	Ref k = c(expected);

	ir_exit_indirect(ir, target, EXIT_RETURN, 0);
	struct Ins *ins = &ir->ins[ir->nins - 1];
	ins->op = IR_GUARD;
	ins->a[1] = k;
}

START_TEST(known_targets)
{
	guard(2, 0x3000);
	ir_into1(ir, IR_MOV, IR_I64, 0, c(0x3000));
	guard(0, 0x3000);
	ir_exit_indirect(ir, 0, EXIT_CALL_INDIRECT, 0x1004);
	expect("guard.i64 r2, 0x3000 (return); mov.i64 r0 = 0x3000; exit -> 0x3000 (indirect call)");
	begin(0x1000);
	ir_into1(ir, IR_MOV, IR_I64, 0, c(0x3004));
	guard(0, 0x3000);
	end();
	expect("mov.i64 r0 = 0x3004; exit -> 0x3004 (return)");
}
END_TEST

START_TEST(constants_that_all_ways_bring)
{
	unsigned labels[] = { ir_label(ir), ir_label(ir), ir_label(ir) };

	ir_into1(ir, IR_MOV, IR_I64, 0, c(5));
	ir_into1(ir, IR_MOV, IR_I64, 1, c(6));
	ir_brcond(ir, IR_I64, COND_EQ, 3, 4, labels[0]);
	ir_into1(ir, IR_MOV, IR_I64, 1, c(7));
	ir_emit_label(ir, labels[0]);
	ir_into2(ir, IR_ADD, IR_I64, 2, 0, 1);
	/* a label that is reached from behind, where it is not yet known what comes */
	ir_emit_label(ir, labels[1]);
	ir_into2(ir, IR_ADD, IR_I64, 2, 0, 1);
	ir_into1(ir, IR_MOV, IR_I64, 0, c(8));
	ir_brcond(ir, IR_I64, COND_NE, 3, 4, labels[1]);
	/* and one that a call comes before, on one way */
	ir_brcond(ir, IR_I64, COND_LT, 3, 4, labels[2]);
	ir_call(ir, REF_NONE, callee, "callee", IRC_WRITES, 0, NULL);
	ir_emit_label(ir, labels[2]);
	ir_into2(ir, IR_ADD, IR_I64, 2, 0, c(1));
	end();
	expect("mov.i64 r0 = 5; mov.i64 r1 = 6; brcond.i64.eq r3, r4 L0; mov.i64 r1 = 7; label L0; add.i64 r2 = r1, 5; label L1; "
	       "add.i64 r2 = r0, r1; mov.i64 r0 = 8; brcond.i64.ne r3, r4 L1; brcond.i64.lt r3, r4 L2; call.i64 callee() reads writes; label L2; "
	       "add.i64 r2 = r0, 1; exit -> 0x2000");
}
END_TEST

/* r0 = 5, then a loop that BODY makes the middle of, with its label; returns how r0 is used at its head. */
static const char *at_head(void (*body)(unsigned label))
{
	static char use[64];

	begin(0x1000);
	unsigned label = ir_label(ir);
	ir_into1(ir, IR_MOV, IR_I64, 0, c(5));
	ir_emit_label(ir, label);
	ir_into2(ir, IR_ADD, IR_I64, 2, 3, 0);
	body(label);
	ir_brcond(ir, IR_I64, COND_NE, 3, 4, label);
	end();
	ir_optimise(ir);
	ir_check(ir, "optimise");
	for (unsigned i = 0; i < ir->nins; i++)
		if (ir->ins[i].op == IR_ADD && ir->ins[i].d == 2) {
			GString *line = g_string_new(NULL);
			ir_print_ins(ir, &ir->ins[i], line);
			snprintf(use, sizeof use, "%s", strstr(line->str, "r3"));
			g_string_free(line, TRUE);
			break;
		}
	return use;
}

static void nothing(unsigned label) { (void)label; }
static void writes_other(unsigned label) { (void)label; ir_into1(ir, IR_MOV, IR_I64, 1, 3); }
static void writes_same(unsigned label) { (void)label; ir_into2(ir, IR_ADD, IR_I64, 0, c(2), c(3)); }
static void writes_same_by_way(unsigned label) { (void)label; ir_into1(ir, IR_MOV, IR_I64, 1, 0); ir_into1(ir, IR_MOV, IR_I64, 0, 3); ir_into1(ir, IR_MOV, IR_I64, 0, 1); }
static void writes(unsigned label) { (void)label; ir_into1(ir, IR_MOV, IR_I64, 0, 3); }
static void writes_constant(unsigned label) { (void)label; ir_into1(ir, IR_MOV, IR_I64, 0, c(6)); }
static void adds(unsigned label) { (void)label; ir_into2(ir, IR_ADD, IR_I64, 0, 0, c(1)); }
static void loads(unsigned label) { (void)label; ir_load(ir, IR_I64, MEM_64, 0, 3, 0); }
static void call_writes(unsigned label) { (void)label; ir_call(ir, REF_NONE, callee, "callee", IRC_WRITES, 0, NULL); }
static void call_results(unsigned label) { (void)label; ir_call(ir, 1, callee, "callee", IRC_WRITES, 0, NULL); }
static void call_reads(unsigned label) { (void)label; ir_call(ir, REF_NONE, callee, "callee", IRC_READS, 0, NULL); }
static void leaves(unsigned label) { (void)label; ir_exit_cond(ir, IR_I64, COND_LT, 3, 4, 0x3000); }

/* Only what comes back counts. */
static void writes_and_leaves(unsigned label)
{
	unsigned on = ir_label(ir);

	(void)label;
	ir_brcond(ir, IR_I64, COND_LT, 3, 4, on);
	ir_into1(ir, IR_MOV, IR_I64, 0, 3);
	ir_exit(ir, 0x3000, EXIT_JUMP, 0);
	ir_emit_label(ir, on);
}

static void writes_on_one_way(unsigned label)
{
	unsigned on = ir_label(ir);

	(void)label;
	ir_brcond(ir, IR_I64, COND_LT, 3, 4, on);
	ir_into1(ir, IR_MOV, IR_I64, 0, 3);
	ir_emit_label(ir, on);
}

static void writes_and_goes_round(unsigned label)
{
	unsigned on = ir_label(ir);

	ir_brcond(ir, IR_I64, COND_LT, 3, 4, on);
	ir_into1(ir, IR_MOV, IR_I64, 0, 3);
	ir_br(ir, label);
	ir_emit_label(ir, on);
}

/* A loop within, which writes, and one that does not. */
static void loops_and_writes(unsigned label)
{
	unsigned inner = ir_label(ir);

	(void)label;
	ir_emit_label(ir, inner);
	ir_into2(ir, IR_ADD, IR_I64, 0, 0, 3);
	ir_brcond(ir, IR_I64, COND_LT, 3, 4, inner);
}

static void loops(unsigned label)
{
	unsigned inner = ir_label(ir);

	(void)label;
	ir_emit_label(ir, inner);
	ir_into2(ir, IR_ADD, IR_I64, 1, 0, 3);
	ir_brcond(ir, IR_I64, COND_LT, 3, 4, inner);
}

/* What is known of a branch is known round loops, and what it is known not to lead to does not count. */
static void writes_never(unsigned label)
{
	unsigned on = ir_label(ir);

	(void)label;
	ir_brcond(ir, IR_I64, COND_EQ, 0, c(5), on);
	ir_into1(ir, IR_MOV, IR_I64, 0, 3);
	ir_emit_label(ir, on);
}

static void writes_when_that_is_written(unsigned label)
{
	writes_never(label);
	ir_into1(ir, IR_MOV, IR_I64, 0, c(6));
}

START_TEST(constants_go_round_loops)
{
	static const struct { void (*body)(unsigned label); bool known; } bodies[] = {
		{ nothing, true }, { writes_other, true }, { writes_same, true }, { writes_same_by_way, true }, { call_reads, true }, { leaves, true },
		{ writes_and_leaves, true }, { loops, true }, { writes_never, true },
		{ writes, false }, { writes_constant, false }, { adds, false }, { loads, false }, { call_writes, false }, { call_results, false },
		{ writes_on_one_way, false }, { writes_and_goes_round, false }, { loops_and_writes, false }, { writes_when_that_is_written, false },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(bodies); i++)
		ck_assert_msg(!strcmp(at_head(bodies[i].body), bodies[i].known ? "r3, 5" : "r3, r0"), "body %u: %s", i, at_head(bodies[i].body));
}
END_TEST

/* A loop that is entered in its middle, too. */
START_TEST(constants_of_all_ways_into_a_loop)
{
	unsigned labels[] = { ir_label(ir), ir_label(ir) };

	ir_into1(ir, IR_MOV, IR_I64, 0, c(5));
	ir_into1(ir, IR_MOV, IR_I64, 1, c(7));
	ir_brcond(ir, IR_I64, COND_EQ, 3, 4, labels[1]);
	ir_into1(ir, IR_MOV, IR_I64, 1, c(8));
	ir_emit_label(ir, labels[0]);
	ir_into2(ir, IR_ADD, IR_I64, 2, 0, 1);
	ir_emit_label(ir, labels[1]);
	ir_into2(ir, IR_SUB, IR_I64, 2, 0, 1);
	ir_brcond(ir, IR_I64, COND_NE, 3, 4, labels[0]);
	end();
	expect("mov.i64 r0 = 5; mov.i64 r1 = 7; brcond.i64.eq r3, r4 L1; mov.i64 r1 = 8; label L0; add.i64 r2 = r1, 5; label L1; "
	       "sub.i64 r2 = 5, r1; brcond.i64.ne r3, r4 L0; exit -> 0x2000");
}
END_TEST

/* Who goes on behind a comparison knows what it was for. */
START_TEST(comparisons_tell)
{
	unsigned label = ir_label(ir);

	ir_brcond(ir, IR_I64, COND_NE, 0, c(5), label);
	ir_exit_cond(ir, IR_I64, COND_NE, 1, c(6), 0x3000);
	ir_exit_cond(ir, IR_I32, COND_NE, 2, c(6), 0x3000);
	ir_exit_cond(ir, IR_I64, COND_EQ, 3, c(6), 0x3000);
	guard(4, 0x3000);
	ir_into2(ir, IR_ADD, IR_I64, 5, 0, 1);
	ir_into2(ir, IR_ADD, IR_I64, 1, 2, 3);
	ir_into2(ir, IR_ADD, IR_I64, 0, 4, c(4));
	ir_emit_label(ir, label);
	end();
	expect("brcond.i64.ne r0, 5 L0; exitcond.i64.ne r1, 6 -> 0x3000; exitcond.i32.ne r2, 6 -> 0x3000; exitcond.i64.eq r3, 6 -> 0x3000; "
	       "guard.i64 r4, 0x3000 (return); mov.i64 r5 = 11; add.i64 r1 = r2, r3; mov.i64 r0 = 0x3004; label L0; exit -> 0x2000");
}
END_TEST

START_TEST(compare_and_branch_fuse)
{
	Ref t = ir_temp(ir, IR_INT);
	ir_setcond(ir, IR_I32, COND_LT, t, 0, 1);
	ir_exit_cond(ir, IR_I64, COND_EQ, t, c(0), 0x3000);
	end();
	expect("exitcond.i32.ge r0, r1 -> 0x3000; exit -> 0x2000");
}
END_TEST

START_TEST(conditional_calls)
{
	for (unsigned cond = COND_EQ; cond <= COND_NE; cond++) {
		ir_call(ir, REF_NONE, callee, "callee", 0, 0, NULL);
		ir->ins[ir->nins - 1].cond = cond;
		ir->ins[ir->nins - 1].a[0] = ir->ins[ir->nins - 1].a[1] = c(1);
	}
	end();
	expect("call.i64 callee(); exit -> 0x2000");
}
END_TEST

/* -- propagation ---------------------------------------------------------------------------------------------------- */

START_TEST(copies_hold_until_assigned)
{
	ir_into1(ir, IR_MOV, IR_I64, 1, 0);
	ir_into2(ir, IR_ADD, IR_I64, 2, 1, c(1));
	ir_into1(ir, IR_MOV, IR_I64, 0, c(9));
	ir_into2(ir, IR_ADD, IR_I64, 3, 1, 0);
	ir_into1(ir, IR_MOV, IR_I64, 1, 1);
	end();
	expect("mov.i64 r1 = r0; add.i64 r2 = r0, 1; mov.i64 r0 = 9; add.i64 r3 = r1, 9; exit -> 0x2000");
}
END_TEST

START_TEST(calls_that_write_end_what_is_known)
{
	ir_into1(ir, IR_MOV, IR_I64, 0, c(9));
	Ref t = ir_temp(ir, IR_INT);
	ir_into1(ir, IR_MOV, IR_I64, t, 1);
	ir_call(ir, REF_NONE, callee, "callee", IRC_WRITES, 0, NULL);
	ir_into2(ir, IR_ADD, IR_I64, 2, 0, t);
	end();
	expect("mov.i64 r0 = 9; mov.i64 t0 = r1; call.i64 callee() reads writes; add.i64 r2 = r0, t0; exit -> 0x2000");
}
END_TEST

START_TEST(calls_that_read_do_not)
{
	ir_into1(ir, IR_MOV, IR_I64, 0, c(9));
	ir_call(ir, REF_NONE, callee, "callee", IRC_READS, 0, NULL);
	ir_into2(ir, IR_ADD, IR_I64, 0, 0, c(1));
	end();
	expect("mov.i64 r0 = 9; call.i64 callee() reads; mov.i64 r0 = 10; exit -> 0x2000");
}
END_TEST

START_TEST(temporaries_coalesce)
{
	Ref t = ir_temp(ir, IR_INT), u = ir_temp(ir, IR_INT);
	ir_load(ir, IR_I64, MEM_32, t, 0, 0);
	ir_into1(ir, IR_MOV, IR_I64, 0, t);
	ir_load(ir, IR_I64, MEM_32, u, 1, 0);
	ir_into1(ir, IR_MOV, IR_I64, 1, u);
	ir_into2(ir, IR_ADD, IR_I64, 2, u, c(1));
	end();
	expect("load.i64.u32 r0 = r0; load.i64.u32 t1 = r1; mov.i64 r1 = t1; add.i64 r2 = t1, 1; exit -> 0x2000");
}
END_TEST

/* With something between: what makes the temporary moves past nothing that it, or that looks at the result or where it goes. */
START_TEST(temporaries_coalesce_from_afar)
{
	static const char *const wants[] = {
		"add.i64 r0 = r1, r2; xor.i64 r3 = r4, r5", "add.i64 t0 = r1, r2; load.i64.u64 r3 = r4; mov.i64 r0 = t0", "add.i64 t0 = r1, r2; xor.i64 r3 = r0, r5; mov.i64 r0 = t0",
		"add.i64 t0 = r1, r2; poll; mov.i64 r0 = t0", "add.i64 t0 = r1, r2; xor.i64 r3 = r4, t0; mov.i64 r0 = t0",
		"add.i64 t0 = r1, r2; exitcond.i64.eq r3, r4 -> 0x3000; mov.i64 r0 = t0",
	};
	for (unsigned i = 0; i < G_N_ELEMENTS(wants); i++) {
		begin(0x1000);
		Ref t = ir_op2(ir, IR_ADD, IR_I64, 1, 2);
		ir_mark(ir, 0x1004, "\1\0\0", 4);
		switch (i) {
		case 1: ir_load(ir, IR_I64, MEM_64, 3, 4, 0); break;
		case 3: ir_poll(ir); break;
		case 5: ir_exit_cond(ir, IR_I64, COND_EQ, 3, 4, 0x3000); break;
		default: ir_into2(ir, IR_XOR, IR_I64, 3, i == 2 ? 0 : 4, i == 4 ? t : 5);
		}
		ir_into1(ir, IR_MOV, IR_I64, 0, t);
		end();
		char *want = g_strconcat(wants[i], "; exit -> 0x2000", NULL);
		expect(want);
		g_free(want);
	}
}
END_TEST

/* -- dead code ------------------------------------------------------------------------------------------------------ */

/* r0 is assigned twice with the given instruction between. */
static void between(unsigned op, unsigned call_flags, bool first_stays)
{
	begin(0x1000);
	Ref t = ir_temp(ir, IR_INT);
	ir_into2(ir, IR_ADD, IR_I64, t, 1, 2);          /* never used */
	ir_into1(ir, IR_MOV, IR_I64, 0, 1);
	unsigned label;
	switch (op) {
	case IR_LOAD: ir_load(ir, IR_I64, MEM_64, 5, 3, 0); break;
	case IR_STORE: ir_store(ir, IR_I64, MEM_64, 3, 0, 4); break;
	case IR_FADDI: ir_atomic(ir, IR_FADDI, IR_I64, MEM_64, 5, 3, 4, REF_NONE); break;
	case IR_POLL: ir_poll(ir); break;
	case IR_CALL: ir_call(ir, REF_NONE, callee, "callee", call_flags, 0, NULL); break;
	case IR_EXITCOND: ir_exit_cond(ir, IR_I64, COND_EQ, 3, 4, 0x3000); break;
	case IR_GUARD: guard(3, 0x3000); break;
	case IR_BRCOND: case IR_LABEL:
		label = ir_label(ir);
		if (op == IR_BRCOND)
			ir_brcond(ir, IR_I64, COND_EQ, 3, 4, label);
		ir_emit_label(ir, label);
		break;
	case IR_FENCE: ir_fence(ir, IR_FENCE_ALL); break;
	default: ir_mark(ir, 0x1004, "\1\0\0", 4);
	}
	ir_into1(ir, IR_MOV, IR_I64, 0, 2);
	end();
	ir_optimise(ir);
	ir_check(ir, "optimise");
	char *got = listing();
	ck_assert_msg(g_str_has_prefix(got, "mov.i64 r0 = r1") == first_stays, "%s", got);
	ck_assert(strstr(got, "mov.i64 r0 = r2"));
	ck_assert(!strstr(got, "add.i64 t0"));
	g_free(got);
}

START_TEST(writes_stay_where_they_are_seen)
{
	between(IR_LOAD, 0, true);
	between(IR_STORE, 0, true);
	between(IR_FADDI, 0, true);
	between(IR_POLL, 0, true);
	between(IR_EXITCOND, 0, true);
	between(IR_GUARD, 0, true);
	between(IR_BRCOND, 0, true);
	between(IR_LABEL, 0, true);
	between(IR_CALL, IRC_READS, true);
	between(IR_CALL, IRC_WRITES, true);
	between(IR_CALL, IRC_RAISES, true);
	between(IR_CALL, 0, false);
	between(IR_CALL, IRC_PROBE | IRC_FP, false);
	between(IR_FENCE, 0, false);
	between(IR_MARK, 0, false);
}
END_TEST

START_TEST(results_nobody_wants)
{
	Ref t = ir_temp(ir, IR_INT), u = ir_temp(ir, IR_INT), v = ir_temp(ir, IR_VEC);
	ir_load(ir, IR_I64, MEM_64, t, 0, 0);
	ir_get(ir, MEM_64, u, offsetof(struct TestCpu, state));
	ir_call(ir, u, callee, "pure", IRC_PURE, 0, NULL);
	ir_call(ir, u, callee, "impure", 0, 0, NULL);
	ir_fp(ir, IR_FADD, IR_F64, ROUND_NE, v, F0, F0, REF_NONE);
	end();
	expect("load.i64.u64 r0; call.i64 impure(); fadd.f64.rne t2 = f0, f0; exit -> 0x2000");
}
END_TEST

/* cell += AMOUNT, cells being numbered. */
static void add_to_cell(unsigned cell, uint64_t amount)
{
	Ref a = c(amount);
	struct Ins *ins = ir_append(ir, IR_SLOTADD, IR_I64);

	ins->a[0] = a;
	ins->imm = 0x100 + cell * 8;
}

START_TEST(counters_merge_up_to_what_can_see_them)
{
	add_to_cell(0, 1);
	add_to_cell(1, 5);
	ir_into2(ir, IR_ADD, IR_I64, 2, 0, c(1));
	add_to_cell(0, 2);
	ir_load(ir, IR_I64, MEM_64, 3, 0, 0);
	add_to_cell(0, 4);
	ir_exit_cond(ir, IR_I64, COND_EQ, 0, 1, 0x3000);
	add_to_cell(0, 8);
	add_to_cell(0, 16);
	end();
	expect("slotadd.i64 5 [cpu+0x108]; add.i64 r2 = r0, 1; slotadd.i64 3 [cpu+0x100]; load.i64.u64 r3 = r0; slotadd.i64 4 [cpu+0x100]; "
	       "exitcond.i64.eq r0, r1 -> 0x3000; slotadd.i64 24 [cpu+0x100]; exit -> 0x2000");
}
END_TEST

START_TEST(partial_vector_writes)
{
	ir_into1(ir, IR_MOV, IR_V128, V0, V0);
	ir_into1(ir, IR_BITSF, IR_F64, V0, 1);          /* leaves the upper half */
	ir_into1(ir, IR_BITSF, IR_F64, F0, 1);
	ir_into1(ir, IR_BITSF, IR_F64, F0, 2);
	end();
	expect("bitsf.f64 v = r1; bitsf.f64 f0 = r2; exit -> 0x2000");
	begin(0x1000);
	Ref t = ir_temp(ir, IR_VEC);
	ir_load(ir, IR_V128, MEM_128, t, 0, 0);
	ir_into1(ir, IR_FNEG, IR_F64, t, t);
	ir_into1(ir, IR_FABS, IR_F64, V0, t);
	ir_into1(ir, IR_BITSF, IR_F64, V0, 1);
	end();
	expect("load.v128.u128 t0 = r0; fneg.f64 t0 = t0; fabs.f64 v = t0; bitsf.f64 v = r1; exit -> 0x2000");
}
END_TEST

/* -- random units ----------------------------------------------------------------------------------------------------- */

static uint64_t seed;

static uint64_t random64(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1d;
}
static unsigned below(unsigned n) { return (random64() >> 33) % n; }

/* What calls saw, hashed. */
static uint64_t witness;

static uint64_t look(uint64_t a)
{
	for (unsigned i = 0; i < NREGS; i++)
		witness = (witness ^ cpu->r[i]) * 0x9e3779b97f4a7c15;
	witness = (witness ^ cpu->cpu.pc ^ a) * 0x9e3779b97f4a7c15;
	return witness;
}

static uint64_t blind(uint64_t a) { return witness = (witness ^ a) * 0x9e3779b97f4a7c15; }

static uint64_t change(uint64_t a)
{
	look(a);
	cpu->r[1 + a % (NREGS - 1)] += a;         /* r0 stays the address of memory */
	return a;
}

enum { BASE_REGISTER = 0, NTEMPS = 6 };         /* r0 points to memory or, rarely, nowhere */
static Ref temps[NTEMPS], floats[2];
static bool ready[NTEMPS], float_ready[2];

static Ref random_operand(void)
{
	switch (below(4)) {
	case 0: return c(below(3) ? samples[below(G_N_ELEMENTS(samples))] : random64());
	case 1: {
		unsigned i = below(NTEMPS);
		if (ready[i])
			return temps[i];
	} /* fallthrough */
	default: return 1 + below(NREGS - 1);
	}
}

static Ref random_result(void)
{
	if (below(2)) {
		unsigned i = below(NTEMPS);
		ready[i] = true;
		return temps[i];
	}
	return 1 + below(NREGS - 1);
}

static void random_memory(void)
{
	static const uint8_t atomic[] = { IR_XCHG, IR_FADDI, IR_FANDI, IR_FMINS, IR_FMAXU };
	unsigned mem = below(4) | (below(2) ? MEM_SIGNED : 0);
	Ref addr = BASE_REGISTER;
	int disp = below(MEMORY - 16);

	if (below(3) == 0) {
		addr = temps[0];
		ready[0] = true;
		ir_into2(ir, IR_ADD, IR_I64, addr, BASE_REGISTER, c(8));
	}
	switch (below(3)) {
	case 0: {
		Ref value = random_operand();
		ir_store(ir, IR_I64, mem & MEM_SIZE, addr, disp, value);
		break;
	}
	case 1: {
		Ref value = random_operand();
		ir_atomic(ir, atomic[below(5)], IR_I64, MEM_64, random_result(), addr, value, REF_NONE);
		ir->ins[ir->nins - 1].imm = disp & ~7;
		break;
	}
	default:
		ir_load(ir, IR_I64, mem, random_result(), addr, disp);
	}
}

static void random_float(void)
{
	static const uint8_t arithmetic[] = { IR_FADD, IR_FMUL, IR_FDIV, IR_FMIN };
	unsigned i = below(2);
	Ref f = float_ready[i] ? floats[i] : F0 + below(NFREGS);
	Ref d = below(2) ? F0 + below(NFREGS) : (float_ready[!i] = true, floats[!i]);

	switch (below(6)) {
	case 0: ir_fp(ir, arithmetic[below(4)], IR_F64, below(5), d, f, F0 + below(NFREGS), REF_NONE); break;
	case 1: ir_into1(ir, IR_FNEG, IR_F64, d, f); break;
	case 2: ir_into1(ir, IR_BITSF, IR_F64, d, random_operand()); break;
	case 3: ir_into1(ir, IR_FBITS, IR_F64, random_result(), f); float_ready[!i] &= d != floats[!i]; break;
	case 4: ir_into1(ir, IR_MOV, IR_F64, d, f); break;
	default: {
		Ref single = ir_op1(ir, IR_UNBOX32, IR_F32, f), sum = ir_temp(ir, IR_VEC);
		ir_fp(ir, arithmetic[below(4)], IR_F32, below(5), sum, single, single, REF_NONE);
		ir_into1(ir, IR_BOX32, IR_F64, d, sum);
	}
	}
}

static void random_call(void)
{
	static const struct { void *fn; uint8_t flags; } functions[] = {
		{ blind, 0 }, { look, IRC_READS }, { change, IRC_WRITES }, { look, IRC_RAISES },
	};
	unsigned which = below(4);
	Ref arg = random_operand();
	bool conditional = below(4) == 0;
	ir_call(ir, conditional ? REF_NONE : random_result(), functions[which].fn, "call", functions[which].flags, 1, &arg);
	if (conditional) {
		struct Ins *ins = &ir->ins[ir->nins - 1];
		ins->cond = below(COND_ALWAYS);
		Ref a = random_operand();
		ins->a[0] = ready[0] && a == temps[0] ? temps[0] : a;
		ins->a[1] = 1 + below(NREGS - 1);
	}
}

/* Two or three instructions that rules look at together, on few registers. */
static void random_idiom(void)
{
	Ref a = 1 + below(3), b = 1 + below(3), d = 1 + below(3);
	unsigned type = below(2), width = type == IR_I32 ? 32 : 64, count = 1 + below(width - 1);

	switch (below(5)) {
	case 0:
		count = below(2) ? 32 : 48;
		ir_into2(ir, IR_SHL, IR_I64, a, b, c(count));
		ir_into2(ir, below(2) ? IR_SHR : IR_SAR, IR_I64, d, a, c(below(2) ? count : below(64)));
		break;
	case 1: {
		bool sign = type == IR_I32 && below(4);
		Ref t[2] = { ir_temp(ir, IR_INT), ir_temp(ir, IR_INT) }, to[2] = { a, d };
		for (unsigned i = 0; i < 2; i++) {
			ir_into2(ir, i ? IR_SHR : IR_SHL, type, t[i], b, c(i ? width - count : count));
			ir_into1(ir, sign ? IR_SEXT32 : IR_MOV, IR_I64, to[i], t[i]);
		}
		ir_into2(ir, below(2) ? IR_OR : IR_XOR, IR_I64, 1 + below(3), a, d);
		break;
	}
	case 2: {
		unsigned high = IR_MULHS + below(3), first = below(2), turned = below(2), third = below(8) ? b : d;
		ir_into2(ir, first ? IR_MUL : high, IR_I64, d, a, b);
		if (below(2))
			random_memory();
		ir_into2(ir, first ? high : IR_MUL, IR_I64, 1 + below(5), turned ? third : a, turned ? a : third);
		break;
	}
	case 3: {
		unsigned op = below(2) ? IR_DIVS : IR_DIVU, rem = op + (IR_REMS - IR_DIVS), first = below(2);
		b = below(3) ? b : c(below(2) ? below(200) : random64());
		ir_into2(ir, first ? op : rem, type, d, a, b);
		ir_into2(ir, IR_ADD, IR_I64, 1 + below(5), 1 + below(5), c(1));
		ir_into2(ir, first ? rem : op, type, 1 + below(5), a, b);
		break;
	}
	default:
		ir_into2(ir, IR_ADD, IR_I64, d, a, b);
		ir_setcond(ir, IR_I64, COND_LTU, a, d, b);
		ir_into2(ir, IR_XOR, IR_I64, 1 + below(5), 1 + below(5), b);
		ir_into2(ir, IR_ADD, IR_I64, 1 + below(5), 1 + below(5), a);
	}
}

static void random_ins(unsigned *label, unsigned *pending)
{
	unsigned op = IR_MOV + below(IR_SELECT - IR_MOV + 1), type = below(2);
	if (type == IR_I32 && (op == IR_SEXT32 || op == IR_ZEXT32 || op == IR_CLMUL || op == IR_CLMULH))
		type = IR_I64;
	switch (below(17)) {
	case 16: random_idiom(); break;
	case 0: ir_mark(ir, 0x1000 + 4 * ir->ninsns, "\1\0\0", 4); break;
	case 1: ir_exit_cond(ir, type, below(COND_ALWAYS), random_operand(), random_operand(), 0x3000 + ir->nins); break;
	case 2: case 3: random_memory(); break;
	case 4: random_call(); break;
	case 5: random_float(); break;
	case 6:
		if (*pending) {
			ir_emit_label(ir, *label);
			memset(ready, 0, sizeof ready);
			memset(float_ready, 0, sizeof float_ready);
			*pending = 0;
		} else {
			*label = ir_label(ir);
			*pending = 1;
			ir_brcond(ir, type, below(COND_ALWAYS), random_operand(), random_operand(), *label);
		}
		break;
	case 7: {
		struct Ins *ins;
		Ref value = random_operand();
		ins = ir_append(ir, IR_SLOTADD, IR_I64);
		ins->imm = offsetof(struct TestCpu, slot);
		ins->a[0] = value;
		break;
	}
	default: {
		Ref a[4];
		for (unsigned i = 0; i < 4; i++)
			a[i] = random_operand();
		if (below(3) == 0 && a[0] != c(0))
			a[1] = below(2) ? a[0] : c(below(3));
		struct Ins *ins = ir_append(ir, op, type);
		for (unsigned i = 0; i < ir_op_info[op].nargs; i++)
			ins->a[i] = a[i];
		ins->cond = ir_op_info[op].flags & OPF_COND ? below(COND_ALWAYS) : 0;
		Ref d = random_result();
		ir->ins[ir->nins - 1].d = d;
	}
	}
}

static void random_unit(unsigned length)
{
	unsigned label = 0, pending = 0;

	begin(0x1000);
	memset(ready, 0, sizeof ready);
	memset(float_ready, 0, sizeof float_ready);
	for (unsigned i = 0; i < NTEMPS; i++)
		temps[i] = ir_temp(ir, IR_INT);
	floats[0] = ir_temp(ir, IR_VEC);
	floats[1] = ir_temp(ir, IR_VEC);
	while (ir->nins < length)
		random_ins(&label, &pending);
	if (pending)
		ir_emit_label(ir, label);
	end();
}

struct Outcome {
	uint64_t r[NREGS], f[NFREGS], slot, pc, witness, fault_addr;
	uint32_t cause, fflags;
	uint8_t memory[MEMORY];
};

/* Runs the unit from a state made of START. */
static void outcome(struct Outcome *o, uint64_t start, bool faulty)
{
	uint64_t saved = seed;

	seed = start;
	code_used = meta_used = 0;
	witness = 0;
	for (unsigned i = 1; i < NREGS; i++)
		cpu->r[i] = below(2) ? samples[below(G_N_ELEMENTS(samples))] : random64();
	for (unsigned i = 0; i < NFREGS; i++)
		cpu->f[i] = random64() | (below(2) ? ~0ull << 32 : 0);
	for (unsigned i = 0; i < MEMORY; i++)
		memory[i] = random64();
	cpu->r[BASE_REGISTER] = (uintptr_t)(faulty ? forbidden : memory);
	cpu->slot = cpu->cpu.pc = cpu->cpu.fault_addr = 0;
	cpu->cpu.fflags = 0;
	run_unit();
	memset(o, 0, sizeof *o);
	memcpy(o->r, cpu->r, sizeof o->r);
	memcpy(o->f, cpu->f, sizeof o->f);
	memcpy(o->memory, memory, MEMORY);
	o->slot = cpu->slot;
	o->pc = cpu->cpu.pc;
	o->witness = witness;
	o->fault_addr = cpu->cpu.fault_addr;
	o->cause = cpu->cpu.cause;
	o->fflags = cpu->cpu.fflags;
	seed = saved;
}

START_TEST(random_units_keep_their_meaning)
{
	const char *text = getenv("OPTIMISE_COUNT");
	unsigned long count = text ? strtoul(text, NULL, 0) : 20000, dropped = 0, total = 0;

	for (unsigned long i = 1; i <= count; i++) {
		struct Outcome before[6], after;
		seed = i * 0x9e3779b97f4a7c15;
		random_unit(10 + below(60));
		unsigned n = ir->nins;
		for (unsigned run = 0; run < 6; run++)
			outcome(&before[run], i * 8 + run + 1, run == 5);
		GString *original = g_string_new(NULL);
		ir_print(ir, "before", original);
		ir_optimise(ir);
		ir_check(ir, "optimise");
		for (unsigned run = 0; run < 6; run++) {
			outcome(&after, i * 8 + run + 1, run == 5);
			if (memcmp(&before[run], &after, sizeof after)) {
				ir_print(ir, "after", original);
				fputs(original->str, stderr);
				const uint64_t *was = (const uint64_t *)&before[run], *is = (const uint64_t *)&after;
				for (unsigned w = 0; w < sizeof after / 8; w++)
					if (was[w] != is[w])
						fprintf(stderr, "word %u was %#lx, is %#lx\n", w, was[w], is[w]);
				ck_abort_msg("unit %lu, run %u", i, run);
			}
		}
		g_string_free(original, TRUE);
		total += n;
		dropped += n - ir->nins;
		arena_reset(&arena);
	}
	ck_assert_uint_gt(dropped * 20, total);         /* it does something at all */
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("optimise");
	TCase *all = tcase_create("all");

	tcase_set_timeout(all, 0);
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, rules_say_what_they_do);
	tcase_add_test(all, rules_keep_the_meaning);
	tcase_add_test(all, folding_computes_as_the_interpreter);
	tcase_add_test(all, selects);
	tcase_add_test(all, bits_are_conditions);
	tcase_add_test(all, results_that_overwrite_operands);
	tcase_add_test(all, complementary_shifts_turn);
	tcase_add_test(all, quotient_and_remainder_go_together);
	tcase_add_test(all, halves_of_a_product_go_together);
	tcase_add_test(all, widths_go_on);
	tcase_add_test(all, displacements);
	tcase_add_test(all, float_moves);
	tcase_add_test(all, known_branches);
	tcase_add_test(all, known_targets);
	tcase_add_test(all, constants_that_all_ways_bring);
	tcase_add_test(all, constants_go_round_loops);
	tcase_add_test(all, constants_of_all_ways_into_a_loop);
	tcase_add_test(all, comparisons_tell);
	tcase_add_test(all, compare_and_branch_fuse);
	tcase_add_test(all, conditional_calls);
	tcase_add_test(all, counters_merge_up_to_what_can_see_them);
	tcase_add_test(all, copies_hold_until_assigned);
	tcase_add_test(all, calls_that_write_end_what_is_known);
	tcase_add_test(all, calls_that_read_do_not);
	tcase_add_test(all, temporaries_coalesce);
	tcase_add_test(all, temporaries_coalesce_from_afar);
	tcase_add_test(all, writes_stay_where_they_are_seen);
	tcase_add_test(all, results_nobody_wants);
	tcase_add_test(all, partial_vector_writes);
	tcase_add_test(all, random_units_keep_their_meaning);
	suite_add_tcase(suite, all);
	return run_suite(suite);
}
