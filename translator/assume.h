/* SPDX-License-Identifier: MIT */
/* What regions assume of the guest's registers where they are entered. All under the translation lock, but for assume_failed().
 *
 * Compilers put what does not change out of loops: divisors, bounds, addresses of tables. A region that begins at an inner loop's head knows nothing of it. So who
 * makes a region looks at the cpu, which is at its head: what is there is compared at each entry, and known inside. Where it is otherwise the region is left as soon as
 * it is entered and forgotten; it is made again, when it is hot again, without what was wrong. */
#ifndef FORERUN_ASSUME_H
#define FORERUN_ASSUME_H

#include "target/guest.h"
#include "translator/ir.h"

enum { ASSUMPTIONS_MAX = 16 };

struct Assumption {
	uint8_t global;
	uint64_t value;
};

/* Those of one region. */
struct Assumptions {
	struct Assumption list[ASSUMPTIONS_MAX];
	unsigned n;
};

/* Sees what CPU's registers hold, which is about to branch back to PC under KEY. False: they have not been seen before, and shall be seen again some rounds later. */
bool assume_seen(const struct Cpu *cpu, uint64_t pc, uint32_t key);
/* Begins the list of IR, a region that CPU is in: registers that have been seen to hold the same before and are of use to it. */
void assume_constants(struct Ir *ir, const struct Cpu *cpu, struct Assumptions *assumptions);
/* The first globals, as a set, that are sign-extended words where CPU is, at the head of the region IR, and were at all entries before: Ir.words. */
uint64_t assume_words(const struct Ir *ir, const struct Cpu *cpu);
/* Makes IR compare at its entry. The last change of the unit before it is optimised: what it adds belongs to no guest instruction. */
void assume_insert(struct Ir *ir, const struct Assumptions *assumptions);
/* Those of Ir.words that are in the set WORDS are compared at the entry, too: by the host. */
void assume_compared(const struct Ir *ir, uint64_t words);
/* The region at PC has been entered with other values than it assumes: it is no more. Translated code calls it, guest registers being in CPU, and goes on at PC with
 * what is made of that. On the cpu's thread, not holding locks. */
void assume_failed(struct Cpu *cpu, uint64_t pc, uint64_t key);

#endif
