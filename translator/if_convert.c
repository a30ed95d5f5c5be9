/* SPDX-License-Identifier: MIT */
/* If-conversion in regions: a branch round a few cheap operations becomes those operations and selections of their results.
 *
 * riscv64 has no conditional moves, so compilers branch where they would not for other processors, and what is compared there is
 * often data that no processor can predict. A side of a branch is what is executed on one way only: the code from the branch up to the
 * instruction that the other way comes to as well. That is recognised by guest addresses, since blocks of a region overlap: the code behind the sides stands at
 * the end of both. What is converted goes on with one of these copies; the sides are left to those who come to them otherwise.
 *
 * One short side with one result is always converted. With two sides or several results, what is predicted well loses more than the others gain: these are converted
 * where the branch has been seen to be hard to predict (translator/predict.h).
 *
 * Polls. The way that is kept has none up to where it is joined, so that each cycle of the unit has those that it had. */
#include <string.h>

#include "translator/translate.h"

enum {
	MAX_OPS = 8,            /* of a side */
	MAX_STOPS = 12,         /* instructions of a side */
	MAX_COUNTS = 12,        /* additions to counters of a side */
	MAX_COUNTERS = 2,       /* that the sides add to */
	MAX_STEPS = 4,          /* branches that are followed to the next guest instruction */
	EASY_OPS = 6, EASY_RESULTS = 1,         /* of one side, whether the branch is hard to predict or not */
	HARD_OPS = 16, HARD_RESULTS = 6,        /* of both, if it is */
	RESULT_COST = 2,        /* operations that take the time of a selection */
};

/* A guest instruction that a side comes to, and what is executed before. */
struct Stop {
	unsigned mark;          /* index of its MARK */
	unsigned nops, ncounts;
	bool polls;
};

/* One way from a branch on. */
struct Side {
	const struct Ins *ops[MAX_OPS], *counts[MAX_COUNTS];
	struct Stop stops[MAX_STOPS];
	unsigned nops, ncounts, nstops;
};

/* A branch that is converted: its sides, [0] where it is not taken, up to the stops at which they meet. */
struct Plan {
	unsigned branch;
	struct Side side[2];
	unsigned stop[2];
	unsigned cost;          /* operations that are executed in place of the branch */
	bool kept;              /* which side's copy of what follows is gone on with */
	unsigned label;         /* of that */
};

