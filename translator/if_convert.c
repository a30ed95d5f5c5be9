/* SPDX-License-Identifier: MIT */
/* If-conversion in regions: a branch past a few cheap operations becomes those operations and selections of their results.
 *
 * riscv64 has no conditional moves, so compilers branch where they would not for other processors, and what is compared there is
 * often data that no processor can predict. A body is what is executed on one way only: the code from one side of the branch up to the
 * instruction at which the other side begins. It is recognised by guest addresses, since blocks of a region overlap: the code behind the body stands on
 * both sides. What is converted leads to the other side's copy; the body is left to those who come to it otherwise. */
#include <string.h>

#include "translator/translate.h"

enum {
	MAX_OPS = 6,            /* of a body */
	MAX_RESULTS = 1,        /* globals that it assigns: with two, what is predicted well loses more than the others gain */
	MAX_COUNTERS = 2,       /* that it adds to */
	MAX_STEPS = 4,          /* branches that are followed to the next guest instruction */
};

struct Pass {
	struct Ir *ir;
	unsigned nold;          /* instructions of the unit before */
	const struct Ins *old;
	unsigned *label;        /* by label: index in OLD */
	bool probed;            /* something watches the unit */
};

/* An inline counter and what is added to it. */
struct Count {
	const struct Ins *add;
	uint64_t amount;
};

/* One side of a branch up to where both meet. */
struct Body {
	const struct Ins *ops[MAX_OPS];
	unsigned nops;
	Ref results[MAX_RESULTS];
	unsigned nresults;
	struct Count counts[MAX_COUNTERS];
	unsigned ncounts;
	unsigned end;           /* index of the MARK where they meet */
};

static bool is_count(const struct Ins *ins)
{
	return (ins->op == IR_SLOTADD || ins->op == IR_HOSTADD) && ref_is_const(ins->a[0]) && (ins->op == IR_SLOTADD || ref_is_const(ins->a[1]));
}

/* Constants are equal where their references are. */
static bool same_counter(const struct Ins *a, const struct Ins *b)
{
	return a->op == b->op && (a->op == IR_SLOTADD ? a->imm == b->imm : a->a[1] == b->a[1]);
}

/* Whether INS is of a probe, or may be. */
static bool is_probe(const struct Ins *ins)
{
	switch (ins->op) {
	case IR_CALL: case IR_SLOTADD: case IR_SLOTPUT: case IR_SLOTGET: case IR_HOSTADD: return true;
	case IR_STORE: return ref_is_const(ins->a[0]);
	default: return false;
	}
}

/* The index of the MARK at which code from AT on begins, or NOLD if it does something before. */
static unsigned first_mark(const struct Pass *p, unsigned at)
{
	for (unsigned steps = 0; at < p->nold && steps < MAX_STEPS; steps++) {
		const struct Ins *ins = &p->old[at];
		if (ins->op == IR_MARK)
			return at;
		if (ins->op == IR_BR)
			at = p->label[ins->imm];
		else if (ins->op == IR_LABEL)
			at++;
		else
			break;
	}
	return p->nold;
}

static uint64_t pc_at(const struct Pass *p, unsigned mark) { return p->ir->insns[p->old[mark].imm].pc; }

/* Takes one or two cycles and cannot fail. */
static bool is_cheap(const struct Ins *ins)
{
	switch (ins->op) {
	case IR_MOV: case IR_ADD: case IR_SUB: case IR_AND: case IR_OR: case IR_XOR: case IR_ANDN: case IR_NEG: case IR_NOT:
	case IR_SHL: case IR_SHR: case IR_SAR: case IR_ROTL: case IR_SETCOND:
	case IR_SEXT8: case IR_SEXT16: case IR_SEXT32: case IR_ZEXT8: case IR_ZEXT16: case IR_ZEXT32:
		return ir_type_class(ins->type) == IR_INT;
	default:
		return false;
	}
}

