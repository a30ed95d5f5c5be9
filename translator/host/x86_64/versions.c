/* SPDX-License-Identifier: MIT */
/* Two versions of a loop: one that takes values as they come, and one that knows of the vector globals what arithmetic round the loop makes them.
 *
 * At a label of the first version all values are exact (backend.h, "What is known of a vector variable's value"). So each way round the loop would
 * canonicalise and box what the next one takes apart, because the first way in may bring anything. The second version is a copy of the whole unit
 * whose labels state what is known when they are reached from within it. The branches back of the first version lead there if the values, tested at
 * run time, are so, and else to its own labels, the twins. */
#include "translator/host/x86_64/backend.h"

enum {
	MAX_INS = 2048,
	ANYTHING = 4,           /* in place of REP_*: what no way found so far has set, so that any answer will do */
};

struct Flow {
	struct Ir *ir;
	uint8_t *now;           /* by variable: REP_* or ANYTHING */
	bool reached;
	bool changed;
	uint8_t *at;            /* by label and global */
};

/* What is known of INS's vector result. */
static unsigned known_result(const struct Flow *f, const struct Ins *ins)
{
	unsigned single = ins->spare & BOXED_RESULT || (ins->type == IR_F32 && !ir_is_global(f->ir, ins->d)) ? REP_SINGLE : 0;

	switch (ins->op) {
	case IR_FADD ... IR_FMAX: case IR_FCVT_F32_F64: case IR_FCVT_F64_F32: case IR_FCVTF_I32 ... IR_FCVTF_U64:
		return ins->type == IR_F32 && !single ? 0 : single | REP_ARITH;
	case IR_BITSF:
		return single | (ref_is_const(ins->a[0]) && ir_value(f->ir, ins->a[0]) == 0 && (single || ins->type == IR_F64) ? REP_ARITH : 0);
	case IR_MOV:
		return f->now[ins->a[0]];
	case IR_BOX32: case IR_UNBOX32: {
		unsigned from = f->now[ins->a[0]];
		if (from == ANYTHING)
			return REP_SINGLE | REP_ARITH;
		bool looked_at = (ins->op == IR_UNBOX32 || ins->spare & BOXED_ARG) && !(from & REP_SINGLE);
		return looked_at ? REP_SINGLE : REP_SINGLE | from;
	}
	default:
		return single;
	}
}

/* A NaN of a double and one of a single have little in common. */
static unsigned common(unsigned a, unsigned b)
{
	if (a == ANYTHING || b == ANYTHING)
		return a == ANYTHING ? b : a;
	return a & b & ~((a ^ b) & REP_SINGLE ? REP_ARITH : 0);
}

static void meet(struct Flow *f, unsigned label)
{
	uint8_t *at = f->at + label * f->ir->nglobals;

	for (unsigned v = 0; v < f->ir->nglobals; v++) {
		unsigned now = common(at[v], f->now[v]);
		f->changed |= now != at[v];
		at[v] = now;
	}
}

static void step(struct Flow *f, const struct Ins *ins)
{
	const struct Ir *ir = f->ir;

	if (ins->op == IR_LABEL) {
		if (f->reached)
			meet(f, ins->imm);
		memcpy(f->now, f->at + ins->imm * ir->nglobals, ir->nglobals);
		f->reached = true;
		return;
	}
	if (!f->reached)
		return;
	if (ins->op == IR_BR || ins->op == IR_BRCOND)
		meet(f, ins->imm);
	if (ins->op == IR_CALL && ir->calls[ins->imm].flags & IRC_WRITES)
		memset(f->now, 0, ir->nglobals);
	if (ref_is_var(ins->d) && ir->var_class[ins->d] == IR_VEC)
		f->now[ins->d] = known_result(f, ins);
	if (ir_op_info[ins->op].flags & OPF_EXIT)
		f->reached = false;
}

static void settle(struct Flow *f)
{
	do {
		f->changed = f->reached = false;
		for (unsigned n = 0; n < f->ir->nins; n++)
			step(f, &f->ir->ins[n]);
	} while (f->changed);
}

