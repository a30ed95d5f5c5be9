/* SPDX-License-Identifier: MIT */
/* Rules of the optimiser: division and remainder by constants become multiplications and shifts.
 *
 * x / c is x * M / 2^s, rounded down, if M = 2^s / c, rounded up, is exact enough: M * c = 2^s + e, and x * e < 2^s for every x that there is (T. Granlund and
 * P. Montgomery, Division by Invariant Integers using Multiplication, 1994). Values of up to 32 bits need one product of 64 bits, others the high half of one.
 * Negative x come out one too low; their sign is subtracted. A quotient is remembered, so that the remainder and the next quotient of the same operands find it. */
#include <assert.h>

#include "translator/ir_eval.h"
#include "translator/optimise.h"

typedef unsigned __int128 Wide;

enum { ROOM = 8 /* instructions ahead, at most */ };

static Ref constant(struct Optimiser *o, uint64_t value) { return ir_const(o->ir, value); }

static Ref ahead(struct Optimiser *o, enum IrOp op, Ref a, Ref b) { return optimise_ahead(o, op, IR_I64, a, b); }

static Ref shift(struct Optimiser *o, enum IrOp op, Ref a, unsigned count) { return count ? ahead(o, op, a, constant(o, count)) : a; }

/* Looks for M and s of at least FROM so that x * M / 2^s is x / c for x up to MOST and M is no more than LIMIT. */
static bool find_factor(uint64_t c, uint64_t most, unsigned from, unsigned to, uint64_t limit, uint64_t *factor, unsigned *s)
{
	for (*s = from; *s <= to; ++*s) {
		Wide power = (Wide)1 << *s, m = (power + c - 1) / c;
		if (m > limit)
			return false;
		if ((Wide)most * (uint64_t)(m * c - power) < power) {
			*factor = m;
			return true;
		}
	}
	return false;
}

/* X / c, unsigned, for X of BITS bits at most, c no power of two and below 2^BITS. */
static Ref divide_unsigned(struct Optimiser *o, Ref x, unsigned bits, uint64_t c)
{
	uint64_t most = bits == 64 ? ~(uint64_t)0 : ((uint64_t)1 << bits) - 1, factor, limit = ~(uint64_t)0 / most;
	unsigned s;

	if (bits <= 32 && find_factor(c, most, 0, 63, limit < UINT32_MAX ? limit : UINT32_MAX, &factor, &s))
		return shift(o, IR_SHR, ahead(o, IR_MUL, x, constant(o, factor)), s);
	if (find_factor(c, most, 64, 127, ~(uint64_t)0, &factor, &s))
		return shift(o, IR_SHR, ahead(o, IR_MULHU, x, constant(o, factor)), s - 64);
	if (!(c & 1)) {
		unsigned zeros = ir_eval(IR_CTZ, IR_I64, c, 0);
		return divide_unsigned(o, shift(o, IR_SHR, x, zeros), bits - zeros, c >> zeros);
	}
	if (c >> 63) {
		Ref d = optimise_temp(o);
		optimise_write_ahead(o, &(struct Ins){ .op = IR_SETCOND, .type = IR_I64, .cond = COND_GEU, .d = d, .a = { x, constant(o, c), REF_NONE, REF_NONE } });
		return d;
	}
	/* a factor of 65 bits, of which the highest is that x is added; halved before it can overflow */
	unsigned log = 64 - ir_eval(IR_CLZ, IR_I64, c, 0);
	factor = (((Wide)1 << (64 + log)) + c - 1) / c;
	Ref high = ahead(o, IR_MULHU, x, constant(o, factor));
	Ref sum = ahead(o, IR_ADD, shift(o, IR_SHR, ahead(o, IR_SUB, x, high), 1), high);
	return shift(o, IR_SHR, sum, log - 1);
}

/* X / c, signed, in TYPE, for X with its sign in BITS bits; |c| no power of two. */
static Ref divide_signed(struct Optimiser *o, enum IrType type, Ref x, unsigned bits, int64_t c)
{
	uint64_t size = c < 0 ? -(uint64_t)c : (uint64_t)c, factor;
	unsigned s;
	Ref quotient;

	if (bits <= 32 && find_factor(size, (uint64_t)1 << 31, 0, 63, UINT32_MAX, &factor, &s)) {
		quotient = shift(o, IR_SAR, ahead(o, IR_MUL, x, constant(o, factor)), s);
	} else {
		bool found = find_factor(size, (uint64_t)1 << 63, 64, 127, ~(uint64_t)0, &factor, &s);
		assert(found);
		quotient = ahead(o, IR_MULHS, x, constant(o, factor));
		if (factor >> 63)
			quotient = ahead(o, IR_ADD, quotient, x);
		quotient = shift(o, IR_SAR, quotient, s - 64);
	}
	Ref sign = shift(o, IR_SAR, x, 63);
	return optimise_ahead(o, IR_SUB, type, c < 0 ? sign : quotient, c < 0 ? quotient : sign);
}

