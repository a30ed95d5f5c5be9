/* SPDX-License-Identifier: MIT */
/* Simplifies a unit: forward, operands become what they are known to be and instructions become simpler ones; backward, what nobody can see goes.
 *
 * Forward, each variable has a version that counts its assignments. What is known of a variable (that it equals a constant or another
 * variable, and which instruction defined it) holds while the versions written down with it are current; everything is forgotten at a
 * LABEL, but for constants that all ways to it bring, and what is known of globals at a call that writes them. Folding never adds instructions and moves none.
 *
 * Between the two, additions to one per-cpu slot become one where nothing can tell.
 *
 * Backward, a global is dead where it is assigned again before anything can see it: an exit, a branch, a label, or an instruction of ir_observes(). */
#include <assert.h>
#include <string.h>

#include "target/guest.h"
#include "translator/ir_eval.h"
#include "translator/translate.h"

/* What is known of a variable. */
struct Known {
	uint32_t version;
	uint32_t epoch;                 /* of Optimiser.epoch when the rest was written down; another: nothing is known */
	Ref copy;                       /* holds the same value in its low copy_bits, or REF_NONE */
	uint16_t copy_bits;
	uint32_t copy_version;
	uint32_t def;                   /* index of the defining instruction, or NO_DEF */
	uint32_t def_versions[2];       /* of its first two operands then */
};
#define NO_DEF UINT32_MAX

struct Optimiser {
	struct Ir *ir;
	struct Known *known;            /* by variable */
	uint32_t epoch;
	bool counts;                    /* something is added to a counter */
	struct Meeting *meetings;       /* by label */
};

/* What is known where the ways to a label meet. */
struct Meeting {
	bool from_behind;               /* one of them is not known yet when the label comes */
	Ref *constants;                 /* by global: what all ways so far bring, or REF_NONE; NULL: no way so far */
};

/* -- what is known --------------------------------------------------------------------------------------------------- */

static uint32_t version_of(const struct Optimiser *o, Ref r)
{
	return ref_is_var(r) ? o->known[r].version : 0;
}

static bool constant(const struct Optimiser *o, Ref r, uint64_t *value)
{
	if (!ref_is_const(r))
		return false;
	*value = ir_value(o->ir, r);
	return true;
}

/* The pure instruction whose result R is, if its operands still have the values it read; else NULL. */
static const struct Ins *definition(const struct Optimiser *o, Ref r)
{
	if (!ref_is_var(r))
		return NULL;
	const struct Known *k = &o->known[r];
	if (k->epoch != o->epoch || k->def == NO_DEF)
		return NULL;
	const struct Ins *def = &o->ir->ins[k->def];
	for (unsigned i = 0; i < 2; i++)
		if (version_of(o, def->a[i]) != k->def_versions[i])
			return NULL;
	return def;
}

/* The definition of R if it is OP of TYPE with a constant second operand, which goes to VALUE. */
static const struct Ins *definition_const(const struct Optimiser *o, Ref r, enum IrOp op, enum IrType type, uint64_t *value)
{
	const struct Ins *def = definition(o, r);
	return def && def->op == op && def->type == type && constant(o, def->a[1], value) ? def : NULL;
}

/* How many low bits of the integer R can be other than 0, as its definition tells. */
static unsigned unsigned_width(const struct Optimiser *o, Ref r)
{
	if (ref_is_const(r))
		return 64 - ir_eval(IR_CLZ, IR_I64, ir_value(o->ir, r), 0);
	if (!ref_is_var(r) || o->known[r].epoch != o->epoch || o->known[r].def == NO_DEF)
		return 64;
	/* the result's range does not depend on the operands' later fate */
	const struct Ins *def = &o->ir->ins[o->known[r].def];
	switch (def->op) {
	case IR_SETCOND: return 1;
	case IR_ZEXT8: return 8;
	case IR_ZEXT16: return 16;
	case IR_ZEXT32: return 32;
	case IR_SELECT: return 64;      /* its type is the comparison's */
	case IR_FBITS: return def->type == IR_F32 ? 32 : 64;
	case IR_FCLASS: return 10;
	case IR_LOAD: return def->mem & MEM_SIGNED ? 64 : 8u << (def->mem & MEM_SIZE);
	default: return ir_op_info[def->op].result != 'V' && def->type == IR_I32 ? 32 : 64;
	}
}

/* Into how many bits, sign included, the integer R fits. */
static unsigned signed_width(const struct Optimiser *o, Ref r)
{
	unsigned width = unsigned_width(o, r);
	if (width < 64)
		return width + 1;
	if (!ref_is_var(r) || o->known[r].epoch != o->epoch || o->known[r].def == NO_DEF)
		return 64;
	const struct Ins *def = &o->ir->ins[o->known[r].def];
	switch (def->op) {
	case IR_SEXT8: return def->type == IR_I64 ? 8 : 64;
	case IR_SEXT16: return def->type == IR_I64 ? 16 : 64;
	case IR_SEXT32: return 32;
	case IR_LOAD: return def->mem & MEM_SIGNED ? 8u << (def->mem & MEM_SIZE) : 64;
	default: return 64;
	}
}

/* -- rewriting ---------------------------------------------------------------------------------------------------- */

