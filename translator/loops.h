/* SPDX-License-Identifier: MIT */
/* Loops of a unit as they lie: from a label to the last branch back to it. */
#ifndef FORERUN_LOOPS_H
#define FORERUN_LOOPS_H

#include "translator/ir.h"

/* How much each instruction counts, by index: eight times as much with each loop round it. In the unit's arena; NULL if the unit has no loop. */
unsigned *ir_loop_weights(struct Ir *ir);

#endif
