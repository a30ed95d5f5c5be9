/* SPDX-License-Identifier: MIT */
/* Code for integer operations. */
#include <limits.h>

#include "translator/host/x86_64/backend.h"

static unsigned wide(const struct Ins *ins) { return ins->type == IR_I64 ? X_W : 0; }

/* The value of a constant as an operation of TYPE sees it. */
static uint64_t typed_value(struct Gen *g, enum IrType type, Ref r)
{
	uint64_t v = ir_value(g->ir, r);
	return type == IR_I64 ? v : (uint64_t)(int64_t)(int32_t)v;
}

bool x86_imm32(struct Gen *g, Ref r, int32_t *imm)
{
	if (!ref_is_const(r))
		return false;
	*imm = ir_value(g->ir, r);
	return (uint64_t)(int64_t)*imm == ir_value(g->ir, r);
}

static bool typed_imm(struct Gen *g, enum IrType type, Ref r, int32_t *imm)
{
	if (!ref_is_const(r))
		return false;
	uint64_t v = typed_value(g, type, r);
	*imm = v;
	return (uint64_t)(int64_t)*imm == v;
}

/* Register of a variable, if it is in one. */
static int reg_of(struct Gen *g, Ref r)
{
	return ref_is_var(r) ? g->var[r].reg : NOREG;
}

/* D = the value of reference A, read from where it is (A_RM; constants directly). */
static void move_in(struct Gen *g, int d, Ref a, struct Rm a_rm)
{
	if (ref_is_const(a))
		asm_mov_imm(g->as, d, ir_value(g->ir, a));
	else if (a_rm.reg != d)
		asm_mov_load(g->as, X_W, d, a_rm);
}

static struct Rm operand(struct Gen *g, Ref r)
{
	return ref_is_const(r) ? rm_reg(NOREG) : x86_use_rm(g, r);
}

/* A target that already holds operand 0; OTHERS may not be overwritten. */
static int two_address(struct Gen *g, const struct Ins *ins, struct Rm a, unsigned others)
{
	int d = x86_target(g, ins->d, a.reg != NOREG ? x86_dying(g, 0) : NOREG, others);
	move_in(g, d, ins->a[0], a);
	return d;
}

/* -- comparison ---------------------------------------------------------------------------------------------------------- */

enum IrCond x86_swap_cond(enum IrCond c)
{
	static const uint8_t swapped[] = {
		COND_EQ, COND_NE, COND_GT, COND_LE, COND_GTU, COND_LEU, COND_GE, COND_LT, COND_GEU, COND_LTU,
	};
	return swapped[c];
}

const uint8_t x86_condition_code[] = { CC_E, CC_NE, CC_L, CC_GE, CC_B, CC_AE, CC_LE, CC_G, CC_BE, CC_A };

enum Cc x86_compare(struct Gen *g, enum IrType type, enum IrCond cond, Ref a, Ref b)
{
	unsigned w = type == IR_I64 ? X_W : 0;
	int32_t imm;

	if (ref_is_const(a) && !ref_is_const(b)) {
		Ref t = a;
		a = b;
		b = t;
		cond = x86_swap_cond(cond);
	}
	if (typed_imm(g, type, b, &imm)) {
		struct Rm rm = x86_use_rm(g, a);
		if (imm == 0 && rm.reg != NOREG) {
			asm_op(g->as, 0x85 | w, rm.reg, rm, 0);
			if (cond == COND_LT)
				return CC_S;
			if (cond == COND_GE)
				return CC_NS;
		} else {
			asm_alu_imm(g->as, ALU_CMP, w, rm, imm);
		}
	} else if (reg_of(g, a) == NOREG && reg_of(g, b) != NOREG) {
		int rb = x86_use(g, b);
		asm_alu_store(g->as, ALU_CMP, w, x86_use_rm(g, a), rb);
	} else {
		int ra = x86_use(g, a);
		asm_alu(g->as, ALU_CMP, w, ra, x86_use_rm(g, b));
	}
	return x86_condition_code[cond];
}

/* The next instruction that is not a MARK, or NULL. */
static struct Ins *next_real(struct Gen *g, unsigned *index)
{
	unsigned n = g->n + 1;

	while (n < g->ir->nins && g->ir->ins[n].op == IR_MARK)
		n++;
	*index = n;
	return n < g->ir->nins ? &g->ir->ins[n] : NULL;
}

/* The current instruction is done, and what follows up to the one at INDEX, the next real one, is gone through. */
static void advance(struct Gen *g, unsigned index)
{
	x86_allocate_end_ins(g, &g->ir->ins[g->n]);
	while (++g->n < index)
		x86_emit_mark(g, &g->ir->ins[g->n]);
}

/* The register that the comparison of INS for D is to be in, with its operands in place; they may be in it, too. */
static int bit_target(struct Gen *g, const struct Ins *ins, Ref d)
{
	for (unsigned k = 0; k < 2; k++)
		if (ref_is_var(ins->a[k]))
			x86_use_rm(g, ins->a[k]);
	return x86_target(g, d, NOREG, 0);
}

/* D = 0 or 1 behind a comparison; keeps the flags. */
static void set_bit(struct Gen *g, int d, enum Cc cc)
{
	asm_mov_imm(g->as, d, 0);
	asm_op(g->as, 0x90 | X_0F | X_BYTERM | cc, 0, rm_reg(d), 0);
}

