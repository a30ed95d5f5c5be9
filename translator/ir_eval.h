/* SPDX-License-Identifier: MIT */
/* What the integer operations of the IR compute: the one definition that folding and the interpreter share. */
#ifndef FORERUN_IR_EVAL_H
#define FORERUN_IR_EVAL_H

#include "translator/ir.h"

/* Whether A COND B in TYPE (IR_I32: the low halves, else 64 bits). */
static inline __attribute__((always_inline)) bool ir_eval_cond(enum IrCond cond, enum IrType type, uint64_t a, uint64_t b)
{
	if (type == IR_I32) {
		a = (int32_t)a;
		b = (int32_t)b;
	}
	switch (cond) {
	case COND_EQ: return a == b;
	case COND_NE: return a != b;
	case COND_LT: return (int64_t)a < (int64_t)b;
	case COND_GE: return (int64_t)a >= (int64_t)b;
	case COND_LTU: return a < b;
	case COND_GEU: return a >= b;
	case COND_LE: return (int64_t)a <= (int64_t)b;
	case COND_GT: return (int64_t)a > (int64_t)b;
	case COND_LEU: return a <= b;
	case COND_GTU: return a > b;
	case COND_ALWAYS: return true;
	case COND_NEVER: return false;
	}
	return false;
}

static inline uint64_t ir_eval_clmul(uint64_t a, uint64_t b, bool high)
{
	unsigned __int128 product = 0;

	for (unsigned i = 0; i < 64; i++)
		if (b >> i & 1)
			product ^= (unsigned __int128)a << i;
	return high ? product >> 64 : product;
}

static inline __attribute__((always_inline)) uint64_t ir_eval_64(enum IrOp op, uint64_t a, uint64_t b)
{
	int64_t as = a, bs = b;
	unsigned count = b & 63;

	switch (op) {
	case IR_MOV: return a;
	case IR_ADD: return a + b;
	case IR_SUB: return a - b;
	case IR_MUL: return a * b;
	case IR_MULHS: return (unsigned __int128)((__int128)as * bs) >> 64;
	case IR_MULHU: return (unsigned __int128)a * b >> 64;
	case IR_MULHSU: return ((unsigned __int128)a * b >> 64) - (as < 0 ? b : 0);
	case IR_DIVS: return !b ? ~(uint64_t)0 : bs == -1 ? -a : (uint64_t)(as / bs);
	case IR_DIVU: return !b ? ~(uint64_t)0 : a / b;
	case IR_REMS: return !b ? a : bs == -1 ? 0 : (uint64_t)(as % bs);
	case IR_REMU: return !b ? a : a % b;
	case IR_AND: return a & b;
	case IR_OR: return a | b;
	case IR_XOR: return a ^ b;
	case IR_ANDN: return a & ~b;
	case IR_NEG: return -a;
	case IR_NOT: return ~a;
	case IR_SHL: return a << count;
	case IR_SHR: return a >> count;
	case IR_SAR: return as >> count;
	case IR_ROTL: return a << count | a >> (-count & 63);
	case IR_ROTR: return a >> count | a << (-count & 63);
	case IR_SEXT8: return (int8_t)a;
	case IR_SEXT16: return (int16_t)a;
	case IR_SEXT32: return (int32_t)a;
	case IR_ZEXT8: return (uint8_t)a;
	case IR_ZEXT16: return (uint16_t)a;
	case IR_ZEXT32: return (uint32_t)a;
	case IR_CLZ: return a ? __builtin_clzll(a) : 64;
	case IR_CTZ: return a ? __builtin_ctzll(a) : 64;
	case IR_POPCNT: return __builtin_popcountll(a);
	case IR_BSWAP: return __builtin_bswap64(a);
	case IR_CLMUL: return ir_eval_clmul(a, b, false);
	case IR_CLMULH: return ir_eval_clmul(a, b, true);
	default: __builtin_unreachable();
	}
}

static inline __attribute__((always_inline)) uint64_t ir_eval_32(enum IrOp op, uint32_t a, uint32_t b)
{
	int32_t as = a, bs = b;
	unsigned count = b & 31;

	switch (op) {
	case IR_MULHS: return (uint32_t)((int64_t)as * bs >> 32);
	case IR_MULHU: return (uint64_t)a * b >> 32;
	case IR_MULHSU: return (uint32_t)((int64_t)as * (int64_t)b >> 32);
	case IR_DIVS: return (uint32_t)(!b ? ~0u : bs == -1 ? -a : (uint32_t)(as / bs));
	case IR_DIVU: return !b ? ~0u : a / b;
	case IR_REMS: return !b ? a : bs == -1 ? 0 : (uint32_t)(as % bs);
	case IR_REMU: return !b ? a : a % b;
	case IR_SHL: return a << count;
	case IR_SHR: return a >> count;
	case IR_SAR: return (uint32_t)(as >> count);
	case IR_ROTL: return (uint32_t)(a << count | a >> (-count & 31));
	case IR_ROTR: return (uint32_t)(a >> count | a << (-count & 31));
	case IR_CLZ: return a ? __builtin_clz(a) : 32;
	case IR_CTZ: return a ? __builtin_ctz(a) : 32;
	case IR_BSWAP: return __builtin_bswap32(a);
	/* the low halves of the rest depend on the low halves alone */
	default: return (uint32_t)ir_eval_64(op, a, b);
	}
}

/* The result of the integer operation OP (MOV to CLMULH in the table) in TYPE, IR_I32 or IR_I64. Unary operations ignore B. */
static inline __attribute__((always_inline)) uint64_t ir_eval(enum IrOp op, enum IrType type, uint64_t a, uint64_t b)
{
	return type == IR_I32 ? ir_eval_32(op, a, b) : ir_eval_64(op, a, b);
}

#endif
