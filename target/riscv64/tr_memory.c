/* SPDX-License-Identifier: MIT */
/* IR of loads, stores, atomics, fences and cache-block operations. */
#include "target/riscv64/translation.h"
#include "translator/translator.h"

enum TranslateResult riscv_tr_load(struct RiscvTranslation *t)
{
	ir_load(t->ir, IR_I64, t->insn->argument, riscv_rd(t), riscv_rs1(t), t->o.imm);
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_store(struct RiscvTranslation *t)
{
	ir_store(t->ir, IR_I64, t->insn->argument, riscv_rs1(t), t->o.imm, riscv_rs2(t));
	return TRANSLATE_NEXT;
}

/* -- order --------------------------------------------------------------------------------------------------------- */

/* Bits of pred and succ; devices are ordered as memory is. */
enum { FENCE_W = 1, FENCE_R = 2, FENCE_O = 4, FENCE_I = 8 };

enum TranslateResult riscv_tr_fence(struct RiscvTranslation *t)
{
	unsigned pred = t->o.imm >> 4, succ = t->o.imm, orders = 0;
	bool pred_r = pred & (FENCE_R | FENCE_I), pred_w = pred & (FENCE_W | FENCE_O);
	bool succ_r = succ & (FENCE_R | FENCE_I), succ_w = succ & (FENCE_W | FENCE_O);

	orders |= pred_r && succ_r ? IR_FENCE_RR : 0;
	orders |= pred_r && succ_w ? IR_FENCE_RW : 0;
	orders |= pred_w && succ_r ? IR_FENCE_WR : 0;
	orders |= pred_w && succ_w ? IR_FENCE_WW : 0;
	if (orders)
		ir_fence(t->ir, orders);
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_fence_tso(struct RiscvTranslation *t)
{
	ir_fence(t->ir, IR_FENCE_RR | IR_FENCE_RW | IR_FENCE_WW);
	return TRANSLATE_NEXT;
}

/* -- atomics ------------------------------------------------------------------------------------------------------- */

enum { ORDER_RELEASE = 1u << 25, ORDER_ACQUIRE = 1u << 26 };

/* sc has MEM_SIGNED as lr has: the values it compares are both sign-extended. */
static unsigned word_access(const struct RiscvTranslation *t)
{
	unsigned mem = ARG_LOW(t);

	return mem == MEM_32 ? mem | MEM_SIGNED : mem;
}

static unsigned access_bytes(const struct RiscvTranslation *t)
{
	return 1u << (ARG_LOW(t) & MEM_SIZE);
}

enum TranslateResult riscv_tr_lr(struct RiscvTranslation *t)
{
	struct Ir *ir = t->ir;
	Ref value = ir_temp(ir, IR_INT), addr = riscv_rs1(t);

	if (t->opcode & ORDER_RELEASE)
		ir_fence(ir, IR_FENCE_RR | IR_FENCE_WR);
	ir_load(ir, IR_I64, word_access(t) | MEM_ALIGNED | MEM_ATOMIC, value, addr, 0);
	if (t->opcode & ORDER_ACQUIRE)
		ir_fence(ir, IR_FENCE_RR | IR_FENCE_RW);
	ir_put(ir, MEM_64, offsetof(struct Riscv64Cpu, reserved_addr), addr);
	ir_put(ir, MEM_64, offsetof(struct Riscv64Cpu, reserved_value), value);
	ir_put(ir, MEM_8, offsetof(struct Riscv64Cpu, reserved_size), riscv_const(t, access_bytes(t)));
	ir_into1(ir, IR_MOV, IR_I64, riscv_rd(t), value);
	return TRANSLATE_NEXT;
}

/* The store happens if memory still holds what lr loaded: another thread that wrote and restored the value goes unnoticed,
 * as with every emulation on a compare-and-exchange. No temporary lives across the labels. */
enum TranslateResult riscv_tr_sc(struct RiscvTranslation *t)
{
	struct Ir *ir = t->ir;
	const uint32_t size_at = offsetof(struct Riscv64Cpu, reserved_size);
	unsigned aligned = ir_label(ir), fail = ir_label(ir), done = ir_label(ir);
	Ref addr = riscv_rs1(t), zero = riscv_const(t, 0);

	Ref low = ir_op2(ir, IR_AND, IR_I64, addr, riscv_const(t, access_bytes(t) - 1));
	ir_brcond(ir, IR_I64, COND_EQ, low, zero, aligned);
	ir_put(ir, MEM_64, offsetof(struct Cpu, fault_addr), addr);
	ir_raise(ir, CAUSE_MISALIGNED_STORE);

	ir_emit_label(ir, aligned);
	Ref size = ir_temp(ir, IR_INT), at = ir_temp(ir, IR_INT), old = ir_temp(ir, IR_INT), found = ir_temp(ir, IR_INT);
	ir_get(ir, MEM_8, size, size_at);
	ir_brcond(ir, IR_I64, COND_NE, size, riscv_const(t, access_bytes(t)), fail);
	ir_get(ir, MEM_64, at, offsetof(struct Riscv64Cpu, reserved_addr));
	ir_brcond(ir, IR_I64, COND_NE, at, addr, fail);
	ir_get(ir, MEM_64, old, offsetof(struct Riscv64Cpu, reserved_value));
	ir_atomic(ir, IR_CMPXCHG, IR_I64, word_access(t), found, addr, old, riscv_rs2(t));
	ir_put(ir, MEM_8, size_at, zero);
	ir_setcond(ir, IR_I64, COND_NE, riscv_rd(t), found, old);
	ir_br(ir, done);

	ir_emit_label(ir, fail);
	ir_put(ir, MEM_8, size_at, zero);
	ir_into1(ir, IR_MOV, IR_I64, riscv_rd(t), riscv_const(t, 1));
	ir_emit_label(ir, done);
	return TRANSLATE_NEXT;
}

/* IR atomics are sequentially consistent, which is what aq and rl together ask for. */
enum TranslateResult riscv_tr_amo(struct RiscvTranslation *t)
{
	unsigned mem = ARG_HIGH(t);

	if (mem == MEM_32)
		mem |= MEM_SIGNED;
	ir_atomic(t->ir, ARG_LOW(t), IR_I64, mem, riscv_rd(t), riscv_rs1(t), riscv_rs2(t), REF_NONE);
	return TRANSLATE_NEXT;
}

/* -- cache blocks -------------------------------------------------------------------------------------------------- */

/* The caches are coherent, so nothing is left to do for cbo.clean and cbo.flush but to fault where the block cannot be read. */
static void cbo_check(struct Cpu *cpu, uint64_t addr)
{
	uint8_t byte;

	if (!guest_read(&byte, addr, sizeof byte))
		cpu_raise(cpu, CAUSE_FAULT_STORE, addr);
}

enum TranslateResult riscv_tr_cbo_check(struct RiscvTranslation *t)
{
	Ref args[] = { REF_CPU, riscv_rs1(t) };

	ir_call(t->ir, REF_NONE, (void *)cbo_check, "cbo_check", IRC_RAISES, 2, args);
	return TRANSLATE_NEXT;
}

enum TranslateResult riscv_tr_cbo_zero(struct RiscvTranslation *t)
{
	Ref block = ir_op2(t->ir, IR_AND, IR_I64, riscv_rs1(t), riscv_const(t, -(uint64_t)RISCV_CACHE_BLOCK));
	Ref zero = riscv_const(t, 0);

	for (int i = 0; i < RISCV_CACHE_BLOCK; i += 8)
		ir_store(t->ir, IR_I64, MEM_64, block, i, zero);
	return TRANSLATE_NEXT;
}
