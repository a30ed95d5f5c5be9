/* SPDX-License-Identifier: MIT */
/* Register allocation: where each variable is, in one forward pass along with emission after one backward pass for last uses. */
#include <assert.h>

#include "translator/host/x86_64/backend.h"
#include "translator/loops.h"

static enum IrClass class_of(const struct Gen *g, Ref v) { return g->ir->var_class[v]; }
static bool is_global(const struct Gen *g, Ref v) { return ir_is_global(g->ir, v); }

/* -- moves between registers and memory ------------------------------------------------------------------------------ */

void x86_vmov(struct Gen *g, int d, int s)
{
	if (d == s)
		return;
	if (x86_features & HAS_AVX)
		asm_vex(g->as, 0x28 | X_0F, d, 0, rm_reg(s), 0);
	else
		asm_op(g->as, 0x28 | X_0F, d, rm_reg(s), 0);
}

static void vec_op(struct Gen *g, unsigned op, int reg, struct Rm rm)
{
	if (x86_features & HAS_AVX)
		asm_vex(g->as, op, reg, 0, rm, 0);
	else
		asm_op(g->as, op, reg, rm, 0);
}

void x86_load_pool(struct Gen *g, int d, enum Pool p) { vec_op(g, 0x10 | X_0F | X_F2, d, rm_at(pool_at(p))); }

/* A NaN in REG becomes the canonical one, out of line; code that is out of line itself jumps over it. */
static void canonical_nan(struct Gen *g, int reg, bool single)
{
	enum Pool nan = single ? POOL_NAN32 : POOL_NAN64;

	vec_op(g, 0x2e | X_0F | (single ? 0 : X_66), reg, rm_reg(reg));
	if (g->as == &g->cold) {
		uint8_t *jump = asm_jcc_short(g->as, CC_NP);
		x86_load_pool(g, reg, nan);
		asm_here(g->as, jump);
		return;
	}
	unsigned jump = x86_jcc_cold(g, CC_P);
	x86_begin_cold(g);
	x86_cold_here(g, jump);
	x86_load_pool(g, reg, nan);
	x86_back(g);
	x86_end_cold(g);
}

static void box(struct Gen *g, int reg)
{
	if (x86_features & HAS_AVX)
		asm_vex(g->as, 0x56 | X_0F, reg, reg, rm_at(pool_at(POOL_BOX)), 0);
	else
		asm_op(g->as, 0x56 | X_0F, reg, rm_at(pool_at(POOL_BOX)), 0);
}

void x86_exact(struct Gen *g, int reg, unsigned know, unsigned loose)
{
	if (loose & REP_ARITH)
		canonical_nan(g, reg, know & REP_SINGLE);
	if (loose & REP_SINGLE)
		box(g, reg);
}

static bool is_wide(const struct Gen *g, Ref v)
{
	return !is_global(g, v) || g->ir->guest->globals[v].type == IR_V128;
}

static struct Rm slot_mem(int slot) { return rm_mem(RSP, slot * 16); }

struct Rm x86_var_mem(struct Gen *g, Ref v)
{
	struct Var *var = &g->var[v];

	if (is_global(g, v))
		return cpu_mem(g->ir->guest->globals[v].offset);
	if (var->slot < 0) {
		unsigned i = 0;
		while (i < SPILL_SLOTS && g->slots[i / 32] >> i % 32 & 1)
			i++;
		if (i == SPILL_SLOTS) {
			g->too_big = true;
			i = 0;
		}
		g->slots[i / 32] |= 1u << i % 32;
		var->slot = i;
	}
	return slot_mem(var->slot);
}

/* Emits the store; a global's register shows the exact value then, which is no change of state if the caller does not make it one. */
static void emit_store(struct Gen *g, Ref v)
{
	struct Rm mem = x86_var_mem(g, v);
	const struct Var *var = &g->var[v];

	if (class_of(g, v) == IR_INT) {
		asm_mov_store(g->as, X_W, mem, var->reg);
		return;
	}
	if (is_global(g, v))
		x86_exact(g, var->reg, var->know, var->loose);
	vec_op(g, 0x11 | X_0F | (is_wide(g, v) ? 0 : X_F2), var->reg, mem);
}