bool x86_as_carry(struct Ir *ir, struct Ins *set)
{
	Ref a = set->a[0], b = set->a[1];
	uint64_t mask = set->type == IR_I64 ? ~(uint64_t)0 : UINT32_MAX, c = ref_is_const(b) ? ir_value(ir, b) & mask : 0;

	if (!ref_is_var(a))
		return false;
	switch (set->cond) {
	case COND_LTU: case COND_GEU:
		return true;
	case COND_GTU: case COND_LEU:
		if (!ref_is_const(b)) {
			set->a[0] = b;
			set->a[1] = a;
			set->cond = x86_swap_cond(set->cond);
			return true;
		}
		if (c == mask)
			return false;
		set->a[1] = ir_const(ir, c + 1);
		set->cond = set->cond == COND_GTU ? COND_GEU : COND_LTU;
		return true;
	case COND_EQ: case COND_NE:
		if (!ref_is_const(b) || c)
			return false;
		set->a[1] = ir_const(ir, 1);
		set->cond = set->cond == COND_EQ ? COND_LTU : COND_GEU;
		return true;
	}
	return false;
}

/* SUM = FROM plus the bit that LTU or GEU in COND says, or minus that, behind the comparison. */
static void add_bit(struct Gen *g, int sum, int from, enum IrCond cond, bool subtract)
{
	bool below = cond == COND_LTU;

	asm_mov(g->as, sum, from);
	asm_alu_imm(g->as, below == subtract ? ALU_SBB : ALU_ADC, X_W, rm_reg(sum), below ? 0 : -1);
}

static void emit_with_carry(struct Gen *g, const struct Ins *ins)
{
	int from = x86_use(g, ins->a[0]);

	for (unsigned k = 1; k < 3; k++)
		if (ref_is_var(ins->a[k]))
			x86_use_rm(g, ins->a[k]);
	int sum = x86_target(g, ins->d, NOREG, 0);
	x86_compare(g, ins->mem, ins->cond, ins->a[1], ins->a[2]);
	add_bit(g, sum, from, ins->cond, ins->op == IR_SUB);
	x86_assign(g, ins->d, sum);
}

/* A bit, and the addition or subtraction of it that follows: the bit is the carry of the comparison. */
static bool emit_carry(struct Gen *g, struct Ins *ins)
{
	unsigned index;
	struct Ins *add = next_real(g, &index), set = *ins;

	if (!add || (add->op != IR_ADD && add->op != IR_SUB) || add->type != IR_I64 || add->spare || !x86_as_carry(g->ir, &set))
		return false;
	unsigned k = add->a[1] == ins->d ? 1 : 0;
	Ref x = add->a[1 - k];
	if (add->a[k] != ins->d || !ref_is_var(x) || x == ins->d || (add->op == IR_SUB && !k))
		return false;
	bool seen = add->d != ins->d && (ir_is_global(g->ir, ins->d) || !(g->last[index] >> k & 1));
	int d = seen ? bit_target(g, ins, ins->d) : NOREG;
	int sum = bit_target(g, ins, add->d), from = x86_use(g, x);
	enum Cc cc = x86_compare(g, set.type, set.cond, set.a[0], set.a[1]);
	if (seen) {
		set_bit(g, d, cc);
		x86_assign(g, ins->d, d);
	}
	advance(g, index);
	add_bit(g, sum, from, set.cond, add->op == IR_SUB);
	x86_assign(g, add->d, sum);
	return true;
}

static void emit_setcond(struct Gen *g, struct Ins *ins)
{
	if (ins->cond >= COND_ALWAYS) {
		int d = x86_target(g, ins->d, NOREG, 0);
		asm_mov_imm(g->as, d, ins->cond == COND_ALWAYS);
		x86_assign(g, ins->d, d);
		return;
	}
	/* the sign bit */
	if (ins->cond == COND_LT && ref_is_const(ins->a[1]) && typed_value(g, ins->type, ins->a[1]) == 0 && ref_is_var(ins->a[0])) {
		struct Rm a = x86_use_rm(g, ins->a[0]);
		int d = two_address(g, ins, a, 0);
		asm_shift_imm(g->as, 5, wide(ins), rm_reg(d), ins->type == IR_I64 ? 63 : 31);
		x86_assign(g, ins->d, d);
		return;
	}
	if (emit_carry(g, ins))
		return;
	int d = bit_target(g, ins, ins->d);
	if (reg_of(g, ins->a[0]) == d || reg_of(g, ins->a[1]) == d) {
		set_bit(g, d, x86_compare(g, ins->type, ins->cond, ins->a[0], ins->a[1]));
	} else {
		asm_zero(g->as, d);
		enum Cc cc = x86_compare(g, ins->type, ins->cond, ins->a[0], ins->a[1]);
		asm_op(g->as, 0x90 | X_0F | X_BYTERM | cc, 0, rm_reg(d), 0);
	}
	x86_assign(g, ins->d, d);
}

