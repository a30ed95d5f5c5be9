/* SPDX-License-Identifier: MIT */
/* Takes boxing apart from single-precision arithmetic: operations name the boxed globals themselves, and the allocator's knowledge of each value decides
 * whether there is anything to do.
 *
 *     t0 = unbox32 f10; t1 = unbox32 f11; t2 = fadd.f32 t0, t1; f10 = box32 t2        becomes         f10 = fadd.f32 f10, f11 */
#include "translator/host/x86_64/backend.h"

struct Fuser {
	struct Ir *ir;
	uint32_t *version;      /* by variable: counts assignments */
	uint32_t *uses, *defs;  /* by variable: how often in the unit */
	Ref *global;            /* by temporary: the global that boxes its value, if versions are still those written down */
	uint32_t *global_version, *own_version;
};

/* Whether the vector operands of INS are f32 numbers or bits that may be named by the global that boxes them. */
static bool takes_boxed(const struct Ins *ins)
{
	switch (ins->op) {
	case IR_FADD ... IR_FCOPYSIGN: case IR_FCVT_I32 ... IR_FCVT_U64:
		return ins->type == IR_F32;
	case IR_FCVT_F64_F32: case IR_BOX32:
		return true;
	default:
		return false;
	}
}
_Static_assert(IR_FADD < IR_FMADD && IR_FMADD < IR_FMIN && IR_FLE < IR_FNEG && IR_FABS < IR_FCOPYSIGN && IR_FCVT_I32 + 3 == IR_FCVT_U64,
	       "ranges of takes_boxed");

/* Whether INS makes an f32 that may be named by the global that boxes it. */
static bool makes_boxed(const struct Ins *ins)
{
	switch (ins->op) {
	case IR_FADD ... IR_FMAX: case IR_FNEG ... IR_FCVT_F32_F64: case IR_FCVTF_I32 ... IR_BITSF: case IR_LOAD:
		return ins->type == IR_F32;
	default:
		return false;
	}
}
_Static_assert(IR_FMAX < IR_FEQ && IR_FCOPYSIGN + 1 == IR_FCVT_F32_F64 && IR_FBITS + 1 == IR_BITSF && IR_FCVTF_I32 + 4 == IR_FBITS,
	       "ranges of makes_boxed");

static void remember(struct Fuser *f, Ref t, Ref global)
{
	f->global[t] = global;
	f->own_version[t] = f->version[t];
	f->global_version[t] = f->version[global];
}

static bool boxed_in(const struct Fuser *f, Ref t)
{
	return ref_is_var(t) && !ir_is_global(f->ir, t) && f->global[t] != REF_NONE && f->own_version[t] == f->version[t] &&
	       f->global_version[t] == f->version[f->global[t]];
}

/* Operands become globals. */
static void name_operands(struct Fuser *f)
{
	for (unsigned n = 0; n < f->ir->nins; n++) {
		struct Ins *ins = &f->ir->ins[n];
		for (unsigned k = 0; k < 4 && takes_boxed(ins); k++)
			if (boxed_in(f, ins->a[k])) {
				ins->a[k] = f->global[ins->a[k]];
				ins->spare |= BOXED_ARG << k;
			}
		if (ins->op == IR_LABEL || (ins->op == IR_CALL && f->ir->calls[ins->imm].flags & IRC_WRITES))
			for (unsigned v = 0; v < f->ir->nglobals; v++)
				f->version[v]++;
		if (ref_is_var(ins->d))
			f->version[ins->d]++;
		if (ins->op == IR_UNBOX32 && ir_is_global(f->ir, ins->a[0]))
			remember(f, ins->d, ins->a[0]);
		else if (ins->op == IR_BOX32 && ir_is_global(f->ir, ins->d) && !ir_is_global(f->ir, ins->a[0]))
			remember(f, ins->a[0], ins->d);
	}
}

static void count(struct Fuser *f)
{
	Ref *uses[4 + IR_MAXARGS];

	for (unsigned n = 0; n < f->ir->nins; n++) {
		struct Ins *ins = &f->ir->ins[n];
		unsigned nuses = ir_uses(f->ir, ins, uses);
		for (unsigned k = 0; k < nuses; k++)
			if (ref_is_var(*uses[k]))
				f->uses[*uses[k]]++;
		if (ref_is_var(ins->d))
			f->defs[ins->d]++;
	}
}

/* Results go to globals, and what nobody uses any more goes away. */
static void name_results(struct Fuser *f)
{
	struct Ir *ir = f->ir;
	unsigned out = 0;

	for (unsigned n = 0; n < ir->nins; n++) {
		struct Ins *ins = &ir->ins[n], *before = out ? &ir->ins[out - 1] : NULL;
		if (ins->op == IR_UNBOX32 && !ir_is_global(ir, ins->d) && !f->uses[ins->d])
			continue;
		if (before && ins->op == IR_BOX32 && before->d == ins->a[0] && ir_is_global(ir, ins->d) && !ir_is_global(ir, before->d) &&
		    f->uses[before->d] == 1 && f->defs[before->d] == 1 && makes_boxed(before)) {
			before->d = ins->d;
			before->spare |= BOXED_RESULT;
			continue;
		}
		ir->ins[out++] = *ins;
	}
	ir->nins = out;
}

void x86_fuse_singles(struct Ir *ir)
{
	bool any = false;

	/* what is boxed or taken out is a temporary */
	for (unsigned n = 0; n < ir->nins && ir->vector_temps && !any; n++)
		any = ir->ins[n].op == IR_BOX32 || ir->ins[n].op == IR_UNBOX32;
	if (!any)
		return;
	struct Fuser f = { .ir = ir, .version = arena_alloc(ir->arena, 5 * ir->nvars * sizeof *f.version) };
	f.uses = f.version + ir->nvars;
	f.defs = f.uses + ir->nvars;
	f.global_version = f.defs + ir->nvars;
	f.own_version = f.global_version + ir->nvars;
	f.global = arena_alloc(ir->arena, ir->nvars * sizeof *f.global);
	for (unsigned v = 0; v < ir->nvars; v++)
		f.global[v] = REF_NONE;
	name_operands(&f);
	count(&f);
	name_results(&f);
}