static bool become(struct Ins *ins, enum IrOp op, enum IrType type, Ref a, Ref b)
{
	ins->op = op;
	ins->type = type;
	ins->cond = 0;
	ins->a[0] = a;
	ins->a[1] = b;
	ins->a[2] = ins->a[3] = REF_NONE;
	return true;
}

static bool become_const(struct Optimiser *o, struct Ins *ins, uint64_t value)
{
	return become(ins, IR_MOV, IR_I64, ir_const(o->ir, value), REF_NONE);
}

/* The instruction's result in its type is the value of A. */
static bool become_value(struct Optimiser *o, struct Ins *ins, Ref a)
{
	if (ins->type == IR_I32 && unsigned_width(o, a) > 32)
		return become(ins, IR_ZEXT32, IR_I64, a, REF_NONE);
	return become(ins, IR_MOV, IR_I64, a, REF_NONE);
}

static unsigned width_of(const struct Ins *ins) { return ins->type == IR_I32 ? 32 : 64; }
static uint64_t mask_of(const struct Ins *ins) { return ins->type == IR_I32 ? 0xffffffff : ~(uint64_t)0; }

/* The constant second operand as the instruction's type sees it. */
static bool right_const(const struct Optimiser *o, const struct Ins *ins, uint64_t *value)
{
	if (!constant(o, ins->a[1], value))
		return false;
	*value &= mask_of(ins);
	return true;
}

static enum IrCond swap_cond(enum IrCond cond)
{
	static const uint8_t swapped[] = {
		[COND_EQ] = COND_EQ, [COND_NE] = COND_NE, [COND_LT] = COND_GT, [COND_GE] = COND_LE, [COND_LTU] = COND_GTU, [COND_GEU] = COND_LEU,
		[COND_LE] = COND_GE, [COND_GT] = COND_LT, [COND_LEU] = COND_GEU, [COND_GTU] = COND_LTU,
		[COND_ALWAYS] = COND_ALWAYS, [COND_NEVER] = COND_NEVER,
	};
	return swapped[cond];
}

/* -- rules: each says its pattern; true if it has changed the instruction ----------------------------------------------------- */

typedef bool Rule(struct Optimiser *o, struct Ins *ins);

/* op c1, c2 -> c */
static bool fold_constants(struct Optimiser *o, struct Ins *ins)
{
	uint64_t a, b = 0;
	if (!constant(o, ins->a[0], &a) || (ir_op_info[ins->op].nargs > 1 && !constant(o, ins->a[1], &b)))
		return false;
	return become_const(o, ins, ir_eval(ins->op, ins->type, a, b));
}

/* c op x -> x op c */
static bool commute(struct Optimiser *o, struct Ins *ins)
{
	(void)o;
	if (!ref_is_const(ins->a[0]) || ref_is_const(ins->a[1]))
		return false;
	Ref c = ins->a[0];
	ins->a[0] = ins->a[1];
	ins->a[1] = c;
	return true;
}

/* x + 0, x - 0, x | 0, x ^ 0, x &~ 0, x << 0 ... -> x */
static bool zero_right(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c;
	return right_const(o, ins, &c) && c == 0 && become_value(o, ins, ins->a[0]);
}

/* x shift c -> x if c is a multiple of the width */
static bool shift_none(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c;
	return right_const(o, ins, &c) && c % width_of(ins) == 0 && become_value(o, ins, ins->a[0]);
}

/* x * 1, x / 1 -> x */
static bool one_right(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c;
	return right_const(o, ins, &c) && c == 1 && become_value(o, ins, ins->a[0]);
}

/* x & -1 -> x */
static bool and_ones(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c;
	return right_const(o, ins, &c) && c == mask_of(ins) && become_value(o, ins, ins->a[0]);
}

/* x * 0, x & 0 -> 0 */
static bool zero_absorbs(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c;
	return right_const(o, ins, &c) && c == 0 && become_const(o, ins, 0);
}

/* x | -1 -> -1 */
static bool or_ones(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c;
	return right_const(o, ins, &c) && c == mask_of(ins) && become_const(o, ins, c);
}

/* x &~ -1 -> 0 */
static bool andn_ones(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c;
	return right_const(o, ins, &c) && c == mask_of(ins) && become_const(o, ins, 0);
}

/* x - x, x ^ x, x &~ x -> 0 */
static bool same_zero(struct Optimiser *o, struct Ins *ins)
{
	return ins->a[0] == ins->a[1] && become_const(o, ins, 0);
}

/* x & x, x | x -> x */
static bool same_value(struct Optimiser *o, struct Ins *ins)
{
	return ins->a[0] == ins->a[1] && become_value(o, ins, ins->a[0]);
}

/* x - c -> x + -c */
static bool sub_const(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c;
	return right_const(o, ins, &c) && become(ins, IR_ADD, ins->type, ins->a[0], ir_const(o->ir, -c & mask_of(ins)));
}

/* 0 - x -> -x */
static bool zero_minus(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c;
	return constant(o, ins->a[0], &c) && (c & mask_of(ins)) == 0 && become(ins, IR_NEG, ins->type, ins->a[1], REF_NONE);
}

