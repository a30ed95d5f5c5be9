/* SPDX-License-Identifier: MIT */
/* The optimiser's rules: what is known of variables, and what instructions become by it. */
#include <assert.h>
#include <string.h>

#include "translator/ir_eval.h"
#include "translator/optimise.h"

/* -- what is known --------------------------------------------------------------------------------------------------- */

static bool constant(const struct Optimiser *o, Ref r, uint64_t *value)
{
	if (!ref_is_const(r))
		return false;
	*value = ir_value(o->ir, r);
	return true;
}

/* The pure instruction whose result R is, if its operands still have the values it read or it can be absorbed; else NULL. */
static const struct Ins *definition(struct Optimiser *o, Ref r)
{
	if (!ref_is_var(r))
		return NULL;
	const struct Known *k = &o->known[r];
	if (k->epoch != o->epoch || k->def == NOWHERE)
		return NULL;
	const struct Ins *def = &o->ir->ins[k->def];
	bool absorb = r == o->absorbing && k->def == o->last;
	if (absorb) {
		o->absorbed = *def;
		def = &o->absorbed;
	}
	for (unsigned i = 0; i < 2; i++) {
		if (version_of(o, def->a[i]) == k->def_versions[i])
			continue;
		if (!absorb || def->a[i] != r)
			return NULL;
		o->absorbed.a[i] = REF_FORMER;
	}
	return def;
}

/* The definition of R if it is OP of TYPE with a constant second operand, which goes to VALUE. */
static const struct Ins *definition_const(struct Optimiser *o, Ref r, enum IrOp op, enum IrType type, uint64_t *value)
{
	const struct Ins *def = definition(o, r);
	return def && def->op == op && def->type == type && constant(o, def->a[1], value) ? def : NULL;
}

static bool has_widths(const struct Optimiser *o, Ref r)
{
	return ref_is_var(r) && o->known[r].epoch == o->epoch && o->known[r].def != NOWHERE;
}

static unsigned least(unsigned a, unsigned b) { return a < b ? a : b; }
static unsigned most(unsigned a, unsigned b) { return a > b ? a : b; }

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

/* The widths of what INS defines, as far as they do not depend on its operands, go to K. A 32-bit operation's result is extended by zeros. */
static void widths_of_result(const struct Ins *ins, struct Known *k)
{
	unsigned width = ir_op_info[ins->op].result != 'V' && ins->type == IR_I32 ? 32 : 64, sign = 64;

	switch (ins->op) {
	case IR_SETCOND: width = 1; break;
	case IR_FCLASS: width = 10; break;
	case IR_FBITS: width = ins->type == IR_F32 ? 32 : 64; break;
	case IR_ZEXT8: case IR_ZEXT16: case IR_ZEXT32: width = extension_width(ins->op); break;
	case IR_SEXT8: case IR_SEXT16: case IR_SEXT32: sign = ins->type == IR_I64 ? extension_width(ins->op) : 64; break;
	case IR_LOAD:
		if (ins->mem & MEM_SIGNED)
			sign = 8u << (ins->mem & MEM_SIZE);
		else
			width = 8u << (ins->mem & MEM_SIZE);
		break;
	}
	k->unsigned_width = width;
	k->signed_width = width < 64 ? least(sign, width + 1) : sign;
}

static const struct Known *widths(const struct Optimiser *o, Ref r)
{
	struct Known *k = &o->known[r];

	if (!k->unsigned_width)
		widths_of_result(&o->ir->ins[k->def], k);
	return k;
}

unsigned optimise_unsigned_width(const struct Optimiser *o, Ref r)
{
	if (ref_is_const(r))
		return 64 - ir_eval(IR_CLZ, IR_I64, ir_value(o->ir, r), 0);
	return has_widths(o, r) ? widths(o, r)->unsigned_width : 64;
}

unsigned optimise_signed_width(const struct Optimiser *o, Ref r)
{
	if (ref_is_const(r)) {
		uint64_t v = ir_value(o->ir, r);
		return 65 - ir_eval(IR_CLZ, IR_I64, v ^ (uint64_t)((int64_t)v >> 63), 0);
	}
	return has_widths(o, r) ? widths(o, r)->signed_width : 64;
}

