/* SPDX-License-Identifier: MIT */
/* Several rounds of small loops as one: the body of an innermost loop without branches inside is written down some times, one behind the other.
 *
 *     L: ...; brcond c -> L        L: ...; brcond !c -> out; ...; brcond !c -> out; ...; brcond c -> L; out:
 *
 * Each copy keeps its test, so nothing need be known of how many rounds there are. Of its polls one remains (polls.c), a branch taken becomes one
 * not taken, and what a round leaves for fault points alone (late.c) need not be there for the next one. */
#include "translator/translate.h"

enum {
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

/* Whether the LABEL at HEAD begins such a loop. Calls are not copied: they are of plugins, and cost more than what could be gained. */
static bool find_loop(struct Pass *p, unsigned head, struct Loop *loop)
{
	const struct Ir *ir = &p->before;
	unsigned label = ir->ins[head].imm, nops = 0;

	for (unsigned i = head + 1; i < ir->nins && nops <= MAX_OPS; i++) {
		const struct Ins *ins = &ir->ins[i];
		if (ins->op == IR_BRCOND && (unsigned)ins->imm == label) {
			*loop = (struct Loop){ .head = head, .end = i, .nops = nops + 1 };
			return !looks_back(p, i);
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

void ir_unroll(struct Ir *ir)
{
	struct Pass p = {
		.before = *ir, .renamed = arena_alloc_raw(ir->arena, ir->nvars * sizeof *p.renamed), .made = arena_alloc(ir->arena, ir->nvars * sizeof *p.made),
	};
	unsigned size = ir->nins;

	ir->ins = NULL;
	ir->nins = ir->ins_cap = 0;
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
