/* SPDX-License-Identifier: MIT */
/* Simplifies a unit: forward, operands become what they are known to be and instructions become simpler ones; backward, what nobody can see goes.
 *
 * Forward, each variable has a version that counts its assignments. What is known of a variable (that it equals a constant or another
 * variable, and which instruction defined it) holds while the versions written down with it are current; everything is forgotten at a
 * LABEL, but for constants that all ways to it bring (constants.c finds those of ways that come later), and what is known of globals at a call that writes them. An
 * instruction that overwrites its own operand (x = x << 48) hides what it was
 * made of; if the next one overwrites that result (x = x >> 48), the two are looked at together, and the first goes if the second can do without.
 *
 * Between the two, additions to one per-cpu slot become one where nothing can tell.
 *
 * Backward, a global is dead where it is assigned again before anything can see it: an exit, a branch, a label, or an instruction of ir_observes(). */
#include <assert.h>
#include <string.h>

#include "target/guest.h"
#include "translator/constants.h"
#include "translator/optimise.h"
#include "translator/translate.h"

/* -- forward ------------------------------------------------------------------------------------------------------ */

/* How many low bits of its vector operands an instruction reads. */
static unsigned vector_bits_read(const struct Ins *ins)
{
	switch (ins->op) {
	case IR_BOX32: case IR_FCVT_F64_F32: return 32;
	case IR_FCVT_F32_F64: case IR_UNBOX32: return 64;
	default: return ins->type == IR_F32 ? 32 : ins->type == IR_V128 ? 128 : 64;
	}
}

/* Replaces an operand of INS by what it is a copy of. */
static void propagate_to(const struct Optimiser *o, const struct Ins *ins, Ref *use)
{
	Ref r = *use;

	if (!ref_is_var(r))
		return;
	const struct Known *k = &o->known[r];
	if (k->epoch != o->epoch || k->copy == REF_NONE || version_of(o, k->copy) != k->copy_version)
		return;
	if (o->ir->var_class[r] == IR_INT || vector_bits_read(ins) <= k->copy_bits)
		*use = k->copy;
}

static void propagate(struct Optimiser *o, struct Ins *ins)
{
	for (unsigned i = 0; i < 4 && ins->a[i] != REF_NONE; i++)
		propagate_to(o, ins, &ins->a[i]);
	if (ins->op == IR_CALL) {
		struct IrCall *call = &o->ir->calls[ins->imm];
		for (unsigned i = 0; i < call->nargs; i++)
			propagate_to(o, ins, &call->args[i]);
	}
}

/* Nothing is known of globals any more. */
static void forget_globals(struct Optimiser *o)
{
	for (unsigned i = 0; i < o->ir->nglobals; i++) {
		o->known[i].version++;
		o->known[i].epoch = 0;
	}
}

/* An indirect exit to a known address becomes a direct one; so does a guard that never holds. False: one that always does. */
static bool settle_indirect(struct Optimiser *o, struct Ins *ins)
{
	if (!ref_is_const(ins->a[0]))
		return true;
	if (ins->op == IR_GUARD && ins->a[0] == ins->a[1])
		return false;
	o->ir->exits[ins->imm].pc = ir_value(o->ir, ins->a[0]);
	ins->op = IR_EXIT;
	ins->type = IR_I64;
	ins->a[0] = ins->a[1] = REF_NONE;
	return true;
}

/* Turns a branch, exit or call on a known condition into one without, or tells that it never happens. False: drop it. */
static bool settle(struct Optimiser *o, struct Ins *ins)
{
	if (ins->op == IR_EXITIND || ins->op == IR_GUARD)
		return settle_indirect(o, ins);
	if (ins->op == IR_CALL ? ins->cond == COND_ALWAYS : ins->op != IR_BRCOND && ins->op != IR_EXITCOND)
		return true;
	int known = optimise_known_cond(o, ins);
	if (known != 1)
		return known < 0;
	ins->op = ins->op == IR_BRCOND ? IR_BR : ins->op == IR_EXITCOND ? IR_EXIT : IR_CALL;
	ins->type = IR_I64;
	ins->cond = ins->op == IR_CALL ? COND_ALWAYS : 0;
	ins->a[0] = ins->a[1] = REF_NONE;
	return true;
}

/* -- where ways meet */

/* What is known where the ways to a label meet. */
struct Meeting {
	bool from_behind;               /* one of them is not known yet when the label comes */
	Ref *constants;                 /* by global: what all ways so far bring, or REF_NONE; NULL: no way so far */
};