static void emit_select(struct Gen *g, struct Ins *ins)
{
	if (ins->cond >= COND_ALWAYS) {
		Ref from = ins->a[ins->cond == COND_ALWAYS ? 2 : 3];
		struct Rm a = operand(g, from);
		int d = x86_target(g, ins->d, NOREG, 0);
		move_in(g, d, from, a);
		x86_assign(g, ins->d, d);
		return;
	}
	/* of several selections in a row only the first compares: what brings operands in place keeps the flags */
	bool again = g->compared.end == asm_offset(g->as) && g->compared.type == ins->type && (g->compared.cond | 1) == (ins->cond | 1) &&
		     g->compared.a == ins->a[0] && g->compared.b == ins->a[1];
	/* d = e; if (cond) d = c. All operands are fixed in place before the flags are made. */
	if (ins->a[2] == ins->d) {
		uint16_t *last = &g->last[g->n];
		ins->a[2] = ins->a[3];
		ins->a[3] = ins->d;
		ins->cond ^= 1;
		*last = (*last & ~12u) | (*last & 4) << 1 | (*last >> 1 & 4);
	}
	for (unsigned k = 0; k < 2; k++)
		if (ref_is_var(ins->a[k]))
			x86_use_rm(g, ins->a[k]);
	struct Rm c = ref_is_const(ins->a[2]) ? rm_reg(x86_use(g, ins->a[2])) : x86_use_rm(g, ins->a[2]);
	struct Rm e = operand(g, ins->a[3]);
	int d = x86_target(g, ins->d, e.reg != NOREG ? x86_dying(g, 3) : NOREG, c.reg == e.reg ? 0 : bit(c.reg));
	enum Cc cc = again ? g->compared.cc ^ (ins->cond != g->compared.cond) : x86_compare(g, ins->type, ins->cond, ins->a[0], ins->a[1]);
	move_in(g, d, ins->a[3], e);
	asm_op(g->as, 0x40 | X_0F | X_W | cc, d, c, 0);
	x86_assign(g, ins->d, d);
	g->compared.end = ins->d == ins->a[0] || ins->d == ins->a[1] ? UINT_MAX : asm_offset(g->as);
	g->compared.type = ins->type;
	g->compared.cond = ins->cond;
	g->compared.a = ins->a[0];
	g->compared.b = ins->a[1];
	g->compared.cc = cc;
}

/* -- arithmetic -------------------------------------------------------------------------------------------------------------- */

static void emit_mov(struct Gen *g, struct Ins *ins)
{
	int32_t imm;

	if (ins->d == ins->a[0] && ins->type == IR_I64)
		return;
	if (g->var[ins->d].home == NOREG && ir_is_global(g->ir, ins->d) && x86_imm32(g, ins->a[0], &imm) &&
	    (imm >= 0 || ins->type == IR_I64) && x86_is_last(g, LAST_RESULT)) {
		asm_op(g->as, 0xc7 | X_W, 0, x86_var_mem(g, ins->d), 4);
		asm_32(g->as, imm);
		x86_assigned_memory(g, ins->d);
		return;
	}
	struct Rm a = operand(g, ins->a[0]);
	unsigned w = wide(ins);
	int d = x86_target(g, ins->d, a.reg != NOREG ? x86_dying(g, 0) : NOREG, 0);
	if (ref_is_const(ins->a[0])) {
		uint64_t v = ir_value(g->ir, ins->a[0]);
		v = w ? v : (uint32_t)v;
		if (v)
			asm_mov_imm(g->as, d, v);
		else
			asm_zero(g->as, d);
	} else if (a.reg != d || !w) {
		asm_mov_load(g->as, w, d, a);
	}
	x86_assign(g, ins->d, d);
}

/* d = d op b on memory, for a global that nobody reads from a register. True if emitted. */
static bool update_memory(struct Gen *g, struct Ins *ins, enum Alu alu)
{
	int32_t imm;

	if (ins->d != ins->a[0] || ins->type != IR_I64 || !ir_is_global(g->ir, ins->d) || g->var[ins->d].home != NOREG ||
	    g->var[ins->d].reg != NOREG || !x86_is_last(g, LAST_RESULT) || ins->a[1] == ins->d)
		return false;
	struct Rm mem = x86_var_mem(g, ins->d);
	if (x86_imm32(g, ins->a[1], &imm))
		asm_alu_imm(g->as, alu, X_W, mem, imm);
	else
		asm_alu_store(g->as, alu, X_W, mem, x86_use(g, ins->a[1]));
	x86_assigned_memory(g, ins->d);
	return true;
}