void optimise_learn_widths(const struct Optimiser *o, const struct Ins *ins, struct Known *k)
{
	unsigned limit = ins->type == IR_I32 ? 32 : 64, width = limit, sign = 64, a, b;
	uint64_t c;

	switch (ins->op) {
	case IR_MOV:
		width = optimise_unsigned_width(o, ins->a[0]);
		sign = optimise_signed_width(o, ins->a[0]);
		break;
	case IR_AND: case IR_OR: case IR_XOR: case IR_ANDN:
		a = optimise_unsigned_width(o, ins->a[0]);
		b = optimise_unsigned_width(o, ins->a[1]);
		width = ins->op == IR_ANDN ? a : ins->op == IR_AND ? least(a, b) : most(a, b);
		sign = most(optimise_signed_width(o, ins->a[0]), optimise_signed_width(o, ins->a[1]));
		break;
	case IR_NOT: sign = optimise_signed_width(o, ins->a[0]); break;
	case IR_SHR:
		a = least(optimise_unsigned_width(o, ins->a[0]), limit);
		width = constant(o, ins->a[1], &c) ? a - least(a - (a > 0), c & (limit - 1)) : limit;
		break;
	case IR_SAR:
		a = optimise_signed_width(o, ins->a[0]);
		sign = constant(o, ins->a[1], &c) ? a - least(a - 1, c & 63) : a;
		break;
	case IR_SELECT:         /* its type is the comparison's */
		limit = 64;
		width = most(optimise_unsigned_width(o, ins->a[2]), optimise_unsigned_width(o, ins->a[3]));
		sign = most(optimise_signed_width(o, ins->a[2]), optimise_signed_width(o, ins->a[3]));
		break;
	}
	width = least(width, limit);
	width += !width;
	if (limit == 32)
		sign = 64;
	k->unsigned_width = width;
	k->signed_width = width < 64 ? least(sign, width + 1) : sign;
}

/* -- rewriting ---------------------------------------------------------------------------------------------------- */

bool optimise_become(struct Ins *ins, enum IrOp op, enum IrType type, Ref a, Ref b)
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
	return optimise_become(ins, IR_MOV, IR_I64, ir_const(o->ir, value), REF_NONE);
}

/* The instruction's result in its type is the value of A. */
static bool become_value(struct Optimiser *o, struct Ins *ins, Ref a)
{
	if (ins->type == IR_I32 && optimise_unsigned_width(o, a) > 32)
		return optimise_become(ins, IR_ZEXT32, IR_I64, a, REF_NONE);
	return optimise_become(ins, IR_MOV, IR_I64, a, REF_NONE);
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

/* -- adding and absorbing ----------------------------------------------------------------------------------------- */

/* The last instruction goes, its result is what it was before. */
static void absorb(struct Optimiser *o)
{
	struct Ins *last = &o->ir->ins[o->last];

	o->known[last->d] = o->former;
	for (unsigned i = 0; i < SHIFTS; i++)
		if (o->shifts[i].index == o->last || o->shifts[i].other == o->last)
			o->shifts[i].index = NOWHERE;
	memmove(last, last + 1, (o->out - o->last - 1) * sizeof *last);
	o->out--;
	o->last = NOWHERE;
	o->absorbing = REF_NONE;
}

/* Operand R of a definition, as an operand of what comes next. */
static Ref former(struct Optimiser *o, Ref r)
{
	if (r != REF_FORMER)
		return r;
	Ref variable = o->absorbing;
	absorb(o);
	return variable;
}

bool optimise_has_room(struct Optimiser *o, unsigned count)
{
	struct Ir *ir = o->ir;

	if (ir->nvars + count > o->nknown)
		return false;
	if (ir->ins + ir->nins == o->end && ir->ins + o->out + count > o->from) {
		struct Ins *ins = arena_alloc_raw(ir->arena, (ir->nins + o->nknown - ir->nvars) * sizeof *ins);
		memcpy(ins, ir->ins, o->out * sizeof *ins);
		ir->ins = ins;
		ir->ins_cap = ir->nins + o->nknown - ir->nvars;
	}
	return true;
}

void optimise_write_ahead(struct Optimiser *o, const struct Ins *ins)
{
	o->ir->ins[o->out] = *ins;
	optimise_learn(o, ins, o->out++);
	o->last = NOWHERE;
	o->absorbing = REF_NONE;
}

void optimise_know_width(struct Optimiser *o, Ref t, unsigned width)
{
	o->known[t].unsigned_width = width;
	o->known[t].signed_width = least(width + 1, 64);
}

Ref optimise_temp(struct Optimiser *o)
{
	Ref t = ir_temp(o->ir, IR_INT);

	o->known[t].version = o->known[t].epoch = 0;
	return t;
}

Ref optimise_ahead(struct Optimiser *o, enum IrOp op, enum IrType type, Ref a, Ref b)
{
	struct Ins ins = { .d = optimise_temp(o) };

	optimise_become(&ins, op, type, a, b);
	optimise_write_ahead(o, &ins);
	return ins.d;
}

/* -- rules: each says its pattern; true if it has changed the instruction ----------------------------------------------------- */

typedef OptimiserRule Rule;

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
	return right_const(o, ins, &c) && optimise_become(ins, IR_ADD, ins->type, ins->a[0], ir_const(o->ir, -c & mask_of(ins)));
}

