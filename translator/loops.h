/* SPDX-License-Identifier: MIT */
/* How often the instructions of a unit with loops are executed, as far as one can tell without having counted. */
#ifndef FORERUN_LOOPS_H
#define FORERUN_LOOPS_H

#include "translator/ir.h"

/* How much each instruction counts, by index: in proportion to how often it is likely to be executed, at least 1. In the unit's arena; NULL if the unit has
 * no loop. *ENTRY, if not NULL, is how much the way into the unit counts. */
unsigned *ir_loop_weights(struct Ir *ir, unsigned *entry);

#endif