/* d = a op b where d may be b's register: through a scratch register if the operation does not commute. */
static void emit_alu(struct Gen *g, struct Ins *ins, enum Alu alu)
{
	unsigned w = wide(ins);
	bool commutes = alu != ALU_SUB;
	int32_t imm;

	if (commutes && (ref_is_const(ins->a[0]) || (ins->a[1] == ins->d && !ref_is_const(ins->a[1])))) {
		Ref t = ins->a[0];
		uint16_t *last = &g->last[g->n];
		ins->a[0] = ins->a[1];
		ins->a[1] = t;
		*last = (*last & ~3u) | (*last & 1) << 1 | (*last >> 1 & 1);
	}
	if (update_memory(g, ins, alu))
		return;
	if (typed_imm(g, ins->type, ins->a[1], &imm)) {
		struct Rm a = operand(g, ins->a[0]);
		if (alu == ALU_AND && (imm == 0xff || imm == 0xffff)) {
			int d = x86_target(g, ins->d, a.reg != NOREG ? x86_dying(g, 0) : NOREG, 0);
			if (ref_is_const(ins->a[0])) {
				move_in(g, d, ins->a[0], a);
				a = rm_reg(d);
			}
			asm_op(g->as, (imm == 0xff ? 0xb6 | X_BYTERM : 0xb7) | X_0F, d, a, 0);
			x86_assign(g, ins->d, d);
			return;
		}
		int d = two_address(g, ins, a, 0);
		if (alu == ALU_XOR && imm == -1)
			asm_op(g->as, 0xf7 | w, 2, rm_reg(d), 0);
		else if (alu == ALU_AND && imm >= 0)
			asm_alu_imm(g->as, alu, 0, rm_reg(d), imm);
		else
			asm_alu_imm(g->as, alu, w, rm_reg(d), imm);
		x86_assign(g, ins->d, d);
		return;
	}
	struct Rm a = operand(g, ins->a[0]);
	struct Rm b = ref_is_const(ins->a[1]) ? rm_reg(x86_use(g, ins->a[1])) : x86_use_rm(g, ins->a[1]);
	if (alu == ALU_SUB && ins->a[1] == ins->d && b.reg != NOREG && b.reg == g->var[ins->d].home && b.reg != a.reg && ref_is_var(ins->a[0])) {
		/* d = a - d */
		asm_op(g->as, 0xf7 | w, 3, b, 0);
		asm_alu(g->as, ALU_ADD, w, b.reg, a);
		x86_assign(g, ins->d, b.reg);
		return;
	}
	int d = two_address(g, ins, a, b.reg == a.reg ? 0 : bit(b.reg));
	asm_alu(g->as, alu, w, d, b.reg != NOREG && b.reg == a.reg ? rm_reg(d) : b);
	x86_assign(g, ins->d, d);
}

static void emit_add(struct Gen *g, struct Ins *ins)
{
	unsigned w = wide(ins);
	int32_t imm;

	if (ref_is_const(ins->a[0])) {
		emit_alu(g, ins, ALU_ADD);
		return;
	}
	int home = g->var[ins->d].home;
	if (typed_imm(g, ins->type, ins->a[1], &imm)) {
		if (update_memory(g, ins, ALU_ADD))
			return;
		struct Rm a = x86_use_rm(g, ins->a[0]);
		int d = x86_target(g, ins->d, a.reg != NOREG ? x86_dying(g, 0) : NOREG, 0);
		if (a.reg == d || a.reg == NOREG) {
			move_in(g, d, ins->a[0], a);
			asm_alu_imm(g->as, ALU_ADD, w, rm_reg(d), imm);
		} else {
			asm_lea(g->as, w, d, rm_mem(a.reg, imm));
		}
		x86_assign(g, ins->d, d);
		return;
	}
	int ra = reg_of(g, ins->a[0]), rb = reg_of(g, ins->a[1]);
	if (ra != NOREG && rb != NOREG && (home == NOREG || (home != ra && home != rb)) && x86_dying(g, 0) == NOREG && x86_dying(g, 1) == NOREG &&
	    ins->d != ins->a[0] && ins->d != ins->a[1]) {
		ra = x86_use(g, ins->a[0]);
		rb = x86_use(g, ins->a[1]);
		int d = x86_target(g, ins->d, NOREG, 0);
		if ((ra & 7) == RBP && (rb & 7) != RBP) {
			int t = ra;
			ra = rb;
			rb = t;
		}
		asm_lea(g->as, w, d, rm_indexed(ra, rb, 0, 0));
		x86_assign(g, ins->d, d);
		return;
	}
	emit_alu(g, ins, ALU_ADD);
}

static void emit_unary(struct Gen *g, struct Ins *ins, unsigned digit)
{
	struct Rm a = operand(g, ins->a[0]);
	int d = two_address(g, ins, a, 0);
	asm_op(g->as, 0xf7 | wide(ins), digit, rm_reg(d), 0);
	x86_assign(g, ins->d, d);
}

/* One operand that may be memory, a result anywhere. */
static void emit_extend(struct Gen *g, struct Ins *ins, unsigned op)
{
	struct Rm a = ref_is_const(ins->a[0]) ? rm_reg(x86_use(g, ins->a[0])) : x86_use_rm(g, ins->a[0]);
	int d = x86_target(g, ins->d, a.reg != NOREG ? x86_dying(g, 0) : NOREG, 0);
	asm_op(g->as, op, d, a, 0);
	x86_assign(g, ins->d, d);
}

static void emit_andn(struct Gen *g, struct Ins *ins)
{
	if (ref_is_const(ins->a[1])) {
		ins->op = IR_AND;
		ins->a[1] = ir_const(g->ir, ~ir_value(g->ir, ins->a[1]));
		emit_alu(g, ins, ALU_AND);
		return;
	}
	struct Rm a = ref_is_const(ins->a[0]) ? rm_reg(x86_use(g, ins->a[0])) : x86_use_rm(g, ins->a[0]);
	int b = x86_use(g, ins->a[1]);
	if (x86_features & HAS_BMI1) {
		int d = x86_target(g, ins->d, NOREG, 0);
		asm_vex(g->as, 0xf2 | X_0F38 | wide(ins), d, b, a, 0);
		x86_assign(g, ins->d, d);
		return;
	}
	int t = x86_scratch(g, IR_INT);
	asm_mov(g->as, t, b);
	asm_op(g->as, 0xf7 | X_W, 2, rm_reg(t), 0);
	asm_alu(g->as, ALU_AND, wide(ins), t, a);
	x86_assign(g, ins->d, t);
}