/* 0 - x -> -x */
static bool zero_minus(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c;
	return constant(o, ins->a[0], &c) && (c & mask_of(ins)) == 0 && optimise_become(ins, IR_NEG, ins->type, ins->a[1], REF_NONE);
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
	return power_of_two(o, ins, &k) && optimise_become(ins, IR_SHL, ins->type, ins->a[0], ir_const(o->ir, k));
}

/* x / 2^k -> x >> k, unsigned */
static bool divu_power(struct Optimiser *o, struct Ins *ins)
{
	unsigned k;
	return power_of_two(o, ins, &k) && optimise_become(ins, IR_SHR, ins->type, ins->a[0], ir_const(o->ir, k));
}

/* x % 2^k -> x & (2^k - 1), unsigned */
static bool remu_power(struct Optimiser *o, struct Ins *ins)
{
	unsigned k;
	return power_of_two(o, ins, &k) && optimise_become(ins, IR_AND, ins->type, ins->a[0], ir_const(o->ir, ((uint64_t)1 << k) - 1));
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
	return optimise_become(ins, ins->op, ins->type, def->a[0], ir_const(o->ir, ir_eval(ins->op, ins->type, c1, c2)));
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
	return optimise_become(ins, ins->op, ins->type, def->a[0], ir_const(o->ir, count >= width ? width - 1 : count));
}

/* The extension of WIDTH bits, or IR_MOV. */
static enum IrOp extension_of(unsigned width, bool sign)
{
	switch (width) {
	case 8: return sign ? IR_SEXT8 : IR_ZEXT8;
	case 16: return sign ? IR_SEXT16 : IR_ZEXT16;
	case 32: return sign ? IR_SEXT32 : IR_ZEXT32;
	default: return IR_MOV;
	}
}

/* (x << c1) >> c2 -> an extension of the low bits, if there is one of that width, and a shift of the difference; in 64 bits */
static bool shift_extends(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c1, c2;
	const struct Ins *def;
	if (ins->type != IR_I64 || !constant(o, ins->a[1], &c2) || !(def = definition_const(o, ins->a[0], IR_SHL, IR_I64, &c1)))
		return false;
	enum IrOp extend = extension_of(64 - c1 % 64, ins->op == IR_SAR);
	int left = (int)(c1 % 64) - (int)(c2 % 64);
	if (extend == IR_MOV)
		return false;
	if (!left)
		return optimise_become(ins, extend, IR_I64, def->a[0], REF_NONE);
	if (!optimise_has_room(o, 1))
		return false;
	Ref low = optimise_ahead(o, extend, IR_I64, former(o, def->a[0]), REF_NONE);
	return optimise_become(ins, left > 0 ? IR_SHL : ins->op, IR_I64, low, ir_const(o->ir, left > 0 ? left : -left));
}

/* Index of the shift that made R, seen through moves and, if it is one of words, their extension, which goes to SIGN; or NOWHERE. */
static uint32_t made_by(const struct Optimiser *o, Ref r, bool *sign)
{
	if (!has_widths(o, r))
		return NOWHERE;
	const struct Known *k = &o->known[r];
	const struct Ins *def = &o->ir->ins[k->def];
	*sign = def->op == IR_SEXT32;
	if (def->type != IR_I64 || (def->op != IR_MOV && !*sign))
		return k->def;
	Ref from = def->a[0];
	if (!has_widths(o, from) || version_of(o, from) != k->def_versions[0] || (*sign && o->ir->ins[o->known[from].def].type != IR_I32))
		return NOWHERE;
	return o->known[from].def;
}

