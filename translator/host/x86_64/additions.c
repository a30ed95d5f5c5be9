/* SPDX-License-Identifier: MIT */
/* Additions to counters, put off and merged as long as nothing can look at the counter. */
#include "translator/host/x86_64/backend.h"

static bool same_cell(const struct Addition *a, const struct Addition *b)
{
	return a->cell == b->cell && a->in_cpu == b->in_cpu && a->wide == b->wide;
}

static bool overlaps(const struct Addition *a, const struct Addition *b)
{
	return a->in_cpu == b->in_cpu && a->cell < b->cell + 8 && b->cell < a->cell + 8;
}

void x86_emit_additions(struct Gen *g)
{
	for (unsigned i = 0; i < g->nadditions; i++) {
		const struct Addition *a = &g->additions[i];
		struct Rm cell = a->in_cpu ? cpu_mem(a->cell) : rm_at((const void *)(uintptr_t)a->cell);
		if (a->amount)
			asm_alu_imm(g->as, ALU_ADD, a->wide ? X_W : 0, cell, a->amount);
	}
}

static void make(struct Gen *g)
{
	x86_emit_additions(g);
	g->nadditions = 0;
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
			make(g);
			break;
		}
	}
	if (g->nadditions == MAX_ADDITIONS)
		make(g);
	g->additions[g->nadditions++] = addition;
}

void x86_settle(struct Gen *g, const struct Ins *ins)
{
	const struct Ins *next = ins + 1;

	if (!g->nadditions)
		return;
	switch (ins->op) {
	case IR_LOAD: case IR_STORE: case IR_POLL: case IR_MARK: case IR_SLOTADD: case IR_HOSTADD:
	case IR_CALL:   /* sees to it itself */
		return;
	case IR_EXITCOND:
		if (g->n + 1 < g->ir->nins && !(ir_op_info[next->op].flags & OPF_EXIT))
			return;
		break;
	case IR_GET: case IR_PUT: case IR_FXGET: case IR_FXPUT:
		return;
	default:
		if (ir_op_info[ins->op].flags & (OPF_PURE | OPF_ROUND))
			return;
	}
	make(g);
}
