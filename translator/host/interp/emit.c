/* SPDX-License-Identifier: MIT */
/* From a unit to the interpreter's program. */
#include "translator/host/interp/interp.h"

#include <string.h>

enum { STEPS_MAX = 1 << 20 };   /* beyond it the translator shall cut the unit */

struct Emit {
	struct Ir *ir;
	struct Program *program;
	struct ExitSite *exits;
	struct Way *ways;
	struct Called *called;
	uint32_t *label_step;           /* by label */
	uint64_t pc;                    /* of the current mark */
	bool pc_set;                    /* Cpu.pc holds it on every way here */
	bool wide;                      /* the unit uses vectors wider than 64 bits */
};

static uint32_t operand(const struct Emit *e, Ref r)
{
	const struct Ir *ir = e->ir;

	if (r == REF_CPU)
		return IN_SELF;
	if (r == REF_NONE)      /* results nobody wants go to a temporary of their own */
		return (ir->nvars - ir->nglobals) * TEMP_SIZE | IN_TEMPS;
	if (ref_is_const(r))
		return (r & ~IR_CONST) * sizeof *ir->consts | IN_CONSTS;
	if (ir_is_global(ir, r))
		return ir->guest->globals[r].offset | IN_CPU;
	return (r - ir->nglobals) * TEMP_SIZE | IN_TEMPS;
}

static struct Step *step(struct Emit *e, enum Code code)
{
	struct Step *s = &e->program->steps[e->program->nsteps++];
	*s = (struct Step){ .code = code };
	return s;
}

/* Whether Cpu.pc must be the mark's when INS runs: all that may leave or call out. */
static bool needs_pc(const struct Ir *ir, const struct Ins *ins)
{
	return ins->op == IR_CALL || ir_observes(ir, ins);
}

static enum Code code_of(const struct Ins *ins)
{
	bool vector = ins->type == IR_V128, narrow = ins->type == IR_I32 || ins->type == IR_F32;

	switch (ins->op) {
	case IR_MOV: return vector ? CODE_MOV_128 : narrow ? CODE_MOV_32 : CODE_MOV;
	case IR_LOAD: return vector ? CODE_LOAD_128 : CODE_LOAD;
	case IR_STORE: return vector ? CODE_STORE_128 : CODE_STORE;
	default: return 2 * ins->op + narrow;
	}
}

static void fill_call(struct Emit *e, struct Step *s, const struct Ins *ins)
{
	const struct IrCall *call = &e->ir->calls[ins->imm];
	struct Called *called = &e->called[ins->imm];

	called->fn = call->fn;
	called->nargs = call->nargs;
	for (unsigned i = 0; i < call->nargs; i++)
		called->args[i] = operand(e, call->args[i]);
	s->x = (uintptr_t)called;
}

static void emit_ins(struct Emit *e, const struct Ins *ins)
{
	const struct Ir *ir = e->ir;

	switch (ins->op) {
	case IR_MARK:
		e->pc = ir->insns[ins->imm].pc;
		e->pc_set = false;
		return;
	case IR_LABEL:
		e->label_step[ins->imm] = e->program->nsteps;
		e->pc_set = false;
		return;
	}
	if (needs_pc(ir, ins) && !e->pc_set) {
		step(e, CODE_SET_PC)->x = e->pc;
		e->pc_set = true;
	}
	struct Step *s = step(e, code_of(ins));
	s->cond = ins->cond;
	s->mem = ins->mem;
	s->op = ins->op;
	s->imm = ins->imm;
	s->d = operand(e, ins->d);
	for (unsigned i = 0; i < 4; i++)
		s->a[i] = operand(e, ins->a[i]);
	if (ins->op == IR_CALL)
		fill_call(e, s, ins);
	else if (ins->op == IR_EXIT || ins->op == IR_EXITCOND)
		s->x = (uintptr_t)&e->ways[ins->imm];
	/* a narrow load leaves nothing of what the variable held */
	if (ins->op == IR_LOAD && e->wide && ins->d != REF_NONE && (ins->type == IR_F32 || ins->type == IR_F64) &&
	    (!ir_is_global(ir, ins->d) || ir->guest->globals[ins->d].type == IR_V128))
		step(e, CODE_CLEAR)->d = operand(e, ins->d) + 8;
}

static void resolve_labels(struct Emit *e)
{
	for (unsigned i = 0; i < e->program->nsteps; i++) {
		struct Step *s = &e->program->steps[i];
		if (s->code == CODE_BR || s->code == CODE_BRCOND || s->code == CODE_BRCOND_32)
			s->imm = e->label_step[s->imm];
	}
}

static void fill_exits(struct Emit *e)
{
	for (unsigned i = 0; i < e->ir->nexits; i++) {
		struct Way *way = &e->ways[i];
		*way = (struct Way){ .pc = e->ir->exits[i].pc, .site = &e->exits[i] };
		e->exits[i] = (struct ExitSite){ .pc = way->pc, .index = i, .patch = (uint8_t *)way - (uint8_t *)e->program };
	}
}

static uint8_t *align(uint8_t *p)
{
	return p + (-(uintptr_t)p & 15);
}

enum EmitResult interp_emit(struct Ir *ir, struct CodeBuffer *buf, struct Block *block, struct _GString *text)
{
	unsigned steps = 0;
	bool wide = false;

	for (unsigned i = 0; i < ir->nins; i++) {
		wide |= ir->ins[i].type == IR_V128;
		steps += 3;     /* the step, and at most SET_PC and CLEAR */
	}
	if (steps > STEPS_MAX)
		return EMIT_TOO_BIG;
	uint8_t *program = align(buf->start), *consts = align(program + sizeof(struct Program) + steps * sizeof(struct Step));
	uint8_t *ways = align(consts + ir->nconsts * sizeof *ir->consts);
	uint8_t *called = align(ways + ir->nexits * sizeof(struct Way)), *end = called + ir->ncalls * sizeof(struct Called);
	struct ExitSite *exits = block_exits(block);
	uint8_t *meta_end = (uint8_t *)(exits + ir->nexits);
	if (end > buf->end || meta_end > buf->meta_end)
		return EMIT_NO_ROOM;
	if (end - program >= 1 << EXIT_PATCH_BITS || ir->nexits >= 1 << EXIT_INDEX_BITS)
		return EMIT_TOO_BIG;

	struct Emit e = {
		.ir = ir, .program = (struct Program *)program, .exits = exits, .ways = (struct Way *)ways,
		.called = (struct Called *)called, .label_step = arena_alloc(ir->arena, (ir->nlabels + 1) * sizeof(uint32_t)),
		.pc = ir->pc, .wide = wide,
	};
	*e.program = (struct Program){ .ntemps = ir->nvars - ir->nglobals + 1, .consts = (uint64_t *)consts };
	if (ir->nconsts)
		memcpy(consts, ir->consts, ir->nconsts * sizeof *ir->consts);
	for (unsigned i = 0; i < ir->nins; i++)
		emit_ins(&e, &ir->ins[i]);
	resolve_labels(&e);
	fill_exits(&e);
	block->code = program;
	block->code_size = end - program;
	block->nexits = ir->nexits;
	block->meta_size = 0;
	buf->start = end;
	buf->meta = meta_end;
	if (text)
		host_interp.disassemble(block, ir, text);
	return EMIT_OK;
}