void x86_store_var(struct Gen *g, Ref v)
{
	if (!g->var[v].clean) {
		emit_store(g, v);
		g->var[v].clean = true;
		if (is_global(g, v))
			g->var[v].loose = 0;
	}
}

void x86_load_var(struct Gen *g, Ref v, int reg)
{
	struct Rm mem = x86_var_mem(g, v);

	if (class_of(g, v) == IR_INT)
		asm_mov_load(g->as, X_W, reg, mem);
	else if (is_wide(g, v))
		vec_op(g, 0x10 | X_0F, reg, mem);
	else
		vec_op(g, 0x10 | X_0F | X_F2, reg, mem);
}

void x86_drop(struct Gen *g, enum IrClass class, int reg)
{
	uint16_t v = g->owner[class][reg];

	if (v != NOBODY) {
		g->var[v].reg = NOREG;
		g->owner[class][reg] = NOBODY;
	}
}

static void bind(struct Gen *g, Ref v, int reg)
{
	enum IrClass class = class_of(g, v);

	if (g->var[v].reg != NOREG)
		g->owner[class][g->var[v].reg] = NOBODY;
	x86_drop(g, class, reg);
	g->owner[class][reg] = v;
	g->var[v].reg = reg;
}

/* -- finding a register -------------------------------------------------------------------------------------------------- */

static bool at_home(const struct Gen *g, enum IrClass class, int reg)
{
	uint16_t v = g->owner[class][reg];
	return v != NOBODY && g->var[v].home == reg;
}

/* A register with nothing in it, or NOREG: first those that are nobody's home. */
static int find_free(struct Gen *g, enum IrClass class, unsigned avoid, bool homes_too)
{
	static const uint8_t order[] = { RAX, RDX, RCX, R11, R10, R9, R8, RDI, RSI, R15, R14, R13, R12, RBX };
	uint32_t home = g->homes[class];
	unsigned count = class == IR_INT ? sizeof order : NVEC;

	avoid |= g->locked[class] | (class == IR_INT ? g->reserved : 0);
	for (unsigned pass = 0; pass < 1u + homes_too; pass++)
		for (unsigned i = 0; i < count; i++) {
			int r = class == IR_INT ? order[i] : (int)i;
			if (g->owner[class][r] == NOBODY && !(avoid >> r & 1) && (home >> r & 1) == pass)
				return r;
		}
	return NOREG;
}

static void evict(struct Gen *g, enum IrClass class, int reg)
{
	uint16_t v = g->owner[class][reg];

	if (v != NOBODY) {
		x86_store_var(g, v);
		x86_drop(g, class, reg);
	}
}

/* Empties some register: a copy, then a temporary or written-back global, then a pinned one. */
static int make_free(struct Gen *g, enum IrClass class, unsigned avoid)
{
	int best = NOREG, best_cost = 9;

	avoid |= g->locked[class] | (class == IR_INT ? g->reserved : 0);
	for (int r = 0; r < 16; r++) {
		uint16_t v = g->owner[class][r];
		if (v == NOBODY || avoid >> r & 1)
			continue;
		int cost = at_home(g, class, r) ? 4 + !g->var[v].clean : g->var[v].clean ? is_global(g, v) ? 0 : 1 : 2;
		if (cost < best_cost || (cost == best_cost && (g->n + r) % 3 == 0)) {
			best = r;
			best_cost = cost;
		}
	}
	assert(best != NOREG);
	evict(g, class, best);
	return best;
}

static int find(struct Gen *g, enum IrClass class, unsigned avoid)
{
	int r = find_free(g, class, avoid, true);
	if (r == NOREG)
		r = make_free(g, class, avoid);
	g->locked[class] |= bit(r);
	return r;
}