/* -- shifts -------------------------------------------------------------------------------------------------------------------- */

static void shift_constant(struct Gen *g, struct Ins *ins, unsigned digit)
{
	unsigned bits = ins->type == IR_I64 ? 64 : 32, count = ir_value(g->ir, ins->a[1]) & (bits - 1);
	struct Rm a = operand(g, ins->a[0]);

	if (digit < 2 && x86_features & HAS_BMI2 && count && !ref_is_const(ins->a[0])) {
		int d = x86_target(g, ins->d, NOREG, 0);
		asm_vex(g->as, 0xf0 | X_0F3A | X_F2 | wide(ins), d, 0, a, 1);
		asm_8(g->as, digit ? count : bits - count);
		x86_assign(g, ins->d, d);
		return;
	}
	int d = x86_target(g, ins->d, a.reg != NOREG ? x86_dying(g, 0) : NOREG, 0);
	if (digit == 4 && count == 1 && a.reg != NOREG && a.reg != d && !ref_is_const(ins->a[0])) {
		asm_lea(g->as, wide(ins), d, rm_indexed(a.reg, a.reg, 0, 0));
	} else {
		move_in(g, d, ins->a[0], a);
		if (count)
			asm_shift_imm(g->as, digit, wide(ins), rm_reg(d), count);
		else if (bits == 32)
			asm_mov_load(g->as, 0, d, rm_reg(d));
	}
	x86_assign(g, ins->d, d);
}

static void emit_shift(struct Gen *g, struct Ins *ins, unsigned digit)
{
	static const unsigned bmi2[8] = { [4] = X_66, [5] = X_F2, [7] = X_F3 };

	if (ref_is_const(ins->a[1])) {
		shift_constant(g, ins, digit);
		return;
	}
	if (digit >= 4 && x86_features & HAS_BMI2) {
		struct Rm a = ref_is_const(ins->a[0]) ? rm_reg(x86_use(g, ins->a[0])) : x86_use_rm(g, ins->a[0]);
		int count = x86_use(g, ins->a[1]);
		int d = x86_target(g, ins->d, a.reg != NOREG ? x86_dying(g, 0) : NOREG, 0);
		asm_vex(g->as, 0xf7 | X_0F38 | bmi2[digit] | wide(ins), d, count, a, 0);
		x86_assign(g, ins->d, d);
		return;
	}
	/* the count in cl, the value in a register of its own */
	struct Rm a = operand(g, ins->a[0]);
	int count = x86_use(g, ins->a[1]), d = x86_scratch(g, IR_INT);
	if (d == RCX)
		d = x86_scratch(g, IR_INT);
	move_in(g, d, ins->a[0], a);
	if (count != RCX) {
		x86_take(g, RCX);
		asm_mov(g->as, RCX, count);
	}
	asm_op(g->as, 0xd3 | wide(ins), digit, rm_reg(d), 0);
	x86_assign(g, ins->d, d);
}

/* SHL by 1 to 3 and the ADD that follows it, and after which nobody sees what was shifted: one LEA. */
static bool emit_shift_add(struct Gen *g, struct Ins *ins)
{
	unsigned index;
	struct Ins *add = next_real(g, &index);

	if (!add || add->op != IR_ADD || add->spare || add->type != IR_I64 || ins->type != IR_I64 || !ref_is_const(ins->a[1]) || !ref_is_var(ins->a[0]) ||
	    add->a[0] == add->a[1])
		return false;
	uint64_t count = ir_value(g->ir, ins->a[1]);
	unsigned k = add->a[0] == ins->d ? 0 : 1;
	Ref other = add->a[1 - k];
	bool unseen = add->d == ins->d || (!ir_is_global(g->ir, ins->d) && g->last[index] >> k & 1);
	if (count < 1 || count > 3 || add->a[k] != ins->d || !ref_is_var(other) || !unseen)
		return false;
	int scaled = x86_use(g, ins->a[0]), base = x86_use(g, other);
	int d = x86_target(g, add->d, NOREG, 0);
	asm_lea(g->as, X_W, d, rm_indexed(base, scaled, count, 0));
	advance(g, index);
	x86_assign(g, add->d, d);
	return true;
}

/* -- multiplication and division ---------------------------------------------------------------------------------------------- */

static void emit_mul(struct Gen *g, struct Ins *ins)
{
	unsigned w = wide(ins);
	int32_t imm;
	Ref a = ins->a[0], b = ins->a[1];

	if (ref_is_const(a)) {
		a = ins->a[1];
		b = ins->a[0];
	}
	if (!ref_is_const(a) && typed_imm(g, ins->type, b, &imm)) {
		struct Rm rm = x86_use_rm(g, a);
		int d = x86_target(g, ins->d, NOREG, 0);
		if ((imm == 3 || imm == 5 || imm == 9) && rm.reg != NOREG) {
			asm_lea(g->as, wide(ins), d, rm_indexed(rm.reg, rm.reg, imm == 3 ? 1 : imm == 5 ? 2 : 3, 0));
			x86_assign(g, ins->d, d);
			return;
		}
		bool small = imm == (int8_t)imm;
		asm_op(g->as, (small ? 0x6b : 0x69) | w, d, rm, small ? 1 : 4);
		if (small)
			asm_8(g->as, imm);
		else
			asm_32(g->as, imm);
		x86_assign(g, ins->d, d);
		return;
	}
	if (b == ins->d && !ref_is_const(a)) {
		Ref t = a;
		a = b;
		b = t;
	}
	struct Rm ra = operand(g, a);
	struct Rm rb = ref_is_const(b) ? rm_reg(x86_use(g, b)) : x86_use_rm(g, b);
	int d = x86_target(g, ins->d, NOREG, rb.reg == ra.reg ? 0 : bit(rb.reg));
	move_in(g, d, a, ra);
	asm_op(g->as, 0xaf | X_0F | w, d, rb.reg != NOREG && rb.reg == ra.reg ? rm_reg(d) : rb, 0);
	x86_assign(g, ins->d, d);
}