static bool ends_block(const struct Ins *ins)
{
	return ir_op_info[ins->op].flags & OPF_EXIT || ins->op == IR_BRCOND || ins->op == IR_EXITCOND || ins->op == IR_GUARD;
}

/* Whether the code from the MARKs A and B on, the same guest code in two blocks, is watched in the same way up to the end of both, by inline counters
 * if at all: a block may be counted that is not where the other is entered. */
static bool watched_alike(const struct Pass *p, unsigned a, unsigned b)
{
	for (;; a++, b++) {
		while (!is_probe(&p->old[a]) && !ends_block(&p->old[a]) && p->old[a].op != IR_MARK)
			a++;
		while (!is_probe(&p->old[b]) && !ends_block(&p->old[b]) && p->old[b].op != IR_MARK)
			b++;
		const struct Ins *x = &p->old[a], *y = &p->old[b];
		if (ends_block(x) || ends_block(y))
			return ends_block(x) && ends_block(y);
		if (x->op == IR_MARK && y->op == IR_MARK && pc_at(p, a) == pc_at(p, b))
			continue;
		if (!is_count(x) || !is_count(y) || !same_counter(x, y) || x->a[0] != y->a[0])
			return false;
	}
}

static bool add_count(const struct Pass *p, struct Body *body, const struct Ins *ins)
{
	unsigned i = 0;

	while (i < body->ncounts && !same_counter(body->counts[i].add, ins))
		i++;
	if (i == MAX_COUNTERS)
		return false;
	if (i == body->ncounts)
		body->counts[body->ncounts++] = (struct Count){ .add = ins };
	body->counts[i].amount += ir_value(p->ir, ins->a[0]);
	return true;
}

static bool add_result(struct Body *body, Ref d)
{
	unsigned i = 0;

	while (i < body->nresults && body->results[i] != d)
		i++;
	if (i == MAX_RESULTS)
		return false;
	body->results[i] = d;
	body->nresults += i == body->nresults;
	return true;
}

/* Whether the code from the MARK at AT on is a body that ends at the guest address MEETING. */
static bool find_body(const struct Pass *p, unsigned at, uint64_t meeting, struct Body *body)
{
	*body = (struct Body){ .end = p->nold };
	if (at == p->nold || pc_at(p, at) == meeting)
		return false;
	for (unsigned steps = 0; at < p->nold && steps < 4 * MAX_OPS; steps++) {
		const struct Ins *ins = &p->old[at];
		if (ins->op == IR_MARK) {
			if (pc_at(p, at) == meeting) {
				body->end = at;
				return true;
			}
			at++;
			continue;
		}
		if (is_count(ins)) {
			if (!add_count(p, body, ins))
				return false;
			at++;
			continue;
		}
		if (ins->op == IR_BR || ins->op == IR_LABEL) {
			at = first_mark(p, at);
			continue;
		}
		if (!is_cheap(ins) || body->nops == MAX_OPS)
			return false;
		if (ir_is_global(p->ir, ins->d) && !add_result(body, ins->d))
			return false;
		body->ops[body->nops++] = ins;
		at++;
	}
	return false;
}

/* Appends BODY and selections of its results in place of BRANCH, which leads to it if TAKEN, and past it else. */
static void convert(struct Pass *p, const struct Ins *branch, const struct Body *body, bool taken)
{
	Ref from[MAX_OPS], to[MAX_OPS];
	unsigned n = 0;

	for (unsigned i = 0; i < body->nops; i++) {
		struct Ins copy = *body->ops[i];
		for (unsigned k = 0; k < 4; k++)
			for (unsigned m = n; m-- > 0;)
				if (copy.a[k] == from[m]) {
					copy.a[k] = to[m];
					break;
				}
		from[n] = copy.d;
		to[n] = copy.d = ir_temp(p->ir, IR_INT);
		n++;
		*ir_append(p->ir, copy.op, copy.type) = copy;
	}
	enum IrCond cond = taken ? branch->cond : branch->cond ^ 1;
	for (unsigned i = 0; i < body->ncounts; i++) {
		const struct Count *c = &body->counts[i];
		Ref amount = ir_temp(p->ir, IR_INT);
		ir_select(p->ir, branch->type, cond, amount, branch->a[0], branch->a[1], ir_const(p->ir, c->amount), ir_const(p->ir, 0));
		struct Ins *add = ir_append(p->ir, c->add->op, c->add->type);
		*add = *c->add;
		add->a[0] = amount;
	}
	if (body->nresults) {
		Ref d = body->results[0], new = REF_NONE;
		for (unsigned m = n; m-- > 0 && new == REF_NONE;)
			if (from[m] == d)
				new = to[m];
		ir_select(p->ir, branch->type, cond, d, branch->a[0], branch->a[1], new, d);
	}
}
_Static_assert(MAX_RESULTS == 1, "what the condition compares is changed by the last selection");

