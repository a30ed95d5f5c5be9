/* SPDX-License-Identifier: MIT */
/* The rules of the intermediate representation, checked between passes. */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target/guest.h"
#include "translator/ir.h"

struct Check {
	const struct Ir *ir;
	const char *pass;
	unsigned at;                    /* index of the instruction looked at */
	uint8_t *defined;               /* by temporary: has a value on the straight way here */
	uint8_t *placed;                /* by label: has a LABEL */
};

static void fail(const struct Check *c, const char *rule)
{
	GString *text = g_string_new(NULL);

	ir_print(c->ir, "unit", text);
	fprintf(stderr, "%s", text->str);
	g_string_truncate(text, 0);
	if (c->at < c->ir->nins)
		ir_print_ins(c->ir, &c->ir->ins[c->at], text);
	fprintf(stderr, "forerun: the IR is wrong after pass '%s' at instruction %u: %s\n%s\n", c->pass, c->at, rule, text->str);
	abort();
}

static void check_use(const struct Check *c, Ref r, char wanted, enum IrType type)
{
	const struct Ir *ir = c->ir;

	if (ref_is_const(r)) {
		if ((r & ~IR_CONST) >= (int)ir->nconsts)
			fail(c, "a constant that does not exist");
		if (wanted == 'V' || (wanted == 'A' && ir_type_class(type) == IR_VEC))
			fail(c, "a constant where a vector is wanted");
		return;
	}
	if (r >= ir->nvars)
		fail(c, "an operand is missing or no variable");
	if (!ir_is_global(ir, r) && !c->defined[r])
		fail(c, "a temporary is used before it is defined");
	enum IrClass class = wanted == 'V' || (wanted == 'A' && ir_type_class(type) == IR_VEC) ? IR_VEC : IR_INT;
	if (ir->var_class[r] != class)
		fail(c, "an operand has the wrong class");
}

static void check_result(const struct Check *c, const struct Ins *ins)
{
	const struct IrOpInfo *info = &ir_op_info[ins->op];
	bool optional = ins->op == IR_CALL || info->flags & OPF_FAULT;

	if (info->result == '-') {
		if (ins->d != REF_NONE)
			fail(c, "a result where there is none");
		return;
	}
	if (ins->d == REF_NONE) {
		if (!optional)
			fail(c, "the result is missing");
		return;
	}
	if (ins->d >= c->ir->nvars)
		fail(c, "the result is no variable");
	enum IrClass class = info->result == 'V' || (info->result == 'A' && ir_type_class(ins->type) == IR_VEC) ? IR_VEC : IR_INT;
	if (c->ir->var_class[ins->d] != class)
		fail(c, "the result has the wrong class");
	c->defined[ins->d] = 1;
}

static void check_indices(const struct Check *c, const struct Ins *ins)
{
	const struct Ir *ir = c->ir;
	unsigned imm = ins->imm;

	switch (ins->op) {
	case IR_MARK:
		if (imm >= ir->ninsns)
			fail(c, "a mark of no instruction");
		break;
	case IR_LABEL: case IR_BR: case IR_BRCOND:
		if (imm >= ir->nlabels || !c->placed[imm])
			fail(c, "a label that is nowhere");
		break;
	case IR_EXIT: case IR_EXITCOND: case IR_EXITIND: case IR_GUARD:
		if (imm >= ir->nexits)
			fail(c, "an exit that does not exist");
		if (ins->op == IR_GUARD && !ref_is_const(ins->a[1]))
			fail(c, "a guard of no constant");
		break;
	case IR_CALL:
		if (imm >= ir->ncalls)
			fail(c, "a call that does not exist");
		for (unsigned i = 0; i < ir->calls[imm].nargs; i++)
			if (ir->calls[imm].args[i] != REF_CPU)
				check_use(c, ir->calls[imm].args[i], 'I', IR_I64);
		if (ins->cond != COND_ALWAYS) {
			if (ins->type != IR_I64)
				fail(c, "the condition of a call is not of 64 bits");
			if (ins->cond > COND_NEVER)
				fail(c, "no such condition");
			check_use(c, ins->a[0], 'I', IR_I64);
			check_use(c, ins->a[1], 'I', IR_I64);
			if (ins->d != REF_NONE)
				fail(c, "a conditional call has no result");
		}
		break;
	}
}

static void check_ins(const struct Check *c, const struct Ins *ins)
{
	if (ins->op >= IR_NOPS)
		fail(c, "no such operation");
	const struct IrOpInfo *info = &ir_op_info[ins->op];
	if (ins->type >= IR_NTYPES)
		fail(c, "no such type");
	if (ins->op != IR_CALL)
		for (unsigned i = 0; i < info->nargs; i++)
			check_use(c, ins->a[i], info->args[i], ins->type);
	if (info->flags & OPF_COND && ins->cond > COND_NEVER)
		fail(c, "no such condition");
	if (info->flags & OPF_ROUND && ins->cond > ROUND_MM)
		fail(c, "no such rounding mode");
	for (unsigned i = 1; i < 4; i++)
		if (ins->a[i - 1] == REF_NONE && ins->a[i] != REF_NONE)
			fail(c, "an operand behind one that is missing");
	check_indices(c, ins);
	check_result(c, ins);
}

void ir_check(const struct Ir *ir, const char *pass)
{
	struct Check c = {
		.ir = ir, .pass = pass, .defined = g_malloc0(ir->nvars + 1), .placed = g_malloc0(ir->nlabels + 1),
	};

	for (unsigned i = 0; i < ir->nins; i++)
		if (ir->ins[i].op == IR_LABEL && (unsigned)ir->ins[i].imm < ir->nlabels)
			c.placed[ir->ins[i].imm] = 1;
	for (c.at = 0; c.at < ir->nins; c.at++) {
		if (ir->ins[c.at].op == IR_LABEL)
			memset(c.defined, 0, ir->nvars);
		check_ins(&c, &ir->ins[c.at]);
	}
	if (!ir->nins || !(ir_op_info[ir->ins[ir->nins - 1].op].flags & OPF_EXIT)) {
		c.at = ir->nins ? ir->nins - 1 : 0;
		fail(&c, "the unit does not end with an exit");
	}
	g_free(c.defined);
	g_free(c.placed);
}