int x86_scratch(struct Gen *g, enum IrClass class)
{
	Ref d = g->ir->ins[g->n].d;

	/* the result will be computed in its home, whoever is there */
	return find(g, class, ref_is_var(d) && class_of(g, d) == class ? bit(g->var[d].home) : 0);
}

/* Empties REG, moving a temporary elsewhere. The value stays readable in REG until it is written. */
static void vacate(struct Gen *g, enum IrClass class, int reg)
{
	uint16_t v = g->owner[class][reg];

	if (v == NOBODY)
		return;
	if (g->var[v].clean || g->var[v].home == reg) {
		evict(g, class, reg);
		return;
	}
	int to = find_free(g, class, bit(reg), true);
	if (to == NOREG) {
		evict(g, class, reg);
		return;
	}
	if (class == IR_INT)
		asm_mov(g->as, to, reg);
	else
		x86_vmov(g, to, reg);
	bind(g, v, to);
}

void x86_take(struct Gen *g, int reg)
{
	const struct Ins *ins = &g->ir->ins[g->n];
	bool dying = false;

	for (unsigned k = 0; k < 4; k++)
		dying |= g->owner[IR_INT][reg] != NOBODY && ins->a[k] == g->owner[IR_INT][reg] && x86_dying(g, k) != NOREG;
	if (dying)
		x86_drop(g, IR_INT, reg);
	else
		vacate(g, IR_INT, reg);
	g->locked[IR_INT] |= bit(reg);
}

/* -- operands ------------------------------------------------------------------------------------------------------------------ */

/* Brings V to a register, its home if it has one. */
static int bring(struct Gen *g, Ref v)
{
	struct Var *var = &g->var[v];
	enum IrClass class = class_of(g, v);

	if (var->reg == NOREG) {
		int reg = var->home;
		if (reg == NOREG || g->locked[class] >> reg & 1)
			reg = find(g, class, 0);
		else
			vacate(g, class, reg);
		x86_load_var(g, v, reg);
		if (var->home == NOREG || reg == var->home)
			bind(g, v, reg);
		g->locked[class] |= bit(reg);
		return reg;
	}
	g->locked[class] |= bit(var->reg);
	return var->reg;
}

bool x86_is_last(const struct Gen *g, unsigned operand) { return g->last[g->n] >> operand & 1; }

/* Whether V is used after the current instruction, so that a copy is worth keeping. */
static bool used_again(struct Gen *g, Ref v)
{
	const struct Ins *ins = &g->ir->ins[g->n];

	for (unsigned k = 0; k < 4; k++)
		if (ins->a[k] == v)
			return !x86_is_last(g, k);
	return true;
}

int x86_use(struct Gen *g, Ref r)
{
	if (!ref_is_const(r))
		return bring(g, r);
	int reg = find(g, IR_INT, 0);
	asm_mov_imm(g->as, reg, ir_value(g->ir, r));
	return reg;
}

struct Rm x86_use_rm(struct Gen *g, Ref r)
{
	if (ref_is_const(r) || g->var[r].reg != NOREG || g->var[r].home != NOREG)
		return rm_reg(x86_use(g, r));
	if (used_again(g, r) && find_free(g, IR_INT, 0, false) != NOREG)
		return rm_reg(bring(g, r));
	return x86_var_mem(g, r);
}

int x86_vuse_loose(struct Gen *g, Ref r) { return bring(g, r); }

/* Brings V to a register and makes that exact in the ways of WHICH. */
static int bring_exact(struct Gen *g, Ref v, unsigned which)
{
	struct Var *var = &g->var[v];
	int reg = bring(g, v);

	/* a pinned variable whose home is locked comes from memory */
	if (var->reg == reg && var->loose & which) {
		x86_exact(g, reg, var->know, var->loose & which);
		var->loose &= ~which;
		var->clean = false;
	}
	return reg;
}