/* (x << c) | (x >> width - c) -> x turned round; also of words that are extended, then by the sign if what was shifted left is */
static bool turn(struct Optimiser *o, struct Ins *ins)
{
	bool sign[2];
	uint32_t by[2];

	if (ins->type != IR_I64)
		return false;
	for (unsigned k = 0; k < 2; k++)
		if ((by[k] = made_by(o, ins->a[k], &sign[k])) == NOWHERE)
			return false;
	unsigned left = o->ir->ins[by[0]].op == IR_SHL ? 0 : 1;
	for (unsigned i = 0; i < SHIFTS; i++) {
		const struct Shift *s = &o->shifts[i];
		if (s->epoch != o->epoch || s->index == NOWHERE || s->other == NOWHERE)
			continue;
		if ((s->index == by[0] && s->other == by[1]) || (s->index == by[1] && s->other == by[0]))
			return optimise_become(ins, sign[left] ? IR_SEXT32 : IR_MOV, IR_I64, s->turned, REF_NONE);
	}
	return false;
}

/* x & 0xff, 0xffff, 0xffffffff -> zext x */
static bool and_extends(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c;
	if (!right_const(o, ins, &c))
		return false;
	switch (c) {
	case 0xff: return optimise_become(ins, IR_ZEXT8, ins->type, ins->a[0], REF_NONE);
	case 0xffff: return optimise_become(ins, IR_ZEXT16, ins->type, ins->a[0], REF_NONE);
	case 0xffffffff: return ins->type == IR_I64 && optimise_become(ins, IR_ZEXT32, IR_I64, ins->a[0], REF_NONE);
	default: return false;
	}
}

/* x & ~y -> x &~ y */
static bool and_not(struct Optimiser *o, struct Ins *ins)
{
	const struct Ins *def = definition(o, ins->a[1]);
	if (def && def->op == IR_NOT && def->type == ins->type)
		return optimise_become(ins, IR_ANDN, ins->type, ins->a[0], def->a[0]);
	def = definition(o, ins->a[0]);
	return def && def->op == IR_NOT && def->type == ins->type && optimise_become(ins, IR_ANDN, ins->type, ins->a[1], def->a[0]);
}

/* x ^ -1 -> ~x */
static bool xor_ones(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c;
	return right_const(o, ins, &c) && c == mask_of(ins) && optimise_become(ins, IR_NOT, ins->type, ins->a[0], REF_NONE);
}

/* op op x -> x for NEG, NOT, BSWAP */
static bool involution(struct Optimiser *o, struct Ins *ins)
{
	const struct Ins *def = definition(o, ins->a[0]);
	return def && def->op == ins->op && def->type == ins->type && become_value(o, ins, def->a[0]);
}

/* ext x -> x if x has that form already */
static bool extend_nothing(struct Optimiser *o, struct Ins *ins)
{
	unsigned width = extension_width(ins->op), have = extends_sign(ins->op) ? optimise_signed_width(o, ins->a[0]) : optimise_unsigned_width(o, ins->a[0]);
	return have <= width && become_value(o, ins, ins->a[0]);
}

/* ext (ext x) -> ext x if the inner one keeps all that the outer one looks at */
static bool extend_extended(struct Optimiser *o, struct Ins *ins)
{
	const struct Ins *def = definition(o, ins->a[0]);
	unsigned inner = def ? extension_width(def->op) : 0;
	return inner >= extension_width(ins->op) && optimise_become(ins, ins->op, ins->type, def->a[0], REF_NONE);
}

/* ext (x & c) -> ext x if c covers all that is looked at */
static bool extend_masked(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c, need = ((uint64_t)1 << extension_width(ins->op)) - 1;
	const struct Ins *def = definition_const(o, ins->a[0], IR_AND, IR_I64, &c);
	return def && (c & need) == need && optimise_become(ins, ins->op, ins->type, def->a[0], REF_NONE);
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
	return optimise_become(ins, ins->type == IR_F32 ? IR_ZEXT32 : IR_MOV, IR_I64, def->a[0], REF_NONE);
}

/* unbox32 (box32 v) -> v */
static bool unbox_boxed(struct Optimiser *o, struct Ins *ins)
{
	const struct Ins *def = definition(o, ins->a[0]);
	return def && def->op == IR_BOX32 && optimise_become(ins, IR_MOV, IR_F32, def->a[0], REF_NONE);
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

/* 64-bit comparison of words -> 32-bit comparison */
static bool narrow_cond(struct Optimiser *o, struct Ins *ins)
{
	if (ins->type != IR_I64 || optimise_signed_width(o, ins->a[0]) > 32 || optimise_signed_width(o, ins->a[1]) > 32)
		return false;
	ins->type = IR_I32;
	return true;
}

int optimise_known_cond(const struct Optimiser *o, const struct Ins *ins)
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
	int known = optimise_known_cond(o, ins);
	return known >= 0 && become_const(o, ins, known);
}

