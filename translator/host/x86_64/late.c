/* SPDX-License-Identifier: MIT */
/* Late values: what only a fault, a poll or a way out of the unit could see of a guest register is not computed before one of them does.
 *
 * Guest code has few operands: it puts an address or a shifted value into a register that the next instructions overwrite. The value has no reader, but
 * the load between is a fault point, at which it must be exact. Here the instruction goes, and its recipe is kept until the register is assigned:
 * in the records of fault points, where x86_recover() follows it, and for exits and seldom branches, whose code out of line does.
 *
 *     shl.i64   a5 = a5, 3        late: a5 << 3
 *     add.i64   a5 = a5, s0       late: (a5 << 3) + s0
 *     load.i64  a5 = a5, +16      [s0 + a5 * 8 + 16]
 *
 * Until then the register (or memory, wherever the allocator has it) holds what it held before: the raw value, of which the recipe may begin. Nobody reads
 * it but addresses that are computed from it, as above, and operations on words where all that is late is the extension of the sign:
 *
 *     add.i32   a4 = a4, a3       the raw value
 *     sext32    a4 = a4           late
 *     store.u32 [a0] = a4
 *
 * and sums of which it is a carry: there the host compares.
 *
 *     setcond   a4 = a5 ltu a4    late
 *     store     [a2] = a3
 *     add.i64   a4 = a4, t6       cmp a5, a4; a4 = t6; adc a4, 0
 *
 * Registers that a recipe names may become late themselves: they keep what the recipe needs. If one is assigned, nothing may look at what the recipe made any
 * more; the search has seen to that.
 */
#include <assert.h>

#include "translator/host/x86_64/backend.h"
#include "translator/ir_eval.h"

enum { REACH = 32 /* instructions that a value may be late */, MAX_SCALE = 3 };

struct Search {
	struct Gen *g;
	struct Ir *ir;
	uint16_t *uses;                 /* by variable, of temporaries */
	uint8_t *nlate;                 /* how many values are late, by instruction */
};

/* -- recipes -------------------------------------------------------------------------------------------------------------------- */

/* A constant of which an operation of TYPE needs no more than 32 bits, with the sign. */
static bool small(const struct Ir *ir, enum IrType type, Ref r)
{
	return ref_is_const(r) && (type == IR_I32 || (uint64_t)(int64_t)(int32_t)ir_value(ir, r) == ir_value(ir, r));
}

/* Whether a step of a recipe may be INS, which works on operand 0. */
static bool is_step(const struct Ir *ir, const struct Ins *ins)
{
	switch (ins->op) {
	case IR_ADD: case IR_SUB: case IR_AND: case IR_OR: case IR_XOR:
		return ir_is_global(ir, ins->a[1]) || small(ir, ins->type, ins->a[1]);
	case IR_SETCOND:
		return ins->cond < COND_ALWAYS && (ir_is_global(ir, ins->a[1]) || small(ir, ins->type, ins->a[1]));
	case IR_SHL: case IR_SHR: case IR_SAR:
		return ref_is_const(ins->a[1]);
	case IR_SEXT8: case IR_SEXT16: case IR_ZEXT8: case IR_ZEXT16:
		return ins->type == IR_I64;
	case IR_SEXT32: case IR_ZEXT32: case IR_NOT: case IR_NEG:
		return true;
	default:
		return false;
	}
}

static bool commutes(const struct Ins *ins) { return ins->op == IR_ADD || ins->op == IR_AND || ins->op == IR_OR || ins->op == IR_XOR; }

static bool add_step(struct Recipe *recipe, const struct Ins *ins, Ref operand)
{
	if (recipe->nsteps == MAX_STEPS)
		return false;
	recipe->step[recipe->nsteps++] = (struct Step){ .op = ins->op, .type = ins->type, .cond = ins->cond, .operand = operand };
	return true;
}

/* Continues RECIPE, which makes R, by INS. */
static bool compose(const struct Ir *ir, struct Recipe *recipe, Ref r, const struct Ins *ins)
{
	struct Ins step = *ins;

	if (step.a[1] == r && step.a[0] != r && (commutes(&step) || step.op == IR_SETCOND)) {
		step.a[1] = step.a[0];
		step.a[0] = r;
		if (step.op == IR_SETCOND)
			step.cond = x86_swap_cond(step.cond);
	}
	return step.a[0] == r && step.a[1] != r && is_step(ir, &step) && add_step(recipe, &step, step.a[1]);
}

