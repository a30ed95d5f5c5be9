/* SPDX-License-Identifier: MIT */
/* IR of the integer instructions of RV64I and M: arithmetic, logic, shifts, comparisons. */
#include "target/riscv64/translation.h"

/* Word forms compute in 32 bits and keep the result sign-extended. */
static void sign_extended(struct RiscvTranslation *t, Ref word)
{
	ir_into1(t->ir, IR_SEXT32, IR_I64, riscv_rd(t), word);
}

enum TranslateResult riscv_tr_nop(struct RiscvTranslation *t)
{
	(void)t;
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_lui(struct RiscvTranslation *t)
{
	ir_into1(t->ir, IR_MOV, IR_I64, riscv_rd(t), riscv_const(t, (int64_t)t->o.imm));
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_auipc(struct RiscvTranslation *t)
{
	ir_into1(t->ir, IR_MOV, IR_I64, riscv_rd(t), riscv_const(t, t->pc + (int64_t)t->o.imm));
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_alu(struct RiscvTranslation *t)
{
	enum IrOp op = t->insn->argument;

	if (op == IR_ADD && t->o.rs1 == 0)
		ir_into1(t->ir, IR_MOV, IR_I64, riscv_rd(t), riscv_rs2(t));
	else
		ir_into2(t->ir, op, IR_I64, riscv_rd(t), riscv_rs1(t), riscv_rs2(t));
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_alu_imm(struct RiscvTranslation *t)
{
	enum IrOp op = t->insn->argument;
	Ref imm = riscv_const(t, (int64_t)t->o.imm);

	if (op == IR_ADD && t->o.rs1 == 0)
		ir_into1(t->ir, IR_MOV, IR_I64, riscv_rd(t), imm);
	else if (op == IR_ADD && t->o.imm == 0)
		ir_into1(t->ir, IR_MOV, IR_I64, riscv_rd(t), riscv_rs1(t));
	else
		ir_into2(t->ir, op, IR_I64, riscv_rd(t), riscv_rs1(t), imm);
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_alu_w(struct RiscvTranslation *t)
{
	sign_extended(t, ir_op2(t->ir, t->insn->argument, IR_I32, riscv_rs1(t), riscv_rs2(t)));
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_alu_imm_w(struct RiscvTranslation *t)
{
	enum IrOp op = t->insn->argument;
	Ref word = riscv_rs1(t);

	if (op != IR_ADD || t->o.imm != 0)
		word = ir_op2(t->ir, op, IR_I32, word, riscv_const(t, (int64_t)t->o.imm));
	sign_extended(t, word);
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_set(struct RiscvTranslation *t)
{
	ir_setcond(t->ir, IR_I64, t->insn->argument, riscv_rd(t), riscv_rs1(t), riscv_rs2(t));
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_set_imm(struct RiscvTranslation *t)
{
	ir_setcond(t->ir, IR_I64, t->insn->argument, riscv_rd(t), riscv_rs1(t), riscv_const(t, (int64_t)t->o.imm));
	return TRANSLATE_NEXT;
}