struct Pass {
	struct Ir *ir;
	unsigned nold;          /* instructions of the unit before */
	const struct Ins *old;
	unsigned *label;        /* by label: index in OLD */
	unsigned *wanted;       /* by index in OLD of a MARK: a label that is to stand there, + 1 */
	bool probed;            /* something watches the unit */
	bool (*hard)(uint64_t pc, unsigned cost);
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

/* The guest address of what stands at AT. */
static uint64_t pc_of(const struct Pass *p, unsigned at)
{
	while (p->old[at].op != IR_MARK)
		at--;
	return pc_at(p, at);
}

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

static const struct Stop *meeting(const struct Plan *plan, bool taken) { return &plan->side[taken].stops[plan->stop[taken]]; }

/* -- finding what can be converted -------------------------------------------------------------------------------------------------- */

/* Walks the code from AT on as far as a side may reach. */
static void walk(const struct Pass *p, unsigned at, struct Side *side)
{
	bool polls = false;

	side->nops = side->ncounts = side->nstops = 0;
	while (at < p->nold) {
		const struct Ins *ins = &p->old[at];
		if (ins->op == IR_MARK) {
			if (side->nstops == MAX_STOPS)
				return;
			side->stops[side->nstops++] = (struct Stop){ .mark = at++, .nops = side->nops, .ncounts = side->ncounts, .polls = polls };
		} else if (ins->op == IR_BR || ins->op == IR_LABEL) {
			at = first_mark(p, at);
		} else if (ins->op == IR_POLL) {
			polls = true;
			at++;
		} else if (is_count(ins) && side->ncounts < MAX_COUNTS) {
			side->counts[side->ncounts++] = ins;
			at++;
		} else if (is_cheap(ins) && side->nops < MAX_OPS) {
			side->ops[side->nops++] = ins;
			at++;
		} else {
			return;
		}
	}
}

/* The conditional branch that is all there is of the guest instruction at MARK, or NULL. */
static const struct Ins *branch_at(const struct Pass *p, unsigned mark)
{
	const struct Ins *ins = &p->old[mark + 1];

	ins += ins->op == IR_POLL;
	return ins->op == IR_BRCOND || ins->op == IR_EXITCOND ? ins : NULL;
}

/* The guest address that INS goes to if it branches or leaves; else that of what stands there; 0 if that is not near. Jumps are followed. */
static uint64_t target(const struct Pass *p, const struct Ins *ins)
{
	unsigned at = ins->op == IR_BRCOND ? p->label[ins->imm] : ins - p->old, mark = p->nold;

	for (unsigned steps = 0; steps < MAX_STEPS; steps++) {
		ins = &p->old[at];
		ins += ins->op == IR_POLL;
		if (ins->op == IR_EXIT || ins->op == IR_EXITCOND)
			return p->ir->exits[ins->imm].pc;
		mark = first_mark(p, ins - p->old);
		if (mark == p->nold)
			return 0;
		at = mark + 1;
		ins = &p->old[at];
		ins += ins->op == IR_POLL;
		if (ins->op != IR_BR && ins->op != IR_EXIT)
			break;
	}
	return pc_at(p, mark);
}

/* Whether the instructions at A and B are two branches that lead to the same places, one of them perhaps on the contrary condition. */
static bool same_branches(const struct Pass *p, unsigned a, unsigned b)
{
	const struct Ins *x = branch_at(p, a), *y = branch_at(p, b);

	if (p->probed || !x || !y || x->type != y->type || x->a[0] != y->a[0] || x->a[1] != y->a[1] || (x->cond | 1) != (y->cond | 1))
		return false;
	bool contrary = x->cond != y->cond;
	uint64_t taken = target(p, x), other = target(p, x + 1);
	return taken && other && taken == target(p, y + contrary) && other == target(p, y + !contrary);
}

/* Where the sides meet first: at one instruction, or at branches that do the same. */
static bool find_meeting(const struct Pass *p, struct Plan *plan)
{
	const struct Side *a = &plan->side[false], *b = &plan->side[true];

	for (unsigned sum = 1; sum + 1 < a->nstops + b->nstops; sum++)
		for (unsigned i = sum < b->nstops ? 0 : sum - b->nstops + 1; i <= sum && i < a->nstops; i++) {
			unsigned x = a->stops[i].mark, y = b->stops[sum - i].mark;
			if (pc_at(p, x) != pc_at(p, y) && !same_branches(p, x, y))
				continue;
			plan->stop[false] = i;
			plan->stop[true] = sum - i;
			return true;
		}
	return false;
}

static bool add_unique(Ref *refs, unsigned *n, unsigned max, Ref r)
{
	for (unsigned i = 0; i < *n; i++)
		if (refs[i] == r)
			return true;
	if (*n == max)
		return false;
	refs[(*n)++] = r;
	return true;
}

/* The globals that the sides of PLAN assign. False: they are more than MAX. */
static bool results(const struct Pass *p, const struct Plan *plan, Ref *refs, unsigned *n, unsigned max)
{
	*n = 0;
	for (unsigned taken = 0; taken < 2; taken++)
		for (unsigned i = 0; i < meeting(plan, taken)->nops; i++) {
			Ref d = plan->side[taken].ops[i]->d;
			if (ir_is_global(p->ir, d) && !add_unique(refs, n, max, d))
				return false;
		}
	return true;
}

/* The counters that the sides of PLAN add to, by an addition to each. False: they are too many. */
static bool counters(const struct Plan *plan, const struct Ins **adds, unsigned *n)
{
	*n = 0;
	for (unsigned taken = 0; taken < 2; taken++)
		for (unsigned i = 0; i < meeting(plan, taken)->ncounts; i++) {
			const struct Ins *add = plan->side[taken].counts[i];
			unsigned k = 0;
			while (k < *n && !same_counter(adds[k], add))
				k++;
			if (k == MAX_COUNTERS)
				return false;
			adds[k] = add;
			*n += k == *n;
		}
	return true;
}

/* What a branch must be to be converted. */
enum Use { NEVER, IF_HARD, ALWAYS };

/* Finds out what may become of the branch at index BRANCH. */
static enum Use plan_for(const struct Pass *p, unsigned branch, struct Plan *plan)
{
	const struct Ins *ins = &p->old[branch], *adds[MAX_COUNTERS];
	Ref refs[HARD_RESULTS];
	unsigned nrefs, nadds;