/* Finds the labels that branches behind them lead to. */
static void find_meetings(struct Optimiser *o)
{
	struct Ir *ir = o->ir;
	bool loops = false, *placed = arena_alloc(ir->arena, ir->nlabels + 1);

	o->meetings = arena_alloc(ir->arena, (ir->nlabels + 1) * sizeof *o->meetings);
	for (unsigned i = 0; i < ir->nins; i++) {
		const struct Ins *ins = &ir->ins[i];
		if (ins->op == IR_LABEL)
			placed[ins->imm] = true;
		else if (ins->op == IR_BR || ins->op == IR_BRCOND)
			loops |= o->meetings[ins->imm].from_behind |= placed[ins->imm];
	}
	if (loops && translator.copies && translator.constants)
		o->constants = ir_constants(ir, false);
}

static Ref known_constant(const struct Optimiser *o, Ref r)
{
	const struct Known *k = &o->known[r];

	return k->epoch == o->epoch && k->copy != REF_NONE && ref_is_const(k->copy) ? k->copy : REF_NONE;
}

/* What is known now comes to LABEL. */
static void meet(struct Optimiser *o, unsigned label)
{
	struct Ir *ir = o->ir;
	struct Meeting *m = &o->meetings[label];
	bool first = !m->constants;

	if (m->from_behind || !translator.copies)
		return;
	if (first)
		m->constants = arena_alloc_raw(ir->arena, ir->nglobals * sizeof *m->constants);
	for (unsigned i = 0; i < ir->nglobals; i++) {
		Ref now = known_constant(o, i);
		if (first || m->constants[i] != now)
			m->constants[i] = first ? now : REF_NONE;
	}
}

/* Global R holds the constant VALUE. */
static void know_constant(struct Optimiser *o, Ref r, Ref value)
{
	struct Known *k = &o->known[r];

	if (k->epoch != o->epoch)
		k->def = NOWHERE;
	k->epoch = o->epoch;
	k->copy = value;
	k->copy_bits = 64;
	k->copy_version = 0;
}

/* Nothing is known behind LABEL but that. */
static void begin_label(struct Optimiser *o, unsigned label)
{
	unsigned n = o->ir->nglobals;
	const Ref *met = o->meetings[label].constants, *found = o->constants ? o->constants + label * n : NULL;

	o->epoch++;
	for (unsigned i = 0; (met || found) && i < n; i++) {
		Ref value = met ? met[i] : REF_NONE;
		if (value == REF_NONE && found)
			value = found[i];
		if (value != REF_NONE)
			know_constant(o, i, value);
	}
}

/* Makes INS what it is known to be. False: drop it. */
static bool improve(struct Optimiser *o, struct Ins *ins)
{
	if (translator.copies)
		propagate(o, ins);
	if (translator.fold)
		optimise_fold(o, ins);
	if (ir_op_info[ins->op].flags & OPF_PURE)
		return ins->op != IR_MOV || ins->d != ins->a[0] || ins->type == IR_I32 || ins->type == IR_F32;
	return settle(o, ins);
}

/* INS, which stays, may be something that no definition tells of. */
static void note(struct Optimiser *o, const struct Ins *ins)
{
	if (ins->op == IR_CALL && o->ir->calls[ins->imm].flags & IRC_WRITES)
		forget_globals(o);
	if (ins->op == IR_BR || ins->op == IR_BRCOND)
		meet(o, ins->imm);
	Ref value, learned = ir_learned(o->from, &value);
	if (learned != REF_NONE && translator.copies)
		know_constant(o, learned, value);
	o->counts |= ins->op == IR_SLOTADD || ins->op == IR_HOSTADD;
}