/* The exponent if the constant on the right is a power of two above 1. */
static bool power_of_two(struct Optimiser *o, struct Ins *ins, unsigned *k)
{
	uint64_t c;
	if (!right_const(o, ins, &c) || c < 2 || c & (c - 1))
		return false;
	*k = __builtin_ctzll(c);
	return true;
}

/* x * 2^k -> x << k */
static bool mul_power(struct Optimiser *o, struct Ins *ins)
{
	unsigned k;
	return power_of_two(o, ins, &k) && become(ins, IR_SHL, ins->type, ins->a[0], ir_const(o->ir, k));
}

/* x / 2^k -> x >> k, unsigned */
static bool divu_power(struct Optimiser *o, struct Ins *ins)
{
	unsigned k;
	return power_of_two(o, ins, &k) && become(ins, IR_SHR, ins->type, ins->a[0], ir_const(o->ir, k));
}

/* x % 2^k -> x & (2^k - 1), unsigned */
static bool remu_power(struct Optimiser *o, struct Ins *ins)
{
	unsigned k;
	return power_of_two(o, ins, &k) && become(ins, IR_AND, ins->type, ins->a[0], ir_const(o->ir, ((uint64_t)1 << k) - 1));
}

/* x % 1 -> 0 */
static bool rem_one(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c;
	return right_const(o, ins, &c) && c == 1 && become_const(o, ins, 0);
}

/* (x op c1) op c2 -> x op (c1 op c2), for associative operations */
static bool associate(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c1, c2;
	const struct Ins *def;
	if (!constant(o, ins->a[1], &c2) || !(def = definition_const(o, ins->a[0], ins->op, ins->type, &c1)))
		return false;
	return become(ins, ins->op, ins->type, def->a[0], ir_const(o->ir, ir_eval(ins->op, ins->type, c1, c2)));
}

/* (x shift c1) shift c2 -> x shift (c1 + c2), or what is left beyond the width */
static bool shift_chain(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c1, c2;
	const struct Ins *def;
	if (!constant(o, ins->a[1], &c2) || !(def = definition_const(o, ins->a[0], ins->op, ins->type, &c1)))
		return false;
	unsigned width = width_of(ins), count = c1 % width + c2 % width;
	if (count >= width && ins->op != IR_SAR)
		return become_const(o, ins, 0);
	return become(ins, ins->op, ins->type, def->a[0], ir_const(o->ir, count >= width ? width - 1 : count));
}

/* (x << c) >> c -> an extension of the low bits, if there is one of that width; in 64 bits */
static bool shift_extends(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c1, c2;
	const struct Ins *def;
	if (ins->type != IR_I64 || !constant(o, ins->a[1], &c2) ||
	    !(def = definition_const(o, ins->a[0], IR_SHL, IR_I64, &c1)) || c1 % 64 != c2 % 64)
		return false;
	bool sign = ins->op == IR_SAR;
	switch (c2 % 64) {
	case 32: return become(ins, sign ? IR_SEXT32 : IR_ZEXT32, IR_I64, def->a[0], REF_NONE);
	case 48: return become(ins, sign ? IR_SEXT16 : IR_ZEXT16, IR_I64, def->a[0], REF_NONE);
	case 56: return become(ins, sign ? IR_SEXT8 : IR_ZEXT8, IR_I64, def->a[0], REF_NONE);
	default: return false;
	}
}

/* x & 0xff, 0xffff, 0xffffffff -> zext x */
static bool and_extends(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c;
	if (!right_const(o, ins, &c))
		return false;
	switch (c) {
	case 0xff: return become(ins, IR_ZEXT8, ins->type, ins->a[0], REF_NONE);
	case 0xffff: return become(ins, IR_ZEXT16, ins->type, ins->a[0], REF_NONE);
	case 0xffffffff: return ins->type == IR_I64 && become(ins, IR_ZEXT32, IR_I64, ins->a[0], REF_NONE);
	default: return false;
	}
}

/* x & ~y -> x &~ y */
static bool and_not(struct Optimiser *o, struct Ins *ins)
{
	const struct Ins *def = definition(o, ins->a[1]);
	if (def && def->op == IR_NOT && def->type == ins->type)
		return become(ins, IR_ANDN, ins->type, ins->a[0], def->a[0]);
	def = definition(o, ins->a[0]);
	return def && def->op == IR_NOT && def->type == ins->type && become(ins, IR_ANDN, ins->type, ins->a[1], def->a[0]);
}

/* x ^ -1 -> ~x */
static bool xor_ones(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c;
	return right_const(o, ins, &c) && c == mask_of(ins) && become(ins, IR_NOT, ins->type, ins->a[0], REF_NONE);
}

/* op op x -> x for NEG, NOT, BSWAP */
static bool involution(struct Optimiser *o, struct Ins *ins)
{
	const struct Ins *def = definition(o, ins->a[0]);
	return def && def->op == ins->op && def->type == ins->type && become_value(o, ins, def->a[0]);
}

/* Bits that an extension keeps. */
static unsigned extension_width(enum IrOp op)
{
	switch (op) {
	case IR_SEXT8: case IR_ZEXT8: return 8;
	case IR_SEXT16: case IR_ZEXT16: return 16;
	case IR_SEXT32: case IR_ZEXT32: return 32;
	default: return 0;
	}
}