/* Whether the next instruction has the other result for the operands of INS. */
static bool computes_both(struct Gen *g, const struct Ins *ins)
{
	static const uint8_t other[IR_NOPS] = { [IR_DIVS] = IR_REMS, [IR_REMS] = IR_DIVS, [IR_DIVU] = IR_REMU, [IR_REMU] = IR_DIVU };
	const struct Ins *next = ins + 1;

	if (g->n + 1 >= g->ir->nins || next->type != ins->type || ins->d == ins->a[0] || ins->d == ins->a[1] || ins->d == next->d)
		return false;
	bool same = next->a[0] == ins->a[0] && next->a[1] == ins->a[1];
	if (other[ins->op])
		return next->op == other[ins->op] && same;
	bool high = ins->op != IR_MUL, next_high = next->op == IR_MULHS || next->op == IR_MULHU || next->op == IR_MULHSU;
	return ins->type == IR_I64 && (high ? next->op == IR_MUL : next_high) && (same || (next->a[0] == ins->a[1] && next->a[1] == ins->a[0]));
}

/* The result of INS is in register FIRST; if BOTH, that of the next instruction is in SECOND, and is done with that. */
static void assign_both(struct Gen *g, const struct Ins *ins, int first, bool both, int second)
{
	x86_assign(g, ins->d, first);
	if (both) {
		x86_allocate_end_ins(g, ins);
		g->n++;
		x86_assign(g, ins[1].d, second);
	}
}

/* MULX: both halves, or the high one alone, without flags. */
static void emit_mulx(struct Gen *g, const struct Ins *ins, bool both)
{
	Ref a = ins->a[0], b = ins->a[1];

	/* A goes to rdx, or is there already */
	if (reg_of(g, b) == RDX || (ref_is_const(b) && reg_of(g, a) != RDX)) {
		a = b;
		b = ins->a[0];
	}
	int from = ref_is_const(a) ? NOREG : x86_use(g, a);
	if (from != RDX)
		x86_take(g, RDX);
	struct Rm rm = ref_is_const(b) ? rm_reg(x86_use(g, b)) : x86_use_rm(g, b);
	int first = x86_target(g, ins->d, NOREG, 0), second = both ? x86_target(g, ins[1].d, NOREG, bit(first)) : first;
	if (from == NOREG)
		asm_mov_imm(g->as, RDX, ir_value(g->ir, a));
	else
		asm_mov(g->as, RDX, from);
	int high = ins->op == IR_MUL ? second : first, low = ins->op == IR_MUL ? first : second;
	asm_vex(g->as, 0xf6 | X_0F38 | X_F2 | X_W, high, low, rm, 0);
	assign_both(g, ins, first, both, second);
}

/* The high half of words, which are extended first; the product is shifted down. */
static void emit_mul_high_word(struct Gen *g, const struct Ins *ins)
{
	bool a_signed = ins->op != IR_MULHU, b_signed = ins->op == IR_MULHS;
	int a = x86_use(g, ins->a[0]), b = x86_use(g, ins->a[1]), t = x86_scratch(g, IR_INT), u = x86_scratch(g, IR_INT);

	asm_op(g->as, a_signed ? 0x63 | X_W : 0x8b, t, rm_reg(a), 0);
	asm_op(g->as, b_signed ? 0x63 | X_W : 0x8b, u, rm_reg(b), 0);
	asm_op(g->as, 0xaf | X_0F | X_W, t, rm_reg(u), 0);
	asm_shift_imm(g->as, 5, X_W, rm_reg(t), 32);
	x86_assign(g, ins->d, t);
}

/* The high half, and the low one if the next instruction is that; or INS is the low one, and the next the high one. */
static void emit_product(struct Gen *g, const struct Ins *ins)
{
	bool both = computes_both(g, ins);
	const struct Ins *high = ins->op == IR_MUL ? ins + 1 : ins;

	if (high->type == IR_I32) {
		emit_mul_high_word(g, high);
		return;
	}
	if (high->op == IR_MULHU && x86_features & HAS_BMI2) {
		emit_mulx(g, ins, both);
		return;
	}
	/* rdx:rax = rax * b; both are left free by moving what is in them */
	int a = x86_use(g, high->a[0]), b = x86_use(g, high->a[1]), bb = b;
	if (b == RAX || b == RDX) {
		do
			bb = x86_scratch(g, IR_INT);
		while (bb == RAX || bb == RDX);
		asm_mov(g->as, bb, b);
	}
	int sign = NOREG;
	if (high->op == IR_MULHSU) {
		do
			sign = x86_scratch(g, IR_INT);
		while (sign == RAX || sign == RDX);
		asm_mov(g->as, sign, a);
		asm_shift_imm(g->as, 7, X_W, rm_reg(sign), 63);
		asm_alu(g->as, ALU_AND, X_W, sign, rm_reg(bb));
	}
	x86_take(g, RAX);
	asm_mov(g->as, RAX, a);
	x86_take(g, RDX);
	asm_op(g->as, 0xf7 | X_W, high->op == IR_MULHS ? 5 : 4, rm_reg(bb), 0);
	if (sign != NOREG)
		asm_alu(g->as, ALU_SUB, X_W, RDX, rm_reg(sign));
	assign_both(g, ins, high == ins ? RDX : RAX, both, high == ins ? RAX : RDX);
}