/* What is added to X before it is shifted right by K, so that negative numbers are rounded up. */
static Ref rounding(struct Optimiser *o, enum IrType type, Ref x, unsigned k)
{
	unsigned width = type == IR_I32 ? 32 : 64;
	Ref sign = k == 1 ? x : optimise_ahead(o, IR_SAR, type, x, constant(o, width - 1));

	return optimise_ahead(o, IR_SHR, type, sign, constant(o, width - k));
}

/* Signed, by a power of two or minus that. */
static bool divide_by_power(struct Optimiser *o, struct Ins *ins, int64_t c)
{
	unsigned k = ir_eval(IR_CTZ, IR_I64, c, 0);
	enum IrType type = ins->type;
	Ref x = ins->a[0], add = rounding(o, type, x, k), sum = optimise_ahead(o, IR_ADD, type, x, add);

	if (ins->op == IR_REMS)
		return optimise_become(ins, IR_SUB, type, optimise_ahead(o, IR_AND, type, sum, constant(o, ((uint64_t)1 << k) - 1)), add);
	if (c > 0)
		return optimise_become(ins, IR_SAR, type, sum, constant(o, k));
	return optimise_become(ins, IR_NEG, type, optimise_ahead(o, IR_SAR, type, sum, constant(o, k)), REF_NONE);
}

/* By 0, by 1 and -1 if signed, and by more than there is. */
static bool divide_simply(struct Optimiser *o, struct Ins *ins, bool is_signed, unsigned bits, int64_t c)
{
	bool rem = ins->op == IR_REMS || ins->op == IR_REMU, more = !is_signed && bits < 64 && (uint64_t)c >> bits;

	if (rem && (c == 0 || more))
		return optimise_become(ins, IR_ADD, ins->type, ins->a[0], constant(o, 0));
	if (c == 0 || more)
		return optimise_become(ins, IR_MOV, IR_I64, constant(o, more ? 0 : ins->type == IR_I32 ? UINT32_MAX : ~(uint64_t)0), REF_NONE);
	if (c == -1 && is_signed)
		return rem ? optimise_become(ins, IR_MOV, IR_I64, constant(o, 0), REF_NONE) : optimise_become(ins, IR_NEG, ins->type, ins->a[0], REF_NONE);
	return false;
}

/* The quotient of INS in a temporary; X is its first operand extended, of BITS bits. */
static Ref find_quotient(struct Optimiser *o, const struct Ins *ins, bool is_signed, Ref x, unsigned bits, int64_t c)
{
	struct Ins divide = *ins;

	divide.op = ins->op == IR_REMS ? IR_DIVS : ins->op == IR_REMU ? IR_DIVU : ins->op;
	const struct Ins *before = optimise_find_twin(o, &divide);
	if (before)
		return before->d;
	enum IrOp extend = is_signed ? IR_SEXT32 : IR_ZEXT32;
	if (ins->type == IR_I32 && (is_signed ? optimise_signed_width(o, x) : optimise_unsigned_width(o, x)) > 32)
		x = ahead(o, extend, x, REF_NONE);
	divide.d = is_signed ? divide_signed(o, ins->type, x, bits, c) : divide_unsigned(o, x, bits, c);
	if (!is_signed)
		optimise_know_width(o, divide.d, bits + 1 - (64 - ir_eval(IR_CLZ, IR_I64, c, 0)));
	optimise_add_twin(o, &divide);
	return divide.d;
}

bool optimise_divide(struct Optimiser *o, struct Ins *ins)
{
	bool is_signed = ins->op == IR_DIVS || ins->op == IR_REMS, rem = ins->op == IR_REMS || ins->op == IR_REMU;
	unsigned width = ins->type == IR_I32 ? 32 : 64;
	Ref x = ins->a[0];

	if (!ref_is_const(ins->a[1]) || ref_is_const(x))
		return false;
	uint64_t c = ir_value(o->ir, ins->a[1]);
	if (width == 32)
		c = is_signed ? (uint64_t)(int64_t)(int32_t)c : (uint32_t)c;
	unsigned positive = optimise_unsigned_width(o, x), bits = positive < width ? positive : width;
	if (is_signed && positive < width && (int64_t)c > 0)
		is_signed = false;
	if (is_signed && width == 64)
		bits = optimise_signed_width(o, x);
	if (divide_simply(o, ins, is_signed, bits, c))
		return true;
	uint64_t size = is_signed && (int64_t)c < 0 ? -c : c;
	if (size == 1 || !optimise_has_room(o, ROOM))
		return false;
	if (!(size & (size - 1))) {
		unsigned k = ir_eval(IR_CTZ, IR_I64, c, 0);
		if (is_signed)
			return divide_by_power(o, ins, c);
		return optimise_become(ins, rem ? IR_AND : IR_SHR, ins->type, x, constant(o, rem ? c - 1 : k));
	}
	Ref result = find_quotient(o, ins, is_signed, x, bits, c);
	if (rem) {
		result = optimise_ahead(o, IR_SUB, ins->type, x, optimise_ahead(o, IR_MUL, ins->type, result, constant(o, c)));
		if (!is_signed)
			optimise_know_width(o, result, 64 - ir_eval(IR_CLZ, IR_I64, c - 1, 0));
	}
	return optimise_become(ins, IR_MOV, IR_I64, result, REF_NONE);
}