static bool extends_sign(enum IrOp op) { return op == IR_SEXT8 || op == IR_SEXT16 || op == IR_SEXT32; }

/* ext x -> x if x has that form already */
static bool extend_nothing(struct Optimiser *o, struct Ins *ins)
{
	unsigned width = extension_width(ins->op), have = extends_sign(ins->op) ? signed_width(o, ins->a[0]) : unsigned_width(o, ins->a[0]);
	return have <= width && become_value(o, ins, ins->a[0]);
}

/* ext (ext x) -> ext x if the inner one keeps all that the outer one looks at */
static bool extend_extended(struct Optimiser *o, struct Ins *ins)
{
	const struct Ins *def = definition(o, ins->a[0]);
	unsigned inner = def ? extension_width(def->op) : 0;
	return inner >= extension_width(ins->op) && become(ins, ins->op, ins->type, def->a[0], REF_NONE);
}

/* ext (x & c) -> ext x if c covers all that is looked at */
static bool extend_masked(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c, need = ((uint64_t)1 << extension_width(ins->op)) - 1;
	const struct Ins *def = definition_const(o, ins->a[0], IR_AND, IR_I64, &c);
	return def && (c & need) == need && become(ins, ins->op, ins->type, def->a[0], REF_NONE);
}

/* mov.i32 -> zext32 */
static bool mov_narrow(struct Optimiser *o, struct Ins *ins)
{
	return ins->type == IR_I32 && become_value(o, ins, ins->a[0]);
}

/* fbits (bitsf x) -> x */
static bool bits_of_bits(struct Optimiser *o, struct Ins *ins)
{
	const struct Ins *def = definition(o, ins->a[0]);
	if (!def || def->op != IR_BITSF || (ins->type == IR_F64 && def->type == IR_F32))
		return false;
	return become(ins, ins->type == IR_F32 ? IR_ZEXT32 : IR_MOV, IR_I64, def->a[0], REF_NONE);
}

/* unbox32 (box32 v) -> v */
static bool unbox_boxed(struct Optimiser *o, struct Ins *ins)
{
	const struct Ins *def = definition(o, ins->a[0]);
	return def && def->op == IR_BOX32 && become(ins, IR_MOV, IR_F32, def->a[0], REF_NONE);
}

/* -- rules of conditions */

/* c cond x -> x swapped-cond c */
static bool commute_cond(struct Optimiser *o, struct Ins *ins)
{
	if (ins->cond >= COND_ALWAYS || !commute(o, ins))
		return false;
	ins->cond = swap_cond(ins->cond);
	return true;
}

/* (a cond b) ne 0 -> a cond b; (a cond b) eq 0 -> a negated-cond b; eq and ne 1 likewise */
static bool cond_of_setcond(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c;
	const struct Ins *def = definition(o, ins->a[0]);
	if (!def || def->op != IR_SETCOND || !right_const(o, ins, &c) || c > 1 || (ins->cond != COND_EQ && ins->cond != COND_NE))
		return false;
	ins->cond = def->cond ^ ((ins->cond == COND_EQ) ^ (c == 1));
	ins->type = def->type;
	ins->a[0] = def->a[0];
	ins->a[1] = def->a[1];
	return true;
}

/* What a condition gives if it is known: 0, 1; else -1. */
static int known_cond(const struct Optimiser *o, const struct Ins *ins)
{
	uint64_t a, b;

	if (ins->cond == COND_ALWAYS || ins->cond == COND_NEVER)
		return ins->cond == COND_ALWAYS;
	if (ins->a[0] == ins->a[1])     /* x cond x */
		return ir_eval_cond(ins->cond, IR_I64, 0, 0);
	if (!constant(o, ins->a[1], &b))
		return -1;
	if (constant(o, ins->a[0], &a))
		return ir_eval_cond(ins->cond, ins->type, a, b);
	if ((b & mask_of(ins)) == 0 && (ins->cond == COND_LTU || ins->cond == COND_GEU))        /* x <u 0, x >=u 0 */
		return ins->cond == COND_GEU;
	return -1;
}

/* setcond known -> 0 or 1 */
static bool setcond_known(struct Optimiser *o, struct Ins *ins)
{
	int known = known_cond(o, ins);
	return known >= 0 && become_const(o, ins, known);
}

/* setcond (x ne 0) of an x that is 0 or 1 -> x */
static bool setcond_of_bit(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c;
	return ins->cond == COND_NE && right_const(o, ins, &c) && c == 0 && unsigned_width(o, ins->a[0]) == 1 &&
	       become(ins, IR_MOV, IR_I64, ins->a[0], REF_NONE);
}

/* select known ? c : e -> one of them; select ? c : c -> c */
static bool select_known(struct Optimiser *o, struct Ins *ins)
{
	int known = ins->a[2] == ins->a[3] ? 1 : known_cond(o, ins);
	return known >= 0 && become(ins, IR_MOV, IR_I64, known ? ins->a[2] : ins->a[3], REF_NONE);
}

