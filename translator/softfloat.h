/* SPDX-License-Identifier: MIT */
/* IEEE 754 arithmetic in integers: binary16, binary32 and binary64 with riscv's choices where the standard leaves one.
 *
 * Operands and results are the bits of the format in the low end of a uint64_t, zero-extended; higher bits of operands are ignored (values are
 * not NaN-boxed). ROUND is an enum IrRound. Exception flags (FPX_*) are ORed into CPU->fflags; nothing else of the cpu is touched, nor is the
 * host's floating-point unit. All functions are total and may be called on the cpu's thread at any time, also as the function of a CALL without
 * IRC_FP (they read and write no global; Cpu.fflags is no global).
 *
 * The choices: a NaN result is the canonical quiet NaN; a signaling NaN operand raises invalid; infinity times zero raises invalid in a fused
 * multiply-add even if the addend is a quiet NaN; tininess is detected after rounding. */
#ifndef FORERUN_SOFTFLOAT_H
#define FORERUN_SOFTFLOAT_H

#include <stdint.h>

struct Cpu;

/* For F of f16, f32, f64, the functions
 *   sf_F_add sub mul div                a op b
 *   sf_F_sqrt
 *   sf_F_fmadd fmsub fnmsub fnmadd      a*b+c, a*b-c, -(a*b)+c, -(a*b)-c, rounded once
 *   sf_F_min max                        IEEE 754-2019 minimumNumber and maximumNumber; -0 < +0
 *   sf_F_eq lt le                       0 or 1; eq is quiet, lt and le raise invalid on any NaN
 *   sf_F_class                          the bit mask of riscv's fclass, exactly one bit of 0..9
 *   sf_F_to_i32 u32 i64 u64             saturate (and raise invalid alone); NaN gives the maximum. 32-bit results, unsigned ones too, are
 *                                       sign-extended to 64 bits
 *   sf_i32_to_F u32 i64 u64             the 32-bit ones read the low 32 bits of A
 */
#define SF_DECLARE(F) \
	uint64_t sf_##F##_add(struct Cpu *cpu, uint64_t a, uint64_t b, uint64_t round); \
	uint64_t sf_##F##_sub(struct Cpu *cpu, uint64_t a, uint64_t b, uint64_t round); \
	uint64_t sf_##F##_mul(struct Cpu *cpu, uint64_t a, uint64_t b, uint64_t round); \
	uint64_t sf_##F##_div(struct Cpu *cpu, uint64_t a, uint64_t b, uint64_t round); \
	uint64_t sf_##F##_sqrt(struct Cpu *cpu, uint64_t a, uint64_t round); \
	uint64_t sf_##F##_fmadd(struct Cpu *cpu, uint64_t a, uint64_t b, uint64_t c, uint64_t round); \
	uint64_t sf_##F##_fmsub(struct Cpu *cpu, uint64_t a, uint64_t b, uint64_t c, uint64_t round); \
	uint64_t sf_##F##_fnmsub(struct Cpu *cpu, uint64_t a, uint64_t b, uint64_t c, uint64_t round); \
	uint64_t sf_##F##_fnmadd(struct Cpu *cpu, uint64_t a, uint64_t b, uint64_t c, uint64_t round); \
	uint64_t sf_##F##_min(struct Cpu *cpu, uint64_t a, uint64_t b); \
	uint64_t sf_##F##_max(struct Cpu *cpu, uint64_t a, uint64_t b); \
	uint64_t sf_##F##_eq(struct Cpu *cpu, uint64_t a, uint64_t b); \
	uint64_t sf_##F##_lt(struct Cpu *cpu, uint64_t a, uint64_t b); \
	uint64_t sf_##F##_le(struct Cpu *cpu, uint64_t a, uint64_t b); \
	uint64_t sf_##F##_class(uint64_t a); \
	uint64_t sf_##F##_to_i32(struct Cpu *cpu, uint64_t a, uint64_t round); \
	uint64_t sf_##F##_to_u32(struct Cpu *cpu, uint64_t a, uint64_t round); \
	uint64_t sf_##F##_to_i64(struct Cpu *cpu, uint64_t a, uint64_t round); \
	uint64_t sf_##F##_to_u64(struct Cpu *cpu, uint64_t a, uint64_t round); \
	uint64_t sf_i32_to_##F(struct Cpu *cpu, uint64_t a, uint64_t round); \
	uint64_t sf_u32_to_##F(struct Cpu *cpu, uint64_t a, uint64_t round); \
	uint64_t sf_i64_to_##F(struct Cpu *cpu, uint64_t a, uint64_t round); \
	uint64_t sf_u64_to_##F(struct Cpu *cpu, uint64_t a, uint64_t round);
SF_DECLARE(f16)
SF_DECLARE(f32)
SF_DECLARE(f64)
#undef SF_DECLARE

/* Between formats. */
uint64_t sf_f16_to_f32(struct Cpu *cpu, uint64_t a, uint64_t round);
uint64_t sf_f16_to_f64(struct Cpu *cpu, uint64_t a, uint64_t round);
uint64_t sf_f32_to_f16(struct Cpu *cpu, uint64_t a, uint64_t round);
uint64_t sf_f32_to_f64(struct Cpu *cpu, uint64_t a, uint64_t round);
uint64_t sf_f64_to_f16(struct Cpu *cpu, uint64_t a, uint64_t round);
uint64_t sf_f64_to_f32(struct Cpu *cpu, uint64_t a, uint64_t round);

#endif