int x86_vuse(struct Gen *g, Ref r) { return bring_exact(g, r, REP_SINGLE | REP_ARITH); }

int x86_vuse_low(struct Gen *g, Ref r, enum IrType type)
{
	return bring_exact(g, r, type == IR_F32 ? REP_ARITH : REP_SINGLE | REP_ARITH);
}

struct Rm x86_vuse_rm_loose(struct Gen *g, Ref r)
{
	if (g->var[r].reg == NOREG && g->var[r].home == NOREG && !used_again(g, r))
		return x86_var_mem(g, r);
	return rm_reg(bring(g, r));
}

int x86_dying(struct Gen *g, unsigned operand)
{
	Ref r = g->ir->ins[g->n].a[operand];

	if (!ref_is_var(r) || !x86_is_last(g, operand))
		return NOREG;
	struct Var *var = &g->var[r];
	if (var->reg == NOREG || var->home != NOREG || (is_global(g, r) && !var->clean))
		return NOREG;
	return var->reg;
}

/* -- results ---------------------------------------------------------------------------------------------------------------------- */

int x86_target(struct Gen *g, Ref d, int reuse, unsigned avoid)
{
	enum IrClass class = class_of(g, d);
	struct Var *var = &g->var[d];

	if (var->home != NOREG && !(avoid >> var->home & 1)) {
		if (g->owner[class][var->home] != d)
			vacate(g, class, var->home);
		g->locked[class] |= bit(var->home);
		return var->home;
	}
	if (var->home == NOREG) {
		if (var->reg != NOREG && !(avoid >> var->reg & 1)) {
			g->locked[class] |= bit(var->reg);
			return var->reg;
		}
		if (reuse != NOREG && !(avoid >> reuse & 1))
			return reuse;
	}
	return find(g, class, avoid);
}

void x86_assign(struct Gen *g, Ref d, int reg)
{
	enum IrClass class = class_of(g, d);
	struct Var *var = &g->var[d];

	if (g->nlate)
		x86_in_time(g, d);
	if (g->words)
		x86_in_full(g, d);
	g->locked[class] |= bit(reg);
	if (var->home != NOREG && reg != var->home) {
		if (g->owner[class][var->home] != d)
			vacate(g, class, var->home);
		if (class == IR_INT)
			asm_mov(g->as, var->home, reg);
		else
			x86_vmov(g, var->home, reg);
		reg = var->home;
	}
	bind(g, d, reg);
	var->know = var->loose = 0;
	var->clean = false;
	if (class == IR_INT && is_global(g, d) && var->home == NOREG)
		x86_store_var(g, d);
	if (x86_is_last(g, LAST_RESULT) && var->home == NOREG && (var->clean || !is_global(g, d)))
		x86_drop(g, class, reg);
}

void x86_know(struct Gen *g, Ref d, unsigned know, unsigned loose)
{
	g->var[d].know = know;
	g->var[d].loose = loose;
}

void x86_assigned_memory(struct Gen *g, Ref d)
{
	struct Var *var = &g->var[d];

	if (g->nlate)
		x86_in_time(g, d);
	if (g->words)
		x86_in_full(g, d);
	if (var->reg != NOREG)
		x86_drop(g, class_of(g, d), var->reg);
	var->clean = true;
	var->know = var->loose = 0;
}

static void release(struct Gen *g, Ref v)
{
	struct Var *var = &g->var[v];

	if (is_global(g, v)) {
		if (var->clean && var->home == NOREG && var->reg != NOREG)
			x86_drop(g, class_of(g, v), var->reg);
		return;
	}
	if (var->reg != NOREG)
		x86_drop(g, class_of(g, v), var->reg);
	if (var->slot >= 0) {
		g->slots[var->slot / 32] &= ~(1u << var->slot % 32);
		var->slot = -1;
	}
	var->clean = false;
}