/* The recipe of INS alone. */
static bool begin(const struct Ir *ir, struct Recipe *recipe, const struct Ins *ins)
{
	*recipe = (struct Recipe){ .d = ins->d, .start = ins->a[0] };
	if (!ir_is_global(ir, ins->a[0]) && !(ins->op == IR_MOV && small(ir, IR_I64, ins->a[0])))
		return false;
	if (ins->op == IR_MOV)
		return ins->type == IR_I64 && ir->var_class[ins->d] == IR_INT;
	return is_step(ir, ins) && add_step(recipe, ins, ins->a[1]);
}

/* Whether RECIPE is no more than the extension of the raw value's sign. */
static bool only_extends(const struct Recipe *recipe)
{
	return recipe->start == recipe->d && recipe->nsteps == 1 && recipe->step[0].op == IR_SEXT32;
}

static bool names(const struct Recipe *recipe, Ref r)
{
	for (unsigned i = 0; i < recipe->nsteps; i++)
		if (recipe->step[i].operand == r)
			return true;
	return recipe->start == r;
}

bool x86_reads_word(const struct Ir *ir, const struct Ins *ins, unsigned k)
{
	if (x86_is_word(ins) && (ins->op != IR_SELECT || k >= 2))
		return true;
	switch (ins->op) {
	case IR_MOV:
		return ins->type == IR_I32;
	case IR_ADD ... IR_SELECT:
		if (ins->op >= IR_SEXT8 && ins->op <= IR_ZEXT32)
			return true;
		if (ins->op == IR_AND && k == 0 && ref_is_const(ins->a[1]))
			return ir_value(ir, ins->a[1]) <= INT32_MAX;
		if (ins->op == IR_SHL && k == 0 && ref_is_const(ins->a[1]) && (ir_value(ir, ins->a[1]) & 63) >= 32)
			return true;
		return ins->type == IR_I32 && k < 2 && ins->op != IR_MULHS && ins->op != IR_MULHSU;
	case IR_STORE:
		return k == 1 && ir_type_class(ins->type) == IR_INT && (ins->mem & MEM_SIZE) <= MEM_32 && !(ins->mem & MEM_BE);
	case IR_EXITCOND: case IR_BRCOND:
		return ins->type == IR_I32;
	default:
		return false;
	}
}

/* -- finding what can be late ------------------------------------------------------------------------------------------------------- */

/* The address that RECIPE makes, as base + (index << scale) + displacement. INDEX is the register that holds the start. */
static bool as_address(struct Ir *ir, const struct Recipe *recipe, Ref index, struct Ins *access)
{
	Ref base = REF_NONE;
	int64_t displacement = access->imm;
	unsigned scale = 0, i = 0;

	while (i < recipe->nsteps && recipe->step[i].op == IR_ZEXT32 && index != recipe->start)
		i++;
	if (i < recipe->nsteps && recipe->step[i].op == IR_SHL && recipe->step[i].type == IR_I64) {
		scale = ir_value(ir, recipe->step[i++].operand);
		if (scale > MAX_SCALE)
			return false;
	}
	for (; i < recipe->nsteps; i++) {
		const struct Step *step = &recipe->step[i];
		if (step->op != IR_ADD || step->type != IR_I64)
			return false;
		if (ref_is_const(step->operand))
			displacement += (int64_t)ir_value(ir, step->operand);
		else if (base == REF_NONE)
			base = step->operand;
		else
			return false;
	}
	if (displacement != (int32_t)displacement || ref_is_const(index))
		return false;
	unsigned slot = access->op == IR_LOAD ? 1 : 2;
	bool alone = base == REF_NONE && !scale;
	access->a[0] = alone ? index : base == REF_NONE ? ir_const(ir, 0) : base;
	access->a[slot] = alone ? REF_NONE : index;
	access->imm = displacement;
	access->spare |= scale << INDEX_SCALE;
	return true;
}

