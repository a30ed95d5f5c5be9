/* SPDX-License-Identifier: MIT */
/* How much the instructions of a unit count: those in loops are executed more often. */
#include "translator/loops.h"

unsigned *ir_loop_weights(struct Ir *ir)
{
	enum { MAX_DEPTH = 4 };
	bool loops = false;

	if (!ir->nlabels)
		return NULL;
	unsigned *label_at = arena_alloc(ir->arena, (ir->nlabels + 1) * sizeof *label_at);
	int *depth = arena_alloc(ir->arena, (ir->nins + 1) * sizeof *depth);
	for (unsigned n = 0; n < ir->nins; n++) {
		const struct Ins *ins = &ir->ins[n];
		if (ins->op == IR_LABEL) {
			label_at[ins->imm] = n + 1;
		} else if ((ins->op == IR_BR || ins->op == IR_BRCOND) && label_at[ins->imm]) {
			depth[label_at[ins->imm] - 1]++;
			depth[n + 1]--;
			loops = true;
		}
	}
	if (!loops)
		return NULL;
	unsigned *weight = arena_alloc(ir->arena, ir->nins * sizeof *weight);
	int now = 0;
	for (unsigned n = 0; n < ir->nins; n++) {
		now += depth[n];
		weight[n] = 1u << 3 * (now < MAX_DEPTH ? now : MAX_DEPTH);
	}
	return weight;
}
