/* SPDX-License-Identifier: MIT */
/* Regions: the blocks of a hot loop translated as one unit. */
#ifndef FORERUN_REGION_H
#define FORERUN_REGION_H

#include "translator/translate.h"

/* The head of the loop that the branch at PC closes, or the beginning of the function that the call at PC calls: the target behind which it jumps; false if it is neither. Under
 * the translation lock. */
bool region_head(uint64_t pc, uint32_t key, struct Arena *arena, uint64_t *head);

/* Appends to the empty unit IR the blocks that lead from its pc by direct branches, and through small functions that they call, back to it, with the branches
 * between them inside the unit. *SIZE tells how many guest bytes it stands for. Returns false if there is no such loop, it is too large, or the branch at BRANCH that
 * was found hot is no part of it: then an indirect jump that goes to many places or the call of a large function lies on the way that the guest really takes; or, with *LATER,
 * if it is not known yet where such a jump leads to on CPU, or which of its many blocks are executed (census.h), but will be when the branch is hot again. SCRATCH
 * is for the search. Under the translation lock. */
bool region_decode(struct Ir *ir, struct Arena *scratch, struct Cpu *cpu, uint64_t branch, uint32_t *size, bool *later);

/* Remembers that the loop of HEAD is no region, forgets that, and tells whether it is known (it may have been forgotten since). Under the translation lock. */
void region_give_up(uint64_t head);
void region_retry(uint64_t head);
bool region_given_up(uint64_t head);

/* Whether the hot loop of HEAD is to stay blocks until it is hot again, because the program still comes to new code all the time: TRANSLATED blocks and regions by now. Such
 * a loop of a program's start is likely to end soon. Under the translation lock. */
bool region_waits(uint64_t head, uint64_t translated);

#endif