static void forward(struct Optimiser *o)
{
	struct Ir *ir = o->ir;
	bool reachable = true;
	struct Ins mark = { .op = IR_LABEL };   /* the last MARK that nothing reaches, or none */

	o->end = ir->ins + ir->nins;
	o->last = NOWHERE;
	for (o->from = ir->ins; o->from < o->end; o->from++) {
		const struct Ins *from = o->from;
		if (from->op == IR_LABEL) {
			if (reachable)
				meet(o, from->imm);
			begin_label(o, from->imm);
			/* what follows belongs to the last mark, reachable or not */
			if (!reachable && mark.op == IR_MARK)
				ir->ins[o->out++] = mark;
			reachable = true;
		}
		if (!reachable) {
			if (from->op == IR_MARK)
				mark = *from;
			continue;
		}
		struct Ins ins = *from;
		if (ins.op == IR_MARK) {
			ir->ins[o->out++] = ins;
			continue;
		}
		if (!improve(o, &ins))
			continue;
		if (!(ir_op_info[ins.op].flags & OPF_PURE))
			note(o, &ins);
		o->last = NOWHERE;
		if (ins.d != REF_NONE && (ins.d == ins.a[0] || ins.d == ins.a[1])) {
			o->last = o->out;
			o->former = o->known[ins.d];
		}
		ir->ins[o->out] = ins;
		optimise_learn(o, &ins, o->out++);
		if (ir_op_info[ins.op].flags & OPF_EXIT) {
			reachable = false;
			mark.op = IR_LABEL;
		}
	}
	ir->nins = o->out;
}

/* -- backward ----------------------------------------------------------------------------------------------------- */

struct Liveness {
	struct Ir *ir;
	uint32_t *mark;         /* by variable: temporaries are live if it is the current temps_epoch, globals dead if it is globals_epoch */
	uint32_t temps_epoch, globals_epoch;
};

static bool is_live(const struct Liveness *l, Ref r)
{
	return ir_is_global(l->ir, r) ? l->mark[r] != l->globals_epoch : l->mark[r] == l->temps_epoch;
}

static void set_live(struct Liveness *l, Ref r, bool live)
{
	l->mark[r] = ir_is_global(l->ir, r) == live ? 0 : live ? l->temps_epoch : l->globals_epoch;
}

/* Whether INS leaves nothing of the former value of its result. */
static bool assigns_whole(const struct Ir *ir, const struct Ins *ins)
{
	if (ir->var_class[ins->d] == IR_INT || !ir_is_global(ir, ins->d) || ins->op == IR_LOAD)
		return true;
	if (ir->guest->globals[ins->d].type == IR_V128)
		return ins->type == IR_V128;
	return ins->type != IR_F32 || ins->op == IR_BOX32;
}

/* Whether INS does nothing but define its result. */
static bool only_defines(const struct Ir *ir, const struct Ins *ins)
{
	return ir_op_info[ins->op].flags & OPF_PURE || ins->op == IR_GET || ins->op == IR_FXGET || ins->op == IR_SLOTGET ||
	       (ins->op == IR_CALL && ir->calls[ins->imm].flags & IRC_PURE && ins->cond == COND_ALWAYS);
}

static bool has_operand(const struct Ins *ins, Ref r)
{
	return ins->a[0] == r || ins->a[1] == r || ins->a[2] == r || ins->a[3] == r;
}

/* t = ...; d = t, where t is not used again, and what is between is pure and has to do with neither: d = ... Then the second goes.
 * BEFORE: where to begin, behind. */
static bool coalesce(struct Liveness *l, const struct Ins *mov, struct Ins *before)
{
	enum { REACH = 8 };
	Ref t = mov->a[0];

	if (mov->op != IR_MOV || (mov->type != IR_I64 && mov->type != IR_F64) || !ref_is_var(t) || ir_is_global(l->ir, t) || is_live(l, t))
		return false;
	for (unsigned n = 0; n < REACH && before-- > l->ir->ins;) {
		if (before->op == IR_MARK)
			continue;
		if (before->d == t) {
			/* a vector variable that is moved as 64 bits must have been made as 64 bits */
			if (before->op == IR_CALL || (mov->type == IR_F64 && before->type != IR_F64 && before->op != IR_BOX32))
				return false;
			before->d = mov->d;
			return true;
		}
		if (!(ir_op_info[before->op].flags & OPF_PURE) || before->d == mov->d || has_operand(before, mov->d) || has_operand(before, t))
			return false;
		n++;
	}
	return false;
}