void x86_allocate_end_ins(struct Gen *g, const struct Ins *ins)
{
	g->locked[IR_INT] = g->locked[IR_VEC] = 0;
	uint16_t last = g->last[g->n];
	if (!(last & 0x7fff))
		return;
	for (unsigned bits = last & ((1 << LAST_ARG) - 1); bits; bits &= bits - 1) {
		Ref a = ins->a[__builtin_ctz(bits)];
		if (a != ins->d)
			release(g, a);
	}
	if (ins->op == IR_CALL) {
		const struct IrCall *call = &g->ir->calls[ins->imm];
		for (unsigned k = 0; k < call->nargs; k++)
			if (last >> (LAST_ARG + k) & 1 && ref_is_var(call->args[k]) && call->args[k] != ins->d)
				release(g, call->args[k]);
	}
}

/* -- edges ---------------------------------------------------------------------------------------------------------------------- */

/* Whether V is where the base convention wants it. */
static bool edge_ok(const struct Gen *g, Ref v)
{
	int base = is_global(g, v) ? backend.base_home[v] : NOREG;
	return base != NOREG ? g->var[v].reg == base : g->var[v].clean || !is_global(g, v);
}

static uint64_t four_owners(const uint16_t *owner)
{
	uint64_t four;

	memcpy(&four, owner, sizeof four);
	return four;
}

bool x86_as_at_entry(const struct Gen *g)
{
	uint64_t differ = 0;

	if (g->regions || g->nlate || g->words)
		return false;
	/* other integer globals are written through, so what else is in registers does not matter */
	for (unsigned r = 0; r < 16; r += 4)
		differ |= (four_owners(g->owner[IR_INT] + r) ^ four_owners(backend.entry_owner[IR_INT] + r)) & four_owners(backend.pinned_owner + r);
	for (unsigned r = 0; r < NVEC; r += 4)
		differ |= ~four_owners(g->owner[IR_VEC] + r);
	return !differ;
}

bool x86_edge_ready(struct Gen *g)
{
	if (g->nlate || g->words)
		return false;
	if (x86_as_at_entry(g))
		return true;
	for (unsigned class = 0; class < 2; class++)
		for (int r = 0; r < 16; r++)
			if (g->owner[class][r] != NOBODY && !edge_ok(g, g->owner[class][r]))
				return false;
	for (unsigned i = 0; i < backend.npins; i++)
		if (!edge_ok(g, backend.pins[i]))
			return false;
	return true;
}

void x86_edge(struct Gen *g)
{
	if (x86_as_at_entry(g))
		return;
	x86_emit_late(g);
	for (unsigned class = 0; class < 2; class++)
		for (int r = 0; r < 16; r++) {
			uint16_t v = g->owner[class][r];
			if (v != NOBODY && is_global(g, v) && !edge_ok(g, v) && !g->var[v].clean)
				emit_store(g, v);
		}
	for (unsigned i = 0; i < backend.npins; i++)
		if (!edge_ok(g, backend.pins[i]))
			x86_load_var(g, backend.pins[i], backend.pin_regs[i]);
}

static void all_home(struct Gen *g)
{
	for (unsigned i = 0; i < g->npinned; i++) {
		Ref v = g->pinned[i];
		struct Var *var = &g->var[v];
		if (var->reg == NOREG) {
			vacate(g, class_of(g, v), var->home);
			x86_load_var(g, v, var->home);
			bind(g, v, var->home);
		}
	}
}

static void write_back(struct Gen *g, bool pinned_too)
{
	for (int r = 0; r < NVEC; r++) {
		uint16_t v = g->owner[IR_VEC][r];
		if (v != NOBODY && is_global(g, v) && (pinned_too || g->var[v].home == NOREG))
			x86_store_var(g, v);
	}
}

void x86_exact_all(struct Gen *g)
{
	for (int r = 0; r < NVEC; r++) {
		uint16_t v = g->owner[IR_VEC][r];
		if (v == NOBODY || !is_global(g, v))
			continue;
		x86_exact(g, r, g->var[v].know, g->var[v].loose);
		g->var[v].loose = 0;
	}
}