/* select a cond b ? 1 : 0 -> setcond; ? 0 : 1 -> setcond negated */
static bool select_bit(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c, e;
	if (!constant(o, ins->a[2], &c) || !constant(o, ins->a[3], &e) || c > 1 || e > 1 || c == e)
		return false;
	uint8_t cond = ins->cond ^ (e == 1);
	become(ins, IR_SETCOND, ins->type, ins->a[0], ins->a[1]);
	ins->cond = cond;
	return true;
}

/* -- rules of memory */

/* [(x + c) + d] -> [x + (c + d)] if the displacement has room */
static bool displace(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c;
	const struct Ins *def = definition_const(o, ins->a[0], IR_ADD, IR_I64, &c);
	if (!def)
		return false;
	int64_t displacement = (int64_t)(c + (int64_t)ins->imm);
	if (displacement != (int32_t)displacement)
		return false;
	ins->a[0] = def->a[0];
	ins->imm = displacement;
	return true;
}

enum { RULES_MAX = 8 };         /* in a row, and NULL behind the last */
#define MEMORY { displace }
#define FOLD { fold_constants }
static Rule *const rules[IR_NOPS][RULES_MAX + 1] = {
	[IR_MOV] = { mov_narrow },
	[IR_ADD] = { fold_constants, commute, zero_right, associate },
	[IR_SUB] = { fold_constants, same_zero, zero_right, sub_const, zero_minus },
	[IR_MUL] = { fold_constants, commute, zero_absorbs, one_right, mul_power, associate },
	[IR_MULHS] = { fold_constants, commute, zero_absorbs },
	[IR_MULHU] = { fold_constants, commute, zero_absorbs },
	[IR_MULHSU] = { fold_constants, zero_absorbs },
	[IR_DIVS] = { fold_constants, one_right },
	[IR_DIVU] = { fold_constants, one_right, divu_power },
	[IR_REMS] = { fold_constants, rem_one },
	[IR_REMU] = { fold_constants, rem_one, remu_power },
	[IR_AND] = { fold_constants, commute, same_value, zero_absorbs, and_ones, and_extends, associate, and_not },
	[IR_OR] = { fold_constants, commute, same_value, zero_right, or_ones, associate },
	[IR_XOR] = { fold_constants, commute, same_zero, zero_right, xor_ones, associate },
	[IR_ANDN] = { fold_constants, same_zero, zero_right, andn_ones },
	[IR_NEG] = { fold_constants, involution },
	[IR_NOT] = { fold_constants, involution },
	[IR_SHL] = { fold_constants, shift_none, shift_chain },
	[IR_SHR] = { fold_constants, shift_none, shift_chain, shift_extends },
	[IR_SAR] = { fold_constants, shift_none, shift_chain, shift_extends },
	[IR_ROTL] = { fold_constants, shift_none },
	[IR_ROTR] = { fold_constants, shift_none },
	[IR_SEXT8] = { fold_constants, extend_nothing, extend_extended, extend_masked },
	[IR_SEXT16] = { fold_constants, extend_nothing, extend_extended, extend_masked },
	[IR_SEXT32] = { fold_constants, extend_nothing, extend_extended, extend_masked },
	[IR_ZEXT8] = { fold_constants, extend_nothing, extend_extended, extend_masked },
	[IR_ZEXT16] = { fold_constants, extend_nothing, extend_extended, extend_masked },
	[IR_ZEXT32] = { fold_constants, extend_nothing, extend_extended, extend_masked },
	[IR_CLZ] = FOLD, [IR_CTZ] = FOLD, [IR_POPCNT] = FOLD, [IR_CLMUL] = FOLD, [IR_CLMULH] = FOLD,
	[IR_BSWAP] = { fold_constants, involution },
	[IR_SETCOND] = { setcond_known, commute_cond, setcond_of_bit, cond_of_setcond },
	[IR_SELECT] = { select_known, commute_cond, cond_of_setcond, select_bit },
	[IR_BRCOND] = { commute_cond, cond_of_setcond },
	[IR_EXITCOND] = { commute_cond, cond_of_setcond },
	[IR_FBITS] = { bits_of_bits },
	[IR_UNBOX32] = { unbox_boxed },
	[IR_LOAD] = MEMORY, [IR_STORE] = MEMORY, [IR_CMPXCHG] = MEMORY, [IR_XCHG] = MEMORY, [IR_FADDI] = MEMORY, [IR_FANDI] = MEMORY,
	[IR_FORI] = MEMORY, [IR_FXORI] = MEMORY, [IR_FMINS] = MEMORY, [IR_FMAXS] = MEMORY, [IR_FMINU] = MEMORY, [IR_FMAXU] = MEMORY,
};

/* Applies rules until none fits. Each makes the instruction simpler or its operands older, so this ends; the bound is for our own bugs. */
static void simplify(struct Optimiser *o, struct Ins *ins)
{
	for (unsigned rounds = 0; rounds < 32; rounds++) {
		Rule *const *row = rules[ins->op];
		while (*row && !(*row)(o, ins))
			row++;
		if (!*row)
			return;
	}
	assert(!"folding goes in circles");
}

/* -- forward ------------------------------------------------------------------------------------------------------ */

