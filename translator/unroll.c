/* SPDX-License-Identifier: MIT */
/* Several rounds of small loops as one: the body of an innermost loop without branches inside is written down some times, one behind the other.
 *
 *     L: ...; brcond c -> L        L: ...; brcond !c -> out; ...; brcond !c -> out; ...; brcond c -> L; out:
 *
 * Each copy keeps its test, so nothing need be known of how many rounds there are. But where a loop is entered with a counter that is known, as in rows of five samples or eight bits of a
 * checksum, the way in leads to copies of as many rounds that have no tests, at the end of the unit.
 *
 * Of its polls one remains (polls.c), a branch taken becomes one
 * not taken, and what a round leaves for fault points alone (late.c) need not be there for the next one. */
#include "translator/constants.h"
#include "translator/translate.h"

enum {
	KNOWN_ROUNDS = 16, KNOWN_OPS = 128,     /* at most, of loops whose rounds are known */
	ROUNDS = 4,             /* at most: loops of few rounds leave in one of the first */
	MAX_OPS = 96,           /* of all copies together, MARK and POLL not counted */
	MAX_UNIT = 2048,        /* instructions of a unit: it grows no further */
};

/* A loop that may be unrolled. */
struct Loop {
	unsigned head, end;     /* index of its LABEL and of the branch back */
	unsigned nops;
};

struct Pass {
	struct Ir before;       /* the unit as it was */
	Ref *renamed;           /* by temporary: what it is called in the copy under way */
	unsigned *made;         /* by temporary: behind which branch it was last seen to be made */
};

/* Whether a temporary is used behind the branch at END that is made before it. The label that is to stand between them would end it. */
static bool looks_back(struct Pass *p, unsigned end)
{
	for (unsigned i = end + 1; i < p->before.nins && p->before.ins[i].op != IR_LABEL; i++) {
		struct Ins *ins = &p->before.ins[i];
		Ref *uses[4 + IR_MAXARGS];
		for (unsigned n = ir_uses(&p->before, ins, uses); n-- > 0;)
			if (ref_is_var(*uses[n]) && !ir_is_global(&p->before, *uses[n]) && p->made[*uses[n]] != end)
				return true;
		if (ref_is_var(ins->d))
			p->made[ins->d] = end;
	}
	return false;
}

/* Whether INS does not depend on what MARK is before it: the copies stand elsewhere. */
static bool stands_alone(const struct Ins *ins)
{
	return ins->op == IR_MARK || ins->op == IR_LABEL || ins->op == IR_BR || ins->op == IR_EXIT;
}

/* Whether the LABEL at HEAD begins such a loop. Calls are not copied: they are of plugins, and cost more than what could be gained. */
static bool find_loop(struct Pass *p, unsigned head, struct Loop *loop)
{
	const struct Ir *ir = &p->before;
	unsigned label = ir->ins[head].imm, nops = 0;

	if (head + 1 == ir->nins || ir->ins[head + 1].op != IR_MARK)
		return false;
	for (unsigned i = head + 1; i < ir->nins && nops <= MAX_OPS; i++) {
		const struct Ins *ins = &ir->ins[i];
		if (ins->op == IR_BRCOND && (unsigned)ins->imm == label) {
			*loop = (struct Loop){ .head = head, .end = i, .nops = nops + 1 };
			return stands_alone(&ir->ins[i + 1]) && !looks_back(p, i);
		}
		if (ins->op == IR_LABEL || ins->op == IR_CALL || ir_op_info[ins->op].flags & OPF_EXIT)
			break;
		nops += ins->op != IR_MARK && ins->op != IR_POLL;
	}
	return false;
}

/* Appends what LOOP has behind its label, with temporaries and exits of its own. */
static void append_round(struct Pass *p, struct Ir *ir, const struct Loop *loop)
{
	for (unsigned i = loop->head + 1; i <= loop->end; i++) {
		struct Ins ins = p->before.ins[i];
		for (unsigned k = 0; k < 4; k++)
			if (ref_is_var(ins.a[k]) && !ir_is_global(ir, ins.a[k]))
				ins.a[k] = p->renamed[ins.a[k]];
		if (ref_is_var(ins.d) && !ir_is_global(ir, ins.d))
			ins.d = p->renamed[ins.d] = ir_temp(ir, ir->var_class[ins.d]);
		if (ins.op == IR_EXITCOND || ins.op == IR_GUARD)
			ins.imm = ir_exit_again(ir, ins.imm);
		*ir_append(ir, ins.op, ins.type) = ins;
	}
}

/* Appends ROUNDS of LOOP, all that follows its label. */
static void append_loop(struct Pass *p, struct Ir *ir, const struct Loop *loop, unsigned rounds)
{
	unsigned out = ir_label(ir);

	for (unsigned n = 1; n <= rounds; n++) {
		append_round(p, ir, loop);
		if (n < rounds) {
			struct Ins *branch = &ir->ins[ir->nins - 1];
			branch->cond ^= 1;
			branch->imm = out;
			branch->mem = BRANCH_SELDOM;
		}
	}
	ir_emit_label(ir, out);
}

/* -- loops whose rounds are known ------------------------------------------------------------------------------------------------- */

