/* SPDX-License-Identifier: MIT */
/* Constants that globals hold round loops.
 *
 * A label that branches behind it lead back to is reached with values that are not known when it comes. So each way is first taken to bring what
 * the ways found so far bring, and the unit is gone through until nothing changes. What is known of a global at a label only ever becomes less, from
 * anything to one constant to nothing, so this ends; few units take more than three rounds. */
#include "translator/constants.h"

#include <string.h>

#include "translator/ir_eval.h"

struct Flow {
	struct Ir *ir;
	unsigned nglobals;      /* the first globals, up to the last integer one */
	Ref *now;               /* by variable */
	bool reached;           /* the current instruction */
	bool changed;
	bool *met;              /* by label: some way leads there */
	Ref *at;                /* by label and global; NULL: nobody asks */
	Ref *copy;              /* of NOW, for who visits */
};

static Ref common(Ref a, Ref b)
{
	if (a == b || b == REF_ENTRY)
		return a;
	return a == REF_ENTRY ? b : REF_NONE;
}

static void meet(struct Flow *f, unsigned label)
{
	Ref *at = f->at + label * f->ir->nglobals;

	if (!f->met[label]) {
		memcpy(at, f->now, f->nglobals * sizeof *at);
		f->met[label] = f->changed = true;
		return;
	}
	for (unsigned v = 0; v < f->nglobals; v++)
		if (at[v] != f->now[v]) {
			Ref both = common(at[v], f->now[v]);
			f->changed |= both != at[v];
			at[v] = both;
		}
}

static bool constant(const struct Flow *f, Ref r, uint64_t *value)
{
	if (ref_is_var(r))
		r = f->now[r];
	if (!ref_is_const(r))
		return false;
	*value = ir_value(f->ir, r);
	return true;
}

static Ref result(struct Flow *f, const struct Ins *ins)
{
	uint64_t a, b = 0;

	if (ins->op > IR_CLMULH || ins->type > IR_I64 || !constant(f, ins->a[0], &a) || (ins->a[1] != REF_NONE && !constant(f, ins->a[1], &b)))
		return REF_NONE;
	return ir_const(f->ir, ir_eval(ins->op, ins->type, a, b));
}
_Static_assert(IR_MOV == 0 && IR_CLMULH + 1 == IR_SETCOND && IR_I64 == IR_I32 + 1 && IR_I32 == 0, "what ir_eval() evaluates comes first");

/* Whether the branch or exit INS is taken: 0, 1; -1 if that is not known. */
static int taken(const struct Flow *f, const struct Ins *ins)
{
	uint64_t a, b;

	if (ins->op != IR_BRCOND && ins->op != IR_EXITCOND)
		return ir_op_info[ins->op].flags & OPF_EXIT ? 1 : -1;
	return constant(f, ins->a[0], &a) && constant(f, ins->a[1], &b) ? ir_eval_cond(ins->cond, ins->type, a, b) : -1;
}

static void step(struct Flow *f, const struct Ins *ins)
{
	const struct Ir *ir = f->ir;
	Ref value;

	if (ins->op == IR_LABEL) {
		if (f->reached)
			meet(f, ins->imm);
		f->reached = f->met[ins->imm];
		memcpy(f->now, f->at + ins->imm * ir->nglobals, f->nglobals * sizeof *f->now);
		return;
	}
	if (!f->reached)
		return;
	if (ins->op == IR_CALL && ir->calls[ins->imm].flags & IRC_WRITES)
		for (unsigned v = 0; v < f->nglobals; v++)
			f->now[v] = REF_NONE;
	if (ref_is_var(ins->d)) {
		f->now[ins->d] = result(f, ins);
		return;
	}
	int is_taken = taken(f, ins);
	if ((ins->op == IR_BR || ins->op == IR_BRCOND) && is_taken != 0 && f->at)
		meet(f, ins->imm);
	f->reached = is_taken != 1;
	Ref learned = ir_learned(ins, &value);
	if (learned != REF_NONE && f->now[learned] != REF_ENTRY)
		f->now[learned] = value;
}

static void begin(struct Flow *f, struct Ir *ir)
{
	*f = (struct Flow){ .ir = ir };
	for (unsigned v = 0; v < ir->nglobals; v++)
		if (ir->var_class[v] == IR_INT)
			f->nglobals = v + 1;
	f->now = arena_alloc_raw(ir->arena, ir->nvars * sizeof *f->now);
	f->met = arena_alloc(ir->arena, ir->nlabels);
	f->at = arena_alloc_raw(ir->arena, ir->nlabels * ir->nglobals * sizeof *f->at);
	for (unsigned i = 0; i < ir->nlabels * ir->nglobals; i++)
		f->at[i] = REF_NONE;
}

/* Goes through the unit once. */
static void go_through(struct Flow *f, bool open, void (*visit)(void *data, unsigned at, Ref *now), void *data)
{
	struct Ir *ir = f->ir;

	for (unsigned v = 0; v < ir->nvars; v++)
		f->now[v] = open && v < f->nglobals ? REF_ENTRY : REF_NONE;
	f->changed = false;
	f->reached = true;
	for (unsigned n = 0; n < ir->nins; n++) {
		const struct Ins *ins = &ir->ins[n];
		if (visit && f->reached && (ins->op == IR_LABEL || ins->op == IR_BR || ins->op == IR_BRCOND)) {
			Ref *now = memcpy(f->copy, f->now, ir->nvars * sizeof *now);
			visit(data, n, now);
		}
		if (ins->op != IR_MARK)
			step(f, ins);
	}
}

const Ref *ir_constants(struct Ir *ir, bool open)
{
	struct Flow f;

	begin(&f, ir);
	do
		go_through(&f, open, NULL, NULL);
	while (f.changed);
	return f.at;
}

void ir_constants_visit(struct Ir *ir, void (*visit)(void *data, unsigned at, Ref *now), void *data)
{
	struct Flow f;

	begin(&f, ir);
	do
		go_through(&f, false, NULL, NULL);
	while (f.changed);
	f.copy = arena_alloc_raw(ir->arena, ir->nvars * sizeof *f.copy);
	go_through(&f, false, visit, data);
}

unsigned ir_count_rounds(struct Ir *ir, Ref *now, unsigned first, unsigned branch, unsigned most)
{
	struct Flow f = { .ir = ir, .now = now };

	for (unsigned rounds = 1; rounds <= most; rounds++) {
		f.reached = true;
		for (unsigned n = first; n < branch && f.reached; n++)
			if (ir->ins[n].op != IR_MARK)
				step(&f, &ir->ins[n]);
		int again = f.reached ? taken(&f, &ir->ins[branch]) : -1;
		if (again <= 0)
			return again < 0 ? 0 : rounds;
	}
	return 0;
}