/* Looks at INS with what is live behind it, and makes that what is live before it. False: INS is dead. */
static bool look_back(struct Liveness *l, struct Ins *ins)
{
	const struct Ir *ir = l->ir;
	uint8_t flags = ir_op_info[ins->op].flags;

	if (ins->d != REF_NONE) {
		if (!is_live(l, ins->d)) {
			if (only_defines(ir, ins))
				return false;
			if (flags & OPF_FAULT || ins->op == IR_CALL)
				ins->d = REF_NONE;
		} else if (assigns_whole(ir, ins)) {
			set_live(l, ins->d, false);
		}
	}
	if (!(flags & OPF_PURE)) {
		if (flags & OPF_EXIT || ins->op == IR_LABEL)
			l->temps_epoch++;
		if (flags & OPF_EXIT || ins->op == IR_LABEL || ins->op == IR_BRCOND || ins->op == IR_EXITCOND || ins->op == IR_GUARD ||
		    ir_observes(ir, ins))
			l->globals_epoch++;
	}
	for (unsigned i = 0; i < 4 && ins->a[i] != REF_NONE; i++)
		if (ref_is_var(ins->a[i]))
			set_live(l, ins->a[i], true);
	if (ins->op == IR_CALL) {
		const struct IrCall *call = &ir->calls[ins->imm];
		for (unsigned i = 0; i < call->nargs; i++)
			if (ref_is_var(call->args[i]))
				set_live(l, call->args[i], true);
	}
	return true;
}

static void backward(struct Ir *ir)
{
	struct Liveness l = {
		.ir = ir, .mark = arena_alloc(ir->arena, ir->nvars * sizeof *l.mark), .temps_epoch = 1, .globals_epoch = 1,
	};
	unsigned kept = ir->nins;

	/* kept instructions gather at the end of the array, then move to its start */
	for (unsigned i = ir->nins; i-- > 0;) {
		struct Ins *ins = &ir->ins[i];
		if (ins->op != IR_MARK && (coalesce(&l, ins, ins) || !look_back(&l, ins)))
			continue;
		if (--kept != i)
			ir->ins[kept] = *ins;
	}
	if (!kept)
		return;
	memmove(ir->ins, ir->ins + kept, (ir->nins - kept) * sizeof *ir->ins);
	ir->nins -= kept;
}

/* -- counters ----------------------------------------------------------------------------------------------------- */

enum { PENDING_MAX = 8 };

/* Whether somebody could look at slots at INS, or never come to the instruction behind it. */
static bool observes_slots(const struct Ir *ir, const struct Ins *ins)
{
	switch (ins->op) {
	case IR_LABEL: case IR_BRCOND: case IR_EXITCOND: case IR_GUARD: case IR_CALL: case IR_SLOTGET: case IR_SLOTPUT:
		return true;
	default:
		return ir_op_info[ins->op].flags & OPF_EXIT || ir_observes(ir, ins);
	}
}

static bool same_counter(const struct Ins *a, const struct Ins *b)
{
	return a->op == b->op && (a->op == IR_SLOTADD ? a->imm == b->imm : a->a[1] == b->a[1]);
}

/* Additions to one slot with nothing between them that could tell become one, at the place of the last. */
static void merge_counters(struct Ir *ir)
{
	unsigned pending[PENDING_MAX], n = 0;

	for (unsigned i = 0; i < ir->nins; i++) {
		struct Ins *ins = &ir->ins[i];
		if (observes_slots(ir, ins))
			n = 0;
		if ((ins->op != IR_SLOTADD && ins->op != IR_HOSTADD) || !ref_is_const(ins->a[0]))
			continue;
		unsigned k = 0;
		while (k < n && !same_counter(&ir->ins[pending[k]], ins))
			k++;
		if (k < n) {
			struct Ins *earlier = &ir->ins[pending[k]];
			ins->a[0] = ir_const(ir, ir_value(ir, ins->a[0]) + ir_value(ir, earlier->a[0]));
			/* dead: the backward pass drops it */
			earlier->op = IR_MOV;
			earlier->a[1] = REF_NONE;
			earlier->d = ir_temp(ir, IR_INT);
		} else if (n < PENDING_MAX) {
			k = n++;
		} else {
			continue;
		}
		pending[k] = i;
	}
}

void ir_optimise(struct Ir *ir)
{
	struct Optimiser o;

	o.ir = ir;
	o.nknown = ir->nvars + ir->nins / 8 + AHEAD_LEAST;
	/* those of temporaries to come are set up when they come */
	o.known = arena_alloc_raw(ir->arena, o.nknown * sizeof *o.known);
	memset(o.known, 0, ir->nvars * sizeof *o.known);
	o.epoch = 1;
	o.counts = false;
	o.constants = NULL;
	if (ir->nlabels)
		find_meetings(&o);
	o.out = o.next_shift = o.next_twin = 0;
	for (unsigned i = 0; i < SHIFTS; i++)
		o.shifts[i].epoch = 0;
	for (unsigned i = 0; i < TWINS; i++)
		o.twins[i].epoch = 0;
	forward(&o);
	if (translator.merge && o.counts)
		merge_counters(ir);
	if (translator.dead)
		backward(ir);
}