	plan->branch = branch;
	walk(p, first_mark(p, branch + 1), &plan->side[false]);
	walk(p, first_mark(p, p->label[ins->imm]), &plan->side[true]);
	if (!find_meeting(p, plan))
		return NEVER;
	const struct Stop *here = meeting(plan, false), *there = meeting(plan, true);
	if (here->polls && there->polls)
		return NEVER;
	/* the shorter way is more likely to be that of the others that come there */
	plan->kept = here->polls || (!there->polls && there->nops < here->nops);
	if (here->nops + there->nops > HARD_OPS || !results(p, plan, refs, &nrefs, HARD_RESULTS) || !counters(plan, adds, &nadds))
		return NEVER;
	if (p->probed && !watched_alike(p, here->mark, there->mark))
		return NEVER;
	plan->cost = RESULT_COST * nrefs;
	for (unsigned taken = 0; taken < 2; taken++)
		for (unsigned i = 0; i < meeting(plan, taken)->nops; i++)
			plan->cost += plan->side[taken].ops[i]->op != IR_MOV;
	bool one = !plan->stop[false] || !plan->stop[true];
	return one && !here->polls && !there->polls && here->nops + there->nops <= EASY_OPS && nrefs <= EASY_RESULTS ? ALWAYS : IF_HARD;
}

/* -- converting ----------------------------------------------------------------------------------------------------------------------- */

/* The variables that stand for those that a side assigns. */
struct Copies {
	Ref from[MAX_OPS], to[MAX_OPS];
	unsigned n;
};

/* What stands for R, or R. */
static Ref copy_of(const struct Copies *c, Ref r)
{
	for (unsigned i = c->n; i-- > 0;)
		if (c->from[i] == r)
			return c->to[i];
	return r;
}

static bool same_operation(const struct Ins *a, const struct Ins *b)
{
	return a->op == b->op && a->type == b->type && a->cond == b->cond && a->imm == b->imm && !memcmp(a->a, b->a, sizeof a->a);
}

/* Appends the operations of SIDE up to STOP, with temporaries for all results, but for those that have been appended from FIRST on. */
static void append_side(struct Pass *p, const struct Side *side, const struct Stop *stop, unsigned first, struct Copies *c)
{
	c->n = 0;
	for (unsigned i = 0; i < stop->nops; i++) {
		struct Ins copy = *side->ops[i];
		for (unsigned k = 0; k < 4; k++)
			copy.a[k] = copy_of(c, copy.a[k]);
		c->from[i] = copy.d;
		unsigned same = first;
		while (same < p->ir->nins && !same_operation(&p->ir->ins[same], &copy))
			same++;
		c->n = i + 1;
		if (same < p->ir->nins) {
			c->to[i] = p->ir->ins[same].d;
			continue;
		}
		c->to[i] = copy.d = ir_temp(p->ir, IR_INT);
		*ir_append(p->ir, copy.op, copy.type) = copy;
	}
}

/* What SIDE adds to the counter of ADD up to STOP. */
static Ref amount(struct Pass *p, const struct Side *side, const struct Stop *stop, const struct Ins *add)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < stop->ncounts; i++)
		if (same_counter(side->counts[i], add))
			sum += ir_value(p->ir, side->counts[i]->a[0]);
	return ir_const(p->ir, sum);
}

static bool among(const Ref *refs, unsigned n, Ref r)
{
	for (unsigned i = 0; i < n; i++)
		if (refs[i] == r)
			return true;
	return false;
}

