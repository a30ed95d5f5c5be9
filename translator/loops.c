/* SPDX-License-Identifier: MIT */
/* How much the instructions of a unit count: those in loops are executed more often.
 *
 * A region begins wherever it got hot, mostly in its innermost loop; its pieces overlap, and what is called stands behind the call. So neither the order nor what leads to what shows
 * how its loops nest, and the unit is walked instead: branches that lead back in the guest's code are mostly taken, those out of what such a branch leads back over
 * mostly not, those that leave the unit
 * seldom, others half the time. Counted is what passes of a flow that comes in once, in so many rounds that inner loops have had theirs. */
#include "translator/loops.h"

/* Instructions that are executed together. */
struct Node {
	unsigned first;                 /* index in Ir.ins */
	uint64_t from, to;              /* guest addresses of its first and its last instruction */
	struct Node *next, *branch;     /* or NULL */
	float taken;                    /* how much of the flow goes to the branch */
	float in, flow;                 /* what is there to go on, and what has passed in all */
};

struct Walk {
	const struct Ir *ir;
	struct Node *node, *end;
};

static bool is_branch(const struct Ins *ins) { return ins->op == IR_BR || ins->op == IR_BRCOND; }
static bool is_end(const struct Ins *ins) { return is_branch(ins) || ir_op_info[ins->op].flags & OPF_EXIT; }

/* False: there is no loop. */
static bool find_nodes(struct Walk *w, struct Node **at_label)
{
	const struct Ir *ir = w->ir;
	struct Node *node = NULL;
	uint64_t pc = ir->pc;
	unsigned most = 1;
	bool loops = false;

	for (unsigned n = 0; n < ir->nins; n++)
		most += ir->ins[n].op == IR_LABEL || is_end(&ir->ins[n]);
	w->node = w->end = arena_alloc_raw(ir->arena, most * sizeof *w->node);
	for (unsigned n = 0; n < ir->nins; n++) {
		const struct Ins *ins = &ir->ins[n];
		if (!node || ins->op == IR_LABEL) {
			if (node)
				node->next = w->end;
			node = w->end++;
			*node = (struct Node){ .first = n, .from = UINT64_MAX, .to = pc };
		}
		if (ins->op == IR_LABEL)
			at_label[ins->imm] = node;
		if (ins->op == IR_MARK) {
			pc = node->to = ir->insns[ins->imm].pc;
			if (node->from == UINT64_MAX)
				node->from = pc;
		}
		if (is_end(ins)) {
			loops |= is_branch(ins) && at_label[ins->imm];
			if (ins->op == IR_BRCOND)
				node->next = w->end;
			node = NULL;
		}
	}
	return loops;
}

static const struct Ins *last_of(const struct Walk *w, const struct Node *node)
{
	return &w->ir->ins[(node + 1 < w->end ? node[1].first : w->ir->nins) - 1];
}

static bool leads_back(const struct Node *node) { return node->branch && node->branch->from <= node->to; }

/* Whether the branch of NODE leads out of what one behind it leads back over. */
static bool leads_out(const struct Walk *w, const struct Node *node)
{
	for (const struct Node *back = w->node; back < w->end; back++)
		if (leads_back(back) && back->branch->from <= node->to && node->to < back->to && back->to < node->branch->from)
			return true;
	return false;
}

static bool leaves(const struct Node *node) { return !node->next && !node->branch; }

static void weigh_branches(struct Walk *w, struct Node **at_label)
{
	for (struct Node *node = w->node; node < w->end; node++)
		if (is_branch(last_of(w, node)))
			node->branch = at_label[last_of(w, node)->imm];
	for (struct Node *node = w->node; node < w->end; node++) {
		if (!node->branch)
			continue;
		if (!node->next)
			node->taken = 1;
		else if (leaves(node->branch))
			node->taken = 1 / 64.f;
		else if (leads_back(node))
			node->taken = 7 / 8.f;
		else if (last_of(w, node)->mem & BRANCH_SELDOM || leads_out(w, node))
			node->taken = 1 / 8.f;
		else
			node->taken = leaves(node->next) ? 7 / 8.f : 1 / 2.f;
	}
}

static void walk(struct Walk *w)
{
	enum { ROUNDS = 64 };

	w->node->in = 1;
	for (unsigned round = 0; round < ROUNDS; round++)
		for (struct Node *node = w->node; node < w->end; node++) {
			float in = node->in;
			node->in = 0;
			node->flow += in;
			if (node->branch)
				node->branch->in += in * node->taken;
			if (node->next)
				node->next->in += in * (1 - node->taken);
		}
}

unsigned *ir_loop_weights(struct Ir *ir, unsigned *entry)
{
	enum { MOST = 1 << 14 };
	struct Walk w = { .ir = ir };
	float most = 0;

	if (!ir->nlabels)
		return NULL;
	struct Node **at_label = arena_alloc(ir->arena, ir->nlabels * sizeof *at_label);
	if (!find_nodes(&w, at_label))
		return NULL;
	weigh_branches(&w, at_label);
	walk(&w);
	for (struct Node *node = w.node; node < w.end; node++)
		most = node->flow > most ? node->flow : most;
	unsigned *weight = arena_alloc_raw(ir->arena, ir->nins * sizeof *weight);
	for (struct Node *node = w.node; node < w.end; node++)
		for (unsigned n = node->first; n <= last_of(&w, node) - ir->ins; n++)
			weight[n] = 1 + MOST * node->flow / most;
	if (entry)
		*entry = 1 + MOST / most;
	return weight;
}