/* The globals that are used as boxes: worth a test on the way into the second version where nothing in it says what they are. */
static void find_boxes(const struct Ir *ir, bool *boxes)
{
	for (unsigned n = 0; n < ir->nins; n++)
		for (unsigned k = 0; k < 3; k++)
			if (ir->ins[n].spare & BOXED_ARG << k)
				boxes[ir->ins[n].a[k]] = true;
}

/* Marks the labels that branches lead back to; false if there are none. */
static bool find_heads(const struct Ir *ir, bool *seen, bool *head)
{
	bool any = false;

	for (unsigned n = 0; n < ir->nins; n++) {
		const struct Ins *ins = &ir->ins[n];
		if (ins->op == IR_LABEL)
			seen[ins->imm] = true;
		else if ((ins->op == IR_BR || ins->op == IR_BRCOND) && seen[ins->imm])
			any = head[ins->imm] = true;
	}
	return any;
}

/* What is known at each label, by label and global; NULL if that is nothing of use. */
static uint8_t *find_known(struct Ir *ir)
{
	bool *seen = arena_alloc(ir->arena, ir->nlabels), *head = arena_alloc(ir->arena, ir->nlabels);
	bool *boxes = arena_alloc(ir->arena, ir->nglobals), useful = false;
	struct Flow f = { .ir = ir };

	if (!find_heads(ir, seen, head))
		return NULL;
	find_boxes(ir, boxes);
	f.now = arena_alloc(ir->arena, ir->nvars);
	f.at = arena_alloc(ir->arena, ir->nlabels * ir->nglobals);
	memset(f.at, ANYTHING, ir->nlabels * ir->nglobals);
	settle(&f);
	for (unsigned label = 0; label < ir->nlabels; label++)
		for (unsigned v = 0; v < ir->nglobals; v++) {
			uint8_t *at = &f.at[label * ir->nglobals + v];
			if (*at == ANYTHING)
				*at = boxes[v] ? REP_SINGLE : 0;
		}
	settle(&f);     /* what came of any answer comes of that one */
	for (unsigned label = 0; label < ir->nlabels; label++)
		for (unsigned v = 0; v < ir->nglobals; v++)
			useful |= head[label] && f.at[label * ir->nglobals + v];
	return useful ? f.at : NULL;
}

/* Appends a copy of what is behind the first label, and of the MARK that this belongs to; branches back in the original lead to the copy. */
static void append_copy(struct Ir *ir)
{
	unsigned nins = ir->nins, nlabels = ir->nlabels, out = nins, first = 0;
	struct Ins *ins = arena_alloc(ir->arena, 2 * nins * sizeof *ins);
	bool *seen = arena_alloc(ir->arena, nlabels);

	memcpy(ins, ir->ins, nins * sizeof *ins);
	for (; ins[first].op != IR_LABEL; first++)
		if (ins[first].op == IR_MARK)
			ins[out] = ins[first];
	if (ins[out].op == IR_MARK)
		out++;
	for (unsigned n = first; n < nins; n++) {
		bool branch = ins[n].op == IR_BR || ins[n].op == IR_BRCOND;
		ins[out] = ins[n];
		if (ins[n].op == IR_LABEL)
			seen[ins[n].imm] = true;
		if (ins[n].op == IR_LABEL || branch)
			ins[out].imm += nlabels;
		if (branch && seen[ins[n].imm])
			ins[n].imm += nlabels;
		out++;
	}
	ir->ins = ins;
	ir->nins = out;
	ir->ins_cap = 2 * nins;
	ir->nlabels = 2 * nlabels;
}

void x86_make_versions(struct Gen *g)
{
	struct Ir *ir = g->ir;

	g->nknown = ir->nlabels;
	g->known = translator.versions && ir->nlabels && ir->nins <= MAX_INS ? find_known(ir) : NULL;
	if (g->known)
		append_copy(ir);
}
