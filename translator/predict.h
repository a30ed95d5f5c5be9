/* SPDX-License-Identifier: MIT */
/* Which conditional branches of hot loops processors guess wrong. All under the translation lock. */
#ifndef FORERUN_PREDICT_H
#define FORERUN_PREDICT_H

#include "translator/translate.h"

/* Asks whether the conditional branch at PC is hard to predict. False: that will be known when it has been executed often. *STALE is set to true if what translations of the
 * branch observe is not what they should any more: those there are, are to be forgotten. */
bool predict_ask(uint64_t pc, bool *stale);

/* Whether it is known now to be guessed wrong so often that COST operations in its place take less time: for ir_if_convert(). */
bool predict_hard(uint64_t pc, unsigned cost);

/* Appends to IR what observes BRANCH, an EXITCOND that is the branch at PC, if that has been asked for: before it. */
void predict_observe(struct Ir *ir, uint64_t pc, const struct Ins *branch);

#endif