/* How many low bits of its vector operands an instruction reads. */
static unsigned vector_bits_read(const struct Ins *ins)
{
	switch (ins->op) {
	case IR_BOX32: case IR_FCVT_F64_F32: return 32;
	case IR_FCVT_F32_F64: case IR_UNBOX32: return 64;
	default: return ins->type == IR_F32 ? 32 : ins->type == IR_V128 ? 128 : 64;
	}
}

/* Replaces an operand of INS by what it is a copy of. */
static void propagate_to(const struct Optimiser *o, const struct Ins *ins, Ref *use)
{
	Ref r = *use;

	if (!ref_is_var(r))
		return;
	const struct Known *k = &o->known[r];
	if (k->epoch != o->epoch || k->copy == REF_NONE || version_of(o, k->copy) != k->copy_version)
		return;
	if (o->ir->var_class[r] == IR_INT || vector_bits_read(ins) <= k->copy_bits)
		*use = k->copy;
}

static void propagate(struct Optimiser *o, struct Ins *ins)
{
	for (unsigned i = 0; i < 4 && ins->a[i] != REF_NONE; i++)
		propagate_to(o, ins, &ins->a[i]);
	if (ins->op == IR_CALL) {
		struct IrCall *call = &o->ir->calls[ins->imm];
		for (unsigned i = 0; i < call->nargs; i++)
			propagate_to(o, ins, &call->args[i]);
	}
}

static void learn_copy(struct Optimiser *o, const struct Ins *ins, struct Known *k)
{
	Ref from = ins->a[0];

	if (from == ins->d || ins->type == IR_I32)
		return;
	/* a guest register is as near as the temporary it came from, and the temporary may end here */
	if (ir_is_global(o->ir, ins->d) && ref_is_var(from) && !ir_is_global(o->ir, from))
		return;
	k->copy = from;
	k->copy_bits = ins->type == IR_F32 ? 32 : ins->type == IR_V128 ? 128 : 64;
	k->copy_version = version_of(o, from);
}

/* INS, at INDEX, has assigned its result. */
static void learn(struct Optimiser *o, const struct Ins *ins, uint32_t index)
{
	if (ins->d == REF_NONE)
		return;
	struct Known *k = &o->known[ins->d];
	uint32_t versions[2] = { version_of(o, ins->a[0]), version_of(o, ins->a[1]) };

	k->version++;
	k->epoch = o->epoch;
	k->copy = REF_NONE;
	k->def = ir_op_info[ins->op].flags & OPF_PURE || (ins->op == IR_LOAD && ir_type_class(ins->type) == IR_INT) ? index : NO_DEF;
	memcpy(k->def_versions, versions, sizeof versions);
	if (ins->op == IR_MOV)
		learn_copy(o, ins, k);
}

/* Nothing is known of globals any more. */
static void forget_globals(struct Optimiser *o)
{
	for (unsigned i = 0; i < o->ir->nglobals; i++) {
		o->known[i].version++;
		o->known[i].epoch = 0;
	}
}

/* An indirect exit to a known address becomes a direct one; so does a guard that never holds. False: one that always does. */
static bool settle_indirect(struct Optimiser *o, struct Ins *ins)
{
	uint64_t target;

	if (!constant(o, ins->a[0], &target))
		return true;
	if (ins->op == IR_GUARD && ins->a[0] == ins->a[1])
		return false;
	o->ir->exits[ins->imm].pc = target;
	become(ins, IR_EXIT, IR_I64, REF_NONE, REF_NONE);
	return true;
}

/* Turns a branch, exit or call on a known condition into one without, or tells that it never happens. False: drop it. */
static bool settle(struct Optimiser *o, struct Ins *ins)
{
	if (ins->op == IR_EXITIND || ins->op == IR_GUARD)
		return settle_indirect(o, ins);
	if (ins->op == IR_CALL ? ins->cond == COND_ALWAYS : ins->op != IR_BRCOND && ins->op != IR_EXITCOND)
		return true;
	int known = known_cond(o, ins);
	if (known != 1)
		return known < 0;
	ins->op = ins->op == IR_BRCOND ? IR_BR : ins->op == IR_EXITCOND ? IR_EXIT : IR_CALL;
	ins->type = IR_I64;
	ins->cond = ins->op == IR_CALL ? COND_ALWAYS : 0;
	ins->a[0] = ins->a[1] = REF_NONE;
	return true;
}

/* -- where ways meet */

/* Finds the labels that branches behind them lead to. */
static void find_meetings(struct Optimiser *o)
{
	struct Ir *ir = o->ir;
	bool *placed = arena_alloc(ir->arena, ir->nlabels + 1);

	o->meetings = arena_alloc(ir->arena, (ir->nlabels + 1) * sizeof *o->meetings);
	for (unsigned i = 0; i < ir->nins; i++) {
		const struct Ins *ins = &ir->ins[i];
		if (ins->op == IR_LABEL)
			placed[ins->imm] = true;
		else if (ins->op == IR_BR || ins->op == IR_BRCOND)
			o->meetings[ins->imm].from_behind |= placed[ins->imm];
	}
}

static Ref known_constant(const struct Optimiser *o, Ref r)
{
	const struct Known *k = &o->known[r];

	return k->epoch == o->epoch && k->copy != REF_NONE && ref_is_const(k->copy) ? k->copy : REF_NONE;
}

