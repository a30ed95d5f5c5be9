/* SPDX-License-Identifier: MIT */
/* IR of the bit manipulation instructions: Zba, Zbb, Zbc, Zbs, and Zicond. */
#include "target/riscv64/translation.h"

/* rd = (index << argument) + rs2 */
static enum TranslateResult shift_add(struct RiscvTranslation *t, Ref index)
{
	if (t->insn->argument)
		index = ir_op2(t->ir, IR_SHL, IR_I64, index, riscv_const(t, t->insn->argument));
	ir_into2(t->ir, IR_ADD, IR_I64, riscv_rd(t), index, riscv_rs2(t));
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_shift_add(struct RiscvTranslation *t)
{
	return shift_add(t, riscv_rs1(t));
}

enum TranslateResult riscv_tr_shift_add_uw(struct RiscvTranslation *t)
{
	if (t->insn->argument == 0 && t->o.rs2 == 0) {
		ir_into1(t->ir, IR_ZEXT32, IR_I64, riscv_rd(t), riscv_rs1(t));
		return TRANSLATE_NEXT;
	}
	return shift_add(t, ir_op1(t->ir, IR_ZEXT32, IR_I64, riscv_rs1(t)));
}

enum TranslateResult riscv_tr_slli_uw(struct RiscvTranslation *t)
{
	Ref low = ir_op1(t->ir, IR_ZEXT32, IR_I64, riscv_rs1(t));

	ir_into2(t->ir, IR_SHL, IR_I64, riscv_rd(t), low, riscv_const(t, t->o.imm));
	return TRANSLATE_NEXT;
}

/* orn and xnor: the operation of rs1 and the complement of rs2. */
enum TranslateResult riscv_tr_alu_inverted(struct RiscvTranslation *t)
{
	Ref inverted = ir_op1(t->ir, IR_NOT, IR_I64, riscv_rs2(t));

	ir_into2(t->ir, t->insn->argument, IR_I64, riscv_rd(t), riscv_rs1(t), inverted);
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_unary(struct RiscvTranslation *t)
{
	ir_into1(t->ir, t->insn->argument, IR_I64, riscv_rd(t), riscv_rs1(t));
	return TRANSLATE_NEXT;
}

/* Bit counts of words: at most 32, so the zero-extended result is the sign-extended one. */
enum TranslateResult riscv_tr_unary_w(struct RiscvTranslation *t)
{
	ir_into1(t->ir, t->insn->argument, IR_I32, riscv_rd(t), riscv_rs1(t));
	return TRANSLATE_NEXT;
}

/* min and max: rs1 if the condition holds of rs1 and rs2, else rs2. */
enum TranslateResult riscv_tr_choose(struct RiscvTranslation *t)
{
	Ref a = riscv_rs1(t), b = riscv_rs2(t);

	ir_select(t->ir, IR_I64, t->insn->argument, riscv_rd(t), a, b, a, b);
	return TRANSLATE_NEXT;
}

/* Each byte becomes all ones if any of its bits is set: bit 7 of a byte is set by a carry from its lower bits or by itself; then
 * a subtraction of the bits moved to position 0 from those moved to the next byte spreads them, no borrow reaching the next byte. */
enum TranslateResult riscv_tr_orc_b(struct RiscvTranslation *t)
{
	struct Ir *ir = t->ir;
	Ref x = riscv_rs1(t), low7 = riscv_const(t, 0x7f7f7f7f7f7f7f7full);
	Ref carry = ir_op2(ir, IR_ADD, IR_I64, ir_op2(ir, IR_AND, IR_I64, x, low7), low7);
	Ref top = ir_op2(ir, IR_ANDN, IR_I64, ir_op2(ir, IR_OR, IR_I64, carry, x), low7);
	Ref next = ir_op2(ir, IR_SHL, IR_I64, top, riscv_const(t, 1));

	ir_into2(ir, IR_SUB, IR_I64, riscv_rd(t), next, ir_op2(ir, IR_SHR, IR_I64, top, riscv_const(t, 7)));
	return TRANSLATE_NEXT;
}

/* Bits 126..63 of the carry-less product, whose bit 127 is always 0. */
enum TranslateResult riscv_tr_clmulr(struct RiscvTranslation *t)
{
	struct Ir *ir = t->ir;
	Ref a = riscv_rs1(t), b = riscv_rs2(t);
	Ref high = ir_op2(ir, IR_SHL, IR_I64, ir_op2(ir, IR_CLMULH, IR_I64, a, b), riscv_const(t, 1));
	Ref low = ir_op2(ir, IR_SHR, IR_I64, ir_op2(ir, IR_CLMUL, IR_I64, a, b), riscv_const(t, 63));

	ir_into2(ir, IR_OR, IR_I64, riscv_rd(t), high, low);
	return TRANSLATE_NEXT;
}

/* bclr, binv, bset: ANDN, XOR, OR with one bit. */
enum TranslateResult riscv_tr_bit(struct RiscvTranslation *t)
{
	Ref bit = ir_op2(t->ir, IR_SHL, IR_I64, riscv_const(t, 1), riscv_rs2(t));

	ir_into2(t->ir, t->insn->argument, IR_I64, riscv_rd(t), riscv_rs1(t), bit);
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_bit_imm(struct RiscvTranslation *t)
{
	ir_into2(t->ir, t->insn->argument, IR_I64, riscv_rd(t), riscv_rs1(t), riscv_const(t, 1ull << t->o.imm));
	return TRANSLATE_NEXT;
}

static enum TranslateResult bit_extract(struct RiscvTranslation *t, Ref number)
{
	Ref shifted = ir_op2(t->ir, IR_SHR, IR_I64, riscv_rs1(t), number);

	ir_into2(t->ir, IR_AND, IR_I64, riscv_rd(t), shifted, riscv_const(t, 1));
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_bit_extract(struct RiscvTranslation *t)
{
	return bit_extract(t, riscv_rs2(t));
}

enum TranslateResult riscv_tr_bit_extract_imm(struct RiscvTranslation *t)
{
	return bit_extract(t, riscv_const(t, t->o.imm));
}

/* rd = rs2 CONDITION 0 ? 0 : rs1 */
enum TranslateResult riscv_tr_zero_if(struct RiscvTranslation *t)
{
	Ref zero = riscv_const(t, 0);

	ir_select(t->ir, IR_I64, t->insn->argument, riscv_rd(t), riscv_rs2(t), zero, zero, riscv_rs1(t));
	return TRANSLATE_NEXT;
}
