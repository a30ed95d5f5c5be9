/* SPDX-License-Identifier: MIT */
/* Helpers and the list of functions that make IR of riscv64 instructions; used by insns.c and tr_*.c alone. */
#ifndef FORERUN_RISCV64_TRANSLATION_H
#define FORERUN_RISCV64_TRANSLATION_H

#include "target/riscv64/cpu.h"

/* One instruction being translated. */
struct RiscvTranslation {
	struct Ir *ir;
	const struct RiscvInsn *insn;
	struct RiscvOperands o;
	uint32_t opcode;
	uint64_t pc, next;              /* of this instruction and the one behind it */
};

/* Arguments of rows. */
#define AMO(op, mem) ((op) | (mem) << 8)
#define FP(op, type) ((op) | (type) << 8)
#define RESERVED UINT32_MAX             /* of riscv_tr_reserved */
#define ARG_LOW(t) ((t)->insn->argument & 0xff)
#define ARG_HIGH(t) ((t)->insn->argument >> 8)

enum { CSR_WRITE, CSR_SET, CSR_CLEAR, CSR_OPERATION = 3, CSR_IMMEDIATE = 4 };
enum { SIGN_COPY, SIGN_NEGATE, SIGN_XOR };
/* Rows of half_ops[] in tr_half.c. */
enum {
	HALF_ADD, HALF_SUB, HALF_MUL, HALF_DIV, HALF_SQRT, HALF_MADD, HALF_MSUB, HALF_NMSUB, HALF_NMADD, HALF_MIN, HALF_MAX,
	HALF_EQ, HALF_LT, HALF_LE, HALF_CLASS, HALF_TO_I32, HALF_TO_U32, HALF_TO_I64, HALF_TO_U64, HALF_FROM_I32, HALF_FROM_U32,
	HALF_FROM_I64, HALF_FROM_U64, HALF_TO_F32, HALF_TO_F64, HALF_FROM_F32, HALF_FROM_F64, HALF_COUNT
};

typedef enum TranslateResult RiscvTranslate(struct RiscvTranslation *t);
RiscvTranslate riscv_tr_lui, riscv_tr_auipc, riscv_tr_alu, riscv_tr_alu_imm, riscv_tr_alu_w, riscv_tr_alu_imm_w, riscv_tr_set,
	riscv_tr_set_imm, riscv_tr_nop;                                                                 /* tr_integer.c */
RiscvTranslate riscv_tr_shift_add, riscv_tr_shift_add_uw, riscv_tr_slli_uw, riscv_tr_alu_inverted, riscv_tr_unary, riscv_tr_unary_w,
	riscv_tr_choose, riscv_tr_orc_b, riscv_tr_clmulr, riscv_tr_bit, riscv_tr_bit_imm, riscv_tr_bit_extract,
	riscv_tr_bit_extract_imm, riscv_tr_zero_if;                                                     /* tr_bits.c */
RiscvTranslate riscv_tr_jal, riscv_tr_jalr, riscv_tr_branch, riscv_tr_raise, riscv_tr_reserved;         /* tr_branch.c */
RiscvTranslate riscv_tr_load, riscv_tr_store, riscv_tr_fence, riscv_tr_fence_tso, riscv_tr_lr, riscv_tr_sc, riscv_tr_amo,
	riscv_tr_cbo_check, riscv_tr_cbo_zero;                                                          /* tr_memory.c */
RiscvTranslate riscv_tr_csr;                                                                            /* csr.c */
RiscvTranslate riscv_tr_fp_load, riscv_tr_fp_store, riscv_tr_fp_fma, riscv_tr_fp_arith, riscv_tr_fp_sqrt, riscv_tr_fp_sign,
	riscv_tr_fp_minmax, riscv_tr_fp_compare, riscv_tr_fp_class, riscv_tr_fp_to_int, riscv_tr_fp_from_int, riscv_tr_fp_to_bits,
	riscv_tr_fp_from_bits, riscv_tr_fp_narrow, riscv_tr_fp_widen;                                   /* tr_float.c */
RiscvTranslate riscv_tr_half_load, riscv_tr_half_store, riscv_tr_half_op, riscv_tr_half_sign, riscv_tr_half_to_bits,
	riscv_tr_half_from_bits;                                                                        /* tr_half.c */

/* Ends the unit with CAUSE_ILLEGAL of this opcode. */
enum TranslateResult riscv_illegal(struct RiscvTranslation *t);

/* The rounding mode of the instruction. False if it is reserved, whether in the instruction or, dynamic, in frm. */
bool riscv_rounding(const struct RiscvTranslation *t, enum IrRound *round);

static inline Ref riscv_const(struct RiscvTranslation *t, uint64_t value)
{
	return ir_const(t->ir, value);
}

/* x register N as an operand: x0 is the constant 0. */
static inline Ref riscv_x(struct RiscvTranslation *t, unsigned n)
{
	return n ? (Ref)(RISCV_GLOBAL_X1 + n - 1) : riscv_const(t, 0);
}

/* x register N as a result: writes to x0 go to a temporary that nobody reads. */
static inline Ref riscv_xd(struct RiscvTranslation *t, unsigned n)
{
	return n ? (Ref)(RISCV_GLOBAL_X1 + n - 1) : ir_temp(t->ir, IR_INT);
}

static inline Ref riscv_f(unsigned n)
{
	return RISCV_GLOBAL_F0 + n;
}

static inline Ref riscv_rs1(struct RiscvTranslation *t) { return riscv_x(t, t->o.rs1); }
static inline Ref riscv_rs2(struct RiscvTranslation *t) { return riscv_x(t, t->o.rs2); }
static inline Ref riscv_rd(struct RiscvTranslation *t) { return riscv_xd(t, t->o.rd); }

#endif