void x86_sync_home(struct Gen *g)
{
	if (x86_as_at_entry(g))
		return;
	write_back(g, true);
	all_home(g);
}

/* What LABEL knows of global V, as far as that is of use: memory is exact. */
static unsigned known_at(const struct Gen *g, unsigned label, Ref v)
{
	if (!g->known || label < g->nknown || class_of(g, v) != IR_VEC)
		return 0;
	return g->known[(label - g->nknown) * g->ir->nglobals + v] & (g->var[v].home == NOREG ? REP_SINGLE : REP_SINGLE | REP_ARITH);
}

/* Which of KNOWN must be tested of a value of which KNOW is known. A canonical double and a canonical single are different things. */
static unsigned untold(unsigned know, unsigned known)
{
	return known & ~((know ^ known) & REP_SINGLE ? know & ~REP_ARITH : know);
}

bool x86_to_label(struct Gen *g, unsigned label)
{
	bool ready = true;

	x86_words_to_label(g, label);
	write_back(g, false);
	all_home(g);
	for (unsigned v = 0; v < g->ir->nglobals; v++)
		ready &= !untold(g->var[v].know, known_at(g, label, v));
	for (unsigned i = 0; i < g->npinned; i++) {
		struct Var *var = &g->var[g->pinned[i]];
		unsigned which = var->loose & ~(ready ? known_at(g, label, g->pinned[i]) : 0);
		x86_exact(g, var->home, var->know, which);
		var->loose &= ~which;
	}
	return ready;
}

/* Jumps to TWIN if the double, or the f32 if SINGLE, in vector register REG is a NaN; without raising an exception. */
static void leave_if_nan(struct Gen *g, int reg, bool single, unsigned twin)
{
	unsigned w = single ? 0 : X_W;

	vec_op(g, 0x7e | X_0F | X_66 | w, reg, rm_reg(RAX));
	asm_mov_imm(g->as, RCX, single ? 0xff000000 : 0xffe0000000000000);
	asm_alu(g->as, ALU_ADD, w, RAX, rm_reg(RAX));
	asm_alu(g->as, ALU_CMP, w, RAX, rm_reg(RCX));
	asm_jcc(g->as, CC_A, FIX_LABEL, twin);
}

void x86_enter_version(struct Gen *g, unsigned label)
{
	unsigned twin = label - g->nknown;

	for (unsigned v = 0; v < g->ir->nglobals; v++) {
		unsigned known = known_at(g, label, v), test = untold(g->var[v].know, known);
		int reg = g->var[v].home;
		if (test & REP_SINGLE) {
			struct Rm high = x86_var_mem(g, v);
			high.disp += 4;
			if (reg != NOREG) {
				vec_op(g, 0x7e | X_0F | X_66 | X_W, reg, rm_reg(RAX));
				asm_shift_imm(g->as, 5, X_W, rm_reg(RAX), 32);
				high = rm_reg(RAX);
			}
			asm_alu_imm(g->as, ALU_CMP, 0, high, -1);
			asm_jcc(g->as, CC_NE, FIX_LABEL, twin);
		}
		if (test & REP_ARITH)
			leave_if_nan(g, reg, known & REP_SINGLE, twin);
	}
}

void x86_at_label(struct Gen *g, unsigned label)
{
	g->checked = NULL;
	g->words = g->labels_words ? g->labels_words[label].loose : 0;
	for (unsigned class = 0; class < 2; class++)
		for (int r = 0; r < 16; r++)
			if (!at_home(g, class, r))
				x86_drop(g, class, r);
	for (unsigned i = 0; i < g->ir->nglobals; i++) {
		struct Var *var = &g->var[i];
		var->know = known_at(g, label, i);
		var->loose = var->home == NOREG ? 0 : var->know;
		var->clean = var->home == NOREG || g->unassigned[i];
		if (var->home != NOREG && var->reg == NOREG)    /* not reached by falling through */
			bind(g, i, var->home);
	}
}