static void emit_divide(struct Gen *g, struct Ins *ins)
{
	bool is_signed = ins->op == IR_DIVS || ins->op == IR_REMS, rem = ins->op == IR_REMS || ins->op == IR_REMU;
	unsigned w = wide(ins);
	bool safe = false, both = computes_both(g, ins);

	if (ref_is_const(ins->a[1])) {
		uint64_t v = typed_value(g, ins->type, ins->a[1]);
		safe = v != 0 && v != ~(uint64_t)0;
	}
	int a = x86_use(g, ins->a[0]);
	/* a divisor that is not in a register yet comes to where it can stay */
	uint32_t locked = g->locked[IR_INT];
	g->locked[IR_INT] |= bit(RAX) | bit(RDX);
	int b = x86_use(g, ins->a[1]), bb = b;
	g->locked[IR_INT] = locked | bit(b);
	while (bb == RAX || bb == RDX)
		bb = x86_scratch(g, IR_INT);
	asm_mov(g->as, bb, b);
	x86_take(g, RAX);
	asm_mov(g->as, RAX, a);
	x86_take(g, RDX);
	bool by_zero = !safe, by_minus = !safe && is_signed;
	unsigned zero = 0, minus = 0;
	if (by_zero) {
		asm_op(g->as, 0x85 | w, bb, rm_reg(bb), 0);
		zero = x86_jcc_cold(g, CC_E);
	}
	if (by_minus) {
		asm_alu_imm(g->as, ALU_CMP, w, rm_reg(bb), -1);
		minus = x86_jcc_cold(g, CC_E);
	}
	if (is_signed) {
		asm_room(g->as);
		if (w)
			asm_8(g->as, 0x48);
		asm_8(g->as, 0x99);     /* cdq, cqo */
	} else {
		asm_zero(g->as, RDX);
	}
	asm_op(g->as, 0xf7 | w, is_signed ? 7 : 6, rm_reg(bb), 0);
	x86_begin_cold(g);
	if (by_zero) {
		x86_cold_here(g, zero);
		if (rem || both)
			asm_mov_load(g->as, w, RDX, rm_reg(RAX));
		if (!rem || both)
			asm_mov_imm(g->as, RAX, w ? ~(uint64_t)0 : UINT32_MAX);
		x86_back(g);
	}
	if (by_minus) {
		x86_cold_here(g, minus);
		if (rem || both)
			asm_zero(g->as, RDX);
		if (!rem || both)
			asm_op(g->as, 0xf7 | w, 3, rm_reg(RAX), 0);
		x86_back(g);
	}
	x86_end_cold(g);
	assign_both(g, ins, rem ? RDX : RAX, both, rem ? RAX : RDX);
}

/* -- counting bits, reversing bytes, carry-less products ------------------------------------------------------------------- */

static uint64_t helper_popcnt(uint64_t a) { return __builtin_popcountll(a); }
static uint64_t helper_clmul(uint64_t a, uint64_t b)
{
	uint64_t r = 0;
	for (unsigned i = 0; i < 64; i++)
		r ^= b >> i & 1 ? a << i : 0;
	return r;
}
static uint64_t helper_clmulh(uint64_t a, uint64_t b)
{
	uint64_t r = 0;
	for (unsigned i = 1; i < 64; i++)
		r ^= b >> i & 1 ? a >> (64 - i) : 0;
	return r;
}

static void emit_helper(struct Gen *g, struct Ins *ins, const void *fn, unsigned nargs)
{
	struct CallArg args[2];

	for (unsigned k = 0; k < nargs; k++)
		args[k] = (struct CallArg){ .kind = ARG_INT, .reg = x86_use(g, ins->a[k]) };
	if (nargs == 1 && ins->type == IR_I32) {
		int t = x86_scratch(g, IR_INT);
		asm_mov_load(g->as, 0, t, rm_reg(args[0].reg));
		args[0].reg = t;
	}
	int d = x86_scratch(g, IR_INT);
	x86_call_saved(g, fn, args, nargs);
	asm_mov_load(g->as, X_W, d, CPU_MEM(spill[0]));
	x86_assign(g, ins->d, d);
}