static bool plain_access(const struct Ins *ins)
{
	return (ins->op == IR_LOAD && ins->a[1] == REF_NONE) ? !(ins->mem & (MEM_ALIGNED | MEM_BE)) :
	       ins->op == IR_STORE && ins->a[2] == REF_NONE && !(ins->mem & (MEM_ALIGNED | MEM_BE));
}

static unsigned reads(const struct Ins *ins, Ref r)
{
	return (ins->a[0] == r) + (ins->a[1] == r) + (ins->a[2] == r) + (ins->a[3] == r);
}

/* The change of a search that succeeds: accesses with new addresses, and instructions that go. */
struct Change {
	unsigned n, at[REACH];
	struct Ins ins[REACH];
};

static void change(struct Change *c, unsigned at, const struct Ins *ins)
{
	c->at[c->n] = at;
	c->ins[c->n++] = *ins;
}

/* Whether INS adds or subtracts the bit that RECIPE makes of registers, and could compare for it; then it does. */
static bool take_carry(struct Ir *ir, const struct Recipe *recipe, struct Ins *ins)
{
	const struct Step *step = &recipe->step[0];
	unsigned k = ins->a[1] == recipe->d ? 1 : 0;
	struct Ins bit = { .op = IR_SETCOND, .type = step->type, .cond = step->cond, .d = recipe->d, .a = { recipe->start, step->operand } };

	if (recipe->nsteps != 1 || step->op != IR_SETCOND || ref_is_const(recipe->start) || (ins->op != IR_ADD && ins->op != IR_SUB) || ins->type != IR_I64 || ins->spare ||
	    reads(ins, recipe->d) != 1 || (ins->op == IR_SUB && !k) || ref_is_const(ins->a[!k]) || !x86_as_carry(ir, &bit))
		return false;
	ins->a[0] = ins->a[!k];
	ins->a[1] = bit.a[0];
	ins->a[2] = bit.a[1];
	ins->cond = bit.cond;
	ins->mem = bit.type;
	ins->spare = WITH_CARRY;
	return true;
}

/* Whether something could look at registers at INS. */
static bool looks(const struct Ir *ir, const struct Ins *ins)
{
	return ins->op == IR_EXITCOND || ins->op == IR_BRCOND || ins->op == IR_GUARD || ir_observes(ir, ins);
}

/* Follows RECIPE from behind instruction N: whether what it makes may be late until it is assigned, which is at *END. INDEX is a temporary that holds the
 * start with what it is extended to, or REF_NONE. */
static bool follow(struct Search *s, unsigned n, struct Recipe *recipe, Ref index, struct Change *c, unsigned *end)
{
	struct Ir *ir = s->ir;
	Ref d = recipe->d;
	bool gone = false;              /* what it is made of */
	bool passed = false;            /* by something late that it is made of: no step may follow, which would be computed behind that */

	for (unsigned i = n + 1; i < ir->nins && i <= n + REACH - 2; i++) {
		struct Ins ins = ir->ins[i];
		if (ins.op == IR_MARK)
			continue;
		if (ins.op == IR_LABEL || (ins.op == IR_BRCOND && !(ins.mem & BRANCH_SELDOM)) || ins.op == IR_CALL || ins.op == IR_HEAT ||
		    ir_op_info[ins.op].flags & OPF_EXIT)
			return false;
		if (gone && (reads(&ins, d) || looks(ir, &ins)))
			return false;
		if (reads(&ins, d)) {
			bool word = only_extends(recipe), address = ins.a[0] == d && reads(&ins, d) == 1 && plain_access(&ins);
			for (unsigned k = 0; k < 4; k++)
				word &= ins.a[k] != d || x86_reads_word(ir, &ins, k);
			if (word) {
				;
			} else if (take_carry(ir, recipe, &ins)) {
				change(c, i, &ins);
			} else if (address && as_address(ir, recipe, index == REF_NONE ? recipe->start : index, &ins)) {
				change(c, i, &ins);
			} else if (ins.d == d && !ins.spare && !passed && compose(ir, recipe, d, &ins)) {
				ins.spare = LATE;
				ins.imm = s->g->nrecipes + c->n;
				change(c, i, &ins);
				s->g->recipes[ins.imm] = *recipe;
				continue;
			} else {
				return false;
			}
		}
		if (ins.d == d) {
			*end = i;
			return true;
		}
		if (ins.d != REF_NONE && (names(recipe, ins.d) || ins.d == index))
			*(ins.spare & LATE ? &passed : &gone) = true;
	}
	return false;
}

