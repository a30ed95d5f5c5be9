/* SPDX-License-Identifier: MIT */
/* Additions to counters, put off and merged as long as nothing can look at the counter.
 *
 * Within a block they wait as numbers in Gen.additions. An addition to memory in every block would make each block wait for the store of the one
 * before, so one counter is added to in a register, which units hand to each other and which goes to memory at indirect jumps and where something can
 * look. In a region, others that are added to often have such a register until it is left. */
#include "translator/host/x86_64/backend.h"

static bool same_cell(const struct Addition *a, const struct Addition *b)
{
	return a->cell == b->cell && a->in_cpu == b->in_cpu && a->wide == b->wide;
}

static bool overlaps(const struct Addition *a, const struct Addition *b)
{
	return a->in_cpu == b->in_cpu && a->cell < b->cell + (b->wide ? 8 : 4) && b->cell < a->cell + (a->wide ? 8 : 4);
}

static struct Rm cell_of(const struct Addition *a)
{
	return a->in_cpu ? cpu_mem(a->cell) : rm_at((const void *)(uintptr_t)a->cell);
}

/* The numbers go to the registers that collect, or to memory. */
static void emit_numbers(struct Gen *g)
{
	for (unsigned i = 0; i < g->nadditions; i++) {
		const struct Addition *a = &g->additions[i];
		struct Rm to = cell_of(a);
		for (unsigned k = 0; k < g->ncollectors; k++)
			if (same_cell(a, &g->collectors[k].of))
				to = rm_reg(g->collectors[k].reg);
		if (a->amount)
			asm_alu_imm(g->as, ALU_ADD, a->wide ? X_W : 0, to, a->amount);
	}
}

void x86_add_unless_zero(struct Gen *g, struct Rm cell, unsigned wide, int reg)
{
	asm_op(g->as, 0x85 | X_W, reg, rm_reg(reg), 0);
	uint8_t *none = asm_jcc_short(g->as, CC_E);
	asm_alu_store(g->as, ALU_ADD, wide, cell, reg);
	asm_here(g->as, none);
}

static void emit_collector(struct Gen *g, const struct Collector *c)
{
	x86_add_unless_zero(g, cell_of(&c->of), c->of.wide ? X_W : 0, c->reg);
}

void x86_emit_additions(struct Gen *g)
{
	emit_numbers(g);
	for (unsigned k = g->ncarried; k < g->ncollectors; k++)
		emit_collector(g, &g->collectors[k]);
}

void x86_collect_additions(struct Gen *g)
{
	emit_numbers(g);
	g->nadditions = 0;
}

void x86_flush_collectors(struct Gen *g)
{
	for (unsigned k = 0; k < g->ncollectors; k++) {
		emit_collector(g, &g->collectors[k]);
		asm_zero(g->as, g->collectors[k].reg);
	}
}

void x86_leave_additions(struct Gen *g)
{
	emit_numbers(g);
	x86_flush_collectors(g);
}

void x86_make_additions(struct Gen *g)
{
	x86_collect_additions(g);
	x86_flush_collectors(g);
}

bool x86_adds_nothing(const struct Gen *g)
{
	return !g->nadditions && g->ncollectors == g->ncarried;
}

bool x86_cells_overlap(const struct Addition *a, const struct Addition *b) { return overlaps(a, b); }

bool x86_is_late(const struct Gen *g, const struct Addition *cell)
{
	for (unsigned i = 0; i < g->nadditions; i++)
		if (overlaps(&g->additions[i], cell))
			return true;
	for (unsigned k = 0; k < g->ncollectors; k++)
		if (overlaps(&g->collectors[k].of, cell))
			return true;
	return false;
}

static bool slot_is_late(const struct Gen *g, uint32_t offset)
{
	return x86_is_late(g, &(struct Addition){ .cell = offset, .in_cpu = true, .wide = true });
}

void x86_add(struct Gen *g, struct Addition addition)
{
	for (unsigned i = 0; i < g->nadditions; i++) {
		struct Addition *a = &g->additions[i];
		int32_t sum;
		if (same_cell(a, &addition) && !__builtin_add_overflow(a->amount, addition.amount, &sum)) {
			a->amount = sum;
			return;
		}
		if (overlaps(a, &addition)) {
			x86_make_additions(g);
			break;
		}
	}
	if (g->nadditions == MAX_ADDITIONS)
		x86_make_additions(g);
	g->additions[g->nadditions++] = addition;
	if (!translator.defer)
		x86_make_additions(g);
}

void x86_add_register(struct Gen *g, struct Addition addition, int reg)
{
	enum Alu alu = addition.amount < 0 ? ALU_SUB : ALU_ADD;
	unsigned w = addition.wide ? X_W : 0;
	struct Rm to = cell_of(&addition);
	bool other = false;

	for (unsigned i = 0; i < g->nadditions; i++)
		other |= overlaps(&g->additions[i], &addition) && !same_cell(&g->additions[i], &addition);
	for (unsigned k = 0; k < g->ncollectors; k++)
		if (same_cell(&g->collectors[k].of, &addition))
			to = rm_reg(g->collectors[k].reg);
		else
			other |= overlaps(&g->collectors[k].of, &addition);
	if (other)
		x86_make_additions(g);
	asm_alu_store(g->as, alu, w, to, reg);
	if (!translator.defer)
		x86_make_additions(g);
}

void x86_add_selected(struct Gen *g, struct Addition addition, int reg)
{
	for (unsigned k = 0; k < g->ncollectors; k++)
		if (same_cell(&g->collectors[k].of, &addition)) {
			x86_add_register(g, addition, reg);
			return;
		}
	x86_make_additions(g);
	x86_add_unless_zero(g, cell_of(&addition), addition.wide ? X_W : 0, reg);
}