/* setcond (x ne 0) of an x that is 0 or 1 -> x */
static bool setcond_of_bit(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c;
	return ins->cond == COND_NE && right_const(o, ins, &c) && c == 0 && optimise_unsigned_width(o, ins->a[0]) == 1 &&
	       optimise_become(ins, IR_MOV, IR_I64, ins->a[0], REF_NONE);
}

/* select known ? c : e -> one of them; select ? c : c -> c */
static bool select_known(struct Optimiser *o, struct Ins *ins)
{
	int known = ins->a[2] == ins->a[3] ? 1 : optimise_known_cond(o, ins);
	return known >= 0 && optimise_become(ins, IR_MOV, IR_I64, known ? ins->a[2] : ins->a[3], REF_NONE);
}

/* select a cond b ? 1 : 0 -> setcond; ? 0 : 1 -> setcond negated */
static bool select_bit(struct Optimiser *o, struct Ins *ins)
{
	uint64_t c, e;
	if (!constant(o, ins->a[2], &c) || !constant(o, ins->a[3], &e) || c > 1 || e > 1 || c == e)
		return false;
	uint8_t cond = ins->cond ^ (e == 1);
	optimise_become(ins, IR_SETCOND, ins->type, ins->a[0], ins->a[1]);
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
	[IR_DIVS] = { fold_constants, one_right, optimise_divide },
	[IR_DIVU] = { fold_constants, one_right, divu_power, optimise_divide },
	[IR_REMS] = { fold_constants, rem_one, optimise_divide },
	[IR_REMU] = { fold_constants, rem_one, remu_power, optimise_divide },
	[IR_AND] = { fold_constants, commute, same_value, zero_absorbs, and_ones, and_extends, associate, and_not },
	[IR_OR] = { fold_constants, commute, same_value, zero_right, or_ones, associate, turn },
	[IR_XOR] = { fold_constants, commute, same_zero, zero_right, xor_ones, associate, turn },
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
	[IR_SETCOND] = { setcond_known, commute_cond, setcond_of_bit, cond_of_setcond, narrow_cond },
	[IR_SELECT] = { select_known, commute_cond, cond_of_setcond, select_bit, narrow_cond },
	[IR_BRCOND] = { commute_cond, cond_of_setcond, narrow_cond },
	[IR_EXITCOND] = { commute_cond, cond_of_setcond, narrow_cond },
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
		for (unsigned k = 0; k < 2; k++)
			if (ins->a[k] == REF_FORMER) {
				if (o->absorbing != REF_NONE)
					absorb(o);
				ins->a[k] = ins->d;
			}
	}
	assert(!"folding goes in circles");
}

/* -- instructions that belong together ------------------------------------------------------------------------------- */

/* INS shifts by a constant and is about to be written: if a complementary shift of the same value is among the latest, the value is turned now, while it is
 * there. */
static void note_shift(struct Optimiser *o, const struct Ins *ins)
{
	uint64_t count, c;
	unsigned width = width_of(ins);

	if (!right_const(o, ins, &count) || !ref_is_var(ins->a[0]) || count == 0 || count >= width)
		return;
	struct Shift shift = { .other = NOWHERE, .version = version_of(o, ins->a[0]), .epoch = o->epoch };
	for (unsigned i = 0; i < SHIFTS && shift.other == NOWHERE; i++) {
		const struct Shift *s = &o->shifts[i];
		if (s->epoch != o->epoch || s->index == NOWHERE || s->version != shift.version)
			continue;
		const struct Ins *other = &o->ir->ins[s->index];
		if (other->a[0] == ins->a[0] && other->type == ins->type && other->op != ins->op && right_const(o, other, &c) && c + count == width && optimise_has_room(o, 1)) {
			shift.other = s->index;
			shift.turned = optimise_ahead(o, IR_ROTL, ins->type, ins->a[0], ins->op == IR_SHL ? ins->a[1] : other->a[1]);
		}
	}
	shift.index = o->out;
	o->shifts[o->next_shift++ % SHIFTS] = shift;
}

