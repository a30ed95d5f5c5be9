/* SPDX-License-Identifier: MIT */
/* IR of jumps, branches and the instructions that raise exceptions. */
#include "target/riscv64/translation.h"

/* Registers whose use in jal and jalr tells of calls and returns: ra and t0. */
static bool is_link(unsigned reg)
{
	return reg == 1 || reg == 5;
}

enum TranslateResult riscv_tr_jal(struct RiscvTranslation *t)
{
	uint64_t target = t->pc + (int64_t)t->o.imm;

	if (t->o.rd)
		ir_into1(t->ir, IR_MOV, IR_I64, riscv_rd(t), riscv_const(t, t->next));
	if (is_link(t->o.rd))
		ir_exit(t->ir, target, EXIT_CALL, t->next);
	else
		ir_exit(t->ir, target, EXIT_JUMP, 0);
	return TRANSLATE_END;
}

enum TranslateResult riscv_tr_jalr(struct RiscvTranslation *t)
{
	Ref target = riscv_rs1(t);

	if (t->o.imm)
		target = ir_op2(t->ir, IR_ADD, IR_I64, target, riscv_const(t, (int64_t)t->o.imm));
	target = ir_op2(t->ir, IR_AND, IR_I64, target, riscv_const(t, ~1ull));
	if (t->o.rd)
		ir_into1(t->ir, IR_MOV, IR_I64, riscv_rd(t), riscv_const(t, t->next));
	if (is_link(t->o.rd))
		ir_exit_indirect(t->ir, target, EXIT_CALL_INDIRECT, t->next);
	else
		ir_exit_indirect(t->ir, target, is_link(t->o.rs1) ? EXIT_RETURN : EXIT_JUMP, 0);
	return TRANSLATE_END;
}

enum TranslateResult riscv_tr_branch(struct RiscvTranslation *t)
{
	ir_exit_cond(t->ir, IR_I64, t->insn->argument, riscv_rs1(t), riscv_rs2(t), t->pc + (int64_t)t->o.imm);
	ir_exit(t->ir, t->next, EXIT_JUMP, 0);
	return TRANSLATE_END;
}

enum TranslateResult riscv_tr_raise(struct RiscvTranslation *t)
{
	ir_raise(t->ir, t->insn->argument);
	return TRANSLATE_END;
}

enum TranslateResult riscv_illegal(struct RiscvTranslation *t)
{
	ir_put(t->ir, MEM_64, offsetof(struct Cpu, fault_addr), riscv_const(t, t->opcode));
	ir_raise(t->ir, CAUSE_ILLEGAL);
	return TRANSLATE_END;
}

enum TranslateResult riscv_tr_reserved(struct RiscvTranslation *t)
{
	return riscv_illegal(t);
}