/* What is known now comes to LABEL. */
static void meet(struct Optimiser *o, unsigned label)
{
	struct Ir *ir = o->ir;
	struct Meeting *m = &o->meetings[label];
	bool first = !m->constants;

	if (m->from_behind || !translator.copies)
		return;
	if (first)
		m->constants = arena_alloc_raw(ir->arena, ir->nglobals * sizeof *m->constants);
	for (unsigned i = 0; i < ir->nglobals; i++) {
		Ref now = known_constant(o, i);
		if (first || m->constants[i] != now)
			m->constants[i] = first ? now : REF_NONE;
	}
}

/* Nothing is known behind LABEL but that. */
static void begin_label(struct Optimiser *o, unsigned label)
{
	const struct Meeting *m = &o->meetings[label];

	o->epoch++;
	for (unsigned i = 0; m->constants && i < o->ir->nglobals; i++)
		if (m->constants[i] != REF_NONE) {
			struct Known *k = &o->known[i];
			k->epoch = o->epoch;
			k->copy = m->constants[i];
			k->copy_bits = 64;
			k->copy_version = 0;
			k->def = NO_DEF;
		}
}

/* Makes INS what it is known to be. False: drop it. */
static bool improve(struct Optimiser *o, struct Ins *ins)
{
	if (translator.copies)
		propagate(o, ins);
	if (translator.fold)
		simplify(o, ins);
	if (ir_op_info[ins->op].flags & OPF_PURE)
		return ins->op != IR_MOV || ins->d != ins->a[0] || ins->type == IR_I32 || ins->type == IR_F32;
	return settle(o, ins);
}

/* INS, which stays, may be something that no definition tells of. */
static void note(struct Optimiser *o, const struct Ins *ins)
{
	if (ins->op == IR_CALL && o->ir->calls[ins->imm].flags & IRC_WRITES)
		forget_globals(o);
	if (ins->op == IR_BR || ins->op == IR_BRCOND)
		meet(o, ins->imm);
	o->counts |= ins->op == IR_SLOTADD || ins->op == IR_HOSTADD;
}

static void forward(struct Optimiser *o)
{
	struct Ir *ir = o->ir;
	unsigned out = 0;
	bool reachable = true;
	struct Ins mark = { .op = IR_LABEL };   /* the last MARK that nothing reaches, or none */

	for (unsigned in = 0; in < ir->nins; in++) {
		const struct Ins *from = &ir->ins[in];
		if (from->op == IR_LABEL) {
			if (reachable)
				meet(o, from->imm);
			begin_label(o, from->imm);
			/* what follows belongs to the last mark, reachable or not */
			if (!reachable && mark.op == IR_MARK)
				ir->ins[out++] = mark;
			reachable = true;
		}
		if (!reachable) {
			if (from->op == IR_MARK)
				mark = *from;
			continue;
		}
		struct Ins *ins = &ir->ins[out];
		if (ins != from)
			*ins = *from;
		if (ins->op == IR_MARK) {
			out++;
			continue;
		}
		if (!improve(o, ins))
			continue;
		if (!(ir_op_info[ins->op].flags & OPF_PURE))
			note(o, ins);
		learn(o, ins, out++);
		if (ir_op_info[ins->op].flags & OPF_EXIT) {
			reachable = false;
			mark.op = IR_LABEL;
		}
	}
	ir->nins = out;
}

/* -- backward ----------------------------------------------------------------------------------------------------- */

struct Liveness {
	struct Ir *ir;
	uint32_t *mark;         /* by variable: temporaries are live if it is the current temps_epoch, globals dead if it is globals_epoch */
	uint32_t temps_epoch, globals_epoch;
};

static bool is_live(const struct Liveness *l, Ref r)
{
	return ir_is_global(l->ir, r) ? l->mark[r] != l->globals_epoch : l->mark[r] == l->temps_epoch;
}

static void set_live(struct Liveness *l, Ref r, bool live)
{
	l->mark[r] = ir_is_global(l->ir, r) == live ? 0 : live ? l->temps_epoch : l->globals_epoch;
}

/* Whether INS leaves nothing of the former value of its result. */
static bool assigns_whole(const struct Ir *ir, const struct Ins *ins)
{
	if (ir->var_class[ins->d] == IR_INT || !ir_is_global(ir, ins->d) || ins->op == IR_LOAD)
		return true;
	if (ir->guest->globals[ins->d].type == IR_V128)
		return ins->type == IR_V128;
	return ins->type != IR_F32 || ins->op == IR_BOX32;
}

/* Whether INS does nothing but define its result. */
static bool only_defines(const struct Ir *ir, const struct Ins *ins)
{
	return ir_op_info[ins->op].flags & OPF_PURE || ins->op == IR_GET || ins->op == IR_FXGET || ins->op == IR_SLOTGET ||
	       (ins->op == IR_CALL && ir->calls[ins->imm].flags & IRC_PURE && ins->cond == COND_ALWAYS);
}