/* -- the unit ------------------------------------------------------------------------------------------------------------------- */

/* The bits of CALL's arguments that are not live behind it, and makes them LIVE. */
static uint16_t last_arguments(const struct IrCall *call, bool *live)
{
	uint16_t last = 0;

	for (unsigned k = 0; k < call->nargs; k++)
		if (ref_is_var(call->args[k]) && !live[call->args[k]])
			last |= 1 << (LAST_ARG + k);
	for (unsigned k = 0; k < call->nargs; k++)
		if (ref_is_var(call->args[k]))
			live[call->args[k]] = true;
	return last;
}

/* Last uses, backwards. Copies of unpinned globals do not outlive a label, so a label ends all. */
static void find_last_uses(struct Gen *g)
{
	struct Ir *ir = g->ir;
	bool *live = arena_alloc(ir->arena, ir->nvars);

	g->last = arena_alloc_raw(ir->arena, ir->nins * sizeof *g->last);
	for (unsigned n = ir->nins; n-- > 0;) {
		const struct Ins *ins = &ir->ins[n];
		uint16_t last = 0;

		if (ins->op == IR_MARK) {
			g->last[n] = 0;
			continue;
		}
		if (ins->op == IR_LABEL)
			memset(live, 0, ir->nvars);
		if (ref_is_var(ins->d)) {
			if (!live[ins->d])
				last |= 1 << LAST_RESULT;
			live[ins->d] = false;
		}
		unsigned nargs = 0;
		for (; nargs < 4 && ins->a[nargs] != REF_NONE; nargs++)
			if (ref_is_var(ins->a[nargs]))
				last |= !live[ins->a[nargs]] << nargs;
		if (ins->op == IR_CALL)
			last |= last_arguments(&ir->calls[ins->imm], live);
		for (unsigned k = 0; k < nargs; k++)
			if (ref_is_var(ins->a[k]))
				live[ins->a[k]] = true;
		g->last[n] = last;
	}
}
_Static_assert(LAST_ARG + IR_MAXARGS <= LAST_RESULT, "one bit per operand");

/* -- regions: which globals stay in registers for the whole unit ------------------------------------------------------------------ */

/* How often each global is named, by WEIGHT; and those that nothing in the unit assigns. */
static unsigned *count_uses(struct Ir *ir, const unsigned *weight, bool *unassigned)
{
	unsigned *count = arena_alloc(ir->arena, (ir->nglobals + 1) * sizeof *count);

	for (unsigned n = 0; n < ir->nins; n++) {
		const struct Ins *ins = &ir->ins[n];
		for (unsigned k = 0; k < 4; k++)
			if (ir_is_global(ir, ins->a[k]))
				count[ins->a[k]] += weight[n];
		if (ir_is_global(ir, ins->d)) {
			count[ins->d] += weight[n];
			unassigned[ins->d] = false;
		}
	}
	return count;
}

/* The vector globals used most. Leaves some registers free. */
static void pin_vectors(struct Gen *g, unsigned *count)
{
	enum { VEC_PINS = 12 };
	struct Ir *ir = g->ir;

	for (unsigned pin = 0; pin < VEC_PINS; pin++) {
		Ref best = REF_NONE;
		for (unsigned v = 0; v < ir->nglobals; v++)
			if (class_of(g, v) == IR_VEC && count[v] && (best == REF_NONE || count[v] > count[best]))
				best = v;
		if (best == REF_NONE)
			break;
		count[best] = 0;
		g->var[best].home = NVEC - 1 - pin;
		g->homes[IR_VEC] |= bit(NVEC - 1 - pin);
		g->pinned[g->npinned++] = best;
	}
}

