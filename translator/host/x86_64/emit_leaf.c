/* SPDX-License-Identifier: MIT */
/* Bodies of short functions in place of calls. */
#include <assert.h>

#include "translator/host/x86_64/backend.h"
#include "translator/host/x86_64/leaf.h"

static bool reads_globals(const struct IrCall *call) { return call->flags & (IRC_READS | IRC_WRITES | IRC_RAISES); }

/* The leaf whose body can stand for the call INS, or NULL. It can look at guest state by the cpu's pointer alone, and at counters. */
static const struct Leaf *leaf_of(struct Gen *g, const struct Ins *ins)
{
	const struct IrCall *call = &g->ir->calls[ins->imm];

	if (call->body)
		return call->body;
	if (!translator.inlines || ins->cond != COND_ALWAYS || ins->d != REF_NONE || !(call->flags & IRC_PROBE) || call->flags & IRC_RAISES)
		return NULL;
	const struct Leaf *leaf = x86_leaf(call->fn);
	if (!leaf->good || leaf->calls)
		return NULL;
	for (unsigned i = 0; i < call->nargs; i++)
		if (reads_globals(call) && call->args[i] == REF_CPU && leaf->reads >> (LEAF_ARG + i) & 1)
			return NULL;
	return leaf;
}

/* -- registers and addresses ---------------------------------------------------------------------------------------------------------- */

/* What the body of CALL reads as register REG, an argument or a guest register; REF_NONE: an argument that is not passed. */
static Ref operand(const struct IrCall *call, int reg)
{
	unsigned nargs = call->nargs - call->nstates;

	if (reg >= LEAF_STATE)
		return call->args[nargs + reg - LEAF_STATE];
	return (unsigned)(reg - LEAF_ARG) < nargs ? call->args[reg - LEAF_ARG] : REF_NONE;
}

/* The register that REG of a function is when its body is emitted for CALL. */
static int place(struct Gen *g, const struct IrCall *call, int reg)
{
	Ref r = reg < NREGS ? REF_NONE : operand(call, reg);

	if (r != REF_NONE && r != REF_CPU)
		return x86_use(g, r);
	int to = x86_scratch(g, IR_INT);
	if (r == REF_CPU)
		asm_lea(g->as, X_W, to, cpu_mem(0));
	return to;
}

/* What a body is emitted with. */
struct Body {
	const struct Leaf *leaf;
	const struct IrCall *call;
	int8_t map[LEAF_REGS];          /* host registers */
	int8_t far, value;              /* scratch: for an address out of reach, for a constant that is no immediate operand; or NOREG */
	const char *near;               /* what FAR holds; NULL: nothing yet */
};

static bool is_reachable(const struct Gen *g, const void *target)
{
	ptrdiff_t distance = (const uint8_t *)target - g->exec;

	return distance <= INT32_MAX - (64 << 20) && distance >= INT32_MIN + (64 << 20);
}

static bool at_address(const struct LeafInsn *insn) { return insn->rm.reg == NOREG && insn->rm.base == RIP_RELATIVE; }

/* The operand for memory at TARGET. Leaves the flags alone. */
static struct Rm reach(struct Gen *g, struct Body *body, const void *target)
{
	ptrdiff_t distance = (const char *)target - body->near;

	if (is_reachable(g, target))
		return rm_at(target);
	if (!body->near || distance != (int32_t)distance) {
		asm_mov_imm(g->as, body->far, (uintptr_t)target);
		body->near = target;
		distance = 0;
	}
	return rm_mem(body->far, distance);
}

static bool needs_value(const struct LeafGuard *guard) { return guard->size == 8 && guard->value != (uint64_t)(int64_t)(int32_t)guard->value; }

/* CHECKED: guards need not be emitted. */
static void begin(struct Gen *g, struct Body *body, bool checked)
{
	const struct Leaf *leaf = body->leaf;
	bool far = false, value = false;

	for (unsigned i = 0; !checked && i < leaf->nguards; i++) {
		far |= !is_reachable(g, leaf->guard[i].addr);
		value |= needs_value(&leaf->guard[i]);
	}
	for (unsigned i = 0; i < leaf->n; i++)
		far |= at_address(&leaf->insn[i]) && !is_reachable(g, leaf->insn[i].rm.target);
	for (int r = 0; r < LEAF_REGS; r++)
		if ((leaf->reads | leaf->writes) >> r & 1)
			body->map[r] = place(g, body->call, r);
	body->far = far ? x86_scratch(g, IR_INT) : NOREG;
	body->value = value ? x86_scratch(g, IR_INT) : NOREG;
}

