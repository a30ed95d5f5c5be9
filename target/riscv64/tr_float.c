/* SPDX-License-Identifier: MIT */
/* IR of the F and D instructions. Singles live NaN-boxed in 64-bit registers: operands are unboxed, results boxed. */
#include "target/riscv64/translation.h"

bool riscv_rounding(const struct RiscvTranslation *t, enum IrRound *round)
{
	unsigned mode = t->o.rm;

	if (mode == RISCV_FRM_DYNAMIC)
		mode = t->ir->key;
	*round = mode;
	return mode <= ROUND_MM;
}

/* f register N as an operand of TYPE. */
static Ref operand(struct RiscvTranslation *t, enum IrType type, unsigned n)
{
	return type == IR_F32 ? ir_op1(t->ir, IR_UNBOX32, IR_F32, riscv_f(n)) : riscv_f(n);
}

/* Where a result of TYPE goes first: into rd itself, or a temporary that finish() boxes. */
static Ref result(struct RiscvTranslation *t, enum IrType type)
{
	return type == IR_F32 ? ir_temp(t->ir, IR_VEC) : riscv_f(t->o.rd);
}

static enum TranslateResult finish(struct RiscvTranslation *t, enum IrType type, Ref value)
{
	if (type == IR_F32)
		ir_into1(t->ir, IR_BOX32, IR_F64, riscv_f(t->o.rd), value);
	return TRANSLATE_NEXT;
}

/* -- memory -------------------------------------------------------------------------------------------------------- */

enum TranslateResult riscv_tr_fp_load(struct RiscvTranslation *t)
{
	enum IrType type = t->insn->argument;
	Ref d = result(t, type);

	ir_load(t->ir, type, type == IR_F32 ? MEM_32 : MEM_64, d, riscv_rs1(t), t->o.imm);
	return finish(t, type, d);
}

/* Stores the low bits as they are, boxed or not. */
enum TranslateResult riscv_tr_fp_store(struct RiscvTranslation *t)
{
	enum IrType type = t->insn->argument;

	ir_store(t->ir, type, type == IR_F32 ? MEM_32 : MEM_64, riscv_rs1(t), t->o.imm, riscv_f(t->o.rs2));
	return TRANSLATE_NEXT;
}

/* -- arithmetic: arguments are FP(op, type) -------------------------------------------------------------------------- */

/* Emits operation OP with NOPERANDS from rs1, rs2, rs3. */
static enum TranslateResult arithmetic(struct RiscvTranslation *t, enum IrRound round, unsigned noperands)
{
	enum IrType type = ARG_HIGH(t);
	Ref a = operand(t, type, t->o.rs1);
	Ref b = noperands > 1 ? operand(t, type, t->o.rs2) : REF_NONE;
	Ref c = noperands > 2 ? operand(t, type, t->o.rs3) : REF_NONE;
	Ref d = result(t, type);

	ir_fp(t->ir, ARG_LOW(t), type, round, d, a, b, c);
	return finish(t, type, d);
}

enum TranslateResult riscv_tr_fp_arith(struct RiscvTranslation *t)
{
	enum IrRound round;

	return riscv_rounding(t, &round) ? arithmetic(t, round, 2) : riscv_illegal(t);
}

enum TranslateResult riscv_tr_fp_sqrt(struct RiscvTranslation *t)
{
	enum IrRound round;

	return riscv_rounding(t, &round) ? arithmetic(t, round, 1) : riscv_illegal(t);
}

enum TranslateResult riscv_tr_fp_fma(struct RiscvTranslation *t)
{
	enum IrRound round;

	return riscv_rounding(t, &round) ? arithmetic(t, round, 3) : riscv_illegal(t);
}

enum TranslateResult riscv_tr_fp_minmax(struct RiscvTranslation *t)
{
	return arithmetic(t, ROUND_NE, 2);
}

enum TranslateResult riscv_tr_fp_compare(struct RiscvTranslation *t)
{
	enum IrType type = ARG_HIGH(t);
	Ref a = operand(t, type, t->o.rs1), b = operand(t, type, t->o.rs2);

	ir_fp(t->ir, ARG_LOW(t), type, ROUND_NE, riscv_rd(t), a, b, REF_NONE);
	return TRANSLATE_NEXT;
}

/* -- bits ---------------------------------------------------------------------------------------------------------- */