/* The pinned integer global used least, as an index in Gen.pinned. */
static unsigned least_used(const struct Gen *g, const unsigned *count)
{
	unsigned least = 0;

	for (unsigned i = 1; i < g->npinned; i++)
		if (count[g->pinned[i]] < count[g->pinned[least]])
			least = i;
	return least;
}

/* Its home, which is free then. */
static int unpin(struct Gen *g, unsigned index)
{
	Ref v = g->pinned[index];
	int reg = g->var[v].home;

	x86_store_var(g, v);
	x86_drop(g, IR_INT, reg);
	g->var[v].home = NOREG;
	return reg;
}

/* Counters that are added to more often than globals are used take registers from them. Before others are pinned. */
static void pin_collectors(struct Gen *g, const unsigned *weight, const unsigned *count)
{
	struct Collector found[MAX_COLLECTORS];
	unsigned uses[MAX_COLLECTORS], n = x86_find_collectors(g, weight, found, uses);

	for (unsigned i = 0; i < n && g->npinned && g->ncollectors < MAX_COLLECTORS; i++) {
		unsigned least = least_used(g, count);
		if (uses[i] <= count[g->pinned[least]])
			return;
		int reg = unpin(g, least);
		g->pinned[least] = g->pinned[--g->npinned];
		g->homes[IR_INT] &= ~bit(reg);
		g->reserved |= bit(reg);
		g->collectors[g->ncollectors++] = (struct Collector){ .of = found[i].of, .reg = reg };
		asm_zero(g->as, reg);
	}
}

/* Integer globals of the base map that are used less than others give them their registers, if that gains more than GAIN. */
static void pin_integers(struct Gen *g, const unsigned *count, unsigned gain)
{
	struct Ir *ir = g->ir;

	for (;;) {
		Ref best = REF_NONE;
		for (unsigned v = 0; v < ir->nglobals; v++)
			if (class_of(g, v) == IR_INT && g->var[v].home == NOREG && (best == REF_NONE || count[v] > count[best]))
				best = v;
		unsigned least = least_used(g, count);
		if (best == REF_NONE || !g->npinned || count[best] <= count[g->pinned[least]] + gain)
			return;
		g->var[best].home = unpin(g, least);
		g->pinned[least] = best;
	}
}

void x86_allocate_begin(struct Gen *g)
{
	struct Ir *ir = g->ir;

	find_last_uses(g);
	g->unassigned = ir->nlabels ? arena_alloc(ir->arena, ir->nglobals) : NULL;
	g->var = arena_alloc_raw(ir->arena, ir->nvars * sizeof *g->var);
	memcpy(g->owner, backend.entry_owner, sizeof g->owner);
	memcpy(g->var, backend.entry_var, ir->nglobals * sizeof *g->var);
	for (unsigned v = ir->nglobals; v < ir->nvars; v++)
		g->var[v] = (struct Var){ .reg = NOREG, .home = NOREG, .slot = -1 };
	memset(g->slots, 0, sizeof g->slots);
	g->locked[0] = g->locked[1] = 0;
	g->homes[IR_INT] = backend.pin_mask;
	g->homes[IR_VEC] = 0;
	g->reserved = bit(backend.carrier);
	x86_choose_carried(g);
	g->npinned = backend.npins;
	for (unsigned i = 0; i < backend.npins; i++)
		g->pinned[i] = backend.pins[i];
	unsigned entry, *weight = ir_loop_weights(ir, &entry);
	g->regions = weight != NULL;
	if (g->regions) {
		for (unsigned v = 0; v < ir->nglobals; v++)
			g->unassigned[v] = class_of(g, v) == IR_INT && backend.base_home[v] == NOREG;
		unsigned *count = count_uses(ir, weight, g->unassigned);
		if (translator.collect)
			pin_collectors(g, weight, count);
		if (translator.pins) {
			/* entry and exit store and load each, and the loop may go round less often than thought */
			pin_integers(g, count, 8 * entry);
			pin_vectors(g, count);
		}
		all_home(g);
	}
}