/* -- counters ------------------------------------------------------------------------------------------------------------------------- */

/* What INSN adds to which cell when it is called so; false if it does something else. */
static bool addition(struct Gen *g, const struct IrCall *call, const struct LeafInsn *insn, struct Addition *a)
{
	int64_t value;

	if (!x86_leaf_is_addition(insn) || (at_address(insn) && !is_reachable(g, insn->rm.target)))
		return false;
	*a = (struct Addition){
		.cell = at_address(insn) ? (uintptr_t)insn->rm.target : (uintptr_t)insn->rm.disp, .in_cpu = !at_address(insn), .wide = insn->op & X_W,
	};
	value = x86_leaf_addend(insn);
	Ref by = insn->digit ? REF_NONE : insn->reg < NREGS ? REF_CPU : operand(call, insn->reg);
	if (insn->digit || ref_is_const(by)) {
		value *= insn->digit ? 1 : ir_value(g->ir, by);
		if (!a->wide)
			value = (int32_t)value;
		if (value != (int32_t)value && insn->digit)
			return false;
		if (value == (int32_t)value) {
			a->amount = value;
			return true;
		}
	}
	a->by_register = true;
	a->amount = x86_leaf_addend(insn);
	return true;
}

/* The memory that INSN accesses, as a cell; false: none, or what nobody else can know of. */
static bool touches(const struct LeafInsn *insn, struct Addition *a)
{
	if (!insn->memory || (!at_address(insn) && insn->rm.base != LEAF_CPU))
		return false;
	*a = (struct Addition){
		.cell = at_address(insn) ? (uintptr_t)insn->rm.target : (uintptr_t)insn->rm.disp, .in_cpu = !at_address(insn),
		.wide = x86_leaf_size(insn) > 4, .looks = true,
	};
	return true;
}

int x86_call_cells(struct Gen *g, const struct Ins *ins, struct Addition cells[MAX_CALL_CELLS])
{
	const struct IrCall *call = &g->ir->calls[ins->imm];
	const struct Leaf *leaf = leaf_of(g, ins);
	unsigned n = 0;

	if (!leaf || !leaf->fixed)
		return -1;
	for (unsigned i = 0; i < leaf->nguards; i++)
		cells[n++] = (struct Addition){ .cell = (uintptr_t)leaf->guard[i].addr, .wide = leaf->guard[i].size > 4, .looks = true };
	for (unsigned i = 0; i < leaf->n; i++)
		n += addition(g, call, &leaf->insn[i], &cells[n]) || touches(&leaf->insn[i], &cells[n]);
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < n; k++)
			if (cells[i].looks && !cells[k].looks && x86_cells_overlap(&cells[i], &cells[k]))
				return -1;
	return n;
}
_Static_assert((int)LEAF_INSNS + (int)LEAF_GUARDS <= (int)MAX_CALL_CELLS, "room for what a leaf touches");

/* Whether the body may change what the guards of CHECKED look at. */
static bool disturbs(const struct Leaf *leaf, const struct Leaf *checked)
{
	if (leaf->memory && !leaf->fixed)
		return true;
	for (unsigned i = 0; i < leaf->n; i++) {
		const struct LeafInsn *insn = &leaf->insn[i];
		const char *start = insn->rm.target, *end = start + x86_leaf_size(insn);
		if (!at_address(insn) || !(insn->rm_use & LEAF_WRITES))
			continue;
		for (unsigned k = 0; k < checked->nguards; k++) {
			const char *guard = checked->guard[k].addr;
			if (start < guard + checked->guard[k].size && guard < end)
				return true;
		}
	}
	return false;
}

/* -- emission -------------------------------------------------------------------------------------------------------------------------- */

/* Returns how many jumps, in JUMPS, lead to where the function is called. What bodies behind this one find CHECKED is as they want it, unless that has been done:
 * it may have changed everything. */
