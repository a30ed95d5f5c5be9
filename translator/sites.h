/* SPDX-License-Identifier: MIT */
/* Where indirect jumps in hot loops lead. All under the translation lock. */
#ifndef FORERUN_SITES_H
#define FORERUN_SITES_H

#include "translator/translate.h"

/* Asks for the address that the indirect jump at PC leads to nearly always. False: CPU does not know it yet, but will when it has run the jump often. *TARGET is 0 if there
 * is none. *STALE is set to true if what translations of the jump count is not what they should any more: those there are, are to be forgotten. */
bool site_target(struct Cpu *cpu, uint64_t pc, uint64_t *target, bool *stale);

/* The target if that is known, or else 0. */
uint64_t site_known_target(uint64_t pc);

/* Appends to IR what counts the jump at PC to TARGET, if it has been asked for: before the instruction that jumps. */
void site_count(struct Ir *ir, uint64_t pc, Ref target);

#endif
