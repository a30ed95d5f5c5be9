/* SPDX-License-Identifier: MIT */
/* Polls in regions: of those that guest instructions ask for, the ones that no round needs go.
 *
 * A guest says of each instruction that may lead back or anywhere that it polls, because it may be what closes a loop. In a region it is seen what does. What
 * must stay true is that nobody runs for ever without a poll:
 *
 *   - each cycle of the unit has one;
 *   - so has each way through the unit from its beginning to an exit that leads to the unit's own address, to one before it, or to one that is not
 *     known. Between two polls the addresses of the units that are run thus only grow.
 *
 * Both are one rule if such an exit, or a GUARD, is taken for a branch to the beginning. So a poll goes if no way without another one leads from behind it back
 * to it. They are tried from the unit's end on: of nested loops the inner one keeps its own, by which the outer one mostly comes, too, and of rounds that
 * have been written down several times (unroll.c) the first does. */
#include <string.h>

#include "translator/translate.h"

struct Pass {
	const struct Ir *ir;
	unsigned *at;           /* what has to do with control: index in Ir.ins */
	unsigned n;
	unsigned *label;        /* by label: index in AT */
	bool *seen, *dropped;   /* by index in AT */
	unsigned *open;         /* places still to go on from, in the search under way */
};

static const struct Ins *ins_at(const struct Pass *p, unsigned i) { return &p->ir->ins[p->at[i]]; }

/* Whether INS may lead out of the unit to where it begins, or before. */
static bool leads_back(const struct Ir *ir, const struct Ins *ins)
{
	return ins->op == IR_EXITIND || ins->op == IR_GUARD || ((ins->op == IR_EXIT || ins->op == IR_EXITCOND) && ir->exits[ins->imm].pc <= ir->pc);
}

/* Whether a way without another poll leads from behind POLL to it. */
static bool needed(struct Pass *p, unsigned poll)
{
	unsigned nopen = 0;

	memset(p->seen, 0, p->n * sizeof *p->seen);
	p->open[nopen++] = poll + 1;
	while (nopen)
		for (unsigned i = p->open[--nopen]; i < p->n && !p->seen[i]; i++) {
			const struct Ins *ins = ins_at(p, i);
			p->seen[i] = true;
			if (i == poll)
				return true;
			if (ins->op == IR_POLL && !p->dropped[i])
				break;
			if (ins->op == IR_BR || ins->op == IR_BRCOND)
				p->open[nopen++] = p->label[ins->imm];
			else if (leads_back(p->ir, ins))
				p->open[nopen++] = 0;
			if (ir_op_info[ins->op].flags & OPF_EXIT)
				break;
		}
	return false;
}

static bool controls(const struct Ins *ins)
{
	return ins->op == IR_LABEL || ins->op == IR_POLL || ins->op == IR_BRCOND || ins->op == IR_EXITCOND || ins->op == IR_GUARD ||
	       ir_op_info[ins->op].flags & OPF_EXIT;
}

static void begin(struct Pass *p, const struct Ir *ir)
{
	struct Arena *arena = ir->arena;

	*p = (struct Pass){ .ir = ir, .at = arena_alloc_raw(arena, ir->nins * sizeof *p->at), .label = arena_alloc(arena, ir->nlabels * sizeof *p->label) };
	for (unsigned i = 0; i < ir->nins; i++) {
		const struct Ins *ins = &ir->ins[i];
		if (!controls(ins))
			continue;
		if (ins->op == IR_LABEL)
			p->label[ins->imm] = p->n;
		p->at[p->n++] = i;
	}
	p->seen = arena_alloc(arena, p->n * sizeof *p->seen);
	p->dropped = arena_alloc(arena, p->n * sizeof *p->dropped);
	p->open = arena_alloc_raw(arena, (p->n + 1) * sizeof *p->open);
}

void ir_drop_polls(struct Ir *ir)
{
	struct Pass p;
	unsigned n = 0;

	begin(&p, ir);
	for (unsigned i = p.n; i-- > 0;)
		p.dropped[i] = ins_at(&p, i)->op == IR_POLL && !needed(&p, i);
	for (unsigned i = 0, k = 0; i < ir->nins; i++) {
		bool control = k < p.n && p.at[k] == i;
		if (!control || !p.dropped[k])
			ir->ins[n++] = ir->ins[i];
		k += control;
	}
	ir->nins = n;
}