/* t = ...; d = t, where t is not used again: d = ... Then the second goes. */
static bool coalesce(struct Liveness *l, const struct Ins *mov, struct Ins *before)
{
	Ref t = mov->a[0];

	if (mov->op != IR_MOV || (mov->type != IR_I64 && mov->type != IR_F64) || !ref_is_var(t) || ir_is_global(l->ir, t) || is_live(l, t) ||
	    before->d != t || before->op == IR_CALL)
		return false;
	/* a vector variable that is moved as 64 bits must have been made as 64 bits */
	if (mov->type == IR_F64 && before->type != IR_F64 && before->op != IR_BOX32)
		return false;
	before->d = mov->d;
	return true;
}

/* Looks at INS with what is live behind it, and makes that what is live before it. False: INS is dead. */
static bool look_back(struct Liveness *l, struct Ins *ins)
{
	const struct Ir *ir = l->ir;
	uint8_t flags = ir_op_info[ins->op].flags;

	if (ins->d != REF_NONE) {
		if (!is_live(l, ins->d)) {
			if (only_defines(ir, ins))
				return false;
			if (flags & OPF_FAULT || ins->op == IR_CALL)
				ins->d = REF_NONE;
		} else if (assigns_whole(ir, ins)) {
			set_live(l, ins->d, false);
		}
	}
	if (!(flags & OPF_PURE)) {
		if (flags & OPF_EXIT || ins->op == IR_LABEL)
			l->temps_epoch++;
		if (flags & OPF_EXIT || ins->op == IR_LABEL || ins->op == IR_BRCOND || ins->op == IR_EXITCOND || ins->op == IR_GUARD ||
		    ir_observes(ir, ins))
			l->globals_epoch++;
	}
	for (unsigned i = 0; i < 4 && ins->a[i] != REF_NONE; i++)
		if (ref_is_var(ins->a[i]))
			set_live(l, ins->a[i], true);
	if (ins->op == IR_CALL) {
		const struct IrCall *call = &ir->calls[ins->imm];
		for (unsigned i = 0; i < call->nargs; i++)
			if (ref_is_var(call->args[i]))
				set_live(l, call->args[i], true);
	}
	return true;
}

static void backward(struct Ir *ir)
{
	struct Liveness l = {
		.ir = ir, .mark = arena_alloc(ir->arena, ir->nvars * sizeof *l.mark), .temps_epoch = 1, .globals_epoch = 1,
	};
	unsigned kept = ir->nins;

	/* kept instructions gather at the end of the array, then move to its start */
	for (unsigned i = ir->nins; i-- > 0;) {
		struct Ins *ins = &ir->ins[i];
		if (ins->op != IR_MARK && ((i && coalesce(&l, ins, ins - 1)) || !look_back(&l, ins)))
			continue;
		if (--kept != i)
			ir->ins[kept] = *ins;
	}
	if (!kept)
		return;
	memmove(ir->ins, ir->ins + kept, (ir->nins - kept) * sizeof *ir->ins);
	ir->nins -= kept;
}

/* -- counters ----------------------------------------------------------------------------------------------------- */

enum { PENDING_MAX = 8 };

/* Whether somebody could look at slots at INS, or never come to the instruction behind it. */
static bool observes_slots(const struct Ir *ir, const struct Ins *ins)
{
	switch (ins->op) {
	case IR_LABEL: case IR_BRCOND: case IR_EXITCOND: case IR_GUARD: case IR_CALL: case IR_SLOTGET: case IR_SLOTPUT:
		return true;
	default:
		return ir_op_info[ins->op].flags & OPF_EXIT || ir_observes(ir, ins);
	}
}

static bool same_counter(const struct Ins *a, const struct Ins *b)
{
	return a->op == b->op && (a->op == IR_SLOTADD ? a->imm == b->imm : a->a[1] == b->a[1]);
}

/* Additions to one slot with nothing between them that could tell become one, at the place of the last. */
static void merge_counters(struct Ir *ir)
{
	unsigned pending[PENDING_MAX], n = 0;

	for (unsigned i = 0; i < ir->nins; i++) {
		struct Ins *ins = &ir->ins[i];
		if (observes_slots(ir, ins))
			n = 0;
		if ((ins->op != IR_SLOTADD && ins->op != IR_HOSTADD) || !ref_is_const(ins->a[0]))
			continue;
		unsigned k = 0;
		while (k < n && !same_counter(&ir->ins[pending[k]], ins))
			k++;
		if (k < n) {
			struct Ins *earlier = &ir->ins[pending[k]];
			ins->a[0] = ir_const(ir, ir_value(ir, ins->a[0]) + ir_value(ir, earlier->a[0]));
			/* dead: the backward pass drops it */
			earlier->op = IR_MOV;
			earlier->a[1] = REF_NONE;
			earlier->d = ir_temp(ir, IR_INT);
		} else if (n < PENDING_MAX) {
			k = n++;
		} else {
			continue;
		}
		pending[k] = i;
	}
}

void ir_optimise(struct Ir *ir)
{
	struct Optimiser o = { .ir = ir, .known = arena_alloc(ir->arena, ir->nvars * sizeof *o.known), .epoch = 1 };

	if (ir->nlabels)
		find_meetings(&o);
	forward(&o);
	if (translator.merge && o.counts)
		merge_counters(ir);
	if (translator.dead)
		backward(ir);
}
