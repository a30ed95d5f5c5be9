/* SPDX-License-Identifier: MIT */
/* How often the blocks of a loop are executed: counted for one loop at a time, if it is too large to be a region whole. All under the translation lock. */
#ifndef FORERUN_CENSUS_H
#define FORERUN_CENSUS_H

#include "translator/translate.h"

/* What is known of the blocks of the loop of HEAD, which is hot on CPU: nothing has been asked; not enough yet, but when the loop is hot again; how often they were executed. */
enum CensusState { CENSUS_NONE, CENSUS_RUNS, CENSUS_DONE };
enum CensusState census_state(struct Cpu *cpu, uint64_t head);

/* Whether the loop of HEAD, which was found too large before, is not yet to have a census: so it need not be searched again. */
bool census_waits(uint64_t head);

/* From now on counts for the loop of HEAD under KEY, beginning with the block at its head. False: first comes another loop; HEAD's may ask when it is hot again. */
bool census_begin(uint64_t head, uint32_t key);
/* Adds the block at PC, if there is room, and counts it too. What has been translated there is forgotten; but regions that another census has made stay, and so what they
 * were made of counts as never executed. */
void census_add(uint64_t pc);
/* The block that was the Ith to be added, the head the 0th; 0: there are not so many. */
uint64_t census_block(unsigned i);
/* Whether it is the loop of HEAD for which there is a census, and whether that needs more of its rounds on CPU: few. */
bool census_is_of(uint64_t head);
bool census_runs(const struct Cpu *cpu, uint64_t head);
/* Whether the loop of HEAD, which is hot on CPU, is to stay blocks for now, because these are counted for another. */
bool census_delays(const struct Cpu *cpu, uint64_t head);
/* REGION is there, and yet its loop is hot as blocks. Whether a census has made it of what the program may no longer execute, and there is to be
 * a second one. */
bool census_is_outdated(const struct Block *region);
/* If it is the loop of HEAD for which there is a census, that ends: what counts is forgotten. */
void census_end(uint64_t head);

/* Whether the block at PC has been counted: *TIMES says how often it was executed on CPU, *ROUNDS how often the head was. */
bool census_times(const struct Cpu *cpu, uint64_t pc, uint64_t *times, uint64_t *rounds);

/* Appends to IR what counts an execution of the block at PC, if that has been asked for. */
void census_count(struct Ir *ir, uint64_t pc);

#endif