/* What BRANCH may become: BODY is that of one side, which begins with the MARK at FROM and meets the other, at OTHER. */
static bool converts(const struct Pass *p, unsigned from, unsigned other, struct Body *body)
{
	return other < p->nold && find_body(p, from, pc_at(p, other), body) && (!p->probed || watched_alike(p, body->end, other));
}

static void begin(struct Pass *p, struct Ir *ir)
{
	p->ir = ir;
	p->old = ir->ins;
	p->nold = ir->nins;
	p->label = arena_alloc(ir->arena, ir->nlabels * sizeof *p->label);
	p->probed = false;
	for (unsigned i = 0; i < p->nold; i++) {
		if (p->old[i].op == IR_LABEL)
			p->label[p->old[i].imm] = i;
		p->probed |= is_probe(&p->old[i]);
	}
	ir->ins = NULL;
	ir->nins = ir->ins_cap = 0;
}

static void append_copy(struct Ir *ir, const struct Ins *ins)
{
	*ir_append(ir, ins->op, ins->type) = *ins;
}

/* Drops what no way leads to. */
static void drop_unreachable(struct Ir *ir)
{
	bool *wanted = arena_alloc(ir->arena, ir->nlabels), changed = true;

	memset(wanted, 0, ir->nlabels);
	while (changed) {
		bool reached = true;
		changed = false;
		for (unsigned i = 0; i < ir->nins; i++) {
			const struct Ins *ins = &ir->ins[i];
			if (ins->op == IR_LABEL)
				reached |= wanted[ins->imm];
			if (reached && (ins->op == IR_BR || ins->op == IR_BRCOND) && !wanted[ins->imm])
				wanted[ins->imm] = changed = true;
			if (ir_op_info[ins->op].flags & OPF_EXIT)
				reached = false;
		}
	}
	bool reached = true;
	unsigned n = 0;
	for (unsigned i = 0; i < ir->nins; i++) {
		struct Ins ins = ir->ins[i];
		if (ins.op == IR_LABEL) {
			reached |= wanted[ins.imm];
			if (!wanted[ins.imm])
				continue;
		}
		if (reached)
			ir->ins[n++] = ins;
		if (ir_op_info[ins.op].flags & OPF_EXIT)
			reached = false;
	}
	ir->nins = n;
}

void ir_if_convert(struct Ir *ir)
{
	struct Pass p;
	struct Body body;
	bool converted = false;

	begin(&p, ir);
	for (unsigned i = 0; i < p.nold; i++) {
		const struct Ins *ins = &p.old[i];
		if (ins->op == IR_BRCOND) {
			unsigned there = first_mark(&p, p.label[ins->imm]), here = first_mark(&p, i + 1);
			if (converts(&p, here, there, &body)) {
				convert(&p, ins, &body, false);
				ir_br(ir, ins->imm);
				converted = true;
				continue;
			}
			if (converts(&p, there, here, &body)) {
				convert(&p, ins, &body, true);
				converted = true;
				continue;
			}
		}
		append_copy(ir, ins);
	}
	if (converted)
		drop_unreachable(ir);
}