/* Appends both sides of PLAN and selections of their results in place of its branch. */
static void convert(struct Pass *p, const struct Plan *plan)
{
	const struct Ins *branch = &p->old[plan->branch], *adds[MAX_COUNTERS];
	struct Copies copies[2];
	Ref refs[HARD_RESULTS], a[2] = { branch->a[0], branch->a[1] };
	unsigned nrefs, nadds;

	results(p, plan, refs, &nrefs, HARD_RESULTS);
	counters(plan, adds, &nadds);
	unsigned first = p->ir->nins;
	for (unsigned taken = 0; taken < 2; taken++)
		append_side(p, &plan->side[taken], meeting(plan, taken), first, &copies[taken]);
	for (unsigned i = 0; i < nadds; i++) {
		Ref to_add = ir_temp(p->ir, IR_INT);
		Ref sums[2] = { amount(p, &plan->side[0], meeting(plan, 0), adds[i]), amount(p, &plan->side[1], meeting(plan, 1), adds[i]) };
		ir_select(p->ir, branch->type, branch->cond, to_add, a[0], a[1], sums[true], sums[false]);
		struct Ins *add = ir_append(p->ir, adds[i]->op, adds[i]->type);
		*add = *adds[i];
		add->a[0] = to_add;
	}
	/* what is compared is not to be changed before the last selection */
	for (unsigned k = 0; k < 2 && nrefs > 1; k++)
		if (among(refs, nrefs, a[k]))
			a[k] = ir_op1(p->ir, IR_MOV, IR_I64, a[k]);
	for (unsigned i = 0; i < nrefs; i++) {
		Ref c = copy_of(&copies[true], refs[i]), e = copy_of(&copies[false], refs[i]);
		if (c == e)
			ir_into1(p->ir, IR_MOV, IR_I64, refs[i], c);
		else
			ir_select(p->ir, branch->type, branch->cond, refs[i], a[0], a[1], c, e);
	}
	ir_br(p->ir, plan->label);
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
}

/* Places LABEL, which a branch just before it need not lead to. */
static void place_label(struct Ir *ir, unsigned label)
{
	if (ir->nins && ir->ins[ir->nins - 1].op == IR_BR && ir->ins[ir->nins - 1].imm == (int32_t)label)
		ir->nins--;
	ir_emit_label(ir, label);
}

/* Makes the plans of all branches that are to be converted, and the labels that they lead to. */
static unsigned make_plans(struct Pass *p, struct Plan *plans, unsigned max)
{
	unsigned n = 0;

	for (unsigned i = 0; i < p->nold && n < max; i++) {
		if (p->old[i].op != IR_BRCOND)
			continue;
		enum Use use = plan_for(p, i, &plans[n]);
		if (use == ALWAYS || (use == IF_HARD && p->hard(pc_of(p, i), plans[n].cost))) {
			unsigned *wanted = &p->wanted[meeting(&plans[n], plans[n].kept)->mark];
			if (!*wanted)
				*wanted = ir_label(p->ir) + 1;
			plans[n++].label = *wanted - 1;
		}
	}
	return n;
}

void ir_if_convert(struct Ir *ir, bool (*hard)(uint64_t pc, unsigned cost))
{
	enum { MAX_PLANS = 64 };
	struct Pass p = { .hard = hard };

	begin(&p, ir);
	struct Plan *plans = arena_alloc(ir->arena, MAX_PLANS * sizeof *plans);
	p.wanted = arena_alloc(ir->arena, p.nold * sizeof *p.wanted);
	memset(p.wanted, 0, p.nold * sizeof *p.wanted);
	unsigned n = make_plans(&p, plans, MAX_PLANS);
	if (!n)
		return;
	ir->ins = NULL;
	ir->nins = ir->ins_cap = 0;
	for (unsigned i = 0; i < p.nold; i++) {
		if (p.wanted[i])
			place_label(ir, p.wanted[i] - 1);
		if (n && plans->branch == i) {
			convert(&p, plans);
			plans++;
			n--;
		} else {
			*ir_append(ir, p.old[i].op, p.old[i].type) = p.old[i];
		}
	}
	ir_drop_unreachable(ir);
}

static bool is_among(uint64_t pc, const uint64_t *pcs, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (pcs[i] == pc)
			return true;
	return false;
}

unsigned ir_if_questions(struct Ir *ir, uint64_t *pcs, unsigned max)
{
	struct Pass p = { .hard = NULL };
	struct Plan plan;
	unsigned n = 0;

	begin(&p, ir);
	for (unsigned i = 0; i < p.nold && n < max; i++)
		if (p.old[i].op == IR_BRCOND && plan_for(&p, i, &plan) == IF_HARD && !is_among(pc_of(&p, i), pcs, n))
			pcs[n++] = pc_of(&p, i);
	return n;
}