/* Whether one instruction of hosts has the results of A and of B for the same operands. */
static bool go_together(const struct Ins *a, enum IrOp b)
{
	switch (a->op) {
	case IR_DIVS: return b == IR_REMS;
	case IR_REMS: return b == IR_DIVS;
	case IR_DIVU: return b == IR_REMU;
	case IR_REMU: return b == IR_DIVU;
	case IR_MUL: return a->type == IR_I64 && (b == IR_MULHS || b == IR_MULHU || b == IR_MULHSU);
	case IR_MULHS: case IR_MULHU: case IR_MULHSU: return a->type == IR_I64 && b == IR_MUL;
	default: return false;
	}
}

static bool swapped(const struct Ins *a, const struct Ins *b) { return a->a[0] == b->a[1] && a->a[1] == b->a[0]; }

/* The instruction that soon wants the other result for the operands of the current one, or NULL. */
static const struct Ins *find_partner(const struct Optimiser *o)
{
	const struct Ins *raw = o->from, *ins = raw;
	bool product = raw->op == IR_MUL || raw->op == IR_MULHS || raw->op == IR_MULHU || raw->op == IR_MULHSU;

	for (unsigned n = 0; n < PARTNER_MAX; n++) {
		if ((ref_is_var(ins->d) && (ins->d == raw->a[0] || ins->d == raw->a[1])) || ++ins == o->end)
			return NULL;
		if (ins->op == IR_LABEL || ins->op == IR_CALL || ir_op_info[ins->op].flags & OPF_EXIT)
			return NULL;
		if (go_together(raw, ins->op) && ins->type == raw->type && ((ins->a[0] == raw->a[0] && ins->a[1] == raw->a[1]) || (product && swapped(ins, raw))))
			return ins;
	}
	return NULL;
}

const struct Ins *optimise_find_twin(const struct Optimiser *o, const struct Ins *ins)
{
	bool commutes = ins->op == IR_MUL || ins->op == IR_MULHS || ins->op == IR_MULHU;

	for (unsigned i = 0; i < TWINS; i++) {
		const struct Twin *twin = &o->twins[i];
		const struct Ins *there = &twin->ins;
		if (twin->epoch == o->epoch && there->op == ins->op && there->type == ins->type &&
		    ((there->a[0] == ins->a[0] && there->a[1] == ins->a[1]) || (commutes && swapped(there, ins))) &&
		    twin->versions[0] == version_of(o, there->a[0]) && twin->versions[1] == version_of(o, there->a[1]))
			return there;
	}
	return NULL;
}

void optimise_add_twin(struct Optimiser *o, const struct Ins *ins)
{
	o->twins[o->next_twin++ % TWINS] = (struct Twin){ .ins = *ins, .epoch = o->epoch, .versions = { version_of(o, ins->a[0]), version_of(o, ins->a[1]) } };
}

/* INS divides or multiplies: its result is there already, or the other one that is wanted of its operands is computed right behind it. */
static void compute_both(struct Optimiser *o, struct Ins *ins)
{
	const struct Ins *there = optimise_find_twin(o, ins), *partner;

	if (there) {
		optimise_become(ins, IR_MOV, IR_I64, there->d, REF_NONE);
		return;
	}
	if (!(partner = find_partner(o)) || !optimise_has_room(o, 1))
		return;
	bool turned = swapped(partner, o->from);
	optimise_write_ahead(o, ins);
	optimise_become(ins, partner->op, ins->type, ins->a[turned], ins->a[!turned]);
	ins->d = optimise_temp(o);
	optimise_add_twin(o, ins);
}

/* Whether the last instruction only makes what INS overwrites, and reads once. */
static bool absorbs(const struct Optimiser *o, const struct Ins *ins)
{
	if (o->last == NOWHERE || o->ir->ins[o->last].d != ins->d || !ref_is_var(ins->d) || !(ir_op_info[ins->op].flags & OPF_PURE))
		return false;
	unsigned reads = 0;
	for (unsigned k = 0; k < 4; k++)
		reads += ins->a[k] == ins->d;
	return reads == 1 && ir_op_info[o->ir->ins[o->last].op].flags & OPF_PURE;
}

_Static_assert(IR_REMU - IR_MUL == 7, "products and quotients are a row");

void optimise_fold(struct Optimiser *o, struct Ins *ins)
{
	if (!rules[ins->op][0] || (ins->op == IR_MOV && ins->type != IR_I32))
		return;
	o->absorbing = absorbs(o, ins) ? ins->d : REF_NONE;
	simplify(o, ins);
	o->absorbing = REF_NONE;
	if (ins->op == IR_SHL || ins->op == IR_SHR)
		note_shift(o, ins);
	else if (ins->op >= IR_MUL && ins->op <= IR_REMU)
		compute_both(o, ins);
}