/* A loop and the copies of its body. */
struct Known {
	struct Loop loop;
	unsigned chain[KNOWN_ROUNDS + 1];       /* by rounds that are left: a label, + 1 */
	unsigned out;                           /* the label behind the branch back, + 1 */
	unsigned most;                          /* rounds of the copies */
};

struct Ways {
	struct Ir *ir;
	struct Known **known;   /* by label */
	unsigned *redirect;     /* by index of a branch, or of a label for what comes before it: the label to go to instead, + 1 */
	unsigned size;          /* of the unit with all copies */
	bool any;
};

static void want_label(struct Ir *ir, unsigned *label)
{
	if (!*label)
		*label = ir_label(ir) + 1;
}

/* Redirects the way to a label at AT if that is the label of a loop, and it is known from what is known NOW how many rounds there will be. */
static void redirect_way(void *data, unsigned at, Ref *now)
{
	struct Ways *w = data;
	struct Known *k = w->known[w->ir->ins[at].imm];

	if (!k || at == k->loop.end)
		return;
	unsigned most = KNOWN_OPS / k->loop.nops < KNOWN_ROUNDS ? KNOWN_OPS / k->loop.nops : KNOWN_ROUNDS;
	unsigned rounds = ir_count_rounds(w->ir, now, k->loop.head + 1, k->loop.end, most);
	unsigned more = rounds > k->most ? (rounds - k->most) * (k->loop.end - k->loop.head) : 0;
	if (!rounds || w->size + more > MAX_UNIT)
		return;
	want_label(w->ir, &k->chain[rounds]);
	want_label(w->ir, &k->out);
	k->most = rounds > k->most ? rounds : k->most;
	w->size += more;
	w->redirect[at] = k->chain[rounds];
	w->any = true;
}

/* Appends the copies for K. They keep their polls: a way out of one of them may lead to before the loop. */
static void append_chain(struct Pass *p, struct Ir *ir, const struct Known *k)
{
	for (unsigned left = k->most; left; left--) {
		if (k->chain[left])
			ir_emit_label(ir, k->chain[left] - 1);
		append_round(p, ir, &k->loop);
		ir->nins--;             /* the branch back */
	}
	ir_br(ir, k->out - 1);
}

static void begin(struct Pass *p, struct Ir *ir)
{
	p->before = *ir;
	p->renamed = arena_alloc_raw(ir->arena, ir->nvars * sizeof *p->renamed);
	p->made = arena_alloc(ir->arena, ir->nvars * sizeof *p->made);
}

static void begin_output(struct Ir *ir)
{
	ir->ins = NULL;
	ir->nins = ir->ins_cap = 0;
}

/* Lets the ways into loops whose rounds are known lead to copies. */
static void unroll_known(struct Ir *ir)
{
	struct Pass p;
	struct Ways w = { .ir = ir, .size = ir->nins, .known = arena_alloc(ir->arena, ir->nlabels * sizeof *w.known) };
	unsigned nlabels = ir->nlabels;
	bool any = false;

	begin(&p, ir);
	for (unsigned i = 0; i < ir->nins; i++) {
		struct Loop loop;
		if (ir->ins[i].op != IR_LABEL || !find_loop(&p, i, &loop))
			continue;
		struct Known *k = arena_alloc(ir->arena, sizeof *k);
		k->loop = loop;
		w.known[ir->ins[i].imm] = k;
		any = true;
	}
	if (!any)
		return;
	w.redirect = arena_alloc(ir->arena, ir->nins * sizeof *w.redirect);
	ir_constants_visit(ir, redirect_way, &w);
	if (!w.any)
		return;
	begin(&p, ir);
	begin_output(ir);
	for (unsigned i = 0; i < p.before.nins; i++) {
		const struct Ins *ins = &p.before.ins[i];
		if (ins->op == IR_LABEL && w.redirect[i])
			ir_br(ir, w.redirect[i] - 1);
		*ir_append(ir, ins->op, ins->type) = *ins;
		if (ins->op != IR_LABEL && w.redirect[i])
			ir->ins[ir->nins - 1].imm = w.redirect[i] - 1;
		for (unsigned l = 0; ins->op == IR_BRCOND && l < nlabels; l++)
			if (w.known[l] && w.known[l]->loop.end == i && w.known[l]->out)
				ir_emit_label(ir, w.known[l]->out - 1);
	}
	for (unsigned l = 0; l < nlabels; l++)
		if (w.known[l] && w.known[l]->most)
			append_chain(&p, ir, w.known[l]);
	ir_drop_unreachable(ir);
}

void ir_unroll(struct Ir *ir)
{
	struct Pass p;

	if (ir->nlabels)
		unroll_known(ir);
	begin(&p, ir);
	begin_output(ir);
	unsigned size = p.before.nins;
	for (unsigned i = 0; i < p.before.nins; i++) {
		const struct Ins *ins = &p.before.ins[i];
		struct Loop loop;
		*ir_append(ir, ins->op, ins->type) = *ins;
		if (ins->op != IR_LABEL || !find_loop(&p, i, &loop))
			continue;
		unsigned rounds = MAX_OPS / loop.nops < ROUNDS ? MAX_OPS / loop.nops : ROUNDS, more = rounds * (loop.end - i) + 1;
		if (rounds < 2 || size + more > MAX_UNIT)
			continue;
		append_loop(&p, ir, &loop, rounds);
		size += more;
		i = loop.end;
	}
}