static void emit_count(struct Gen *g, struct Ins *ins)
{
	static const struct { unsigned feature, op; } direct[] = {
		[0] = { HAS_LZCNT, 0xbd | X_0F | X_F3 },
		[1] = { HAS_BMI1, 0xbc | X_0F | X_F3 },
		[2] = { HAS_POPCNT, 0xb8 | X_0F | X_F3 },
	};
	unsigned which = ins->op == IR_CLZ ? 0 : ins->op == IR_CTZ ? 1 : 2;
	unsigned w = wide(ins), bits = w ? 64 : 32;

	if (x86_features & direct[which].feature) {
		emit_extend(g, ins, direct[which].op | w);
	} else if (which == 2) {
		emit_helper(g, ins, helper_popcnt, 1);
	} else {
		int a = x86_use(g, ins->a[0]);
		int t = x86_scratch(g, IR_INT), u = x86_scratch(g, IR_INT);
		asm_mov_imm(g->as, u, which ? bits : 2 * bits - 1);
		asm_op(g->as, (which ? 0xbc : 0xbd) | X_0F | w, t, rm_reg(a), 0);
		asm_op(g->as, 0x44 | X_0F | w, t, rm_reg(u), 0);
		if (!which)
			asm_alu_imm(g->as, ALU_XOR, w, rm_reg(t), bits - 1);
		x86_assign(g, ins->d, t);
	}
}

static void emit_bswap(struct Gen *g, struct Ins *ins)
{
	struct Rm a = operand(g, ins->a[0]);
	int d = two_address(g, ins, a, 0);
	asm_room(g->as);
	unsigned rex = (wide(ins) ? 8 : 0) | (d > 7 ? 1 : 0);
	if (rex)
		asm_8(g->as, 0x40 | rex);
	asm_8(g->as, 0x0f);
	asm_8(g->as, 0xc8 | (d & 7));
	x86_assign(g, ins->d, d);
}

static void emit_clmul(struct Gen *g, struct Ins *ins)
{
	bool high = ins->op == IR_CLMULH;

	if (!(x86_features & HAS_CLMUL)) {
		emit_helper(g, ins, high ? (const void *)helper_clmulh : (const void *)helper_clmul, 2);
		return;
	}
	int a = x86_use(g, ins->a[0]), b = x86_use(g, ins->a[1]);
	int x = x86_scratch(g, IR_VEC), y = x86_scratch(g, IR_VEC);
	asm_op(g->as, 0x6e | X_0F | X_66 | X_W, x, rm_reg(a), 0);
	asm_op(g->as, 0x6e | X_0F | X_66 | X_W, y, rm_reg(b), 0);
	asm_op(g->as, 0x44 | X_0F3A | X_66, x, rm_reg(y), 1);
	asm_8(g->as, 0);
	if (high)
		asm_op(g->as, 0x12 | X_0F, x, rm_reg(x), 0);    /* movhlps */
	int d = x86_target(g, ins->d, NOREG, 0);
	asm_op(g->as, 0x7e | X_0F | X_66 | X_W, x, rm_reg(d), 0);
	x86_assign(g, ins->d, d);
}

void x86_emit_integer(struct Gen *g, struct Ins *ins)
{
	unsigned w = wide(ins);

	if (ins->spare & WITH_CARRY) {
		emit_with_carry(g, ins);
		return;
	}
	switch (ins->op) {
	case IR_MOV: emit_mov(g, ins); break;
	case IR_ADD: emit_add(g, ins); break;
	case IR_SUB: emit_alu(g, ins, ALU_SUB); break;
	case IR_AND: emit_alu(g, ins, ALU_AND); break;
	case IR_OR: emit_alu(g, ins, ALU_OR); break;
	case IR_XOR: emit_alu(g, ins, ALU_XOR); break;
	case IR_ANDN: emit_andn(g, ins); break;
	case IR_MUL:
		if (computes_both(g, ins))
			emit_product(g, ins);
		else
			emit_mul(g, ins);
		break;
	case IR_MULHS: case IR_MULHU: case IR_MULHSU: emit_product(g, ins); break;
	case IR_DIVS: case IR_DIVU: case IR_REMS: case IR_REMU: emit_divide(g, ins); break;
	case IR_NEG: emit_unary(g, ins, 3); break;
	case IR_NOT: emit_unary(g, ins, 2); break;
	case IR_SHL:
		if (!emit_shift_add(g, ins))
			emit_shift(g, ins, 4);
		break;
	case IR_SHR: emit_shift(g, ins, 5); break;
	case IR_SAR: emit_shift(g, ins, 7); break;
	case IR_ROTL: emit_shift(g, ins, 0); break;
	case IR_ROTR: emit_shift(g, ins, 1); break;
	case IR_SEXT8: emit_extend(g, ins, 0xbe | X_0F | X_BYTERM | w); break;
	case IR_SEXT16: emit_extend(g, ins, 0xbf | X_0F | w); break;
	case IR_SEXT32: emit_extend(g, ins, 0x63 | X_W); break;
	case IR_ZEXT8: emit_extend(g, ins, 0xb6 | X_0F | X_BYTERM); break;
	case IR_ZEXT16: emit_extend(g, ins, 0xb7 | X_0F); break;
	case IR_ZEXT32: emit_extend(g, ins, 0x8b); break;
	case IR_CLZ: case IR_CTZ: case IR_POPCNT: emit_count(g, ins); break;
	case IR_BSWAP: emit_bswap(g, ins); break;
	case IR_CLMUL: case IR_CLMULH: emit_clmul(g, ins); break;
	case IR_SETCOND: emit_setcond(g, ins); break;
	case IR_SELECT: emit_select(g, ins); break;
	}
}