/* Whether there is room for another late value between instructions N and END, and takes it. */
static bool take_room(struct Search *s, unsigned n, unsigned end)
{
	for (unsigned i = n; i <= end; i++)
		if (s->nlate[i] == MAX_LATE)
			return false;
	for (unsigned i = n; i <= end; i++)
		s->nlate[i]++;
	return true;
}

/* Whether the value that instruction N, and those before it from FIRST on that nobody else wants, make by RECIPE is late; then they go. */
static bool make_late(struct Search *s, unsigned first, unsigned n, struct Recipe recipe, Ref index)
{
	struct Gen *g = s->g;
	struct Change c;
	unsigned end;

	if (g->nrecipes + REACH >= MAX_RECIPES)
		return false;
	c.n = 0;
	struct Ins ins = g->ir->ins[n];
	ins.spare = LATE;
	ins.imm = g->nrecipes;
	change(&c, n, &ins);
	g->recipes[g->nrecipes] = recipe;
	if (!follow(s, n, &recipe, index, &c, &end) || !take_room(s, n, end))
		return false;
	g->nrecipes += c.n;
	for (unsigned i = 0; i < c.n; i++)
		g->ir->ins[c.at[i]] = c.ins[i];
	for (unsigned i = first; i < n; i++)
		if (g->ir->ins[i].op != IR_MARK) {
			g->ir->ins[i].spare = LATE;
			g->ir->ins[i].imm = NO_RECIPE;
		}
	return true;
}

/* A value made of an extended one, which is in a temporary and stays there: an index of 32 bits. */
static bool late_behind_extension(struct Search *s, unsigned n)
{
	const struct Ir *ir = s->ir;
	const struct Ins *ins = &ir->ins[n], *before = ins - 1;
	struct Recipe recipe;
	Ref t = ins->a[0];

	if (!n || before->d != t || before->op != IR_ZEXT32 || !ir_is_global(ir, before->a[0]) || before->a[0] == t || ins->a[1] == t || ins->spare)
		return false;
	return begin(ir, &recipe, before) && is_step(ir, ins) && add_step(&recipe, ins, ins->a[1]) && (recipe.d = ins->d, true) &&
	       make_late(s, n, n, recipe, t);
}

static void look_at(struct Search *s, unsigned n)
{
	struct Ir *ir = s->ir;
	struct Ins *ins = &ir->ins[n], *next = ins + 1;
	struct Recipe recipe;

	if (!ref_is_var(ins->d) || ir->var_class[ins->d] != IR_INT || !(ir_op_info[ins->op].flags & OPF_PURE) || ins->spare)
		return;
	if (ir_is_global(ir, ins->d)) {
		bool temporary = ref_is_var(ins->a[0]) && !ir_is_global(ir, ins->a[0]);
		if (temporary ? late_behind_extension(s, n) : begin(ir, &recipe, ins) && make_late(s, n, n, recipe, REF_NONE))
			return;
	} else if (n + 1 < ir->nins && s->uses[ins->d] == 1 && next->a[0] == ins->d && ir_is_global(ir, next->d) && !next->spare) {
		Ref t = ins->d;
		if (begin(ir, &recipe, ins) && compose(ir, &recipe, t, next) && (recipe.d = next->d, true) && make_late(s, n, n + 1, recipe, REF_NONE))
			return;
		if (next->op != IR_SEXT32 || ins->type != IR_I32)
			return;
		/* the raw value goes where the extended one would */
		struct Ins extend = *next;
		ins->d = next->a[0] = extend.d;
		recipe = (struct Recipe){ .d = extend.d, .start = extend.d };
		add_step(&recipe, next, REF_NONE);
		if (!make_late(s, n + 1, n + 1, recipe, REF_NONE)) {
			ins->d = t;
			*next = extend;
		}
	}
}

