/* SPDX-License-Identifier: MIT */
/* What regions assume of the guest's registers where they are entered. All under the translation lock.
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
	bool word;                      /* it is its low 32 bits, sign-extended; else it is VALUE */
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
/* Adds that integer global GLOBAL of the region IR that CPU is in, or comes to, is a sign-extended word at the entry. Between the two others. False: that cannot be
 * assumed: it is none now, was none at an entry before, or there are too many assumptions already. */
bool assume_word(const struct Ir *ir, const struct Cpu *cpu, struct Assumptions *assumptions, Ref global);
/* Makes IR compare at its entry. The last change of the unit before it is optimised: what it adds belongs to no guest instruction. */
void assume_insert(struct Ir *ir, const struct Assumptions *assumptions);

#endif