void x86_settle(struct Gen *g, const struct Ins *ins)
{
	const struct Ins *next = ins + 1;

	switch (ins->op) {
	case IR_LOAD: case IR_POLL: case IR_SLOTADD: case IR_HOSTADD: case IR_GET: case IR_PUT: case IR_FXGET: case IR_FXPUT:
	case IR_CALL: case IR_HEAT: case IR_RAISE: case IR_GUARD:       /* see to it themselves */
		return;
	case IR_SLOTGET: case IR_SLOTPUT:
		if (!slot_is_late(g, ins->imm))
			return;
		break;
	case IR_STORE:
		if (!ref_is_const(ins->a[0]))   /* else it may be a counter that is set */
			return;
		break;
	case IR_LABEL: case IR_BR: case IR_BRCOND:
		x86_collect_additions(g);
		return;
	case IR_EXITCOND:
		if (g->n + 1 < g->ir->nins && !(ir_op_info[next->op].flags & OPF_EXIT))
			return;
		x86_collect_additions(g);
		return;
	case IR_EXIT:
		x86_emit_additions(g);
		g->nadditions = 0;
		return;
	default:
		if (ir_op_info[ins->op].flags & (OPF_PURE | OPF_ROUND))
			return;
	}
	x86_make_additions(g);
}

/* -- choosing what is collected ------------------------------------------------------------------------------------------------------ */

/* A counter that a unit adds to. */
struct Candidate {
	struct Addition of;
	unsigned uses;
	unsigned last;          /* the label behind which it was counted last, so that what is merged counts once */
	bool seen;              /* something looks at it */
};
enum { MAX_CANDIDATES = 16 };

/* Counts the addition OF behind LABEL; NULL if there are too many cells, or they overlap. */
static struct Candidate *note(struct Candidate *list, unsigned *n, struct Addition of, unsigned weight, unsigned label)
{
	unsigned i = 0;

	while (i < *n && !same_cell(&list[i].of, &of)) {
		if (overlaps(&list[i].of, &of))
			return NULL;
		i++;
	}
	if (i == MAX_CANDIDATES)
		return NULL;
	if (i == *n)
		list[(*n)++] = (struct Candidate){ .of = of, .last = -1u };
	if (list[i].last != label)
		list[i].uses += weight;
	list[i].last = label;
	return &list[i];
}

unsigned x86_find_collectors(struct Gen *g, const unsigned *weight, struct Collector *found, unsigned *uses)
{
	struct Candidate list[MAX_CANDIDATES];
	struct Ir *ir = g->ir;
	unsigned n = 0, label = 0;

	for (unsigned at = 0; at < ir->nins; at++) {
		const struct Ins *ins = &ir->ins[at];
		struct Addition cells[MAX_CALL_CELLS];
		int count = 0;

		label += ins->op == IR_LABEL;
		if (ins->op == IR_STORE && ref_is_const(ins->a[0]))
			return 0;
		if (ins->op == IR_SLOTGET || ins->op == IR_SLOTPUT) {
			struct Candidate *c = note(list, &n, (struct Addition){ .cell = ins->imm, .in_cpu = true, .wide = true }, 0, label);
			if (!c)
				return 0;
			c->seen = true;
		}
		if (ins->op == IR_CALL && ins->cond == COND_ALWAYS)
			count = x86_call_cells(g, ins, cells);
		else if (ins->op == IR_SLOTADD || ins->op == IR_HOSTADD)
			count = x86_ins_addition(g, ins, cells);
		if (count < 0)
			return 0;
		for (int i = 0; i < count; i++) {
			struct Candidate *c = note(list, &n, cells[i], cells[i].looks ? 0 : weight ? weight[at] : 1, label);
			if (!c)
				return 0;
			c->seen |= cells[i].looks;
		}
	}
	for (unsigned i = 0; i < n;)
		if (list[i].seen || (g->ncarried && overlaps(&list[i].of, &backend.carried)))
			list[i] = list[--n];
		else
			i++;
	unsigned nfound = 0;
	while (nfound < MAX_COLLECTORS && n) {
		unsigned best = 0;
		for (unsigned i = 1; i < n; i++)
			if (list[i].uses > list[best].uses)
				best = i;
		found[nfound].of = list[best].of;
		uses[nfound++] = list[best].uses;
		list[best] = list[--n];
	}
	return nfound;
}

/* Whether the unit has something that may look at any counter. A HEAT may, but sees to it itself. */
static bool may_look(const struct Ir *ir)
{
	for (unsigned n = 0; n < ir->nins; n++) {
		const struct Ins *ins = &ir->ins[n];
		bool sets = ins->op == IR_STORE && ref_is_const(ins->a[0]) && ref_is_const(ins->a[1]);  /* as probes do, and few guests */
		if (ins->op == IR_SLOTGET || ins->op == IR_SLOTPUT || sets ||
		    (ins->op == IR_CALL && !(ir->calls[ins->imm].flags & IRC_PURE)))
			return true;
	}
	return false;
}

void x86_choose_carried(struct Gen *g)
{
	struct Collector found[MAX_COLLECTORS];
	unsigned uses[MAX_COLLECTORS];

	if (backend.carrier != NOREG && !backend.carries && !backend.carries_late) {
		if (x86_find_collectors(g, NULL, found, uses)) {
			backend.carried = found[0].of;
			backend.carries = !backend.carries_none;
			/* what is forgotten for it has cost no more than what gains */
			backend.carries_late = backend.carries_none && ++backend.with_counter >= backend.without;
		} else {
			backend.without++;
			backend.carries_none |= may_look(g->ir);
		}
	}
	g->ncollectors = g->ncarried = backend.carries;
	if (backend.carries)
		g->collectors[0] = (struct Collector){ .of = backend.carried, .reg = backend.carrier };
}