void x86_find_late(struct Gen *g)
{
	struct Ir *ir = g->ir;
	struct Search s = { .g = g, .ir = ir };

	g->nrecipes = 0;
	g->recipes = arena_alloc_raw(ir->arena, MAX_RECIPES * sizeof *g->recipes);
	s.uses = arena_alloc(ir->arena, ir->nvars * sizeof *s.uses);
	for (unsigned n = 0; n < ir->nins; n++) {
		Ref *uses[4 + IR_MAXARGS];
		for (unsigned i = ir_uses(ir, &ir->ins[n], uses); i-- > 0;)
			if (ref_is_var(*uses[i]))
				s.uses[*uses[i]]++;
	}
	s.nlate = arena_alloc(ir->arena, ir->nins);
	/* the second time, more of what the first values are made of is known to stay */
	for (unsigned times = 0, before = 0; times < 2 && (!times || g->nrecipes > before); times++) {
		before = g->nrecipes;
		for (unsigned n = 0; n < ir->nins; n++)
			look_at(&s, n);
	}
}

/* -- emission ------------------------------------------------------------------------------------------------------------------------ */

/* In the order in which they became late or got their last step: one may name what became late behind it. */
static void drop(struct Gen *g, unsigned i)
{
	g->nlate--;
	memmove(&g->late[i], &g->late[i + 1], (g->nlate - i) * sizeof *g->late);
}

void x86_be_late(struct Gen *g, const struct Ins *ins)
{
	if (ins->imm == NO_RECIPE)
		return;
	for (unsigned i = g->nlate; i-- > 0;)
		if (g->late[i]->d == ins->d)
			drop(g, i);
	assert(g->nlate < MAX_LATE);
	g->late[g->nlate++] = &g->recipes[ins->imm];
}

void x86_in_time(struct Gen *g, Ref d)
{
	for (unsigned i = g->nlate; i-- > 0;)
		if (g->late[i]->d == d)
			drop(g, i);
}

/* Where global R is while rax is overwritten: copies of what is in memory do not count. */
static struct Rm where(struct Gen *g, Ref r)
{
	return g->var[r].home == NOREG || g->var[r].reg == NOREG ? x86_var_mem(g, r) : rm_reg(g->var[r].reg);
}

/* RAX = what STEP makes of it. */
static void emit_step(struct Gen *g, const struct Step *step)
{
	static const uint8_t alu[IR_NOPS] = {
		[IR_ADD] = ALU_ADD, [IR_SUB] = ALU_SUB, [IR_AND] = ALU_AND, [IR_OR] = ALU_OR, [IR_XOR] = ALU_XOR,
	};
	unsigned w = step->type == IR_I64 ? X_W : 0;
	struct Rm rax = rm_reg(RAX);

	switch (step->op) {
	case IR_SHL: case IR_SHR: case IR_SAR:
		asm_shift_imm(g->as, step->op == IR_SHL ? 4 : step->op == IR_SHR ? 5 : 7, w, rax, ir_value(g->ir, step->operand) & (w ? 63 : 31));
		break;
	case IR_NOT: asm_op(g->as, 0xf7 | w, 2, rax, 0); break;
	case IR_NEG: asm_op(g->as, 0xf7 | w, 3, rax, 0); break;
	case IR_SEXT8: asm_op(g->as, 0xbe | X_0F | X_BYTERM | X_W, RAX, rax, 0); break;
	case IR_SEXT16: asm_op(g->as, 0xbf | X_0F | X_W, RAX, rax, 0); break;
	case IR_SEXT32: asm_op(g->as, 0x63 | X_W, RAX, rax, 0); break;
	case IR_ZEXT8: asm_op(g->as, 0xb6 | X_0F | X_BYTERM, RAX, rax, 0); break;
	case IR_ZEXT16: asm_op(g->as, 0xb7 | X_0F, RAX, rax, 0); break;
	case IR_ZEXT32: asm_op(g->as, 0x8b, RAX, rax, 0); break;
	case IR_SETCOND:
		if (ref_is_const(step->operand))
			asm_alu_imm(g->as, ALU_CMP, w, rax, ir_value(g->ir, step->operand));
		else
			asm_alu(g->as, ALU_CMP, w, RAX, where(g, step->operand));
		asm_op(g->as, 0x90 | X_0F | X_BYTERM | x86_condition_code[step->cond], 0, rax, 0);
		asm_op(g->as, 0xb6 | X_0F | X_BYTERM, RAX, rax, 0);
		break;
	default:
		if (ref_is_const(step->operand))
			asm_alu_imm(g->as, alu[step->op], w, rax, ir_value(g->ir, step->operand));
		else
			asm_alu(g->as, alu[step->op], w, RAX, where(g, step->operand));
	}
	if (!w && (step->op == IR_SHL || step->op == IR_SHR || step->op == IR_SAR))
		asm_mov_load(g->as, 0, RAX, rax);       /* a shift by nothing extends, too */
}