/* fsgnjx: the sign of rs1 flips where rs2 is negative. */
static void sign_xor(struct RiscvTranslation *t, enum IrType type, Ref d, Ref a, Ref b)
{
	Ref mask = riscv_const(t, type == IR_F32 ? 1ull << 31 : 1ull << 63);
	Ref sign = ir_op2(t->ir, IR_AND, IR_I64, ir_op1(t->ir, IR_FBITS, type, b), mask);

	ir_into1(t->ir, IR_BITSF, type, d, ir_op2(t->ir, IR_XOR, IR_I64, ir_op1(t->ir, IR_FBITS, type, a), sign));
}

enum TranslateResult riscv_tr_fp_sign(struct RiscvTranslation *t)
{
	static const uint8_t alone[] = { [SIGN_COPY] = IR_MOV, [SIGN_NEGATE] = IR_FNEG, [SIGN_XOR] = IR_FABS };
	enum IrType type = ARG_HIGH(t);
	unsigned how = ARG_LOW(t);
	Ref a = operand(t, type, t->o.rs1), d = result(t, type);

	if (t->o.rs1 == t->o.rs2) {
		ir_into1(t->ir, alone[how], type, d, a);
		return finish(t, type, d);
	}
	Ref b = operand(t, type, t->o.rs2);
	if (how == SIGN_XOR)
		sign_xor(t, type, d, a, b);
	else
		ir_into2(t->ir, IR_FCOPYSIGN, type, d, a, how == SIGN_NEGATE ? ir_op1(t->ir, IR_FNEG, type, b) : b);
	return finish(t, type, d);
}

enum TranslateResult riscv_tr_fp_class(struct RiscvTranslation *t)
{
	enum IrType type = t->insn->argument;

	ir_into1(t->ir, IR_FCLASS, type, riscv_rd(t), operand(t, type, t->o.rs1));
	return TRANSLATE_NEXT;
}

/* fmv.x.w takes the low bits as they are. */
enum TranslateResult riscv_tr_fp_to_bits(struct RiscvTranslation *t)
{
	enum IrType type = t->insn->argument;

	if (type == IR_F32)
		ir_into1(t->ir, IR_SEXT32, IR_I64, riscv_rd(t), ir_op1(t->ir, IR_FBITS, IR_F32, riscv_f(t->o.rs1)));
	else
		ir_into1(t->ir, IR_FBITS, IR_F64, riscv_rd(t), riscv_f(t->o.rs1));
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_fp_from_bits(struct RiscvTranslation *t)
{
	enum IrType type = t->insn->argument;
	Ref d = result(t, type);

	ir_into1(t->ir, IR_BITSF, type, d, riscv_rs1(t));
	return finish(t, type, d);
}

/* -- conversions --------------------------------------------------------------------------------------------------- */

enum TranslateResult riscv_tr_fp_to_int(struct RiscvTranslation *t)
{
	enum IrRound round;
	enum IrType type = ARG_HIGH(t);

	if (!riscv_rounding(t, &round))
		return riscv_illegal(t);
	Ref a = operand(t, type, t->o.rs1);
	ir_fp(t->ir, ARG_LOW(t), type, round, riscv_rd(t), a, REF_NONE, REF_NONE);
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_fp_from_int(struct RiscvTranslation *t)
{
	enum IrRound round;
	enum IrType type = ARG_HIGH(t);

	if (!riscv_rounding(t, &round))
		return riscv_illegal(t);
	Ref d = result(t, type);
	ir_fp(t->ir, ARG_LOW(t), type, round, d, riscv_rs1(t), REF_NONE, REF_NONE);
	return finish(t, type, d);
}

/* fcvt.s.d */
enum TranslateResult riscv_tr_fp_narrow(struct RiscvTranslation *t)
{
	enum IrRound round;

	if (!riscv_rounding(t, &round))
		return riscv_illegal(t);
	Ref d = result(t, IR_F32);
	ir_fp(t->ir, IR_FCVT_F32_F64, IR_F32, round, d, riscv_f(t->o.rs1), REF_NONE, REF_NONE);
	return finish(t, IR_F32, d);
}

/* fcvt.d.s: exact, yet a reserved rounding mode is illegal. */
enum TranslateResult riscv_tr_fp_widen(struct RiscvTranslation *t)
{
	enum IrRound round;

	if (!riscv_rounding(t, &round))
		return riscv_illegal(t);
	Ref a = operand(t, IR_F32, t->o.rs1);
	ir_fp(t->ir, IR_FCVT_F64_F32, IR_F64, round, riscv_f(t->o.rd), a, REF_NONE, REF_NONE);
	return TRANSLATE_NEXT;
}
