/* SPDX-License-Identifier: MIT */
/* Constants in globals at the labels of a unit. */
#ifndef FORERUN_CONSTANTS_H
#define FORERUN_CONSTANTS_H

#include "translator/ir.h"

/* In place of a constant: what the global held at the unit's entry. */
enum { REF_ENTRY = 0x7ffc };

/* What each global holds at each label whichever way leads there, ways round loops too, by label and global: a constant, or REF_NONE if that is not known; all are
 * REF_NONE at labels that nothing reaches. In the unit's arena. If OPEN, the constants that globals have at the entry may yet be chosen: REF_ENTRY stands for them, and where
 * they meet a constant they are taken to be that. */
const Ref *ir_constants(struct Ir *ir, bool open);

/* Calls VISIT for each way to a label: the branch at index AT of Ir.ins, or the label itself for what comes before it. NOW has what is known then of each variable, as above;
 * it may be changed. */
void ir_constants_visit(struct Ir *ir, void (*visit)(void *data, unsigned at, Ref *now), void *data);

/* How often the instructions from FIRST on, among them no label, run up to the branch back at BRANCH that leads to FIRST, if it is NOW known at the first time; 0 if that is
 * more than MOST or cannot be told. Changes NOW. */
unsigned ir_count_rounds(struct Ir *ir, Ref *now, unsigned first, unsigned branch, unsigned most);

/* The variable that is known to hold constant *VALUE behind INS, a branch, exit or guard that was not taken; or REF_NONE. */
static inline Ref ir_learned(const struct Ins *ins, Ref *value)
{
	bool equal = ins->op == IR_GUARD || ((ins->op == IR_BRCOND || ins->op == IR_EXITCOND) && ins->cond == COND_NE && ins->type == IR_I64);

	*value = ins->a[1];
	return equal && ref_is_var(ins->a[0]) && ref_is_const(ins->a[1]) ? ins->a[0] : REF_NONE;
}

#endif
