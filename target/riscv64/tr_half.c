/* SPDX-License-Identifier: MIT */
/* IR of the Zfh instructions: few programs use them, so they compute in translator/softfloat. Halves live NaN-boxed in 64-bit registers. */
#include "target/riscv64/translation.h"
#include "translator/softfloat.h"

#define HALF_BOX 0xffffffffffff0000ull
#define HALF_NAN 0x7e00
#define HALF_SIGN 0x8000

/* What an operand or result is. */
enum Kind { HALF, SINGLE, DOUBLE, INTEGER };

struct HalfOp {
	void *fn;
	const char *name;
	uint8_t noperands;
	uint8_t from, to;       /* enum Kind */
	bool rounds;            /* has a rounding mode field, passed last */
	bool pure;              /* takes no cpu, raises no flags */
};

#define OPERATION(index, function, noperands, from, to, rounds, pure) \
	[HALF_##index] = { (void *)sf_##function, "sf_" #function, noperands, from, to, rounds, pure }
static const struct HalfOp half_ops[HALF_COUNT] = {
	OPERATION(ADD, f16_add, 2, HALF, HALF, true, false),
	OPERATION(SUB, f16_sub, 2, HALF, HALF, true, false),
	OPERATION(MUL, f16_mul, 2, HALF, HALF, true, false),
	OPERATION(DIV, f16_div, 2, HALF, HALF, true, false),
	OPERATION(SQRT, f16_sqrt, 1, HALF, HALF, true, false),
	OPERATION(MADD, f16_fmadd, 3, HALF, HALF, true, false),
	OPERATION(MSUB, f16_fmsub, 3, HALF, HALF, true, false),
	OPERATION(NMSUB, f16_fnmsub, 3, HALF, HALF, true, false),
	OPERATION(NMADD, f16_fnmadd, 3, HALF, HALF, true, false),
	OPERATION(MIN, f16_min, 2, HALF, HALF, false, false),
	OPERATION(MAX, f16_max, 2, HALF, HALF, false, false),
	OPERATION(EQ, f16_eq, 2, HALF, INTEGER, false, false),
	OPERATION(LT, f16_lt, 2, HALF, INTEGER, false, false),
	OPERATION(LE, f16_le, 2, HALF, INTEGER, false, false),
	OPERATION(CLASS, f16_class, 1, HALF, INTEGER, false, true),
	OPERATION(TO_I32, f16_to_i32, 1, HALF, INTEGER, true, false),
	OPERATION(TO_U32, f16_to_u32, 1, HALF, INTEGER, true, false),
	OPERATION(TO_I64, f16_to_i64, 1, HALF, INTEGER, true, false),
	OPERATION(TO_U64, f16_to_u64, 1, HALF, INTEGER, true, false),
	OPERATION(FROM_I32, i32_to_f16, 1, INTEGER, HALF, true, false),
	OPERATION(FROM_U32, u32_to_f16, 1, INTEGER, HALF, true, false),
	OPERATION(FROM_I64, i64_to_f16, 1, INTEGER, HALF, true, false),
	OPERATION(FROM_U64, u64_to_f16, 1, INTEGER, HALF, true, false),
	OPERATION(TO_F32, f16_to_f32, 1, HALF, SINGLE, true, false),
	OPERATION(TO_F64, f16_to_f64, 1, HALF, DOUBLE, true, false),
	OPERATION(FROM_F32, f32_to_f16, 1, SINGLE, HALF, true, false),
	OPERATION(FROM_F64, f64_to_f16, 1, DOUBLE, HALF, true, false),
};

/* Bits of the half in f register N: the canonical NaN if it is not boxed. */
static Ref unboxed(struct RiscvTranslation *t, unsigned n)
{
	struct Ir *ir = t->ir;
	Ref bits = ir_op1(ir, IR_FBITS, IR_F64, riscv_f(n)), half = ir_temp(ir, IR_INT);

	ir_select(ir, IR_I64, COND_GEU, half, bits, riscv_const(t, HALF_BOX), ir_op2(ir, IR_AND, IR_I64, bits, riscv_const(t, 0xffff)),
		  riscv_const(t, HALF_NAN));
	return half;
}

/* Boxes the low 16 bits of VALUE into rd. */
static void set_half(struct RiscvTranslation *t, Ref value)
{
	ir_into1(t->ir, IR_BITSF, IR_F64, riscv_f(t->o.rd), ir_op2(t->ir, IR_OR, IR_I64, value, riscv_const(t, HALF_BOX)));
}

static Ref operand_bits(struct RiscvTranslation *t, enum Kind kind, unsigned n)
{
	switch (kind) {
	case HALF:
		return unboxed(t, n);
	case SINGLE:
		return ir_op1(t->ir, IR_FBITS, IR_F32, ir_op1(t->ir, IR_UNBOX32, IR_F32, riscv_f(n)));
	case DOUBLE:
		return ir_op1(t->ir, IR_FBITS, IR_F64, riscv_f(n));
	default:
		return riscv_x(t, n);
	}
}

static void set_result(struct RiscvTranslation *t, enum Kind kind, Ref bits)
{
	if (kind == HALF)
		set_half(t, bits);
	else if (kind == SINGLE)
		ir_into1(t->ir, IR_BOX32, IR_F64, riscv_f(t->o.rd), ir_op1(t->ir, IR_BITSF, IR_F32, bits));
	else
		ir_into1(t->ir, IR_BITSF, IR_F64, riscv_f(t->o.rd), bits);
}

enum TranslateResult riscv_tr_half_op(struct RiscvTranslation *t)
{
	const struct HalfOp *op = &half_ops[t->insn->argument];
	const uint8_t registers[3] = { t->o.rs1, t->o.rs2, t->o.rs3 };
	enum IrRound round;
	Ref args[IR_MAXARGS];
	unsigned nargs = 0;

	if (op->rounds && !riscv_rounding(t, &round))
		return riscv_illegal(t);
	if (!op->pure)
		args[nargs++] = REF_CPU;
	for (unsigned i = 0; i < op->noperands; i++)
		args[nargs++] = operand_bits(t, op->from, registers[i]);
	if (op->rounds)
		args[nargs++] = riscv_const(t, round);
	Ref d = op->to == INTEGER ? riscv_rd(t) : ir_temp(t->ir, IR_INT);
	ir_call(t->ir, d, op->fn, op->name, op->pure ? IRC_PURE : 0, nargs, args);
	if (op->to != INTEGER)
		set_result(t, op->to, d);
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_half_sign(struct RiscvTranslation *t)
{
	struct Ir *ir = t->ir;
	Ref a = unboxed(t, t->o.rs1), b = unboxed(t, t->o.rs2), sign_bit = riscv_const(t, HALF_SIGN);

	if (t->insn->argument == SIGN_NEGATE)
		b = ir_op2(ir, IR_XOR, IR_I64, b, sign_bit);
	Ref sign = ir_op2(ir, IR_AND, IR_I64, b, sign_bit);
	if (t->insn->argument == SIGN_XOR)
		set_half(t, ir_op2(ir, IR_XOR, IR_I64, a, sign));
	else
		set_half(t, ir_op2(ir, IR_OR, IR_I64, ir_op2(ir, IR_ANDN, IR_I64, a, sign_bit), sign));
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_half_load(struct RiscvTranslation *t)
{
	Ref value = ir_temp(t->ir, IR_INT);

	ir_load(t->ir, IR_I64, MEM_16, value, riscv_rs1(t), t->o.imm);
	set_half(t, value);
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_half_store(struct RiscvTranslation *t)
{
	Ref bits = ir_op1(t->ir, IR_FBITS, IR_F64, riscv_f(t->o.rs2));

	ir_store(t->ir, IR_I64, MEM_16, riscv_rs1(t), t->o.imm, bits);
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_half_to_bits(struct RiscvTranslation *t)
{
	ir_into1(t->ir, IR_SEXT16, IR_I64, riscv_rd(t), ir_op1(t->ir, IR_FBITS, IR_F64, riscv_f(t->o.rs1)));
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_half_from_bits(struct RiscvTranslation *t)
{
	set_half(t, riscv_rs1(t));
	return TRANSLATE_NEXT;
}