void x86_emit_late(struct Gen *g)
{
	x86_emit_words(g);
	for (unsigned i = 0; i < g->nlate; i++) {
		const struct Recipe *recipe = g->late[i];
		if (ref_is_const(recipe->start))
			asm_mov_imm(g->as, RAX, ir_value(g->ir, recipe->start));
		else
			asm_mov_load(g->as, X_W, RAX, where(g, recipe->start));
		for (unsigned k = 0; k < recipe->nsteps; k++)
			emit_step(g, &recipe->step[k]);
		const struct Var *var = &g->var[recipe->d];
		if (var->home != NOREG && var->reg != NOREG)
			asm_mov(g->as, var->reg, RAX);
		if (var->home == NOREG || var->reg == NOREG || var->clean)
			asm_mov_store(g->as, X_W, x86_var_mem(g, recipe->d), RAX);
	}
}

/* -- records -------------------------------------------------------------------------------------------------------------------------- */

enum { OPERAND_CONST = 1, OPERAND_NONE = 2 };
_Static_assert(COND_NEVER < 16 && IR_NTYPES <= 16, "half a byte each");

/* In records: d, start, steps; a constant is a number, zigzag. */
static uint8_t *put_operand(const struct Ir *ir, uint8_t *p, Ref r)
{
	if (ref_is_var(r)) {
		*p++ = 0;
		*p++ = r;
	} else if (r == REF_NONE) {
		*p++ = OPERAND_NONE;
	} else {
		uint32_t v = ir_value(ir, r);
		*p++ = OPERAND_CONST;
		memcpy(p, &v, sizeof v);
		p += sizeof v;
	}
	return p;
}

unsigned x86_write_late(const struct Gen *g, uint8_t *to)
{
	uint8_t *p = to + 2;

	for (unsigned i = 0; i < g->nlate; i++) {
		const struct Recipe *recipe = g->late[i];
		*p++ = recipe->d;
		*p++ = recipe->nsteps;
		p = put_operand(g->ir, p, recipe->start);
		for (unsigned k = 0; k < recipe->nsteps; k++) {
			*p++ = recipe->step[k].op;
			*p++ = recipe->step[k].type | recipe->step[k].cond << 4;
			p = put_operand(g->ir, p, recipe->step[k].operand);
		}
	}
	to[0] = p - to;
	to[1] = (p - to) >> 8;
	return p - to;
}

static const uint8_t *get_operand(const struct Cpu *cpu, const uint8_t *p, uint64_t *value)
{
	unsigned kind = *p++;
	int32_t v;

	*value = 0;
	if (kind == 0) {
		memcpy(value, (const char *)cpu + backend.guest->globals[*p++].offset, sizeof *value);
	} else if (kind == OPERAND_CONST) {
		memcpy(&v, p, sizeof v);
		*value = (int64_t)v;
		p += sizeof v;
	}
	return p;
}

unsigned x86_late_size(const uint8_t *from) { return from[0] | from[1] << 8; }

void x86_follow_late(struct Cpu *cpu, const uint8_t *from)
{
	const uint8_t *p = from + 2, *end = from + x86_late_size(from);

	while (p < end) {
		const struct IrGlobal *d = &backend.guest->globals[*p++];
		uint64_t value, operand;
		unsigned nsteps = *p++;
		p = get_operand(cpu, p, &value);
		while (nsteps--) {
			unsigned op = *p++, type = *p & 15, cond = *p >> 4;
			p = get_operand(cpu, p + 1, &operand);
			value = op == IR_SETCOND ? ir_eval_cond(cond, type, value, operand) : ir_eval(op, type, value, operand);
		}
		memcpy((char *)cpu + d->offset, &value, sizeof value);
	}
}