static unsigned emit_guards(struct Gen *g, struct Body *body, bool checked, unsigned jumps[LEAF_GUARDS])
{
	uint64_t value = 0;     /* in body->value; 0 needs none */

	if (checked) {
		asm_op(g->as, 0x80, ALU_CMP, CPU_MEM(unsure), 1);
		asm_8(g->as, 0);
		jumps[0] = x86_jcc_cold(g, CC_NE);
		return 1;
	}

	for (unsigned i = 0; i < body->leaf->nguards; i++) {
		const struct LeafGuard *guard = &body->leaf->guard[i];
		struct Rm rm = reach(g, body, guard->addr);
		if (needs_value(guard)) {
			if (guard->value != value)
				asm_mov_imm(g->as, body->value, guard->value);
			value = guard->value;
			asm_alu_store(g->as, ALU_CMP, X_W, rm, body->value);
		} else {
			asm_alu_imm(g->as, ALU_CMP, guard->size == 8 ? X_W : 0, rm, guard->value);
		}
		jumps[i] = x86_jcc_cold(g, CC_NE);
	}
	if (body->leaf->nguards) {
		asm_op(g->as, 0xc6, 0, CPU_MEM(unsure), 1);
		asm_8(g->as, 0);
		g->checked = body->leaf;
	}
	return body->leaf->nguards;
}

static void emit_insn(struct Gen *g, struct Body *body, const struct LeafInsn *insn)
{
	const int8_t *map = body->map;
	struct Rm rm = insn->rm;

	if (rm.reg != NOREG) {
		rm.reg = map[rm.reg];
	} else if (rm.base == RIP_RELATIVE) {
		rm = reach(g, body, rm.target);
	} else if (rm.base == LEAF_CPU) {
		rm = cpu_mem(rm.disp);
	} else if (rm.base == LEAF_FRAME) {
		rm = cpu_mem(offsetof(struct Cpu, spill) + LEAF_FRAME_SIZE + rm.disp);
	} else {
		rm.base = rm.base >= 0 ? map[rm.base] : rm.base;
		rm.index = rm.index >= 0 ? map[rm.index] : rm.index;
	}
	if (insn->prefixes & LEAF_MOV_IMM) {
		asm_mov_imm(g->as, rm.reg, insn->imm);
		return;
	}
	asm_room(g->as);
	if (insn->prefixes & LEAF_LOCK)
		asm_8(g->as, 0xf0);
	if (insn->prefixes & LEAF_FS)
		asm_8(g->as, 0x64);
	if (insn->prefixes & LEAF_16)
		asm_8(g->as, 0x66);
	asm_op(g->as, insn->op, insn->digit ? insn->reg : map[insn->reg], rm, insn->imm_size);
	for (unsigned k = 0; k < insn->imm_size; k++)
		asm_8(g->as, insn->imm >> 8 * k);
}

/* CELLWISE: nothing in the body looks at a counter of it. */
static void emit_body(struct Gen *g, struct Body *body, bool cellwise)
{
	struct Addition a;

	for (unsigned i = 0; i < body->leaf->n; i++) {
		const struct LeafInsn *insn = &body->leaf->insn[i];
		if (!cellwise || !addition(g, body->call, insn, &a))
			emit_insn(g, body, insn);
		else if (a.by_register)
			x86_add_register(g, a, body->map[insn->reg]);
		else
			x86_add(g, a);
	}
}

bool x86_emit_leaf(struct Gen *g, const struct Ins *ins)
{
	struct Addition cells[MAX_CALL_CELLS];
	const struct IrCall *call = &g->ir->calls[ins->imm];
	const struct Leaf *leaf = leaf_of(g, ins);
	struct Body body = { .leaf = leaf, .call = call };
	unsigned jumps[LEAF_GUARDS], njumps;
	bool plain = true, checked = leaf && leaf->nguards && g->checked == leaf;

	if (!leaf)
		return false;
	if (g->checked && disturbs(leaf, g->checked))
		g->checked = NULL;
	int count = x86_call_cells(g, ins, cells);
	for (int i = 0; i < count; i++)
		plain &= !cells[i].looks && !cells[i].by_register;
	if (count >= 0 && plain && (unsigned)count == leaf->n) {
		emit_body(g, &body, true);
		return true;
	}
	bool looks = leaf->memory && count < 0;
	for (int i = 0; i < count; i++)
		looks |= cells[i].looks && x86_is_late(g, &cells[i]);
	if (looks)
		x86_make_additions(g);
	else if (leaf->nguards)
		x86_collect_additions(g);
	if (leaf->nguards && call->flags & IRC_WRITES)  /* the way past the call must agree with the one behind it */
		x86_exact_all(g);
	begin(g, &body, checked);
	if (leaf->memory || leaf->nguards)
		x86_record_inline(g, call->fn);
	njumps = emit_guards(g, &body, checked, jumps);
	if (g->checked && disturbs(leaf, g->checked))
		g->checked = NULL;
	emit_body(g, &body, count >= 0);
	if (!njumps)
		return true;
	x86_collect_additions(g);
	x86_emit_cold_call(g, jumps, njumps, call);
	return true;
}
